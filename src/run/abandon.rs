//! Before a run ends, or is given back, with steps under way: no intent stays without an outcome, and
//! no resource in the open.

use std::collections::BTreeSet;
use std::sync::Mutex;

use futures::future::join;

use super::drive::{Drive, Driven};
use super::execute::StepRun;
use super::record::log_of;
use super::replay::RunLog;
use super::step::StepLog;
use super::step_end::{Reason, not_looked};
use super::tell;
use crate::error::Code;
use crate::runbook::StepKey;
use crate::store::{Effect, StoreError};
use crate::timeline::Draft;

/// What is said of a step whose way back failed when the process stopped.
const STOPPED: &str = "was stopped half way with the service, and goes on after its next start";

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
            if key.looks_again().is_some() && step.changes.is_empty() {
                let end = not_looked(&step, "the run ended before that");
                let ended = StepRun::Ended { end, drafts: vec![], effects: vec![] };
                self.take_in(&key, ended, entries, effects);
                continue;
            }
            let executor = self.executor(&none);
            let drafts = executor.settle_open(&mut step, false).await?;
            let reason = Reason::new(code, "stopped", "the run ended before this was done");
            let ended = executor.give_up(step, reason, None, drafts).await?;
            self.take_in(&key, ended, entries, effects);
        }
        Ok(())
    }

    /// Comes to rest because the process stops: the steps that are `under_way` end or rest. Meanwhile
    /// what is `resting` half way goes back: a call may take a minute.
    ///
    /// # Errors
    /// When the timeline can't be written or the lease is lost.
    pub(super) async fn stop(
        &mut self,
        under_way: impl Future<Output = Vec<(StepKey, Result<StepRun, StoreError>)>>,
        resting: impl Fn(&StepKey) -> bool,
    ) -> Result<Driven, StoreError> {
        let (ended, left) = join(under_way, self.leave_nothing_open(&resting)).await;
        let (mut entries, mut effects) = (Vec::new(), Vec::new());
        let mut failed = None;
        for (key, result) in ended {
            match result {
                Ok(became) => drop(self.take_in(&key, became, &mut entries, &mut effects)),
                Err(error) => failed = Some(error),
            }
        }
        let written = self.write(&mut entries, &mut effects).await;
        // Whatever failed: what stands in the open must not stay there.
        self.leave_nothing_open(|step| !resting(step)).await?;
        written?;
        left?;
        if let Some(error) = failed {
            return Err(error);
        }
        // The script was not asked what else there is: the next process does so, at once.
        self.release().await
    }

    /// Before the process stops: what a step of `those` only let pass goes back, because nobody knows
    /// when the next process goes on. What can't be put back is told.
    async fn leave_nothing_open(&self, those: impl Fn(&StepKey) -> bool) -> Result<(), StoreError> {
        let those = |step: &&StepLog| step.end.is_none() && step.contains() && those(&step.key);
        if !self.log.steps.iter().any(|step| those(&step)) {
            return Ok(());
        }
        let log = self.written().await;
        let (none, nothing) = (Mutex::default(), BTreeSet::new());
        let (mut drafts, mut effects) = (Vec::new(), Vec::new());
        let now = self.env.clock.now();
        for step in log.steps.iter().filter(those) {
            if step.changes.iter().any(|log| log.change.passes()) {
                let mut step = step.clone();
                let retreat = self.executor(&none).put_back(&mut step, None, &mut drafts).await?;
                if retreat.leaves() {
                    let text = retreat.told(&format!("{} {STOPPED}", step.name), &nothing);
                    // It may be stopped so more than once.
                    let id = format!("{}/{}/{}", self.run.id, step.key, now.as_microsecond());
                    effects.push(tell::of_end(self.env, self.run, id, &text).await);
                    drafts.push(tell::remark(now, &text));
                }
            }
        }
        self.write(&mut drafts, &mut effects).await.map(drop)
    }

    fn open(&self) -> Vec<StepLog> {
        self.log.steps.iter().filter(|step| step.end.is_none()).cloned().collect()
    }

    async fn read_again(&mut self) {
        self.log = self.written().await;
    }

    /// The run as its timeline tells it, where it can be read.
    async fn written(&self) -> RunLog {
        let log = log_of(self.env, &self.run.case, &self.run.id).await;
        log.unwrap_or_else(|error| {
            tracing::error!(case = %self.run.case, run = %self.run.id, error = %error, "the run's timeline can't be read");
            RunLog::default()
        })
    }
}
