//! Driving one run: evaluate, perform what is wanted, record, again; until it ends or must wait.
//!
//! Steps of parallel branches go beside each other; as soon as one ends, the script is evaluated
//! again. No thread is held while a run waits: it is parked in the store and claimed later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Env;
use super::execute::{Executor, StepRun};
use super::journal::Writer;
use super::lease::Lease;
use super::outcome::StepEnd;
use super::perform::perform;
use super::replay::RunLog;
use super::script::Script;
use super::start::{Begun, StartError, Started, start};
use super::step::StepLog;
use super::step_end::{contains_anew, cut};
use super::taken_back::TakenBack;
use super::tell;
use crate::error::Code;
use crate::id::Digest;
use crate::routing::Mode;
use crate::runbook::{Advance, ScriptError, StepKey};
use crate::store::{Effect, RunKind, RunRow, StoreError};
use crate::timeline::Draft;

/// Claims after which a run that never gets further is given up.
pub const ATTEMPTS_MAX: u32 = 20;

/// Bytes of a step's output inside an entry; more is kept as a blob. Half of an entry's limit.
const OUTPUT_MAX: usize = 32 * 1024;

/// How a drive ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Driven {
    /// The run is over.
    Over,
    /// It waits; somebody claims it again.
    Parked,
    /// It was given back because the process stops.
    Released,
}

/// Drives a claimed run until it ends, must wait, or the process stops.
///
/// # Errors
/// When the store fails or the lease is lost: the run stays where it is, and is claimed again.
pub async fn drive(
    env: &Env,
    run: &RunRow,
    lease: &Lease,
    stopping: &CancellationToken,
) -> Result<Driven, StoreError> {
    let writer = Writer::new(run.id.clone());
    let (log, said, kept) = (RunLog::default(), Vec::new(), Vec::new());
    // Asked once: an undo that is asked for meanwhile begins when this drive has ended, and takes back
    // what it did.
    let taken_back = match env.store.taken_back(&run.id).await? {
        false => TakenBack::No,
        true if env.store.revived(&run.id).await? => TakenBack::Wholly,
        true => TakenBack::ButForDenies,
    };
    let returned = Value::Null;
    let mut drive =
        Drive { env, run, lease, stopping, writer, log, taken_back, said, kept, returned };
    if run.attempts > ATTEMPTS_MAX {
        let reason = format!("given up after {ATTEMPTS_MAX} starts");
        return drive.abandon(Code::POISONED, &reason).await;
    }
    // Nothing is written yet, and GuardDuty's answer may be in line for minutes.
    let started = stopping.run_until_cancelled(Box::pin(start(env, run, &drive.writer))).await;
    let Some(started) = started else { return drive.release().await };
    let (script, mut begun) = match started {
        Ok(Started { log, script, mut begun }) => {
            drive.log = log;
            begun.0.extend(died_before(env, run));
            (script, begun)
        }
        Err(StartError::Store(error)) => return Err(error),
        Err(StartError::Later) => return drive.later().await,
        Err(StartError::Needless { by }) => {
            return drive.needless(format!("not needed: {by} answers it")).await;
        }
        Err(StartError::Halt { code, reason }) => return drive.abandon(code, &reason).await,
    };
    match drive.go_on(&script, &mut begun).await {
        // It would be the same at the next start.
        Err(StoreError::Seal(error)) => {
            let reason = format!("what happened can't be written down: {error}");
            drive.abandon(Code::STORE_CORRUPT, &reason).await
        }
        other => other,
    }
}

/// What the timeline says where whoever worked on the run last did not give it back: otherwise nobody
/// could tell a gap in it from a wait.
fn died_before(env: &Env, run: &RunRow) -> Option<Draft> {
    let text = format!(
        "{} goes on: whoever worked on it before was stopped in the middle, as when the process is killed \
         or the database fails",
        run.id
    );
    (run.attempts > 1).then(|| tell::remark(env.clock.now(), &text))
}

/// One drive of a claimed run.
pub(super) struct Drive<'a> {
    pub(super) env: &'a Env,
    pub(super) run: &'a RunRow,
    pub(super) lease: &'a Lease,
    /// Whether the process stops.
    pub(super) stopping: &'a CancellationToken,
    pub(super) writer: Writer,
    pub(super) log: RunLog,
    /// Whether an undo of the run was asked for before it was claimed.
    pub(super) taken_back: TakenBack,
    /// What the script logged after its last step.
    pub(super) said: Vec<String>,
    /// What branches failed with by themselves, where the script kept the errors as values.
    pub(super) kept: Vec<String>,
    /// What the script returned; null: nothing, or it has not come to its end.
    pub(super) returned: Value,
}

/// What the script said last.
enum Last {
    /// It is through, or failed.
    Finish(Option<ScriptError>),
    /// It asks for something else than it did before.
    Halt(String),
}

impl<'a> Drive<'a> {
    async fn go_on(&mut self, script: &Script, begun: &mut Begun) -> Result<Driven, StoreError> {
        if self.run.mode == Mode::Approve && self.run.kind == RunKind::Runbook {
            self.write(&mut begun.0, &mut begun.1).await?;
            if let Some(end) = self.approve_plan(script).await? {
                return Ok(end);
            }
        }
        self.steps(script, std::mem::take(begun)).await
    }

    async fn steps(
        &mut self,
        script: &Script,
        (mut entries, mut effects): Begun,
    ) -> Result<Driven, StoreError> {
        let (env, run, lease, stopping) = (self.env, self.run, self.lease, self.stopping);
        let taken_back = self.taken_back;
        let writer = self.writer.clone();
        let changed = Mutex::new(self.changed());
        let agreed = self.log.plans.last().cloned();
        let mut inflight = FuturesUnordered::new();
        let mut busy: BTreeSet<StepKey> = BTreeSet::new();
        let mut parked: BTreeMap<StepKey, Option<Timestamp>> = BTreeMap::new();
        let mut may_read = true;
        let last = loop {
            lease.hold(&env.store, env.clock.as_ref()).await?;
            if stopping.is_cancelled() {
                break None;
            }
            self.look_again(&mut entries);
            let evaluated = script.advance(&env.evaluator, &self.log).await;
            match evaluated.next {
                Advance::Steps(wanted) => {
                    let now = env.clock.now();
                    for want in wanted {
                        let (key, name, args) = (want.key, want.name, want.args);
                        entries.push(self.writer.requested(now, &key, &name, &args, &want.log));
                        let step = StepLog::asked(key, name, args, now);
                        effects.extend(self.take(&step));
                        self.log.steps.push(step);
                    }
                    let taken = self.write(&mut entries, &mut effects).await?;
                    for step in self.log.steps.iter_mut().filter(|step| step.end.is_none()) {
                        step.taken |= taken.contains(step.key.as_str());
                    }
                }
                Advance::Waiting => {}
                Advance::Done(_) if evaluated.kept.is_empty() && self.looks_again() => {}
                Advance::Done(value) => {
                    (self.said, self.kept) = (evaluated.log, evaluated.kept);
                    if run.kind == RunKind::Runbook {
                        self.returned = value;
                    }
                    break Some(Last::Finish(None));
                }
                Advance::Failed(error) => {
                    (self.said, self.kept) = (evaluated.log, evaluated.kept);
                    break Some(Last::Finish(Some(error)));
                }
                Advance::Diverged { key, recorded, requested } => {
                    break Some(Last::Halt(format!(
                        "step {key} was {recorded}, and now the script asks for {requested}"
                    )));
                }
            }
            for step in self.log.steps.iter().filter(|step| step.end.is_none()) {
                if parked.contains_key(&step.key) || !busy.insert(step.key.clone()) {
                    continue;
                }
                let (step, writer) = (step.clone(), writer.clone());
                let (changed, agreed) = (&changed, agreed.as_ref());
                inflight.push(async move {
                    let key = step.key.clone();
                    let writer = &writer;
                    let executor =
                        Executor { env, run, lease, writer, changed, agreed, taken_back, stopping };
                    (key, perform(&executor, step, run.mode).await)
                });
            }
            // Evidence may be in line for minutes. Neither what has ended is kept from the timeline for so
            // long, nor does containment of the same run rest for longer than it must.
            if !inflight.is_empty() && !entries.is_empty() {
                self.write(&mut entries, &mut effects).await?;
            }
            let rested_in = self.rested_in(&parked).filter(|_| may_read && !inflight.is_empty());
            let next = tokio::select! {
                biased;
                next = inflight.next() => next,
                () = stopping.cancelled() => continue,
                () = env.clock.sleep(rested_in.unwrap_or_default()), if rested_in.is_some() => {
                    may_read = self.rested(&mut parked).await;
                    continue;
                }
            };
            let Some((key, result)) = next else {
                // What has ended meanwhile, too: from here on the timeline is read again.
                self.write(&mut entries, &mut effects).await?;
                if self.rest_half_way(&mut parked).await {
                    continue;
                }
                return self.park(&parked).await;
            };
            may_read = true;
            busy.remove(&key);
            if let Some(wake_at) = self.take_in(&key, result?, &mut entries, &mut effects) {
                self.write(&mut entries, &mut effects).await?;
                parked.insert(key, wake_at);
            }
        };
        // A step that is dropped in the middle would leave calls without an outcome.
        let under_way = inflight.collect::<Vec<_>>();
        let Some(last) = last else {
            self.write(&mut entries, &mut effects).await?;
            return self.stop(under_way, |step| parked.contains_key(step)).await;
        };
        for (key, result) in under_way.await {
            self.take_in(&key, result?, &mut entries, &mut effects);
        }
        // A question of a run that ends is over before anybody could answer it.
        // What the script itself says is told all the same.
        effects.retain(|effect| !tell::asks(effect));
        match last {
            Last::Finish(error) => {
                let code = error.as_ref().map_or(Code::SCRIPT_FAILED, |error| error.code);
                self.break_off(code, &mut entries, &mut effects).await?;
                self.finish(error, entries, effects).await
            }
            Last::Halt(reason) => {
                self.write(&mut entries, &mut effects).await?;
                self.abandon(Code::DIVERGED, &reason).await
            }
        }
    }

    /// Takes in what became of a step. Returns when it goes on, where that is known; `None`: it ended.
    pub(super) fn take_in(
        &mut self,
        key: &StepKey,
        became: StepRun,
        entries: &mut Vec<Draft>,
        effects: &mut Vec<Effect>,
    ) -> Option<Option<Timestamp>> {
        match became {
            StepRun::Ended { end, drafts, effects: more } => {
                entries.extend(drafts);
                effects.extend(more);
                self.ended(key, end, entries, effects);
                None
            }
            StepRun::Parked { wake_at, drafts, effects: more } => {
                entries.extend(drafts);
                effects.extend(more);
                Some(wake_at)
            }
        }
    }

    /// Notes a step's end, in memory and among the entries to write.
    fn ended(
        &mut self,
        key: &StepKey,
        mut end: StepEnd,
        entries: &mut Vec<Draft>,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(error) = &mut end.error {
            error.message = cut(&error.message);
        }
        let output = end.output.take();
        let mut stored = end.clone();
        let bytes =
            output.as_ref().map(|output| output.to_string().into_bytes()).unwrap_or_default();
        if bytes.len() > OUTPUT_MAX {
            stored.output_blob = Some(Digest::of(&bytes));
            effects.push(Effect::Blob(bytes));
        } else {
            stored.output.clone_from(&output);
        }
        let now = self.env.clock.now();
        entries.push(self.writer.finished(now, key, &stored));
        if self.log.step(key).is_some_and(|step| step.contains() && contains_anew(step, &stored)) {
            effects.push(Effect::Looked { at: now });
        }
        let takes = |step: &StepLog| step.contains() || step.name == super::undo::RESTORE;
        if self.log.step(key).is_some_and(takes) {
            effects.push(Effect::Free { step: key.to_string() });
        }
        end.output = output;
        self.log.tripped |= end.error.as_ref().is_some_and(|error| error.class == "guard");
        if let Some(step) = self.log.steps.iter_mut().find(|step| step.key == *key) {
            step.end = Some(end);
        }
    }

    /// Targets that this run has contained or preserved so far.
    fn changed(&self) -> BTreeSet<String> {
        let acted = self.log.steps.iter().filter(|step| !step.changes.is_empty());
        acted.filter_map(StepLog::target).collect()
    }

    /// Takes a containment step's target in the transaction that asks for the step. A run that only
    /// observes is in nobody's way.
    fn take(&self, step: &StepLog) -> Option<Effect> {
        if self.run.mode == Mode::Observe || !step.contains() {
            return None;
        }
        let resource = self.run.resource(&step.target()?);
        Some(Effect::Take { step: step.key.to_string(), resource })
    }

    /// Writes and empties both; returns the steps that took their target.
    pub(super) async fn write(
        &self,
        entries: &mut Vec<Draft>,
        effects: &mut Vec<Effect>,
    ) -> Result<BTreeSet<String>, StoreError> {
        if entries.is_empty() && effects.is_empty() {
            return Ok(BTreeSet::new());
        }
        let (entries, effects) = (std::mem::take(entries), std::mem::take(effects));
        Ok(self.executor(&Mutex::default()).write(entries, effects).await?.taken)
    }

    pub(super) fn executor<'b>(&'b self, changed: &'b Mutex<BTreeSet<String>>) -> Executor<'b> {
        let (env, run, lease, writer) = (self.env, self.run, self.lease, &self.writer);
        let (agreed, taken_back, stopping) =
            (self.log.plans.last(), self.taken_back, self.stopping);
        Executor { env, run, lease, writer, changed, agreed, taken_back, stopping }
    }
}
