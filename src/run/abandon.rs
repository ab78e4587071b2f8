//! Before a run ends, or is given back, with steps under way: no intent stays without an outcome, and
//! no resource in the open.

use std::sync::Mutex;

use super::drive::{Drive, Driven};
use super::end::Reason;
use super::replay::RunLog;
use super::start::log_of;
use super::step::StepLog;
use crate::error::Code;
use crate::store::{Effect, StoreError};
use crate::timeline::Draft;

impl Drive<'_> {
    /// Stops for a person, wherever the run stands.
    ///
    /// # Errors
    /// When the timeline can't be written or the lease is lost.
    pub(super) async fn abandon(&mut self, code: Code, reason: &str) -> Result<Driven, StoreError> {
        self.read_again().await;
        let (mut entries, mut effects) = (Vec::new(), Vec::new());
        self.break_off(code, &mut entries, &mut effects).await?;
        self.write(&mut entries, &mut effects).await?;
        self.halt(code, reason).await
    }

    /// Ends each step that is under way with `code`, once what it left is settled and put back. The
    /// steps' ends are among the entries to write.
    ///
    /// # Errors
    /// When the timeline can't be written or the lease is lost.
    pub(super) async fn break_off(
        &mut self,
        code: Code,
        entries: &mut Vec<Draft>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), StoreError> {
        if self.open().is_empty() {
            return Ok(());
        }
        // What a step has changed so far stands in the timeline alone.
        self.write(entries, effects).await?;
        self.read_again().await;
        let none = Mutex::default();
        for mut step in self.open() {
            let key = step.key.clone();
            let executor = self.executor(&none);
            let drafts = executor.settle_open(&mut step, false).await?;
            let reason = Reason::new(code, "stopped", "the run ended before this was done");
            let ended = executor.give_up(step, reason, None, drafts).await?;
            self.take_in(&key, ended, entries, effects);
        }
        Ok(())
    }

    /// Before the process stops: what a step only let pass goes back, because nobody knows when the
    /// next process goes on. Returns the outcomes to write.
    ///
    /// # Errors
    /// When the timeline can't be written or the lease is lost.
    pub(super) async fn leave_nothing_open(&mut self) -> Result<Vec<Draft>, StoreError> {
        let mut drafts = Vec::new();
        if !self.open().iter().any(StepLog::contains) {
            return Ok(drafts);
        }
        self.read_again().await;
        let none = Mutex::default();
        for mut step in self.open() {
            if step.changes.iter().any(|log| log.change.passes()) {
                self.executor(&none).put_back(&mut step, None, &mut drafts).await?;
            }
        }
        Ok(drafts)
    }

    fn open(&self) -> Vec<StepLog> {
        self.log.steps.iter().filter(|step| step.end.is_none()).cloned().collect()
    }

    async fn read_again(&mut self) {
        let log = log_of(self.env, &self.run.case, &self.run.id).await;
        self.log = log.unwrap_or_else(|error| {
            tracing::error!(case = %self.run.case, run = %self.run.id, error = %error, "the run's timeline can't be read");
            RunLog::default()
        });
    }
}
