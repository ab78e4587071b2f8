//! Room in AWS's limits: how urgent a step is, and the wait for the tokens of all that it is about to
//! change. What the limits are is known to the cloud alone.

use std::collections::BTreeSet;
use std::time::Duration;

use super::execute::Executor;
use super::step::StepLog;
use super::undo;
use crate::action;
use crate::change::{Change, Urgency};
use crate::cloud::Admitted;
use crate::routing::Mode;

/// How long a step that does not contain is in line at once. It keeps its turn while it rests.
const IN_LINE_MAX: Duration = Duration::from_secs(5);

impl Executor<'_> {
    /// How urgent all calls of a step are: its looks and guards hold up what they belong to. What is
    /// not an action is a query, whose answer decides what a run that acts does next. To give back
    /// what was contained is in nobody's way, and people wait for it.
    pub(super) fn urgency(&self, step: &str) -> Urgency {
        match action::find(step) {
            _ if self.run.mode == Mode::Observe => Urgency::Description,
            Some(action) => action.urgency(),
            None if step == undo::RESTORE => Urgency::Evidence,
            None => Urgency::Containment,
        }
    }

    /// Waits until AWS's limits have room for all `changes` of a step, and says how long that took.
    /// All at once, before the first: an interface must not stay in the open transition group for
    /// want of the second call's token. `None`: later, see [`in_line`](Self::in_line); containment waits
    /// for as long as it takes and the process goes on.
    pub(super) async fn admit(
        &self,
        step: &StepLog,
        changes: &[Change],
    ) -> Option<(Admitted, Duration)> {
        let room = self.room(step, changes);
        match self.urgency(&step.name) {
            Urgency::Containment => self.stopping.run_until_cancelled(room).await,
            _ => self.in_line(step, room).await,
        }
    }

    /// As [`admit`](Self::admit), for what must be done although the process stops.
    pub(super) async fn room(&self, step: &StepLog, changes: &[Change]) -> (Admitted, Duration) {
        let began = self.env.clock.monotonic();
        let admitted = self.session(step, BTreeSet::new()).admit(changes).await;
        (admitted, self.env.clock.monotonic().saturating_sub(began))
    }

    /// What is read, or waited for, for a step. What does not contain is in line for at most
    /// [`IN_LINE_MAX`], and no longer than the process goes on; `None`: it rests, and comes again. In
    /// line it would keep its drive from going on: with a yes that comes meanwhile, a sleep that ends, an
    /// undo, the containment of another run.
    pub(super) async fn in_line<T>(
        &self,
        step: &StepLog,
        waits: impl Future<Output = T>,
    ) -> Option<T> {
        if self.urgency(&step.name) == Urgency::Containment {
            return Some(waits.await);
        }
        tokio::select! {
            biased;
            done = waits => Some(done),
            () = self.stopping.cancelled() => None,
            () = self.env.clock.sleep(IN_LINE_MAX) => None,
        }
    }
}
