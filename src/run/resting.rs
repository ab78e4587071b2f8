//! Containment that rests while other steps of its run are still at work: it goes on when its rest is
//! over, not when they end.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::attempt::REST_MAX;
use super::drive::Drive;
use super::start::{StartError, log_of};
use crate::runbook::StepKey;
use crate::store::StoreError;

impl Drive<'_> {
    /// The time until the first containment that rests may go on.
    pub(super) fn rested_in(
        &self,
        parked: &BTreeMap<StepKey, Option<Timestamp>>,
    ) -> Option<Duration> {
        let now = self.env.clock.now();
        let steps = self.log.steps.iter().filter(|step| step.contains());
        let wakes = steps.filter_map(|step| *parked.get(&step.key)?);
        let waits = wakes.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        // What waits for longer waits for a person, who wakes the run.
        waits.filter(|wait| *wait <= REST_MAX).min()
    }

    /// Takes containment that may go on out of `parked`, as it stands in the timeline by now.
    pub(super) async fn rested(
        &mut self,
        parked: &mut BTreeMap<StepKey, Option<Timestamp>>,
    ) -> Result<(), StoreError> {
        let now = self.env.clock.now();
        let log = match log_of(self.env, &self.run.case, &self.run.id).await {
            Ok(log) => log,
            Err(StartError::Store(error)) => return Err(error),
            Err(other) => return Err(StoreError::Corrupt(other.to_string())),
        };
        for known in &mut self.log.steps {
            let may = |wake_at: &Option<Timestamp>| wake_at.is_some_and(|at| at <= now);
            if known.contains()
                && parked.get(&known.key).is_some_and(may)
                && let Some(now) = log.steps.iter().find(|step| step.key == known.key)
            {
                parked.remove(&known.key);
                known.clone_from(now);
            }
        }
        Ok(())
    }
}
