//! All buckets of a process: who asks, waits here until it may call.
//!
//! ```text
//!   take ──► line of its bucket ──► served? ── yes ──► call
//!                ▲                    │ no
//!                └── clock, or told ◄─┘
//! ```
//!
//! One lock, held for a look at one line; nobody waits under it. What is kept is bounded: a bucket
//! that is full again is forgotten, since a new one is the same, and a step is after [`STEP_KEPT`].

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::line::{Line, Waiter};
use super::making::{Making, Other, StepId, is_for_all};
use super::size::Key;
use crate::change::Change;
use crate::clock::Clock;
use crate::cloud::{Admitted, CloudError, ErrorClass, Scope};
use crate::id::Place;

/// How often what is not needed any more is looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// How long a step keeps its turn and what it was admitted to: as long as its STS session lasts.
const STEP_KEPT: Duration = Duration::from_secs(900);

/// From which expected wait on the log says that a call waits.
const LONG: Duration = Duration::from_secs(5);

/// Codes that say "later" about the resource and not about the rate of calls: EBS's snapshots in
/// progress, and somebody else who tags at this moment.
const NOT_THE_RATE: &[&str] = &[
    "ConcurrentSnapshotLimitExceeded",
    "SnapshotCreationPerVolumeRateExceeded",
    "ConcurrentTagAccess",
    "TransactionInProgressException",
    "PriorRequestNotComplete",
];

/// Gives out the tokens.
pub struct Pacer {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lines: HashMap<Key, Line>,
    steps: HashMap<StepId, Step>,
    making: Making,
    /// The last number given out, to a step or a call.
    last: u64,
    swept: Duration,
}

/// What is known of a step.
struct Step {
    /// Its place in the order of arrival.
    turn: u64,
    used: Duration,
    /// Tokens that were taken for changes it is about to make.
    admitted: BTreeMap<Key, u32>,
    /// Since when it has waited, with rests in between: who comes again keeps its turn, and becomes due.
    waits: BTreeMap<Key, Duration>,
    /// Calls that AWS did not carry out, and that may be made again: each needs a token of its own,
    /// or it would take that of a later stage.
    again: BTreeMap<Key, u32>,
}

impl Pacer {
    /// Full buckets, filled by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Takes the tokens for every one of `changes`, and keeps them for the step. Where another step is
    /// about to make what these would make, waits for that instead.
    pub async fn admit(&self, scope: &Scope, changes: &[Change]) -> Admitted {
        let now = self.clock.monotonic();
        let other = self.lock().making.begin(&step_id(scope), changes, now);
        if let Some(Other { until, mut done }) = other {
            tokio::select! {
                _ = done.changed() => {}
                () = self.clock.sleep(until.saturating_sub(now)) => {}
            }
            return Admitted::LookAgain;
        }
        let step = step_id(scope);
        let _leaves = StopsMaking { pacer: self, step: &step };
        if changes.iter().any(is_for_all) {
            // Others wait for what it makes, so that it goes before them, reads and all.
            self.lock().step(scope, now).turn = 0;
        }
        let mut wanted: BTreeMap<Key, u32> = BTreeMap::new();
        for change in changes {
            *wanted.entry(Key::new(change.operation(), &change.at)).or_default() += 1;
        }
        for (key, wanted) in wanted {
            let (missing, again) = {
                let mut state = self.lock();
                let step = state.step(scope, self.clock.monotonic());
                let known = |of: &BTreeMap<Key, u32>| of.get(&key).copied().unwrap_or_default();
                let again = known(&step.again).min(wanted);
                (again + (wanted - again).saturating_sub(known(&step.admitted)), again)
            };
            if missing == 0 {
                continue;
            }
            self.take(scope, &key, missing).await;
            let mut state = self.lock();
            let step = state.step(scope, self.clock.monotonic());
            if let Some(left) = step.again.get_mut(&key) {
                *left = left.saturating_sub(again);
            }
            *step.admitted.entry(key).or_default() += missing;
        }
        self.lock().making.admitted(&step, self.clock.monotonic());
        Admitted::Now
    }

    /// An answer to `change` has come.
    pub fn made(&self, scope: &Scope, change: &Change) {
        let now = self.clock.monotonic();
        self.lock().making.made(&step_id(scope), change, now);
    }

    /// Ends when `operation` may be called in `at`.
    pub async fn pass(&self, scope: &Scope, operation: &str, at: &Place) {
        let key = Key::new(operation, at);
        if !self.lock().was_admitted(scope, &key, self.clock.monotonic()) {
            self.take(scope, &key, 1).await;
        }
    }

    /// Whether `operation` may be called in `at` at once.
    pub fn try_pass(&self, scope: &Scope, operation: &str, at: &Place) -> bool {
        let key = Key::new(operation, at);
        let now = self.clock.monotonic();
        let mut state = self.lock();
        state.was_admitted(scope, &key, now) || state.line(&key, now).try_take(now)
    }

    /// A change was not carried out, and may be tried again.
    pub fn refused(&self, scope: &Scope, operation: &str, at: &Place) {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        *state.step(scope, now).again.entry(Key::new(operation, at)).or_default() += 1;
    }

    /// Learns from an answer: where AWS throttles, others have emptied the bucket.
    pub fn heed(&self, at: &Place, error: &CloudError) {
        if error.class != ErrorClass::Throttled || NOT_THE_RATE.contains(&error.code.as_str()) {
            return;
        }
        let now = self.clock.monotonic();
        self.lock().line(&Key::new(&error.operation, at), now).dry(now);
    }

    async fn take(&self, scope: &Scope, key: &Key, tokens: u32) {
        let told = Arc::new(Notify::new());
        let ticket = self.join(scope, key, tokens, &told);
        let _leaves = Leaves { pacer: self, key, ticket };
        let mut told_of = false;
        while let Some(wait) = self.wait(key, ticket) {
            if wait >= LONG && !told_of {
                told_of = true;
                tell(scope, key, wait);
            }
            tokio::select! {
                () = told.notified() => {}
                () = self.clock.sleep(wait) => {}
            }
        }
        self.lock().step(scope, self.clock.monotonic()).waits.remove(key);
    }

    fn join(&self, scope: &Scope, key: &Key, needs: u32, told: &Arc<Notify>) -> u64 {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        state.sweep(now);
        let step = state.step(scope, now);
        let (turn, since) = (step.turn, *step.waits.entry(key.clone()).or_insert(now));
        state.last += 1;
        let (ticket, told) = (state.last, Arc::clone(told));
        let urgency = scope.urgency;
        let waiter = Waiter { ticket, urgency, turn, since, given: 0, needs, told };
        state.line(key, now).join(waiter);
        ticket
    }

    /// Serves the line; the time until that is worth while again for this call, or `None`: served.
    fn wait(&self, key: &Key, ticket: u64) -> Option<Duration> {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        let line = state.line(key, now);
        line.serve(now);
        line.wait(ticket)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many buckets and steps are kept.
    #[cfg(test)]
    #[must_use]
    pub fn kept(&self) -> (usize, usize) {
        let state = self.lock();
        (state.lines.len(), state.steps.len())
    }
}

impl State {
    fn line(&mut self, key: &Key, now: Duration) -> &mut Line {
        self.lines.entry(key.clone()).or_insert_with(|| Line::new(key.size().with_reserve(), now))
    }

    fn step(&mut self, scope: &Scope, now: Duration) -> &mut Step {
        let id = step_id(scope);
        let next = self.last + 1;
        let last = &mut self.last;
        let step = self.steps.entry(id).or_insert_with(|| {
            *last = next;
            Step {
                turn: next,
                used: now,
                admitted: BTreeMap::new(),
                waits: BTreeMap::new(),
                again: BTreeMap::new(),
            }
        });
        step.used = now;
        step
    }

    fn was_admitted(&mut self, scope: &Scope, key: &Key, now: Duration) -> bool {
        let admitted = &mut self.step(scope, now).admitted;
        let Some(tokens) = admitted.get_mut(key) else {
            return false;
        };
        *tokens -= 1;
        if *tokens == 0 {
            admitted.remove(key);
        }
        true
    }

    fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept) < SWEEP_EVERY {
            return;
        }
        self.swept = now;
        self.lines.retain(|_, line| !line.is_idle(now));
        self.steps.retain(|_, step| now.saturating_sub(step.used) < STEP_KEPT);
    }
}

fn step_id(scope: &Scope) -> StepId {
    (scope.case.clone(), scope.run.clone(), scope.step.clone())
}

fn tell(scope: &Scope, key: &Key, wait: Duration) {
    let run = scope.run.as_ref().map(ToString::to_string).unwrap_or_default();
    tracing::info!(
        case = %scope.case, run, step = %scope.step, urgency = ?scope.urgency, bucket = %key,
        wait_s = wait.as_secs(), "a call waits for room in AWS's limits"
    );
}

/// Lets others make what a step was in line to make, when it is not waited for any more.
struct StopsMaking<'a> {
    pacer: &'a Pacer,
    step: &'a StepId,
}

impl Drop for StopsMaking<'_> {
    fn drop(&mut self) {
        self.pacer.lock().making.left(self.step);
    }
}

/// Leaves the line when the call is not waited for any more.
struct Leaves<'a> {
    pacer: &'a Pacer,
    key: &'a Key,
    ticket: u64,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        if let Some(line) = self.pacer.lock().lines.get_mut(self.key) {
            line.leave(self.ticket);
        }
    }
}
