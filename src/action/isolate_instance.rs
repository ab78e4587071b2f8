//! Skeleton: replaced by the action work.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{Action, Context, LookError, ParamKind, ParamSpec, Params, Settings, Verdict};
use crate::change::{Permission, Urgency};
use crate::id::Place;

/// Cuts an instance off: every interface behind a verified, empty quarantine group.
pub struct IsolateInstance;

const PARAMS: &[ParamSpec] = &[ParamSpec {
    name: "instance",
    kind: ParamKind::InstanceId,
    required: true,
    doc: "The instance.",
}];

#[async_trait]
impl Action for IsolateInstance {
    fn name(&self) -> &'static str {
        "contain::isolate_instance"
    }

    fn summary(&self) -> &'static str {
        "Cuts an instance off: every interface behind a verified, empty quarantine group."
    }

    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }

    fn urgency(&self) -> Urgency {
        Urgency::Containment
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!(
            "instance/{}",
            params.text("instance").unwrap_or_default()
        ))
    }

    fn permissions(&self, _at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        BTreeSet::new()
    }

    async fn look(&self, _context: &Context<'_>, _params: &Params) -> Result<Verdict, LookError> {
        Ok(Verdict::Refuse("skeleton".to_owned()))
    }
}
