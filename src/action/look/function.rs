//! `look::function(name)`: what a runbook asks of a Lambda function before it contains it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::action::params::FUNCTION;
use crate::action::query::Query;
use crate::action::reads::{Read, permissions_for};
use crate::action::{LookError, ParamSpec, Params, Shape};
use crate::change::Permission;
use crate::cloud::Session;
use crate::id::{FunctionName, Place};

/// `role` is the name of the role that it runs in.
pub(super) struct LookFunction;

/// `State` of an event source mapping (Lambda API Reference, `EventSourceMappingConfiguration`).
const SOURCE_STATES: &[&str] =
    &["Creating", "Enabling", "Enabled", "Disabling", "Disabled", "Updating", "Deleting"];

/// As [`crate::cloud::EventSource`] is serialised.
const SOURCE: Shape = Shape::Fields(&[
    ("id", Shape::Text),
    ("source", Shape::Text),
    ("state", Shape::OneOf(SOURCE_STATES)),
]);

#[async_trait]
impl Query for LookFunction {
    fn name(&self) -> &'static str {
        "look::function"
    }

    fn summary(&self) -> &'static str {
        "A Lambda function as it is now, with its role's name and what calls it; () when it does not exist."
    }

    fn params(&self) -> &'static [ParamSpec] {
        FUNCTION
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("name", Shape::Text),
            ("role", Shape::Text),
            ("code_sha256", Shape::Text),
            ("concurrency", Shape::Any),
            ("sources", Shape::List(&SOURCE)),
            ("public", Shape::Any),
        ])
    }

    fn permissions(&self, at: &Place) -> BTreeSet<Permission> {
        permissions_for(&[Read::Function], at)
    }

    async fn read(
        &self,
        session: &dyn Session,
        at: &Place,
        params: &Params,
    ) -> Result<Value, LookError> {
        let name: FunctionName = params.id("function")?;
        let found = session.function(at, &name).await?;
        Ok(found.map_or(Value::Null, |function| json!(function)))
    }
}
