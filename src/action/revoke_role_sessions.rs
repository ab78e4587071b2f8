//! Skeleton: replaced by the action work.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{Action, Context, LookError, ParamKind, ParamSpec, Params, Settings, Verdict};
use crate::change::{Permission, Urgency};
use crate::id::Place;

/// Denies everything to sessions of a role that were issued before now + 30 s.
pub struct RevokeRoleSessions;

const PARAMS: &[ParamSpec] = &[ParamSpec {
    name: "role",
    kind: ParamKind::RoleName,
    required: true,
    doc: "The role.",
}];

#[async_trait]
impl Action for RevokeRoleSessions {
    fn name(&self) -> &'static str {
        "contain::revoke_role_sessions"
    }

    fn summary(&self) -> &'static str {
        "Denies everything to sessions of a role that were issued before now + 30 s."
    }

    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }

    fn urgency(&self) -> Urgency {
        Urgency::Containment
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!("role/{}", params.text("role").unwrap_or_default()))
    }

    fn permissions(&self, _at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        BTreeSet::new()
    }

    async fn look(&self, _context: &Context<'_>, _params: &Params) -> Result<Verdict, LookError> {
        Ok(Verdict::Refuse("skeleton".to_owned()))
    }
}
