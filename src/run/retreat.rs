//! How a step ends that did not get where it wanted to: what it left in the open is put back first.
//!
//! An interface on its way into quarantine passes through a group that lets everything in and out. If
//! the step ends while it stands there, an attempt at containment has made matters worse; so it goes
//! back to its own groups, and what can't be put back is named.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::attempt::backoff;
use super::execute::{Executor, StepRun};
use super::outcome::OutcomeResult;
use super::settle::settle;
use super::step::{ChangeLog, StepLog};
use super::step_end::{Reason, failed};
use super::unsettled::settle_permissions;
use crate::change::{Change, Inverse};
use crate::store::{Effect, StoreError};
use crate::timeline::Draft;

/// How often an interface is looked for and put back before it is named as left: each time has the
/// attempts of any other call.
const TRIES_MAX: u32 = 5;

/// What became of the interfaces that stood in the open.
#[derive(Default)]
pub(super) struct Retreat {
    /// Back in their own groups.
    put_back: BTreeSet<String>,
    /// Perhaps in the open still.
    left: BTreeSet<String>,
}

impl Retreat {
    /// Whether something may still stand in the open.
    pub(super) fn leaves(&self) -> bool {
        !self.left.is_empty()
    }

    /// The words of `text`, and what people must know beside it.
    pub(super) fn told(&self, text: &str, half: &BTreeSet<String>) -> String {
        let list = |set: &BTreeSet<&String>| {
            set.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ")
        };
        let mut words = text.to_owned();
        if !self.put_back.is_empty() {
            let put_back = self.put_back.iter().collect();
            words.push_str(&format!("; not contained, put back: {}", list(&put_back)));
        }
        let left: BTreeSet<&String> =
            self.left.iter().chain(half.difference(&self.put_back)).collect();
        if !left.is_empty() {
            words.push_str(&format!("; left half way, look at once: {}", list(&left)));
        }
        words
    }
}

impl Executor<'_> {
    /// Ends a step that did not get there.
    ///
    /// # Errors
    /// When the timeline can't be written or the lease is lost.
    pub(super) async fn give_up(
        &self,
        mut step: StepLog,
        reason: Reason,
        hold: Option<&Effect>,
        mut pending: Vec<Draft>,
    ) -> Result<StepRun, StoreError> {
        let retreat = self.put_back(&mut step, hold, &mut pending).await?;
        let text = retreat.told(&reason.text, &reason.half);
        let end = failed(&step, reason.code, reason.class, &text);
        Ok(StepRun::Ended { end, drafts: pending, effects: Vec::new() })
    }

    /// Puts back what stands where this step only meant to let it pass. What somebody else has done
    /// with it since is left as it is.
    ///
    /// # Errors
    /// When the timeline can't be written or the lease is lost.
    pub(super) async fn put_back(
        &self,
        step: &mut StepLog,
        hold: Option<&Effect>,
        pending: &mut Vec<Draft>,
    ) -> Result<Retreat, StoreError> {
        let mut retreat = Retreat::default();
        for attempt in 1..=TRIES_MAX {
            retreat.left.clear();
            let mut back: Vec<Change> = Vec::new();
            for (resource, passed) in passed(&step.changes) {
                let reads = settle_permissions(&passed);
                let session = self.session(step, reads);
                let (clock, visible) = (self.env.clock.as_ref(), self.env.cloud.visible_within());
                let stands =
                    settle(session.as_ref(), clock, &passed, Duration::ZERO, visible).await;
                match (stands.result, passed.inverse()) {
                    (OutcomeResult::Observed, Inverse::Change(inverse)) => back.push(inverse),
                    (OutcomeResult::Unknown, _) => {
                        retreat.left.insert(resource);
                    }
                    _ => {}
                }
            }
            let mut wanted: BTreeSet<String> = back.iter().map(Change::resource).collect();
            if !back.is_empty() {
                // What stands in the open is put back although the process stops.
                let (_, waited) = self.room(step, &back).await;
                for (resource, _) in self.stage(step, back, waited, hold, pending).await? {
                    wanted.remove(&resource);
                    retreat.left.insert(resource);
                }
            }
            retreat.put_back.append(&mut wanted);
            if retreat.left.is_empty() {
                break;
            }
            self.env.clock.sleep(backoff(attempt)).await;
        }
        Ok(retreat)
    }
}

/// The last change of each resource that let it pass, and that may have happened.
fn passed(changes: &[ChangeLog]) -> BTreeMap<String, Change> {
    let may_stand = changes.iter().filter(|log| {
        log.change.passes()
            && log.outcome.as_ref().is_none_or(|outcome| outcome.result.may_have_happened())
    });
    may_stand.map(|log| (log.change.resource(), log.change.clone())).collect()
}
