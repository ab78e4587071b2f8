//! The executor: the one place where AWS is changed.
//!
//! Look, guard, write the intents, call, write the outcomes, look again; until the look says `Done`.
//! A later call is never made before its intent is durable, and no step ends on anything but a look.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;

use super::Env;
use super::end::{cloud_failed, failed, look_failed, succeeded};
use super::guard::{self, Situation};
use super::journal::{Outcome, OutcomeResult, StepEnd, Writer};
use super::lease::Lease;
use super::replay::{ChangeLog, StepLog};
use super::settle::{millis, settle};
use crate::action::{Action, Context, LookError, Params, Read, Verdict, permissions_for};
use crate::change::{Change, Permission, Taggable, Tags, Urgency};
use crate::cloud::{CloudError, ErrorClass, Scope, Session};
use crate::error::Code;
use crate::fault;
use crate::id::Place;
use crate::store::{Commit, Effect, RunRow, StoreError};
use crate::timeline::Draft;

/// Rounds of look and change in one step. The longest plain action needs five; more means that
/// something changes the world back.
const ROUNDS_MAX: u32 = 12;

/// Attempts at one call that is throttled or fails before it takes effect.
pub const ATTEMPTS_MAX: u32 = 6;

/// The wait after a first failed attempt; it doubles up to [`BACKOFF_MAX`].
const BACKOFF: Duration = Duration::from_millis(250);

/// The longest wait between two attempts: EC2's slowest bucket refills 5 tokens a second.
const BACKOFF_MAX: Duration = Duration::from_secs(8);

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
        wake_at: Option<jiff::Timestamp>,
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
        step: &str,
        permissions: BTreeSet<Permission>,
    ) -> std::sync::Arc<dyn Session> {
        self.env.cloud.open(Scope {
            case: self.run.case.clone(),
            run: Some(self.run.id.clone()),
            step: step.to_owned(),
            permissions,
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
        let mut pending = self.settle_open(&mut step).await?;
        let mut rounds = 0;
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
                Ok(Verdict::Wait(duration, _reason)) => {
                    let wake_at = self.env.clock.now().checked_add(duration).ok();
                    return Ok(StepRun::Parked { wake_at, drafts: pending, effects: vec![] });
                }
                Ok(Verdict::Change(stages)) => stages,
            };
            if step.changes.is_empty()
                && let Err(trip) = self.guard(&step, &target, &stages).await
            {
                let now = self.env.clock.now();
                pending.push(self.writer.tripped(now, &step.key, trip.code.number, &trip.reason));
                return ended(failed(&step, trip.code, "guard", &trip.reason), pending);
            }
            rounds += 1;
            if rounds > ROUNDS_MAX {
                let text = format!("after {ROUNDS_MAX} rounds the change still does not hold");
                return ended(failed(&step, Code::ACTION_FAILED, "conflict", &text), pending);
            }
            for stage in stages {
                let refused = self.stage(&mut step, stage, &mut pending).await?;
                if let Some(error) = refused {
                    match error.class {
                        ErrorClass::Denied | ErrorClass::Invalid => {
                            return ended(cloud_failed(&step, &error), pending);
                        }
                        ErrorClass::Throttled | ErrorClass::Transient => {
                            let wake_at = self.env.clock.now().checked_add(BACKOFF_MAX).ok();
                            return Ok(StepRun::Parked {
                                wake_at,
                                drafts: pending,
                                effects: vec![],
                            });
                        }
                        // The world is not as the plan thought: look again before the next stage.
                        ErrorClass::Gone | ErrorClass::Conflict | ErrorClass::InDoubt => break,
                    }
                }
            }
        }
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
        let session = self.session(step.key.as_str(), action.permissions(&at, &self.env.settings));
        let applied = step.applied();
        let mut attempt = 0;
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
                Err(LookError::Cloud(error))
                    if read_may_pass(error.class) && attempt + 1 < ATTEMPTS_MAX =>
                {
                    attempt += 1;
                    self.env.clock.sleep(backoff(attempt)).await;
                }
                other => return other,
            }
        }
    }

    /// The guards, with the target's tags as they are now.
    async fn guard(
        &self,
        step: &StepLog,
        target: &str,
        stages: &[Vec<Change>],
    ) -> Result<(), guard::Trip> {
        let changes: Vec<Change> = stages.concat();
        // What the changes touch decides, not what the step was called with: a key names its user.
        let mut subjects: BTreeSet<Taggable> = changes.iter().filter_map(Change::subject).collect();
        subjects.extend(match target.split_once('/') {
            Some(("instance", id)) => id.parse().ok().map(Taggable::Instance),
            Some(("role", name)) => name.parse().ok().map(Taggable::Role),
            Some(("user", name)) => name.parse().ok().map(Taggable::User),
            _ => None,
        });
        let mut tags: Vec<(String, Tags)> = Vec::new();
        for subject in subjects {
            let path = subject.path();
            let found = self.tags_of(step, &subject).await;
            let found = found.map_err(|error| guard::Trip {
                code: Code::GUARD_PROTECTED,
                reason: format!(
                    "the tags of {path} can't be read, so it may be protected: {}",
                    error.code
                ),
            })?;
            tags.push((path, found));
        }
        if tags.is_empty() {
            tags.push((target.to_owned(), Tags::new()));
        }
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        for (target, tags) in &tags {
            let situation = Situation {
                account: &self.run.account,
                mode: self.run.mode,
                target,
                tags,
                changes: &changes,
                changed: &changed,
            };
            guard::check(&self.env.limits, &self.env.settings, &situation)?;
            changed.insert(target.clone());
        }
        Ok(())
    }

    async fn tags_of(&self, step: &StepLog, resource: &Taggable) -> Result<Tags, CloudError> {
        let at = self.place();
        let session = self.session(step.key.as_str(), permissions_for(&[Read::Tags], &at));
        let mut attempt = 1;
        loop {
            match session.tags(&at, resource).await {
                Err(error) if read_may_pass(error.class) && attempt < ATTEMPTS_MAX => {
                    self.env.clock.sleep(backoff(attempt)).await;
                    attempt += 1;
                }
                other => return Ok(other?.unwrap_or_default()),
            }
        }
    }

    /// Writes the intents, makes the calls of one stage beside each other, and notes the outcomes.
    /// Returns the worst refusal.
    async fn stage(
        &self,
        step: &mut StepLog,
        stage: Vec<Change>,
        pending: &mut Vec<Draft>,
    ) -> Result<Option<CloudError>, StoreError> {
        let first = step.changes.len();
        let now = self.env.clock.now();
        let mut entries = std::mem::take(pending);
        for (n, change) in stage.iter().enumerate() {
            entries.push(self.writer.intent(now, &step.key, first + n + 1, change));
        }
        self.write(entries, vec![]).await?;
        self.lease.hold(&self.env.store, self.env.clock.as_ref()).await?;
        let permissions = stage.iter().flat_map(Change::permissions).collect();
        let session = self.session(step.key.as_str(), permissions);
        let calls = stage.iter().map(|change| self.call(session.as_ref(), change));
        let outcomes = join_all(calls).await;
        fault::point("run::after_calls");
        let mut worst: Option<CloudError> = None;
        for (change, outcome) in stage.into_iter().zip(outcomes) {
            let mut log = ChangeLog { change, intended: now, outcome: None };
            let n = step.changes.len() + 1;
            if let Some(error) = outcome.error.clone() {
                if worst.as_ref().is_none_or(|known| severity(error.class) > severity(known.class))
                {
                    worst = Some(error.clone());
                }
                if error.class == ErrorClass::InDoubt {
                    // The lost answer is an entry of its own kind of truth: settled at once, by a look.
                    let session =
                        self.session(step.key.as_str(), settle_permissions(&log.change.at));
                    let settled = settle(
                        session.as_ref(),
                        self.env.clock.as_ref(),
                        &log.change,
                        Duration::ZERO,
                    )
                    .await;
                    let settled = Outcome { attempts: outcome.attempts, ..settled };
                    pending.push(self.writer.outcome(self.env.clock.now(), &step.key, n, &settled));
                    log.outcome = Some(settled);
                    step.changes.push(log);
                    continue;
                }
            }
            pending.push(self.writer.outcome(self.env.clock.now(), &step.key, n, &outcome));
            log.outcome = Some(outcome);
            step.changes.push(log);
        }
        Ok(worst)
    }

    /// One change, with the attempts that its error class allows. A create is never sent twice
    /// without a look between.
    pub(super) async fn call(&self, session: &dyn Session, change: &Change) -> Outcome {
        let clock = self.env.clock.as_ref();
        let started = clock.monotonic();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let result = session.apply(change).await;
            fault::point("run::after_call");
            match result {
                Ok(receipt) => {
                    let receipt = Some(receipt);
                    let millis = millis(clock, started);
                    return Outcome {
                        result: OutcomeResult::Ok,
                        receipt,
                        error: None,
                        attempts,
                        millis,
                    };
                }
                Err(error) if may_pass(error.class) && attempts < ATTEMPTS_MAX => {
                    clock.sleep(backoff(attempts)).await;
                    if let Err(lost) = self.lease.hold(&self.env.store, clock).await {
                        tracing::warn!(run = %self.run.id, error = %lost, "the lease was lost between two attempts");
                        let millis = millis(clock, started);
                        let result = OutcomeResult::Failed;
                        return Outcome {
                            result,
                            receipt: None,
                            error: Some(error),
                            attempts,
                            millis,
                        };
                    }
                }
                Err(error) => {
                    let result = OutcomeResult::Failed;
                    let millis = millis(clock, started);
                    return Outcome { result, receipt: None, error: Some(error), attempts, millis };
                }
            }
        }
    }

    /// Settles intents that a crash left without an outcome.
    async fn settle_open(&self, step: &mut StepLog) -> Result<Vec<Draft>, StoreError> {
        let mut drafts = Vec::new();
        let key = step.key.clone();
        for (n, log) in step.changes.iter_mut().enumerate() {
            if log.outcome.is_some() {
                continue;
            }
            self.lease.hold(&self.env.store, self.env.clock.as_ref()).await?;
            let now = self.env.clock.now();
            let age = Duration::try_from(now.duration_since(log.intended)).unwrap_or_default();
            let session = self.session(key.as_str(), settle_permissions(&log.change.at));
            let outcome = settle(session.as_ref(), self.env.clock.as_ref(), &log.change, age).await;
            tracing::info!(
                case = %self.run.case, run = %self.run.id, step = %key, change = n + 1,
                result = ?outcome.result, "an intent without an outcome was settled by a look"
            );
            drafts.push(self.writer.outcome(self.env.clock.now(), &key, n + 1, &outcome));
            log.outcome = Some(outcome);
        }
        Ok(drafts)
    }

    fn done(
        &self,
        action: &dyn Action,
        step: &StepLog,
        target: &str,
        output: Value,
        mut drafts: Vec<Draft>,
    ) -> StepRun {
        let now = self.env.clock.now();
        let records = output.get("evidence").and_then(Value::as_array).cloned().unwrap_or_default();
        for (n, record) in records.iter().enumerate() {
            drafts.push(self.writer.evidence(now, &step.key, n + 1, record));
        }
        let effects = match action.urgency() {
            Urgency::Containment => vec![Effect::Hold {
                resource: format!("{}/{target}", self.run.account),
                run: self.run.id.clone(),
                step: step.key.to_string(),
            }],
            Urgency::Evidence | Urgency::Description => vec![],
        };
        StepRun::Ended { end: succeeded(step, output), drafts, effects }
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

/// Every read that `standing` may need.
pub fn settle_permissions(at: &Place) -> BTreeSet<Permission> {
    let reads = [
        Read::Instance,
        Read::Groups,
        Read::Snapshots,
        Read::SnapshotSharing,
        Read::Role,
        Read::RolePolicy,
        Read::User,
        Read::UserPolicy,
        Read::Tags,
    ];
    permissions_for(&reads, at)
}

fn may_pass(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Throttled | ErrorClass::Transient)
}

/// A read has no effect, so that a lost answer is no more than a failure.
pub fn read_may_pass(class: ErrorClass) -> bool {
    may_pass(class) || class == ErrorClass::InDoubt
}

/// Which of several errors of one stage decides.
fn severity(class: ErrorClass) -> u8 {
    match class {
        ErrorClass::Denied => 6,
        ErrorClass::Invalid => 5,
        ErrorClass::InDoubt => 4,
        ErrorClass::Conflict => 3,
        ErrorClass::Gone => 2,
        ErrorClass::Throttled => 1,
        ErrorClass::Transient => 0,
    }
}

/// The wait after failed attempt `attempt`, from 1.
pub fn backoff(attempt: u32) -> Duration {
    BACKOFF.saturating_mul(1 << attempt.min(8).saturating_sub(1)).min(BACKOFF_MAX)
}
