//! Skeleton: replaced by the action work.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{Action, Context, LookError, ParamKind, ParamSpec, Params, Settings, Verdict};
use crate::change::{Permission, Urgency};
use crate::id::Place;

/// Denies a user everything, disables all its keys and removes its console password; takes a key or a user.
pub struct DisableAccessKeys;

const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "user",
        kind: ParamKind::UserName,
        required: false,
        doc: "The user.",
    },
    ParamSpec {
        name: "key",
        kind: ParamKind::AccessKeyId,
        required: false,
        doc: "A key of the user; its user is looked up.",
    },
];

#[async_trait]
impl Action for DisableAccessKeys {
    fn name(&self) -> &'static str {
        "contain::disable_access_keys"
    }

    fn summary(&self) -> &'static str {
        "Denies a user everything, disables all its keys and removes its console password; takes a key or a user."
    }

    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }

    fn urgency(&self) -> Urgency {
        Urgency::Containment
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!("user/{}", params.text("user").unwrap_or_default()))
    }

    fn permissions(&self, _at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        BTreeSet::new()
    }

    async fn look(&self, _context: &Context<'_>, _params: &Params) -> Result<Verdict, LookError> {
        Ok(Verdict::Refuse("skeleton".to_owned()))
    }
}
