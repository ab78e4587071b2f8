//! One stage of changes: the intents are durable, then the calls, then the outcomes. The only place
//! from which AWS is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use futures::future::{Either, join_all, select};

use super::attempt::{ATTEMPTS_MAX, BACKOFF_MAX, backoff, may_pass};
use super::execute::Executor;
use super::outcome::{Outcome, OutcomeResult};
use super::settle::{is_for_later, millis, settle};
use super::step::{ChangeLog, StepLog};
use super::unsettled::settle_permissions;
use crate::change::Change;
use crate::clock::Clock;
use crate::cloud::{Admitted, CloudError, ErrorClass, Session};
use crate::fault;
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
        let mut stages = stages.into_iter();
        while let Some(stage) = stages.next() {
            let mut together = vec![stage];
            // What passes through the open group is announced with its way out: a database that
            // fails in between must not keep it there.
            while together.last().is_some_and(|stage| stage.iter().any(Change::passes))
                && let Some(next) = stages.next()
            {
                together.push(next);
            }
            for stage in &mut together {
                stage.retain(|change| !refused.contains_key(&change.resource()));
            }
            let waited = std::mem::take(&mut waited);
            let announced = self.announce(step, together, waited, hold, pending).await?;
            for stage in announced {
                let may = |n: &usize| !refused.contains_key(&step.changes[*n].change.resource());
                let (go, forgone): (Vec<usize>, Vec<usize>) = stage.partition(may);
                for n in forgone {
                    self.forgo(step, n, pending);
                }
                refused.extend(self.carry_out(step, &go, pending).await?);
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
        let announced = self.announce(step, vec![stage], waited, hold, pending).await?;
        let all: Vec<usize> = announced.into_iter().flatten().collect();
        self.carry_out(step, &all, pending).await
    }

    /// Makes the intents of `stages` durable, with the outcomes that wait to be written. Returns the
    /// places of each stage's changes in the step.
    async fn announce(
        &self,
        step: &mut StepLog,
        stages: Vec<Vec<Change>>,
        mut waited: Duration,
        hold: Option<&Effect>,
        pending: &mut Vec<Draft>,
    ) -> Result<Vec<Range<usize>>, StoreError> {
        let now = self.env.clock.now();
        let mut places = Vec::new();
        let mut entries = std::mem::take(pending);
        let mut subjects = BTreeSet::new();
        for stage in stages {
            let first = step.changes.len();
            for change in stage {
                let n = step.changes.len() + 1;
                let waited = std::mem::take(&mut waited);
                entries.push(self.writer.intent(now, &step.key, n, &change, waited));
                subjects.extend(change.subject().map(|subject| subject.path()));
                step.changes.push(ChangeLog { change, intended: now, outcome: None });
            }
            places.push(first..step.changes.len());
        }
        if places.iter().all(Range::is_empty) {
            *pending = entries;
            return Ok(places);
        }
        // From the first change on the resource is held, whatever becomes of the step: what it did is
        // part of what later runs find.
        let mut holds: Vec<Effect> = hold.cloned().into_iter().collect();
        if let Some(Effect::Hold { resource, .. }) = hold {
            // A key is called by its id, and is its user's.
            let named = |path: &String| resource.ends_with(&format!("/{path}"));
            let others = subjects.iter().filter(|path| !named(path));
            holds.extend(others.map(|path| self.hold(step, path)));
        }
        self.write(entries, holds).await?;
        Ok(places)
    }

    /// An announced change that is not made, because AWS refused what comes before it.
    fn forgo(&self, step: &mut StepLog, n: usize, pending: &mut Vec<Draft>) {
        let result = OutcomeResult::NotHappened;
        let outcome = Outcome { result, receipt: None, error: None, attempts: 0, millis: 0 };
        pending.push(self.writer.outcome(self.env.clock.now(), &step.key, n + 1, &outcome));
        step.changes[n].outcome = Some(outcome);
    }

    /// Makes the calls of announced changes beside each other, and notes their outcomes. Returns what
    /// was refused, by resource.
    ///
    /// # Errors
    /// When the lease is lost: nothing more is done then.
    async fn carry_out(
        &self,
        step: &mut StepLog,
        announced: &[usize],
        pending: &mut Vec<Draft>,
    ) -> Result<Vec<(String, CloudError)>, StoreError> {
        let changes: Vec<Change> =
            announced.iter().map(|n| step.changes[*n].change.clone()).collect();
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        // Before each stage: what was announced together takes longer than one.
        self.lease.hold(&self.env.store, self.env.clock.as_ref()).await?;
        let permissions = changes.iter().flat_map(Change::permissions).collect();
        let session = self.session(step, permissions);
        let calls = changes.iter().map(|change| self.call(session.as_ref(), change));
        let outcomes = join_all(calls).await;
        fault::point("run::after_calls");
        let mut refused = Vec::new();
        for ((n, change), outcome) in announced.iter().zip(changes).zip(outcomes) {
            let Some(error) = outcome.error.clone() else {
                pending.push(self.writer.outcome(self.env.clock.now(), &step.key, n + 1, &outcome));
                step.changes[*n].outcome = Some(outcome);
                continue;
            };
            if error.class != ErrorClass::InDoubt {
                refused.push((change.resource(), error));
                pending.push(self.writer.outcome(self.env.clock.now(), &step.key, n + 1, &outcome));
                step.changes[*n].outcome = Some(outcome);
                continue;
            }
            // The lost answer is an entry of its own kind of truth: settled at once, by a look.
            let session = self.session(step, settle_permissions(&change));
            let (clock, visible) = (self.env.clock.as_ref(), self.env.cloud.visible_within());
            let settled = settle(session.as_ref(), clock, &change, Duration::ZERO, visible).await;
            if is_for_later(&settled, Duration::ZERO) {
                refused.push((change.resource(), error));
                continue;
            }
            let settled = Outcome { attempts: outcome.attempts, ..settled };
            if !settled.result.happened() {
                refused.push((change.resource(), error));
            }
            pending.push(self.writer.outcome(self.env.clock.now(), &step.key, n + 1, &settled));
            step.changes[*n].outcome = Some(settled);
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
