//! Containment that rests, in a drive that goes on.
//!
//! It goes on when its rest is over, not when the other steps of its run end. And no drive ends while
//! something stands in the open: a run that waits is parked, and a process that stops puts nothing of a
//! parked run back. So a step that rests while an interface stands in the open group rests inside its
//! drive, which sees the stop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::attempt::REST_MAX;
use super::drive::Drive;
use super::outcome::OutcomeResult;
use super::record::log_of;
use super::step::StepLog;
use crate::action;
use crate::runbook::StepKey;
use crate::store::ApprovalState;

impl Drive<'_> {
    /// The time until the first step that rests may go on beside others: containment, or a look, which
    /// stands before it.
    pub(super) fn rested_in(
        &self,
        parked: &BTreeMap<StepKey, Option<Timestamp>>,
    ) -> Option<Duration> {
        let now = self.env.clock.now();
        let steps = self.log.steps.iter().filter(|step| goes_first(step));
        let wakes = steps.filter_map(|step| *parked.get(&step.key)?);
        let waits = wakes.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        // What waits for longer waits for a person, and is gone on with when the others have ended.
        waits.filter(|wait| *wait <= REST_MAX).min()
    }

    /// Takes what may go on out of `parked`, as it stands in the timeline by now; `false`: that can't be
    /// read.
    pub(super) async fn rested(
        &mut self,
        parked: &mut BTreeMap<StepKey, Option<Timestamp>>,
    ) -> bool {
        let now = self.env.clock.now();
        let log = match log_of(self.env, &self.run.case, &self.run.id).await {
            Ok(log) => log,
            Err(error) => {
                // Nothing that is under way is dropped for it.
                tracing::error!(case = %self.run.case, run = %self.run.id, error = %error, "the run's timeline can't be read");
                return false;
            }
        };
        for known in &mut self.log.steps {
            let may = |wake_at: &Option<Timestamp>| wake_at.is_some_and(|at| at <= now);
            if goes_first(known)
                && parked.get(&known.key).is_some_and(may)
                && let Some(now) = log.steps.iter().find(|step| step.key == known.key)
            {
                parked.remove(&known.key);
                known.clone_from(now);
            }
        }
        true
    }

    /// Rests until the first step that stands half way goes on, or the process stops. The steps that
    /// go on are no longer `parked`; `false`: none stands half way, or the timeline can't be read.
    pub(super) async fn rest_half_way(
        &mut self,
        parked: &mut BTreeMap<StepKey, Option<Timestamp>>,
    ) -> bool {
        if !self.log.steps.iter().any(|step| step.end.is_none() && step.contains()) {
            return false;
        }
        // What a step has changed so far stands in the timeline alone.
        match log_of(self.env, &self.run.case, &self.run.id).await {
            Ok(log) => self.log = log,
            Err(error) => {
                tracing::error!(case = %self.run.case, run = %self.run.id, error = %error, "the run's timeline can't be read");
                return false;
            }
        }
        let half = self.log.steps.iter().filter(|step| step.end.is_none() && step.half_way());
        let Some(until) = half.filter_map(|step| *parked.get(&step.key)?).min() else {
            return false;
        };
        let clock = self.env.clock.as_ref();
        let resting = Resting::begin(&self.env.resting);
        let left = Duration::try_from(until.duration_since(clock.now())).unwrap_or_default();
        self.stopping.run_until_cancelled(clock.sleep(left)).await;
        drop(resting);
        let now = clock.now();
        parked.retain(|_, wake_at| wake_at.is_some_and(|at| at > now));
        for step in self.answered().await {
            parked.remove(&step);
        }
        true
    }

    /// The steps whose question is no longer open: a parked run is woken by an answer, a drive is not.
    async fn answered(&self) -> Vec<StepKey> {
        let asked = self.env.store.approvals_of(&self.run.id).await.unwrap_or_else(|error| {
            tracing::error!(case = %self.run.case, run = %self.run.id, error = %error, "the run's questions can't be read");
            Vec::new()
        });
        let over = asked.iter().filter(|row| row.state != ApprovalState::Pending);
        let open = |step: &&StepLog| step.end.is_none();
        let steps = over.filter_map(|row| {
            self.log.steps.iter().filter(open).find(|step| step.key.as_str() == row.step)
        });
        steps.map(|step| step.key.clone()).collect()
    }
}

/// Whether a step goes on as soon as it may, whatever else is under way. What only looks whether something
/// holds is in no such hurry.
fn goes_first(step: &StepLog) -> bool {
    let contains = step.contains() && step.key.looks_again().is_none();
    contains || action::find_query(&step.name).is_some()
}

/// A drive that rests, as long as this is not dropped.
struct Resting<'a>(&'a AtomicUsize);

impl<'a> Resting<'a> {
    fn begin(resting: &'a AtomicUsize) -> Self {
        resting.fetch_add(1, Ordering::Relaxed);
        Self(resting)
    }
}

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl StepLog {
    /// Whether something may stand where the step only meant to let it pass, as far as its timeline
    /// tells.
    #[must_use]
    pub(super) fn half_way(&self) -> bool {
        let mut half = BTreeSet::new();
        for log in &self.changes {
            let result = log.outcome.as_ref().map(|outcome| outcome.result);
            let may_have = result.is_none_or(OutcomeResult::may_have_happened);
            let has = result.is_some_and(OutcomeResult::happened);
            if log.change.passes() && may_have {
                half.insert(log.change.resource());
            } else if !log.change.passes() && has {
                half.remove(&log.change.resource());
            }
        }
        !half.is_empty()
    }
}
