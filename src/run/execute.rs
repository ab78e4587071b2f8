//! The executor of a step.
//!
//! Look, guard, write the intents, call, write the outcomes, look again; until the look says `Done`.
//! The guards' look-ups are in `subject`, the calls in `stage`. No step ends on anything but a look.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Env;
use super::attempt::{self, LOOK_AGE_MAX, Passing, Patience, WAIT_MAX};
use super::guard::Barred;
use super::guard::is_unguarded;
use super::journal::Writer;
use super::lease::Lease;
use super::outcome::{OutcomeResult, StepEnd};
use super::replay::Planned;
use super::step::{ChangeLog, StepLog};
use super::step_end::{Reason, failed, look_refused, looked_again, succeeded};
use super::taken_back::TakenBack;
use crate::action::{Action, Context, LookError, Params, Verdict};
use crate::change::{Change, Permission, Urgency};
use crate::cloud::{Admitted, ErrorClass, Scope, Session};
use crate::error::Code;
use crate::id::Place;
use crate::store::{Commit, Effect, RunRow, StoreError, Written};
use crate::timeline::Draft;

/// Rounds of look and change in one step. The longest plain action needs five; more means that
/// something changes the world back.
const ROUNDS_MAX: u32 = 12;

/// How often one step may change the same thing. The plain isolation changes an interface twice, or
/// four times where somebody opened its group meanwhile; counted from the timeline, so that neither a
/// rest nor a restart begins the count anew.
const REPEATS_MAX: usize = 12;

/// How a step went.
pub enum StepRun {
    /// It ended; these entries go into the same transaction as its end.
    Ended {
        /// The end.
        end: StepEnd,
        /// Outcomes, evidence and guard entries that are not written yet.
        drafts: Vec<Draft>,
        /// Holds that the end sets.
        effects: Vec<Effect>,
    },
    /// Nothing to do before a time, a decision, or both.
    Parked {
        /// When to look again; `None`: when somebody decides.
        wake_at: Option<Timestamp>,
        /// Entries and effects that must be written when parking.
        drafts: Vec<Draft>,
        /// Effects to write with them.
        effects: Vec<Effect>,
    },
}

/// One step of one run, with all that it takes to execute it.
pub struct Executor<'a> {
    /// The process.
    pub env: &'a Env,
    /// The run.
    pub run: &'a RunRow,
    /// The proof that it is ours.
    pub lease: &'a Lease,
    /// Writes the entries.
    pub writer: &'a Writer,
    /// Targets that this run has changed, shared by its branches: one takes its place before its
    /// first change.
    pub changed: &'a Mutex<BTreeSet<String>>,
    /// The plan that a person has approved; `None`: the mode asks for none.
    pub agreed: Option<&'a Planned>,
    /// Whether an undo of the run was asked for before it was gone on with: but for its evidence it
    /// begins nothing any more. What is asked for meanwhile begins when this drive has ended.
    pub taken_back: TakenBack,
    /// Whether the process stops.
    pub stopping: &'a CancellationToken,
}

impl Executor<'_> {
    /// Where the run acts.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { account: self.run.account.clone(), region: self.run.region.clone() }
    }

    /// A session that may do just `permissions`.
    #[must_use]
    pub fn session(
        &self,
        step: &StepLog,
        permissions: BTreeSet<Permission>,
    ) -> std::sync::Arc<dyn Session> {
        self.env.cloud.open(Scope {
            case: self.run.case.clone(),
            run: Some(self.run.id.clone()),
            step: step.key.to_string(),
            permissions,
            urgency: self.urgency(&step.name),
        })
    }

    /// Executes an action step until a look says that it is done.
    ///
    /// # Errors
    /// When the timeline can't be written or the lease is lost: nothing more is done then.
    pub async fn action(
        &self,
        action: &dyn Action,
        mut step: StepLog,
    ) -> Result<StepRun, StoreError> {
        let ended = |end, drafts| Ok(StepRun::Ended { end, drafts, effects: Vec::new() });
        let params = match Params::check(
            action.params(),
            step.args.as_object().cloned().unwrap_or_default(),
        ) {
            Ok(params) => params,
            Err(error) => {
                return ended(
                    failed(&step, Code::RUNBOOK_PARAMS, "invalid", &error.to_string()),
                    vec![],
                );
            }
        };
        let target = match action.target(&params) {
            Ok(target) => target,
            Err(error) => {
                return ended(
                    failed(&step, Code::RUNBOOK_PARAMS, "invalid", &error.to_string()),
                    vec![],
                );
            }
        };
        let contains = action.urgency() == Urgency::Containment;
        let hold = contains.then(|| self.hold(&step, &target));
        // Before the first look: what it finds must still be so when the step ends on it.
        if contains && !step.taken && !self.take(&step, &target).await? {
            return Ok(self.queue(vec![]));
        }
        let mut taken = BTreeSet::from([target.clone()]);
        let mut pending = self.settle_open(&mut step, true).await?;
        let known = step.changes.iter().all(|log| log.outcome.is_some());
        let goes_on = step.preserves() || step.origin.is_some();
        if known && !goes_on && self.taken_back != TakenBack::No {
            let reason = Reason::new(Code::TAKEN_BACK, "refused", "the run was taken back");
            return self.give_up(step, reason, hold.as_ref(), pending).await;
        }
        let (mut rounds, mut in_all) = (0, Duration::ZERO);
        let patience = attempt::read_patience(action.urgency());
        loop {
            let unknown = |log: &ChangeLog| {
                log.outcome.as_ref().is_some_and(|outcome| outcome.result == OutcomeResult::Unknown)
            };
            if step.changes.iter().any(unknown) {
                let text =
                    "AWS gave no answer to a change, and no look could tell whether it happened";
                let reason = Reason::new(Code::OUTCOME_UNKNOWN, "in_doubt", text);
                return self.give_up(step, reason, hold.as_ref(), pending).await;
            }
            if step.changes.iter().any(|log| log.outcome.is_none()) {
                return Ok(self.rest(1, pending));
            }
            let look = self.look(action, &step, &params);
            let Some(looked) = self.in_line(&step, look).await else {
                return Ok(self.rest(1, pending));
            };
            let (stages, users) = match looked {
                Err(error) if error.may_pass() && self.age(&step) < patience => {
                    return Ok(self.rest(1, pending));
                }
                Err(error) => {
                    let reason = look_refused(&error);
                    return self.give_up(step, reason, hold.as_ref(), pending).await;
                }
                Ok(Verdict::Done(output)) => {
                    return Ok(self.done(action, &step, &target, output, pending));
                }
                Ok(Verdict::Refuse(reason)) => {
                    let reason = Reason::refused(reason);
                    return self.give_up(step, reason, hold.as_ref(), pending).await;
                }
                Ok(Verdict::Short { output, reason }) => {
                    pending.extend(self.evidence(&step, &output));
                    let reason = Reason::new(Code::ACTION_REFUSED, "refused", reason);
                    return self.give_up(step, reason, hold.as_ref(), pending).await;
                }
                Ok(Verdict::Wait(_, reason)) if self.age(&step) > WAIT_MAX => {
                    let text = format!("given up after {} h: {reason}", WAIT_MAX.as_secs() / 3600);
                    let reason = Reason::new(Code::ACTION_FAILED, "timeout", text);
                    return self.give_up(step, reason, hold.as_ref(), pending).await;
                }
                Ok(Verdict::Wait(duration, _)) => {
                    let duration = duration.max(attempt::pause(self.age(&step)));
                    let wake_at = self.env.clock.now().checked_add(duration).ok();
                    return Ok(StepRun::Parked { wake_at, drafts: pending, effects: vec![] });
                }
                Ok(Verdict::Change(stages)) => (stages, BTreeSet::new()),
                Ok(Verdict::Shared { stages, users }) => (stages, users),
            };
            if let Some(reason) = self.too_late(&step) {
                return self.give_up(step, reason, hold.as_ref(), pending).await;
            }
            // A key is called by its id, and is its user's.
            let mut news = false;
            for path in stages.iter().flatten().filter_map(Change::alone).filter(|_| contains) {
                if !taken.contains(&path) {
                    if !self.take(&step, &path).await? {
                        return Ok(self.queue(pending));
                    }
                    taken.insert(path);
                    news = true;
                }
            }
            if news {
                continue;
            }
            // Before the guards and the intents, so that both are as fresh as the calls. What was
            // seen before a long wait is old: the target may have been changed or protected since.
            let Some((admitted, waited)) = self.admit(&step, &stages.concat()).await else {
                return Ok(self.rest(1, pending));
            };
            in_all += waited;
            let stale = admitted == Admitted::LookAgain || waited > LOOK_AGE_MAX;
            if stale && self.age(&step) < patience {
                continue;
            }
            if let Some(mut unagreed) = self.unagreed(&step, &target, &stages, &users).await? {
                // A question may be open for hours: nobody waits for the target meanwhile.
                if let StepRun::Parked { effects, .. } = &mut unagreed {
                    effects.push(Effect::Free { step: step.key.to_string() });
                }
                return Ok(unagreed);
            }
            if is_unguarded(&step, &target, &stages) {
                match self.guard(&step, &target, &stages).await {
                    Ok(()) => {}
                    Err(Barred::Later) => return Ok(self.rest(1, pending)),
                    Err(Barred::Trip(trip)) => {
                        let now = self.env.clock.now();
                        let (number, reason) = (trip.code.number, &trip.reason);
                        pending.push(self.writer.tripped(now, &step.key, number, reason));
                        return ended(failed(&step, trip.code, "guard", reason), pending);
                    }
                }
            }
            rounds += 1;
            if rounds > ROUNDS_MAX || step.repeats() > REPEATS_MAX {
                let text = "what is changed does not hold: something changes it back each time";
                let reason = Reason::new(Code::ACTION_FAILED, "conflict", text);
                return self.give_up(step, reason, hold.as_ref(), pending).await;
            }
            let waited = std::mem::take(&mut in_all);
            let stages = self.stages(&mut step, stages, waited, hold.as_ref(), &mut pending);
            let Some(refusal) = stages.await? else {
                continue;
            };
            let class = refusal.error.class;
            match class {
                _ if refusal.open => return Ok(self.rest(1, pending)),
                ErrorClass::Denied | ErrorClass::Invalid => {}
                ErrorClass::Throttled | ErrorClass::Transient => {
                    let (spent, half) = (step.spent_rounds(), !refusal.half.is_empty());
                    let waits = class == ErrorClass::Throttled
                        && attempt::outwaits(action.urgency(), self.age(&step));
                    if waits || spent < attempt::rounds(half) {
                        return Ok(self.rest(if half { 0 } else { spent }, pending));
                    }
                }
                // The world is not as the plan thought: look again.
                ErrorClass::Gone | ErrorClass::Conflict | ErrorClass::InDoubt => continue,
            }
            let reason = Reason::new(Code::ACTION_FAILED, class.label(), refusal.error.to_string());
            let reason = Reason { half: refusal.half, ..reason };
            return self.give_up(step, reason, hold.as_ref(), pending).await;
        }
    }

    /// Parks the step until AWS may answer again.
    pub(super) fn rest(&self, round: usize, drafts: Vec<Draft>) -> StepRun {
        let wake_at = self.env.clock.now().checked_add(attempt::rest(round)).ok();
        StepRun::Parked { wake_at, drafts, effects: vec![] }
    }

    /// Takes the resource for the step; `false`: another step works on it.
    pub(super) async fn take(&self, step: &StepLog, target: &str) -> Result<bool, StoreError> {
        let (fence, case) = (self.lease.fence.clone(), self.run.case.clone());
        let resource = self.run.resource(target);
        self.env.store.take_target(fence, case, resource, step.key.to_string()).await
    }

    /// Parks the step until another one may be through with its target.
    pub(super) fn queue(&self, drafts: Vec<Draft>) -> StepRun {
        let wake_at = self.env.clock.now().checked_add(attempt::TARGET_REST).ok();
        StepRun::Parked { wake_at, drafts, effects: vec![] }
    }

    /// How long ago the step was asked for, or was to look again.
    pub(super) fn age(&self, step: &StepLog) -> Duration {
        let age = self.env.clock.now().duration_since(self.due(step));
        Duration::try_from(age).unwrap_or_default()
    }

    /// Looks once and says what would be changed.
    ///
    /// # Errors
    /// When the look fails.
    pub async fn planned(&self, action: &dyn Action, step: &StepLog) -> Result<Verdict, LookError> {
        let params =
            Params::check(action.params(), step.args.as_object().cloned().unwrap_or_default())?;
        self.look(action, step, &params).await
    }

    async fn look(
        &self,
        action: &dyn Action,
        step: &StepLog,
        params: &Params,
    ) -> Result<Verdict, LookError> {
        let at = self.place();
        let session = self.session(step, action.permissions(&at, &self.env.settings));
        let applied = step.applied();
        let mut patience = Patience::default();
        loop {
            let context = Context {
                session: session.as_ref(),
                at: &at,
                case: &self.run.case,
                run: &self.run.id,
                step: step.key.as_str(),
                requested: step.wanted_at(),
                now: self.env.clock.now(),
                applied: &applied,
                settings: &self.env.settings,
            };
            match action.look(&context, params).await {
                Err(error) if patience.again(self.env.clock.as_ref(), &error).await => {}
                other => return other,
            }
        }
    }

    fn done(
        &self,
        action: &dyn Action,
        step: &StepLog,
        target: &str,
        output: Value,
        mut drafts: Vec<Draft>,
    ) -> StepRun {
        drafts.extend(self.evidence(step, &output));
        let holds = action.urgency() == Urgency::Containment;
        let effects = holds.then(|| self.hold(step, target)).into_iter().collect();
        StepRun::Ended { end: succeeded(step, looked_again(step, output)), drafts, effects }
    }

    pub(super) fn hold(&self, step: &StepLog, target: &str) -> Effect {
        Effect::Hold {
            resource: self.run.resource(target),
            run: self.run.id.clone(),
            step: step.key.to_string(),
        }
    }

    /// The chain-of-custody entries of what a look found preserved.
    fn evidence(&self, step: &StepLog, output: &Value) -> Vec<Draft> {
        let now = self.env.clock.now();
        let records = output.get("evidence").and_then(Value::as_array).cloned().unwrap_or_default();
        let numbered = records.iter().enumerate();
        numbered.map(|(n, record)| self.writer.evidence(now, &step.key, n + 1, record)).collect()
    }

    /// Writes entries of this run, fenced.
    ///
    /// # Errors
    /// When they are not durable.
    pub async fn write(
        &self,
        entries: Vec<Draft>,
        effects: Vec<Effect>,
    ) -> Result<Written, StoreError> {
        let fence = Some(self.lease.fence.clone());
        let case = self.run.case.clone();
        let tells = effects.iter().any(|effect| matches!(effect, Effect::Tell(_)));
        let written = self.env.store.commit(Commit { case, fence, entries, effects }).await?;
        if tells {
            self.env.tell.notify_one();
        }
        Ok(written)
    }
}
