//! Skeleton: replaced by the action work.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{Action, Context, LookError, ParamKind, ParamSpec, Params, Settings, Verdict};
use crate::change::{Permission, Urgency};
use crate::id::Place;

/// Sets tags on a resource. Never stops containment.
pub struct TagResource;

const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "resource",
        kind: ParamKind::Text,
        required: true,
        doc: "`type/id`: instance, volume, snapshot, role, user or bucket.",
    },
    ParamSpec {
        name: "tags",
        kind: ParamKind::Tags,
        required: true,
        doc: "The tags.",
    },
];

#[async_trait]
impl Action for TagResource {
    fn name(&self) -> &'static str {
        "act::tag_resource"
    }

    fn summary(&self) -> &'static str {
        "Sets tags on a resource. Never stops containment."
    }

    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }

    fn urgency(&self) -> Urgency {
        Urgency::Description
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!(
            "resource/{}",
            params.text("resource").unwrap_or_default()
        ))
    }

    fn permissions(&self, _at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        BTreeSet::new()
    }

    async fn look(&self, _context: &Context<'_>, _params: &Params) -> Result<Verdict, LookError> {
        Ok(Verdict::Refuse("skeleton".to_owned()))
    }
}
