//! Questions about an attack sequence that grew: each version asks for more, and whoever is on call
//! answers one of them. The later run takes the earlier one's question back, and that run ends.

use super::drive::Drive;
use super::journal::PLAN_STEP;
use crate::case::RunState;
use crate::id::RunId;
use crate::routing::Mode;
use crate::store::{ApprovalState, Effect, RunKind, RunRow, StoreError};

impl Drive<'_> {
    /// The run that asks for all that this one asks for, and was asked for later; also one that is
    /// over where `over`.
    pub(super) async fn asks_for_more(&self, over: bool) -> Result<Option<RunId>, StoreError> {
        let mut more = None;
        for run in self.env.store.runs_of(&self.run.case).await? {
            let stands = !matches!(run.state, RunState::Failed | RunState::Halted) && !run.released;
            if grew(self.run, &run) && (over || stands && self.asks_itself(&run).await?) {
                more = Some(run.id);
            }
        }
        Ok(more)
    }

    /// Whether a person was asked about the run's plan, and has not said no. One that has not come so
    /// far may never ask: it may fail before, or turn out to be a forgery.
    async fn asks_itself(&self, run: &RunRow) -> Result<bool, StoreError> {
        let asked = self.env.store.approvals_of(&run.id).await?;
        Ok(asked.iter().any(|row| {
            row.step.starts_with(PLAN_STEP)
                && matches!(row.state, ApprovalState::Pending | ApprovalState::Granted)
        }))
    }

    /// Takes back what earlier runs still ask about a part of what this one asks.
    pub(super) async fn withdrawals(&self) -> Result<Vec<Effect>, StoreError> {
        let at = self.env.clock.now();
        let mut effects = Vec::new();
        for run in self.env.store.runs_of(&self.run.case).await? {
            if run.state.is_over() || !grew(&run, self.run) {
                continue;
            }
            let asked = self.env.store.approvals_of(&run.id).await?.into_iter();
            let open = asked.filter(|row| {
                row.state == ApprovalState::Pending && row.step.starts_with(PLAN_STEP)
            });
            effects.extend(open.map(|row| Effect::Withdraw { approval: row.id, at }));
        }
        Ok(effects)
    }
}

/// Whether `later` answers a later version of the attack sequence that `earlier` answers, and names
/// all that it names.
fn grew(earlier: &RunRow, later: &RunRow) -> bool {
    let answers = |run: &RunRow| {
        run.kind == RunKind::Runbook && run.mode == Mode::Approve && run.document.is_some()
    };
    answers(earlier)
        && answers(later)
        && earlier.runbook == later.runbook
        && (earlier.requested_at, &earlier.id) < (later.requested_at, &later.id)
        && !earlier.named.is_empty()
        && earlier.named.is_subset(&later.named)
}
