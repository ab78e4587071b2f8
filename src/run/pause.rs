//! How a drive leaves a run that is not over: until a time, a yes or evidence comes, until AWS answers
//! again, or because the process stops.

use std::collections::BTreeMap;
use std::sync::Mutex;

use jiff::Timestamp;

use super::attempt;
use super::drive::{Drive, Driven};
use super::step::StepLog;
use crate::action;
use crate::case::RunEvent;
use crate::change::Urgency;
use crate::runbook::StepKey;
use crate::store::{Effect, StoreError};

impl Drive<'_> {
    /// Rests until the first of what is `parked` goes on.
    pub(super) async fn park(
        &self,
        parked: &BTreeMap<StepKey, Option<Timestamp>>,
    ) -> Result<Driven, StoreError> {
        let wake_at = parked.values().filter_map(|wake_at| *wake_at).min();
        let event = match self.preserves() {
            true => RunEvent::Preserving,
            false => RunEvent::Parked,
        };
        self.end_drive(event, wake_at).await?;
        Ok(Driven::Parked)
    }

    /// Parks the run until AWS may answer again: nothing was done yet.
    pub(super) async fn later(&self) -> Result<Driven, StoreError> {
        tracing::warn!(case = %self.run.case, run = %self.run.id, "AWS can't be read; the run is tried again");
        let wake_at = self.env.clock.now().checked_add(attempt::rest(2)).ok();
        self.end_drive(RunEvent::Parked, wake_at).await?;
        Ok(Driven::Parked)
    }

    /// Whether nothing is waited for but evidence, or a time that the script chose.
    fn preserves(&self) -> bool {
        let idle = |step: &StepLog| {
            let evidence = |action: &dyn action::Action| action.urgency() == Urgency::Evidence;
            step.name == "sleep" || action::find(&step.name).is_some_and(evidence)
        };
        let open: Vec<_> = self.log.steps.iter().filter(|step| step.end.is_none()).collect();
        !open.is_empty() && open.into_iter().all(idle)
    }

    /// Gives the run back because the process stops: the next one goes on at once.
    pub(super) async fn release(&self) -> Result<Driven, StoreError> {
        self.end_drive(RunEvent::Released, None).await?;
        Ok(Driven::Released)
    }

    pub(super) async fn end_drive(
        &self,
        event: RunEvent,
        wake_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let effect = self.moved(event, wake_at);
        self.executor(&Mutex::default()).write(vec![], vec![effect]).await.map(drop)
    }

    pub(super) fn moved(&self, event: RunEvent, wake_at: Option<Timestamp>) -> Effect {
        let (run, contained) = (self.run.id.clone(), self.run.contained);
        Effect::Run { run, event, wake_at, contained, summary: None, code: None }
    }
}
