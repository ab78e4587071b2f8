//! Taking a run's changes back: folded per attribute, last to first, compare-and-set.
//!
//! The fold keeps the first `before` and the last `after` of an attribute, so that an interface goes
//! straight back to its original groups and never through the open transition group. What somebody
//! else has changed since is a reported conflict, never an overwrite.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::attempt::{Passing, READ_PATIENCE, ROUNDS_MAX, may_pass};
use super::execute::{Executor, StepRun};
use super::guard::Barred;
use super::held::came_to_hold;
use super::outcome::{Outcome, OutcomeResult};
use super::outlived;
use super::replay::RunLog;
use super::settle::{is_for_later, settle};
use super::step::{ChangeLog, StepLog};
use super::step_end::{cloud_failed, failed, succeeded};
use crate::case::RunState;
use crate::change::{Change, GROUP_NAME_PREFIX, Inverse, Kind, TAG_PURPOSE};
use crate::cloud::{CloudError, ErrorClass, SecurityGroup, Standing, standing};
use crate::error::Code;
use crate::store::{RunRow, StoreError};

/// The name of an undo's steps.
pub const RESTORE: &str = "undo::restore";

/// One attribute that an undo gives back.
#[derive(Debug, Clone, PartialEq)]
pub struct Restore {
    /// What was done to it in sum.
    pub done: Change,
    /// Whether containment that keeps stolen credentials out may be taken back, too.
    pub revive: bool,
    /// From when on it may be without that, because nothing that it keeps out lives any more.
    pub safe_from: Option<Timestamp>,
}

impl Restore {
    /// The arguments of its step.
    #[must_use]
    pub fn args(&self) -> Value {
        let mut args = json!({"change": self.done, "revive": self.revive});
        if let Some(from) = self.safe_from {
            args["safe_from"] = json!(from.to_string());
        }
        args
    }

    /// Whether a step was asked to do just this. An older version did not say from when on it is safe.
    #[must_use]
    pub fn is_asked_by(&self, args: &Value) -> bool {
        *args == self.args() || *args == Self { safe_from: None, ..self.clone() }.args()
    }
}

/// What a run changed, or may have changed, in sum, last change first. What really stands is looked
/// at before anything is given back. `released`: an undo has been over it, and only what that one kept
/// is left.
#[must_use]
pub fn restores(log: &RunLog, revive: bool, released: bool) -> Vec<Restore> {
    let mut folded: Vec<Change> = Vec::new();
    for change in may_stand(log) {
        let known = folded.iter().position(|known| {
            known.at == change.at
                && known.resource() == change.resource()
                && std::mem::discriminant(&known.kind) == std::mem::discriminant(&change.kind)
        });
        match known.and_then(|at| merge(&folded[at], change).map(|merged| (at, merged))) {
            Some((at, merged)) => {
                folded.remove(at);
                folded.push(merged);
            }
            None => folded.push(change.clone()),
        }
    }
    // What was put back already comes to nothing: it is its own inverse.
    let nothing = |done: &Change| matches!(done.inverse(), Inverse::Change(back) | Inverse::Revives(back, _) if back == *done);
    let left = folded.into_iter().rev().filter(|done| !nothing(done));
    let left = left.filter(|done| !released || matches!(done.inverse(), Inverse::Revives(..)));
    left.map(|done| {
        let revives = matches!(done.inverse(), Inverse::Revives(..));
        let safe_from = revives.then(|| outlived::safe_from(log, &done)).flatten();
        Restore { done, revive, safe_from }
    })
    .collect()
}

/// The changes that happened or may have happened, in order. A look that settles a lost answer may
/// show the world as it was; what a later change started from tells better.
fn may_stand(log: &RunLog) -> Vec<&Change> {
    let mut changes: Vec<&ChangeLog> = log.steps.iter().flat_map(|step| &step.changes).collect();
    // A step that looks again changes what a later one may have changed meanwhile.
    changes.sort_by_key(|change| change.intended);
    let happened = |log: &ChangeLog| {
        log.outcome.as_ref().is_none_or(|outcome| outcome.result.may_have_happened())
    };
    let gone_on_from = |at: usize, change: &Change| {
        let Some(told) = change.kind.interface_swap() else {
            return false;
        };
        let later = changes.iter().skip(at + 1).filter(|log| happened(log));
        let mut swaps = later.filter_map(|log| log.change.kind.interface_swap());
        let next = swaps.find(|swap| swap.interface == told.interface);
        next.is_some_and(|next| next.before == told.after)
    };
    let numbered = changes.iter().enumerate();
    let stand = numbered.filter(|(at, log)| happened(log) || gone_on_from(*at, &log.change));
    stand.map(|(_, log)| &log.change).collect()
}

/// Whether an undo takes back what keeps stolen credentials out, too.
#[must_use]
pub fn revives(undo: &RunRow) -> bool {
    undo.params.get("revive").and_then(Value::as_bool).unwrap_or(false)
}

/// Whether an undo of the run may begin: it is over, or goes on with nothing but its evidence, which
/// may take days, while a wrong containment harms from the first minute.
#[must_use]
pub fn may_begin(of: &RunRow) -> bool {
    of.state.is_over() || (of.state == RunState::Parked && of.preserves)
}

/// Two changes of one attribute as one; `None` where they can't be one.
fn merge(first: &Change, last: &Change) -> Option<Change> {
    let kind = match (first.kind.clone(), last.kind.clone()) {
        (
            Kind::InterfaceGroups { interface, instance, before, .. },
            Kind::InterfaceGroups { after, .. },
        ) => Kind::InterfaceGroups { interface, instance, before, after, passing: false },
        (Kind::SnapshotSharing { snapshot, before, .. }, Kind::SnapshotSharing { after, .. }) => {
            Kind::SnapshotSharing { snapshot, before, after }
        }
        (Kind::RolePolicy { role, policy, before, .. }, Kind::RolePolicy { after, .. }) => {
            Kind::RolePolicy { role, policy, before, after }
        }
        (Kind::Trust(first), Kind::Trust(last)) => Kind::Trust(first.and(last)),
        (Kind::UserPolicy { user, policy, before, .. }, Kind::UserPolicy { after, .. }) => {
            Kind::UserPolicy { user, policy, before, after }
        }
        (Kind::AccessKey { user, key, before, .. }, Kind::AccessKey { after, .. }) => {
            Kind::AccessKey { user, key, before, after }
        }
        (Kind::Credential { user, credential, id, before, .. }, Kind::Credential { after, .. }) => {
            Kind::Credential { user, credential, id, before, after }
        }
        (Kind::Database(first), Kind::Database(last)) => Kind::Database(first.and(last)?),
        (Kind::Task(first), Kind::Task(last)) => Kind::Task(first.and(last)?),
        _ => return None,
    };
    Some(Change { at: first.at.clone(), kind })
}

/// Whether a group is one that isolation made. Tags can be taken off; a name never changes.
fn is_ours(group: &SecurityGroup) -> bool {
    group.tags.contains_key(TAG_PURPOSE) || group.name.starts_with(GROUP_NAME_PREFIX)
}

/// The output of a step that leaves in place what keeps stolen credentials out.
fn kept(words: &str, why: &str, safe_from: Option<Timestamp>) -> Value {
    let text =
        format!("left in place ({words}). If `tourniquet undo --revive` took it back, too: {why}");
    match safe_from {
        Some(from) => {
            let text = format!("{text}; safe to take back from {from}, without --revive");
            json!({"kept": text, "revivable": true, "safe_from": from.to_string()})
        }
        None => json!({"kept": text, "revivable": true}),
    }
}

/// Takes one attribute back.
///
/// # Errors
/// When the timeline can't be written or the lease is lost.
pub async fn restore(executor: &Executor<'_>, mut step: StepLog) -> Result<StepRun, StoreError> {
    let ended = |end, drafts| Ok(StepRun::Ended { end, drafts, effects: vec![] });
    let done: Change =
        match serde_json::from_value(step.args.get("change").cloned().unwrap_or_default()) {
            Ok(change) => change,
            Err(error) => {
                return ended(
                    failed(&step, Code::STORE_CORRUPT, "invalid", &error.to_string()),
                    vec![],
                );
            }
        };
    let revive = step.args.get("revive").and_then(Value::as_bool).unwrap_or(false);
    let words = done.words();
    let safe_from = outlived::of_args(&step.args);
    let outlived = safe_from.is_some_and(|from| executor.env.clock.now() >= from);
    let inverse = match done.inverse() {
        Inverse::Change(change) => change,
        Inverse::Revives(change, _) if revive || outlived => change,
        Inverse::Revives(_, why) => {
            return ended(succeeded(&step, kept(&words, why, safe_from)), vec![]);
        }
        Inverse::Kept(why) => {
            return ended(succeeded(&step, json!({"kept": format!("{words}: {why}")})), vec![]);
        }
        Inverse::Lost(why) => {
            return ended(succeeded(&step, json!({"by_hand": format!("{words}: {why}")})), vec![]);
        }
    };
    let resource = inverse.subject().map_or_else(|| inverse.resource(), |subject| subject.path());
    // Before the first look: what it finds must still be so when it is given back.
    if !executor.take(&step, &resource).await? {
        return Ok(executor.queue(vec![]));
    }
    if let Some(text) = came_to_hold(executor, &resource).await? {
        if let (Inverse::Revives(..), false) = (done.inverse(), revive) {
            // Nobody asked for it, so it stays as it always did.
            let kept =
                json!({"kept": format!("left in place ({words}): {text}"), "revivable": true});
            return ended(succeeded(&step, kept), vec![]);
        }
        return ended(failed(&step, Code::HELD_ELSEWHERE, "conflict", &text), vec![]);
    }
    let mut permissions = super::unsettled::settle_permissions(&done);
    permissions.extend(inverse.permissions());
    let session = executor.session(&step, permissions);
    let clock = executor.env.clock.as_ref();
    let visible = executor.env.cloud.visible_within();
    let Some((_, waited)) = executor.admit(&step, std::slice::from_ref(&inverse)).await else {
        return Ok(executor.rest(1, vec![]));
    };
    let mut drafts = executor.settle_open(&mut step, true).await?;
    if step.changes.iter().any(|log| log.outcome.is_none()) {
        return Ok(executor.rest(1, drafts));
    }
    let given_back =
        step.changes.iter().any(|log| log.outcome.as_ref().is_some_and(|o| o.result.happened()));
    // What AWS does not answer now it may answer later.
    let age = executor.age(&step);
    let later = |error: &CloudError| error.may_pass() && age < READ_PATIENCE;
    if let Some(back) = inverse.kind.interface_swap().map(|swap| swap.after) {
        // An interface that was found in the open transition group is not put back there.
        let groups = executor.in_line(&step, session.groups(&inverse.at, back)).await;
        let Some(groups) = groups else { return Ok(executor.rest(1, drafts)) };
        match groups {
            Ok(groups) if groups.iter().any(is_ours) => {
                let text = format!(
                    "left alone, because its groups before were ours, and its own are not known: {words}"
                );
                return ended(failed(&step, Code::UNDO_DRIFT, "conflict", &text), drafts);
            }
            Ok(_) => {}
            Err(error) if later(&error) => return Ok(executor.rest(1, drafts)),
            Err(error) => return ended(cloud_failed(&step, &error), drafts),
        }
    }
    let stands = executor.in_line(&step, standing(session.as_ref(), &done)).await;
    let Some(stands) = stands else {
        return Ok(executor.rest(1, drafts));
    };
    match stands {
        Err(error) if later(&error) => return Ok(executor.rest(1, drafts)),
        Err(error) => return ended(cloud_failed(&step, &error), drafts),
        Ok(Standing::Before) => {
            let output = json!({"restored": words, "already": !given_back});
            return ended(succeeded(&step, output), drafts);
        }
        Ok(Standing::Gone) => return ended(succeeded(&step, json!({"gone": words})), drafts),
        Ok(Standing::Other(now)) => {
            let text = format!(
                "left alone, because something else has changed it since: {words}; now it is {now}"
            );
            return ended(failed(&step, Code::UNDO_DRIFT, "conflict", &text), drafts);
        }
        Ok(Standing::Unseen) => {
            let text = format!("left alone, because no read tells whether it stands: {words}");
            return ended(failed(&step, Code::UNDO_DRIFT, "conflict", &text), drafts);
        }
        Ok(Standing::After) if given_back && is_shown_late(&step, &inverse, clock.now()) => {
            return Ok(executor.rest(1, drafts));
        }
        Ok(Standing::After) if given_back => {
            let text = format!("it did not hold: {words}");
            return ended(failed(&step, Code::ACTION_FAILED, "conflict", &text), drafts);
        }
        Ok(Standing::After) => {}
    }
    match executor.guard_restore(&step, &inverse).await {
        Ok(()) => {}
        Err(Barred::Later) => return Ok(executor.rest(1, drafts)),
        Err(Barred::Trip(trip)) => {
            let (now, number) = (clock.now(), trip.code.number);
            drafts.push(executor.writer.tripped(now, &step.key, number, &trip.reason));
            return ended(failed(&step, trip.code, "guard", &trip.reason), drafts);
        }
    }
    let n = step.changes.len() + 1;
    drafts.push(executor.writer.intent(clock.now(), &step.key, n, &inverse, waited));
    executor.write(std::mem::take(&mut drafts), vec![]).await?;
    executor.lease.hold(&executor.env.store, clock).await?;
    let mut outcome = executor.call(session.as_ref(), &inverse).await;
    if outcome.error.as_ref().is_some_and(|error| error.class == ErrorClass::InDoubt) {
        let settled = settle(session.as_ref(), clock, &inverse, Duration::ZERO, visible).await;
        if is_for_later(&settled, Duration::ZERO) {
            return Ok(executor.rest(1, drafts));
        }
        outcome = Outcome { attempts: outcome.attempts, ..settled };
    }
    drafts.push(executor.writer.outcome(clock.now(), &step.key, n, &outcome));
    let end = match (outcome.result, outcome.error) {
        (OutcomeResult::Unknown, _) => failed(
            &step,
            Code::OUTCOME_UNKNOWN,
            "in_doubt",
            &format!("it is not known whether this was taken back: {words}"),
        ),
        (_, Some(error)) if may_pass(error.class) && step.spent_rounds() < ROUNDS_MAX => {
            return Ok(executor.rest(step.spent_rounds() + 1, drafts));
        }
        (_, Some(error)) => {
            failed(&step, Code::ACTION_FAILED, error.class.label(), &error.to_string())
        }
        _ => match executor.in_line(&step, standing(session.as_ref(), &done)).await {
            None => return Ok(executor.rest(1, drafts)),
            Some(Err(error)) if later(&error) => return Ok(executor.rest(1, drafts)),
            Some(Err(error)) => cloud_failed(&step, &error),
            Some(Ok(Standing::Before)) => succeeded(&step, json!({"restored": words})),
            // A later look tells.
            Some(Ok(Standing::After)) if inverse.shown_within().is_some() => {
                return Ok(executor.rest(1, drafts));
            }
            Some(Ok(_)) => {
                failed(&step, Code::ACTION_FAILED, "conflict", &format!("it did not hold: {words}"))
            }
        },
    };
    ended(end, drafts)
}

/// Whether AWS may not show yet what the step has given back.
fn is_shown_late(step: &StepLog, inverse: &Change, now: Timestamp) -> bool {
    let (Some(within), Some(last)) = (inverse.shown_within(), step.changes.last()) else {
        return false;
    };
    now.duration_since(last.intended).unsigned_abs() < within
}
