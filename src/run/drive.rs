//! Driving one run: evaluate, perform what is wanted, record, again; until it ends or must wait.
//!
//! Steps of parallel branches go beside each other; as soon as one ends, the script is evaluated
//! again. No thread is held while a run waits: it is parked in the store and claimed later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use serde_json::Value;

use super::Env;
use super::approve::{self, Answer, Question};
use super::execute::{Executor, StepRun};
use super::journal::{PLAN_STEP, StepEnd, StepResult, Writer};
use super::lease::Lease;
use super::perform::perform;
use super::plan;
use super::replay::{RunLog, StepLog};
use super::script::Script;
use super::start::{StartError, start};
use crate::action;
use crate::case::RunEvent;
use crate::change::Urgency;
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

/// Characters of a message in an entry: AWS and scripts can write more.
const MESSAGE_MAX: usize = 2_000;

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
    stopping: &AtomicBool,
) -> Result<Driven, StoreError> {
    let writer = Writer::new(run.id.clone());
    let mut drive = Drive { env, run, lease, writer, log: RunLog::default() };
    if run.attempts > ATTEMPTS_MAX {
        return drive.halt(Code::POISONED, &format!("given up after {ATTEMPTS_MAX} starts")).await;
    }
    let script = match start(env, run, lease, &drive.writer).await {
        Ok(started) => {
            drive.log = started.log;
            started.script
        }
        Err(StartError::Store(error)) => return Err(error),
        Err(StartError::Halt { code, reason }) => return drive.halt(code, &reason).await,
    };
    if run.mode == Mode::Approve
        && run.kind == RunKind::Runbook
        && let Some(end) = drive.approve_plan(&script).await?
    {
        return Ok(end);
    }
    drive.steps(&script, stopping).await
}

struct Drive<'a> {
    env: &'a Env,
    run: &'a RunRow,
    lease: &'a Lease,
    writer: Writer,
    log: RunLog,
}

impl<'a> Drive<'a> {
    async fn steps(
        &mut self,
        script: &Script,
        stopping: &AtomicBool,
    ) -> Result<Driven, StoreError> {
        let (env, run, lease) = (self.env, self.run, self.lease);
        let writer = self.writer.clone();
        let changed = Mutex::new(self.changed());
        let mut inflight = FuturesUnordered::new();
        let mut busy: BTreeSet<StepKey> = BTreeSet::new();
        let mut parked: BTreeMap<StepKey, Option<Timestamp>> = BTreeMap::new();
        let (mut entries, mut effects): (Vec<Draft>, Vec<Effect>) = (vec![], vec![]);
        loop {
            lease.hold(&env.store, env.clock.as_ref()).await?;
            let stop = stopping.load(Ordering::Relaxed);
            if !stop {
                match script.advance(&env.evaluator, &self.log).await {
                    Advance::Steps(wanted) => {
                        let now = env.clock.now();
                        for want in wanted {
                            let (key, name) = (want.key, want.name);
                            entries.push(
                                self.writer.requested(now, &key, &name, &want.args, &want.log),
                            );
                            let (args, requested, changes, end) = (want.args, now, vec![], None);
                            self.log.steps.push(StepLog {
                                key,
                                name,
                                args,
                                requested,
                                changes,
                                end,
                            });
                        }
                        self.write(&mut entries, &mut effects).await?;
                    }
                    Advance::Waiting => {}
                    Advance::Done(value) => return self.finish(Ok(value), entries, effects).await,
                    Advance::Failed(error) => {
                        return self.finish(Err(error), entries, effects).await;
                    }
                    Advance::Diverged { key, recorded, requested } => {
                        self.write(&mut entries, &mut effects).await?;
                        let reason = format!(
                            "step {key} was {recorded}, and now the script asks for {requested}"
                        );
                        return self.halt(Code::DIVERGED, &reason).await;
                    }
                }
                for step in self.log.steps.iter().filter(|step| step.end.is_none()) {
                    if parked.contains_key(&step.key) || !busy.insert(step.key.clone()) {
                        continue;
                    }
                    let (step, writer) = (step.clone(), writer.clone());
                    let changed = &changed;
                    inflight.push(async move {
                        let key = step.key.clone();
                        let executor = Executor { env, run, lease, writer: &writer, changed };
                        (key, perform(&executor, step, run.mode).await)
                    });
                }
            }
            let Some((key, result)) = inflight.next().await else {
                self.write(&mut entries, &mut effects).await?;
                return self.park(&parked, stop).await;
            };
            busy.remove(&key);
            match result? {
                StepRun::Ended { end, drafts, effects: more } => {
                    entries.extend(drafts);
                    effects.extend(more);
                    self.ended(&key, end, &mut entries, &mut effects);
                }
                StepRun::Parked { wake_at, drafts, effects: more } => {
                    entries.extend(drafts);
                    effects.extend(more);
                    self.write(&mut entries, &mut effects).await?;
                    parked.insert(key, wake_at);
                }
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
        entries.push(self.writer.finished(self.env.clock.now(), key, &stored));
        end.output = output;
        self.log.tripped |= end.error.as_ref().is_some_and(|error| error.class == "guard");
        if let Some(step) = self.log.steps.iter_mut().find(|step| step.key == *key) {
            step.end = Some(end);
        }
    }

    /// Targets that this run has contained or preserved so far.
    fn changed(&self) -> BTreeSet<String> {
        let acted = self.log.steps.iter().filter(|step| !step.changes.is_empty());
        acted
            .filter_map(|step| {
                let action = action::find(&step.name)?;
                let args = step.args.as_object().cloned().unwrap_or_default();
                action.target(&action::Params::check(action.params(), args).ok()?).ok()
            })
            .collect()
    }

    async fn write(
        &self,
        entries: &mut Vec<Draft>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), StoreError> {
        if entries.is_empty() && effects.is_empty() {
            return Ok(());
        }
        let (entries, effects) = (std::mem::take(entries), std::mem::take(effects));
        self.executor(&Mutex::default()).write(entries, effects).await
    }

    fn executor<'b>(&'b self, changed: &'b Mutex<BTreeSet<String>>) -> Executor<'b> {
        Executor { env: self.env, run: self.run, lease: self.lease, writer: &self.writer, changed }
    }

    async fn park(
        &self,
        parked: &BTreeMap<StepKey, Option<Timestamp>>,
        stop: bool,
    ) -> Result<Driven, StoreError> {
        // A process that stops did not ask the script what else there is: the next one does, at once.
        let (event, wake_at, driven) = if stop {
            (RunEvent::Released, None, Driven::Released)
        } else {
            let wake_at = parked.values().filter_map(|wake_at| *wake_at).min();
            (RunEvent::Parked, wake_at, Driven::Parked)
        };
        self.end_drive(event, wake_at).await?;
        Ok(driven)
    }

    async fn end_drive(
        &self,
        event: RunEvent,
        wake_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let run = self.run.id.clone();
        let contained = self.run.contained;
        let effect = Effect::Run { run, event, wake_at, contained, summary: None };
        self.executor(&Mutex::default()).write(vec![], vec![effect]).await
    }

    /// Mode `approve`: the plan is made, shown and approved before anything is done. `None`: go on.
    async fn approve_plan(&mut self, script: &Script) -> Result<Option<Driven>, StoreError> {
        let none = Mutex::default();
        let hash = match self.log.plan.clone() {
            Some(hash) => hash,
            None => {
                let planned = plan::pass(&self.executor(&none), script).await;
                let words = match planned {
                    Ok(plan) => plan,
                    Err(error) => return self.finish(Err(error), vec![], vec![]).await.map(Some),
                };
                let hash = plan::hash(self.run, &words);
                let entry = self.writer.plan(self.env.clock.now(), &hash, &words);
                self.write(&mut vec![entry], &mut vec![]).await?;
                self.log.plan = Some(hash.clone());
                hash
            }
        };
        let text = format!("Carry out runbook {} as planned?", self.run.runbook);
        let within = approve::APPROVAL_WAIT;
        let question = Question { step: PLAN_STEP, text: &text, hash, quorum: 1, within };
        let executor = self.executor(&none);
        match approve::ask(&executor, &question).await? {
            Answer::Granted(_) => Ok(None),
            Answer::Refused(reason) => self.halt(Code::APPROVAL_DENIED, &reason).await.map(Some),
            Answer::Open(open) => {
                if let StepRun::Parked { wake_at, drafts, mut effects } = *open {
                    let (run, contained) = (self.run.id.clone(), self.run.contained);
                    effects.push(Effect::Run {
                        run,
                        event: RunEvent::Parked,
                        wake_at,
                        contained,
                        summary: None,
                    });
                    executor.write(drafts, effects).await?;
                }
                Ok(Some(Driven::Parked))
            }
        }
    }

    async fn halt(&self, code: Code, reason: &str) -> Result<Driven, StoreError> {
        let open = vec![format!("{}: {reason}", code.number)];
        let summary = format!("{}: {}", code.number, cut(reason));
        let contained = self.contained();
        self.over(RunEvent::Halted, &summary, contained, &open, vec![], vec![]).await
    }

    /// The end: one transaction holds the last outcomes, `run.finished` and the run's state.
    async fn finish(
        &self,
        result: Result<Value, ScriptError>,
        entries: Vec<Draft>,
        effects: Vec<Effect>,
    ) -> Result<Driven, StoreError> {
        let open = self.open();
        let contained = self.contained() && open.is_empty();
        let needs_person = self.log.tripped
            || self.log.steps.iter().filter_map(|step| step.end.as_ref()?.error.as_ref()).any(
                |error| {
                    [Code::ACTION_REFUSED, Code::APPROVAL_DENIED, Code::OUTCOME_UNKNOWN]
                        .iter()
                        .any(|c| c.number == error.code)
                },
            );
        let (event, summary) = match &result {
            Err(error) if needs_person => (RunEvent::Halted, self.script_words(error)),
            Err(error) => (RunEvent::Failed, self.script_words(error)),
            Ok(_) if !open.is_empty() && needs_person => (RunEvent::Halted, open.join("; ")),
            Ok(_) if !open.is_empty() => (RunEvent::Failed, open.join("; ")),
            Ok(_) if self.run.mode == Mode::Observe => {
                (RunEvent::Succeeded, "observed; nothing was changed".to_owned())
            }
            Ok(_) if self.run.kind == RunKind::Undo => {
                (RunEvent::Succeeded, "taken back".to_owned())
            }
            Ok(_) if contained => (RunEvent::Succeeded, "contained and verified".to_owned()),
            Ok(_) => (RunEvent::Succeeded, "done".to_owned()),
        };
        let mut entries = entries;
        if self.run.mode == Mode::Observe {
            let planned: Vec<String> = self
                .log
                .steps
                .iter()
                .filter_map(|step| step.end.as_ref())
                .flat_map(|end| end.planned.clone())
                .collect();
            entries.push(self.writer.plan(
                self.env.clock.now(),
                &plan::hash(self.run, &planned),
                &planned,
            ));
        }
        let mut effects = effects;
        if self.run.kind == RunKind::Undo
            && event == RunEvent::Succeeded
            && let Some(of) =
                self.run.params.get("of").and_then(Value::as_str).and_then(|of| of.parse().ok())
        {
            let holds = self.env.store.holds_of(&of).await?;
            effects.extend(
                holds
                    .into_iter()
                    .map(|hold| Effect::Unhold { resource: hold.resource, run: hold.run }),
            );
            effects.push(Effect::Released { run: of });
        }
        self.over(event, &cut(&summary), contained, &open, entries, effects).await
    }

    async fn over(
        &self,
        event: RunEvent,
        summary: &str,
        contained: bool,
        open: &[String],
        mut entries: Vec<Draft>,
        mut effects: Vec<Effect>,
    ) -> Result<Driven, StoreError> {
        entries.push(self.writer.ended(
            self.env.clock.now(),
            event.label(),
            summary,
            contained,
            open,
        ));
        let (run, summary) = (self.run.id.clone(), Some(summary.to_owned()));
        effects.push(Effect::Run { run, event, wake_at: None, contained, summary });
        self.executor(&Mutex::default()).write(entries, effects).await?;
        tracing::info!(case = %self.run.case, run = %self.run.id, runbook = %self.run.runbook, state = event.label(), contained, "a run ended");
        Ok(Driven::Over)
    }

    /// The script's error in words. Where a step raised it, the step's own number says more than
    /// "the runbook failed".
    fn script_words(&self, error: &ScriptError) -> String {
        let place = match (error.line, error.column) {
            (Some(line), Some(column)) => format!(" at line {line}, column {column}"),
            _ => String::new(),
        };
        let step = error.step.as_ref().and_then(|key| self.log.step(key));
        match step.and_then(|step| Some((step, step.end.as_ref()?.error.as_ref()?))) {
            Some((step, raised)) => {
                format!(
                    "{}: {}: {} (step {}{place})",
                    raised.code, step.name, raised.message, step.key
                )
            }
            None if place.is_empty() => format!("{}: {}", error.code.number, error.message),
            None => format!(
                "{}: {} ({})",
                error.code.number,
                error.message,
                place.trim_start_matches(" at ")
            ),
        }
    }

    /// Whether a containment was verified.
    fn contained(&self) -> bool {
        self.acts(|urgency, end| urgency == Urgency::Containment && end.result == StepResult::Ok)
            .next()
            .is_some()
    }

    /// What remains to be done by a person: containment and evidence that did not succeed, caught or
    /// not, and changes of an undo that were not taken back.
    fn open(&self) -> Vec<String> {
        let actions = self.acts(|urgency, end| {
            urgency != Urgency::Description && end.result == StepResult::Failed
        });
        let undone = self.log.steps.iter().filter(|step| step.name == super::undo::RESTORE);
        let undone = undone.filter(|step| step.end.as_ref().is_some_and(|end| end.error.is_some()));
        actions
            .chain(undone)
            .filter_map(|step| {
                let error = step.end.as_ref()?.error.as_ref()?;
                Some(format!("{} {}: {}: {}", step.name, step.key, error.code, error.message))
            })
            .collect()
    }

    fn acts(&self, keep: fn(Urgency, &StepEnd) -> bool) -> impl Iterator<Item = &StepLog> {
        self.log.steps.iter().filter(move |step| match (action::find(&step.name), &step.end) {
            (Some(action), Some(end)) => keep(action.urgency(), end),
            _ => false,
        })
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
