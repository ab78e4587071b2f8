//! What every read on the twin goes through: it counts, asks for permission, and is answered from the world.

use super::Sandbox;
use super::allow::{self, Need};
use super::refusal::Refused;
use super::world::{RegionState, World};
use crate::cloud::{Result, Scope};
use crate::id::Place;

/// A session on the twin.
pub struct SandboxSession {
    pub(super) sandbox: Sandbox,
    pub(super) scope: Scope,
}

impl SandboxSession {
    /// A session for `scope`.
    #[must_use]
    pub fn new(sandbox: Sandbox, scope: Scope) -> Self {
        Self { sandbox, scope }
    }

    /// One read: counted under the action of every call it stands for, permitted, answered.
    pub(super) fn read<T>(
        &self,
        at: &Place,
        needs: impl FnOnce(&World) -> Vec<Need>,
        answer: impl FnOnce(&mut World) -> std::result::Result<T, Refused>,
    ) -> Result<T> {
        self.sandbox.with(|world| {
            let needs = needs(world);
            for (action, _) in &needs {
                *world.calls.entry((*action).to_owned()).or_default() += 1;
            }
            let operation = needs.first().map_or("sts:GetCallerIdentity", |(action, _)| *action);
            let permitted = world.account(&at.account).map(drop).and_then(|()| {
                if world.enforce { allow::check(&self.scope.permissions, &needs) } else { Ok(()) }
            });
            permitted.and_then(|()| answer(world)).map_err(|refused| refused.error(operation, None))
        })
    }

    /// One read of what is in a Region; `answer` is not asked when nothing is there.
    pub(super) fn look<T: Default>(
        &self,
        at: &Place,
        needs: Vec<Need>,
        answer: impl FnOnce(&RegionState) -> T,
    ) -> Result<T> {
        self.read(at, |_| needs, |world| Ok(world.region(at)?.map(answer).unwrap_or_default()))
    }
}
