//! What every read of a runbook is: its name, its parameters, its output and its permissions. Which there are
//! stands in `look`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::Value;

use super::{LookError, ParamSpec, Params, Shape};
use crate::change::Permission;
use crate::cloud::Session;
use crate::id::Place;

/// A read that a runbook may ask for.
#[async_trait]
pub trait Query: Send + Sync {
    /// Its name in runbooks, with the namespace: `look::instance`.
    fn name(&self) -> &'static str;
    /// One sentence for the reference page.
    fn summary(&self) -> &'static str;
    /// What it takes, positional in this order.
    fn params(&self) -> &'static [ParamSpec];
    /// The fields of what it gives, for lint.
    fn output(&self) -> Shape;
    /// All that it may call in `at`.
    fn permissions(&self, at: &Place) -> BTreeSet<Permission>;
    /// Reads. A resource that does not exist is `null`.
    ///
    /// # Errors
    /// When a read fails or a parameter is wrong.
    async fn read(
        &self,
        session: &dyn Session,
        at: &Place,
        params: &Params,
    ) -> Result<Value, LookError>;
}
