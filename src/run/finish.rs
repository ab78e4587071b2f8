//! How a run ends: its result, and the one transaction that says so. What it leaves to people is
//! found in `remains`.

use std::sync::Mutex;

use super::drive::{Drive, Driven};
use super::journal::Plan;
use super::last_entry::LastEntry;
use super::plan;
use super::step::StepLog;
use super::step_end::cut;
use super::tell;
use crate::case::RunEvent;
use crate::error::Code;
use crate::id::RunId;
use crate::routing::Mode;
use crate::runbook::{ScriptError, StepFailure};
use crate::store::{Effect, HoldRow, RunKind, StoreError};
use crate::timeline::Draft;

/// How a run ends.
struct End {
    event: RunEvent,
    summary: String,
    code: Option<String>,
    contained: bool,
    open: Vec<String>,
}

impl Drive<'_> {
    /// Stops for a person.
    pub(super) async fn halt(&self, code: Code, reason: &str) -> Result<Driven, StoreError> {
        let mut open = vec![format!("{}: {}", code.number, cut(reason))];
        open.extend(self.remains().into_iter().map(|(_, words)| words));
        let summary = cut(&open.join("; "));
        let (event, code) = (RunEvent::Halted, Some(code.number.to_owned()));
        let end = End { event, summary, code, contained: self.contained(), open };
        self.over(end, vec![], vec![]).await
    }

    /// The end of a run that never began, because another one asks for all of it.
    pub(super) async fn superseded(&self, by: Option<&RunId>) -> Result<Driven, StoreError> {
        let by = by.map_or_else(|| "another run".to_owned(), RunId::to_string);
        self.needless(format!("not needed: {by} asks for all of it, and more")).await
    }

    /// The end of a run that never began, and stands for nothing.
    pub(super) async fn needless(&self, summary: String) -> Result<Driven, StoreError> {
        let (event, open) = (RunEvent::Succeeded, vec![]);
        let code = Some(Code::SUPERSEDED.number.to_owned());
        let end = End { event, summary, code, contained: false, open };
        self.over(end, vec![], vec![]).await
    }

    /// The end: one transaction holds the last outcomes, `run.finished` and the run's state.
    pub(super) async fn finish(
        &self,
        error: Option<ScriptError>,
        entries: Vec<Draft>,
        effects: Vec<Effect>,
    ) -> Result<Driven, StoreError> {
        let remains = self.remains();
        let open: Vec<String> = remains.iter().map(|(_, words)| words.clone()).collect();
        let code = match &error {
            Some(error) => Some(self.code_of(error)),
            None => remains.first().map(|(code, _)| code.clone()),
        };
        // A runbook that says itself what it could not do has not contained it all.
        let says_no = error.as_ref().is_some_and(|error| self.raised(error).is_none());
        let taken_back = self.contained() && self.env.store.taken_back(&self.run.id).await?;
        let contained = self.contained() && open.is_empty() && !says_no && !taken_back;
        let needs_person = self.log.tripped
            || self.log.steps.iter().filter_map(|step| step.end.as_ref()?.error.as_ref()).any(
                |error| {
                    let for_a_person = [
                        Code::ACTION_REFUSED,
                        Code::TAKEN_BACK,
                        Code::APPROVAL_DENIED,
                        Code::UNANSWERED,
                        Code::OUTCOME_UNKNOWN,
                    ];
                    for_a_person.iter().any(|code| code.number == error.code)
                },
            );
        let (event, mut summary) = match &error {
            Some(error) if needs_person => (RunEvent::Halted, self.script_words(error)),
            Some(error) => (RunEvent::Failed, self.script_words(error)),
            None if !open.is_empty() && needs_person => (RunEvent::Halted, open.join("; ")),
            None if !open.is_empty() => (RunEvent::Failed, open.join("; ")),
            None if self.run.mode == Mode::Observe => {
                let why = self.log.unanswered.iter().map(|why| format!(": {why}"));
                let words = format!("observed; nothing was changed{}", why.collect::<String>());
                (RunEvent::Succeeded, words)
            }
            None if self.run.kind == RunKind::Undo => {
                (RunEvent::Succeeded, self.gave_back_words().to_owned())
            }
            None if contained => (RunEvent::Succeeded, "contained and verified".to_owned()),
            None if taken_back => {
                (RunEvent::Succeeded, "done; it was taken back meanwhile".to_owned())
            }
            None => (RunEvent::Succeeded, "done".to_owned()),
        };
        let mut entries = entries;
        if self.run.mode == Mode::Observe {
            let ended = self.log.steps.iter().filter_map(|step| Some((step, step.end.as_ref()?)));
            let lines = ended.flat_map(|(step, end)| plan::lines(step, end)).collect();
            let plan = Plan { lines: plan::observed(lines), ..Plan::default() };
            let hash = plan::hash(self.run, &plan);
            entries.push(self.writer.plan(self.env.clock.now(), &hash, &plan));
        }
        let mut effects = effects;
        if let Some(of) = self.undoes().filter(|_| self.gave_back()) {
            effects.push(Effect::Lifted { run: of });
        }
        if let Some(of) = self.undoes().filter(|_| self.gave_back()) {
            let by = &self.run.requested_by;
            let text = match self.revived().as_slice() {
                [] => format!("{by} took {of} back: what it contained is given back"),
                revived => format!(
                    "{by} took {of} back, and what kept stolen credentials out, too: {}; they may work again \
                     until they expire",
                    revived.join("; ")
                ),
            };
            let id = format!("{}/undone", self.run.id);
            effects.push(tell::of_end(self.env, self.run, id, &text).await);
        }
        if let Some(of) = self.undoes()
            && (event == RunEvent::Succeeded || self.only_drifted())
        {
            // What stays in place on purpose is held on, until it is taken back, too.
            let kept = self.kept_holds();
            let mut holds = self.env.store.holds_of(&of).await?;
            holds.retain(|hold| !kept.contains(&hold.resource));
            // A run that does not hold what it contained stands for nothing: an earlier one may be
            // taken back from now on, and its case must not go on saying that it is contained.
            if !holds.is_empty() || (event == RunEvent::Succeeded && self.gave_back()) {
                effects.push(Effect::Released { run: of });
            }
            if event == RunEvent::Succeeded && !holds.is_empty() && !self.gave_back() {
                summary = "nothing was given back, and what was contained is let go of".to_owned();
            }
            let let_go = |HoldRow { resource, run, .. }| Effect::Unhold { resource, run };
            effects.extend(holds.into_iter().map(let_go));
        }
        let end = End { event, summary: cut(&summary), code, contained, open };
        self.over(end, entries, effects).await
    }

    async fn over(
        &self,
        end: End,
        mut entries: Vec<Draft>,
        mut effects: Vec<Effect>,
    ) -> Result<Driven, StoreError> {
        let End { event, mut summary, mut code, contained, open } = end;
        let failed = event == RunEvent::Failed;
        let off_list = self.env.limits.off_list(&self.run.account).filter(|_| failed);
        if let Some(off_list) = &off_list {
            // Its role is missing as well, more often than not. First, because the rest may be cut.
            let number = Code::GUARD_ACCOUNT.number;
            summary = format!("{number}: {off_list}; what failed: {summary}");
            code = Some(number.to_owned());
        }
        let ended = LastEntry {
            state: event.label(),
            summary: &summary,
            code: code.as_deref(),
            contained,
            open: &open,
            returned: &self.returned,
            log: &self.said,
        };
        entries.push(self.writer.ended(self.env.clock.now(), &ended));
        let what = match event {
            RunEvent::Failed | RunEvent::Halted if !open.is_empty() && off_list.is_none() => {
                Some(open.join("; "))
            }
            RunEvent::Failed | RunEvent::Halted => Some(summary.clone()),
            // Whoever reads this may be waited for.
            _ => self.log.unanswered.as_ref().map(|why| match summary.contains(why.as_str()) {
                true => summary.clone(),
                false => format!("{summary}: {why}"),
            }),
        };
        if let Some(what) = what {
            let text = format!("{} {}: {what}", self.run.runbook, event.label());
            let id = self.run.id.to_string();
            effects.push(tell::of_end(self.env, self.run, id, &text).await);
        }
        let (run, wake_at, told) = (self.run.id.clone(), None, Some(summary));
        effects.push(Effect::Run { run, event, wake_at, contained, summary: told, code });
        self.executor(&Mutex::default()).write(entries, effects).await?;
        tracing::info!(case = %self.run.case, run = %self.run.id, runbook = %self.run.runbook, state = event.label(), contained, "a run ended");
        Ok(Driven::Over)
    }

    /// The run that this one takes back; `None`: it is no undo.
    fn undoes(&self) -> Option<RunId> {
        let undo = self.run.kind == RunKind::Undo;
        undo.then(|| self.run.params.get("of")?.as_str()?.parse().ok()).flatten()
    }

    /// The number of what the script failed with: its step's own, where a step raised it.
    fn code_of(&self, error: &ScriptError) -> String {
        let raised = self.raised(error);
        raised.map_or_else(|| error.code.number.to_owned(), |(_, raised)| raised.code.clone())
    }

    /// The step whose failure the script failed with. What the script throws may name any step: only
    /// the record tells.
    fn raised(&self, error: &ScriptError) -> Option<(&StepLog, &StepFailure)> {
        let step = self.log.step(error.step.as_ref()?)?;
        Some((step, step.end.as_ref()?.error.as_ref()?))
    }

    /// The script's error in words. Where a step raised it, the step's own number says more than
    /// "the runbook failed".
    fn script_words(&self, error: &ScriptError) -> String {
        let place = error.place();
        match self.raised(error) {
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

    /// What an undo that succeeded came to: where nothing was ever changed, nothing is taken back.
    fn gave_back_words(&self) -> &'static str {
        match self.log.steps.is_empty() {
            _ if self.gave_back() => "taken back",
            true => "nothing to take back",
            false => "nothing was taken back",
        }
    }
}
