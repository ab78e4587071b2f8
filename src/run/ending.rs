//! How a run ends: its result, what remains for a person, and the one transaction that says so.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::Value;

use super::drive::{Drive, Driven};
use super::end::cut;
use super::journal::{Plan, StepEnd, StepResult};
use super::plan;
use super::replay::StepLog;
use crate::action;
use crate::case::RunEvent;
use crate::change::{Change, Urgency};
use crate::error::Code;
use crate::notify::Message;
use crate::routing::Mode;
use crate::runbook::ScriptError;
use crate::store::{Effect, RunKind, StoreError};
use crate::timeline::Draft;

/// The channel of the people on call.
const ON_CALL: &str = "oncall";

impl Drive<'_> {
    /// Stops for a person.
    pub(super) async fn halt(&self, code: Code, reason: &str) -> Result<Driven, StoreError> {
        let open = vec![format!("{}: {reason}", code.number)];
        let summary = format!("{}: {}", code.number, cut(reason));
        let contained = self.contained();
        self.over(RunEvent::Halted, &summary, contained, &open, vec![], vec![]).await
    }

    /// The end: one transaction holds the last outcomes, `run.finished` and the run's state.
    pub(super) async fn finish(
        &self,
        error: Option<ScriptError>,
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
        let (event, summary) = match &error {
            Some(error) if needs_person => (RunEvent::Halted, self.script_words(error)),
            Some(error) => (RunEvent::Failed, self.script_words(error)),
            None if !open.is_empty() && needs_person => (RunEvent::Halted, open.join("; ")),
            None if !open.is_empty() => (RunEvent::Failed, open.join("; ")),
            None if self.run.mode == Mode::Observe => {
                (RunEvent::Succeeded, "observed; nothing was changed".to_owned())
            }
            None if self.run.kind == RunKind::Undo => {
                let words = if self.gave_back() { "taken back" } else { "nothing was taken back" };
                (RunEvent::Succeeded, words.to_owned())
            }
            None if contained => (RunEvent::Succeeded, "contained and verified".to_owned()),
            None => (RunEvent::Succeeded, "done".to_owned()),
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
            let plan = Plan { changes: planned, ..Plan::default() };
            let hash = plan::hash(self.run, &plan);
            entries.push(self.writer.plan(self.env.clock.now(), &hash, &plan));
        }
        let mut effects = effects;
        if self.run.kind == RunKind::Undo
            && event == RunEvent::Succeeded
            && let Some(of) =
                self.run.params.get("of").and_then(Value::as_str).and_then(|of| of.parse().ok())
        {
            // What stays in place on purpose is held on, until it is taken back, too.
            let kept = self.kept();
            let holds = self.env.store.holds_of(&of).await?;
            effects.extend(
                holds
                    .into_iter()
                    .filter(|hold| !kept.contains(&hold.resource))
                    .map(|hold| Effect::Unhold { resource: hold.resource, run: hold.run }),
            );
            if self.gave_back() {
                effects.push(Effect::Released { run: of });
            }
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
            &self.said,
        ));
        let (run, summary) = (self.run.id.clone(), Some(summary.to_owned()));
        effects.push(Effect::Run { run, event, wake_at: None, contained, summary });
        self.executor(&Mutex::default()).write(entries, effects).await?;
        tracing::info!(case = %self.run.case, run = %self.run.id, runbook = %self.run.runbook, state = event.label(), contained, "a run ended");
        if matches!(event, RunEvent::Failed | RunEvent::Halted) && self.run.mode != Mode::Observe {
            let text = format!("{} {}: {}", self.run.runbook, event.label(), open.join("; "));
            self.tell_all(vec![text]).await;
        }
        Ok(Driven::Over)
    }

    /// Tells the people on call, once it is written down. That a message is not delivered stops
    /// nothing: the case shows what waits.
    pub(super) async fn tell_all(&self, texts: Vec<String>) {
        for text in texts {
            let text = cut(&text);
            let message =
                Message { case: self.run.case.clone(), run: Some(self.run.id.clone()), text };
            if let Err(error) = self.env.notifier.send(ON_CALL, &message).await {
                tracing::warn!(case = %self.run.case, run = %self.run.id, error = %error, "the people on call were not told");
            }
        }
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

    /// Whether an undo gave anything back, or found that nothing is left to give back.
    fn gave_back(&self) -> bool {
        let outputs = self.log.steps.iter().filter_map(|step| step.end.as_ref()?.output.as_ref());
        let mut kept = false;
        for output in outputs {
            if output.get("restored").is_some() || output.get("gone").is_some() {
                return true;
            }
            kept |= output.get("revivable").is_some();
        }
        !kept
    }

    /// The held resources of what an undo left in place on purpose.
    fn kept(&self) -> BTreeSet<String> {
        let kept = self.log.steps.iter().filter(|step| {
            let output = step.end.as_ref().and_then(|end| end.output.as_ref());
            output.is_some_and(|output| output.get("revivable").is_some())
        });
        kept.filter_map(|step| {
            let change = step.args.get("change").cloned().unwrap_or_default();
            let subject = serde_json::from_value::<Change>(change).ok()?.subject()?;
            Some(format!("{}/{}", self.run.account, subject.path()))
        })
        .collect()
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
