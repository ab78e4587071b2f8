//! One stage of changes: the intents are durable, then the calls, then the outcomes. The only place
//! from which AWS is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::{Either, join_all, select};

use super::attempt::{ATTEMPTS_MAX, BACKOFF_MAX, backoff, may_pass};
use super::execute::Executor;
use super::journal::{Outcome, OutcomeResult};
use super::settle::{is_for_later, millis, settle};
use super::step::{ChangeLog, StepLog};
use crate::action::{Read, permissions_for};
use crate::change::{Change, Permission};
use crate::clock::Clock;
use crate::cloud::{Admitted, CloudError, ErrorClass, Session};
use crate::fault;
use crate::id::Place;
use crate::store::{Effect, StoreError};
use crate::timeline::Draft;

/// What AWS refused.
pub(super) struct Refusal {
    /// The worst of it.
    pub(super) error: CloudError,
    /// Resources that this step has changed before, so that they stand half way now.
    pub(super) half: BTreeSet<String>,
    /// Whether it is not known yet what became of a change, and a later look will tell.
    pub(super) open: bool,
}

impl Executor<'_> {
    /// Carries out one stage after the other. A resource that AWS refuses to change is left out of
    /// the later stages; those of the others are carried out all the same, so that no refusal leaves
    /// another resource half way. `waited`: for room, before the first. Returns the worst refusal.
    pub(super) async fn stages(
        &self,
        step: &mut StepLog,
        stages: Vec<Vec<Change>>,
        mut waited: Duration,
        hold: Option<&Effect>,
        pending: &mut Vec<Draft>,
    ) -> Result<Option<Refusal>, StoreError> {
        let mut refused: BTreeMap<String, CloudError> = BTreeMap::new();
        for mut stage in stages {
            stage.retain(|change| !refused.contains_key(&change.resource()));
            if !stage.is_empty() {
                let waited = std::mem::take(&mut waited);
                refused.extend(self.stage(step, stage, waited, hold, pending).await?);
            }
        }
        let half = step.changes.iter().filter(|log| {
            log.outcome.as_ref().is_some_and(|outcome| outcome.result.happened())
                && refused.contains_key(&log.change.resource())
        });
        let half: BTreeSet<String> = half.map(|log| log.change.resource()).collect();
        let open = step.changes.iter().any(|log| log.outcome.is_none());
        let worst = refused.into_values().max_by_key(|error| severity(error.class));
        Ok(worst.map(|error| Refusal { error, half, open }))
    }

    /// Writes the intents, makes the calls of one stage beside each other, and notes the outcomes.
    /// Returns what was refused, by resource.
    pub(super) async fn stage(
        &self,
        step: &mut StepLog,
        stage: Vec<Change>,
        waited: Duration,
        hold: Option<&Effect>,
        pending: &mut Vec<Draft>,
    ) -> Result<Vec<(String, CloudError)>, StoreError> {
        let first = step.changes.len();
        let now = self.env.clock.now();
        let mut entries = std::mem::take(pending);
        for (n, change) in stage.iter().enumerate() {
            let waited = if n == 0 { waited } else { Duration::ZERO };
            entries.push(self.writer.intent(now, &step.key, first + n + 1, change, waited));
        }
        // From the first change on the resource is held, whatever becomes of the step: what it did is
        // part of what later runs find.
        let mut holds: Vec<Effect> = hold.cloned().into_iter().collect();
        if let Some(Effect::Hold { resource, .. }) = hold {
            // A key is called by its id, and is its user's.
            let subjects: BTreeSet<String> =
                stage.iter().filter_map(Change::subject).map(|subject| subject.path()).collect();
            let named = |path: &String| resource.ends_with(&format!("/{path}"));
            let others = subjects.iter().filter(|path| !named(path));
            holds.extend(others.map(|path| self.hold(step, path)));
        }
        self.write(entries, holds).await?;
        self.lease.hold(&self.env.store, self.env.clock.as_ref()).await?;
        let permissions = stage.iter().flat_map(Change::permissions).collect();
        let session = self.session(step, permissions);
        let calls = stage.iter().map(|change| self.call(session.as_ref(), change));
        let outcomes = join_all(calls).await;
        fault::point("run::after_calls");
        let mut refused = Vec::new();
        for (change, outcome) in stage.into_iter().zip(outcomes) {
            let mut log = ChangeLog { change, intended: now, outcome: None };
            let n = step.changes.len() + 1;
            if let Some(error) = outcome.error.clone() {
                if error.class == ErrorClass::InDoubt {
                    // The lost answer is an entry of its own kind of truth: settled at once, by a look.
                    let session = self.session(step, settle_permissions(&log.change.at));
                    let settled = settle(
                        session.as_ref(),
                        self.env.clock.as_ref(),
                        &log.change,
                        Duration::ZERO,
                        self.env.cloud.visible_within(),
                    )
                    .await;
                    if is_for_later(&settled, Duration::ZERO) {
                        refused.push((log.change.resource(), error));
                        step.changes.push(log);
                        continue;
                    }
                    let settled = Outcome { attempts: outcome.attempts, ..settled };
                    if !settled.result.happened() {
                        refused.push((log.change.resource(), error));
                    }
                    pending.push(self.writer.outcome(self.env.clock.now(), &step.key, n, &settled));
                    log.outcome = Some(settled);
                    step.changes.push(log);
                    continue;
                }
                refused.push((log.change.resource(), error));
            }
            pending.push(self.writer.outcome(self.env.clock.now(), &step.key, n, &outcome));
            log.outcome = Some(outcome);
            step.changes.push(log);
        }
        Ok(refused)
    }

    /// One change, with the attempts that its error class allows. A create is never sent twice
    /// without a look between.
    pub(super) async fn call(&self, session: &dyn Session, change: &Change) -> Outcome {
        let clock = self.env.clock.as_ref();
        let started = clock.monotonic();
        let mut attempts = 0;
        let (receipt, error) = loop {
            attempts += 1;
            let result = session.apply(change).await;
            fault::point("run::after_call");
            match result {
                Ok(receipt) => break (Some(receipt), None),
                Err(error) if may_pass(error.class) && attempts < ATTEMPTS_MAX => {
                    clock.sleep(backoff(attempts)).await;
                    if !admitted_soon(session, clock, change).await {
                        break (None, Some(error));
                    }
                    if let Err(lost) = self.lease.hold(&self.env.store, clock).await {
                        tracing::warn!(run = %self.run.id, error = %lost, "the lease was lost between two attempts");
                        break (None, Some(error));
                    }
                }
                Err(error) => break (None, Some(error)),
            }
        };
        let result = if error.is_none() { OutcomeResult::Ok } else { OutcomeResult::Failed };
        Outcome { result, receipt, error, attempts, millis: millis(clock, started) }
    }

    /// Settles intents that a crash or a silence of AWS left without an outcome. `patient`: what can't
    /// be told now stays open, for a later look.
    pub(super) async fn settle_open(
        &self,
        step: &mut StepLog,
        patient: bool,
    ) -> Result<Vec<Draft>, StoreError> {
        let mut drafts = Vec::new();
        let key = step.key.clone();
        for n in 0..step.changes.len() {
            let log = &step.changes[n];
            if log.outcome.is_some() {
                continue;
            }
            self.lease.hold(&self.env.store, self.env.clock.as_ref()).await?;
            let now = self.env.clock.now();
            let age = Duration::try_from(now.duration_since(log.intended)).unwrap_or_default();
            let session = self.session(step, settle_permissions(&log.change.at));
            let outcome = settle(
                session.as_ref(),
                self.env.clock.as_ref(),
                &log.change,
                age,
                self.env.cloud.visible_within(),
            )
            .await;
            if patient && is_for_later(&outcome, age) {
                continue;
            }
            tracing::info!(
                case = %self.run.case, run = %self.run.id, step = %key, change = n + 1,
                result = ?outcome.result, "an intent without an outcome was settled by a look"
            );
            drafts.push(self.writer.outcome(self.env.clock.now(), &key, n + 1, &outcome));
            step.changes[n].outcome = Some(outcome);
        }
        Ok(drafts)
    }
}

/// Waits for room in AWS's limits, but no longer than the longest wait between two attempts: a call
/// that is made long after its intent would be missed by who looks for it after a crash. The next
/// round has an intent of its own.
async fn admitted_soon(session: &dyn Session, clock: &dyn Clock, change: &Change) -> bool {
    let admitted = session.admit(std::slice::from_ref(change));
    match select(admitted, clock.sleep(BACKOFF_MAX)).await {
        Either::Left((Admitted::Now, _)) => true,
        Either::Left((Admitted::LookAgain, _)) | Either::Right(_) => false,
    }
}

/// Every read that `standing` may need.
pub fn settle_permissions(at: &Place) -> BTreeSet<Permission> {
    let reads = [
        Read::Instance,
        Read::Safeguards,
        Read::Groups,
        Read::Snapshots,
        Read::SnapshotSharing,
        Read::Role,
        Read::RolePolicy,
        Read::User,
        Read::Credentials,
        Read::UserPolicy,
        Read::Tags,
    ];
    permissions_for(&reads, at)
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
