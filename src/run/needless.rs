//! Runs that were asked for while another one might still turn out to be a forgery: when their turn
//! comes, that one may have done all of it.

use super::Env;
use crate::case::{Wanted, answered_meanwhile};
use crate::id::RunId;
use crate::routing::Mode;
use crate::store::{RunRow, StoreError};

/// The run that answers the finding of `run`, which has not begun; `None`: it is needed. What a person
/// starts is done, and who only looks is in nobody's way.
pub async fn answered_by(env: &Env, run: &RunRow) -> Result<Option<RunId>, StoreError> {
    if run.document.is_none() || run.mode == Mode::Observe {
        return Ok(None);
    }
    let mut others = env.store.earlier_runs(&run.case).await?;
    others.retain(|other| other.id != run.id);
    let wanted = Wanted {
        runbook: &run.runbook,
        at: (&run.account, &run.region),
        mode: run.mode,
        target: run.target.as_deref(),
        params: &run.params,
        named: &run.named,
        // What was seen before it was asked for, is seen by whoever is under way then.
        seen_at: None,
        grew: false,
    };
    let by = answered_meanwhile(&wanted, run.requested_at, &others);
    Ok(by.map(|other| other.id.clone()))
}
