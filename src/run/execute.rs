//! The executor of a step.
//!
//! Look, guard, write the intents, call, write the outcomes, look again; until the look says `Done`.
//! The guards' look-ups are in `subject`, the calls in `stage`. No step ends on anything but a look.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::Env;
use super::attempt::{self, Passing, Patience, WAIT_MAX};
use super::end::{failed, look_failed, succeeded};
use super::journal::{OutcomeResult, StepEnd, Writer};
use super::lease::Lease;
use super::replay::StepLog;
use super::undo;
use crate::action::{self, Action, Context, LookError, Params, Verdict};
use crate::change::{Change, Permission, Urgency};
use crate::cloud::{Admitted, ErrorClass, Scope, Session};
use crate::error::Code;
use crate::id::Place;
use crate::routing::Mode;
use crate::store::{Commit, Effect, RunRow, StoreError};
use crate::timeline::Draft;

/// Rounds of look and change in one step. The longest plain action needs five; more means that
/// something changes the world back.
const ROUNDS_MAX: u32 = 12;

/// How old a look may be when it is acted on: about as long as a look and the guards take on AWS when
/// every call is slow.
const LOOK_AGE_MAX: Duration = Duration::from_secs(5);

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

    /// How urgent all calls of a step are: its looks and guards hold up what they belong to. What is
    /// not an action is a query, whose answer decides what a run that acts does next. To give back
    /// what was contained is in nobody's way, and people wait for it.
    fn urgency(&self, step: &str) -> Urgency {
        match action::find(step) {
            _ if self.run.mode == Mode::Observe => Urgency::Description,
            Some(action) => action.urgency(),
            None if step == undo::RESTORE => Urgency::Evidence,
            None => Urgency::Containment,
        }
    }

    /// Waits until AWS's limits have room for all `changes` of a step, and says how long that took.
    /// All at once, before the first: an interface must not stay in the open transition group for
    /// want of the second call's token.
    pub(super) async fn admit(&self, step: &StepLog, changes: &[Change]) -> (Admitted, Duration) {
        let began = self.env.clock.monotonic();
        let admitted = self.session(step, BTreeSet::new()).admit(changes).await;
        (admitted, self.env.clock.monotonic().saturating_sub(began))
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
        let hold = (action.urgency() == Urgency::Containment).then(|| self.hold(&step, &target));
        let mut pending = self.settle_open(&mut step).await?;
        let (mut rounds, mut in_all) = (0, Duration::ZERO);
        let patience = attempt::read_patience(action.urgency());
        loop {
            if step
                .changes
                .iter()
                .any(|c| c.outcome.as_ref().is_some_and(|o| o.result == OutcomeResult::Unknown))
            {
                let text =
                    "AWS gave no answer to a change, and no look could tell whether it happened";
                return ended(failed(&step, Code::OUTCOME_UNKNOWN, "in_doubt", text), pending);
            }
            let stages = match self.look(action, &step, &params).await {
                Err(error) if error.may_pass() && self.age(&step) < patience => {
                    return Ok(self.rest(1, pending));
                }
                Err(error) => return ended(look_failed(&step, &error), pending),
                Ok(Verdict::Done(output)) => {
                    return Ok(self.done(action, &step, &target, output, pending));
                }
                Ok(Verdict::Refuse(reason)) => {
                    let gone = reason.starts_with("gone:");
                    let code = if gone { Code::TARGET_GONE } else { Code::ACTION_REFUSED };
                    return ended(
                        failed(&step, code, if gone { "gone" } else { "refused" }, &reason),
                        pending,
                    );
                }
                Ok(Verdict::Short { output, reason }) => {
                    pending.extend(self.evidence(&step, &output));
                    let end = failed(&step, Code::ACTION_REFUSED, "refused", &reason);
                    return ended(end, pending);
                }
                Ok(Verdict::Wait(_, reason)) if self.age(&step) > WAIT_MAX => {
                    let text = format!("given up after {} h: {reason}", WAIT_MAX.as_secs() / 3600);
                    return ended(failed(&step, Code::ACTION_FAILED, "timeout", &text), pending);
                }
                Ok(Verdict::Wait(duration, _)) => {
                    let duration = duration.max(attempt::pause(self.age(&step)));
                    let wake_at = self.env.clock.now().checked_add(duration).ok();
                    return Ok(StepRun::Parked { wake_at, drafts: pending, effects: vec![] });
                }
                Ok(Verdict::Change(stages)) => stages,
            };
            // Before the guards and the intents, so that both are as fresh as the calls. What was
            // seen before a long wait is old: the target may have been changed or protected since.
            let (admitted, waited) = self.admit(&step, &stages.concat()).await;
            in_all += waited;
            let stale = admitted == Admitted::LookAgain || waited > LOOK_AGE_MAX;
            if stale && self.age(&step) < patience {
                continue;
            }
            if step.changes.is_empty()
                && let Err(held) = self.guard(&step, &target, &stages).await
            {
                if held.may_pass && self.age(&step) < patience {
                    return Ok(self.rest(1, pending));
                }
                let trip = held.trip;
                let now = self.env.clock.now();
                pending.push(self.writer.tripped(now, &step.key, trip.code.number, &trip.reason));
                return ended(failed(&step, trip.code, "guard", &trip.reason), pending);
            }
            rounds += 1;
            if rounds > ROUNDS_MAX {
                let text = format!("after {ROUNDS_MAX} rounds the change still does not hold");
                return ended(failed(&step, Code::ACTION_FAILED, "conflict", &text), pending);
            }
            let waited = std::mem::take(&mut in_all);
            let stages = self.stages(&mut step, stages, waited, hold.as_ref(), &mut pending);
            let Some(mut refusal) = stages.await? else {
                continue;
            };
            let class = refusal.error.class;
            match class {
                ErrorClass::Denied | ErrorClass::Invalid => {}
                ErrorClass::Throttled | ErrorClass::Transient => {
                    let (spent, half) = (step.spent_rounds(), !refusal.half.is_empty());
                    if spent < attempt::rounds(half) {
                        return Ok(self.rest(if half { 0 } else { spent }, pending));
                    }
                }
                // The world is not as the plan thought: look again.
                ErrorClass::Gone | ErrorClass::Conflict | ErrorClass::InDoubt => continue,
            }
            self.put_back(&mut step, &mut refusal, hold.as_ref(), &mut pending).await?;
            let end = failed(&step, Code::ACTION_FAILED, class.label(), &refusal.words());
            return ended(end, pending);
        }
    }

    /// Parks the step until AWS may answer again.
    pub(super) fn rest(&self, round: usize, drafts: Vec<Draft>) -> StepRun {
        let wake_at = self.env.clock.now().checked_add(attempt::rest(round)).ok();
        StepRun::Parked { wake_at, drafts, effects: vec![] }
    }

    /// How long ago the step was asked for.
    pub(super) fn age(&self, step: &StepLog) -> Duration {
        let age = self.env.clock.now().duration_since(step.requested);
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
                requested: step.requested,
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
        StepRun::Ended { end: succeeded(step, output), drafts, effects }
    }

    fn hold(&self, step: &StepLog, target: &str) -> Effect {
        Effect::Hold {
            resource: format!("{}/{target}", self.run.account),
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
    pub async fn write(&self, entries: Vec<Draft>, effects: Vec<Effect>) -> Result<(), StoreError> {
        let fence = Some(self.lease.fence.clone());
        self.env
            .store
            .commit(Commit { case: self.run.case.clone(), fence, entries, effects })
            .await
            .map(drop)
    }
}
