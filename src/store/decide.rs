//! Who may answer a question, and what an answer does: inside the transaction that records it, so
//! that of two answers at once one is first.

use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::id::{ApprovalId, RunId};
use crate::timeline::{Actor, Draft, Kind};

use super::approvals::{self, ApprovalRow, ApprovalState, Decide};
use super::chain::Chain;
use super::words::{self, Word};
use super::{StoreError, runs};

/// Records a decision; the one that settles the question makes its run due.
pub(super) async fn decide(
    connection: &mut AnyConnection,
    chain: &mut Chain,
    entries: &[Draft],
    decision: Decide,
) -> Result<(), StoreError> {
    let mut row = approvals::find(connection, &decision.approval).await?;
    if row.case != *chain.case() {
        return Err(StoreError::NotFound);
    }
    apply(&mut row, &decision)?;
    approvals::update(connection, &row).await?;
    if !entries.iter().any(|draft| draft.kind == Kind::ApprovalDecided) {
        chain.append(&entry(&row, &decision))?;
    }
    runs::refresh_asks(connection, &row.run).await?;
    if row.state != ApprovalState::Pending {
        let word = if decision.grant { Word::Yes } else { Word::No };
        words::say(connection, &row.run, word, Some(&row.step), decision.at).await?;
        runs::wake(connection, &row.run, decision.at).await?;
    }
    Ok(())
}

/// Ends a pending question that nobody settled in time.
pub(super) async fn expire(
    connection: &mut AnyConnection,
    chain: &Chain,
    id: &ApprovalId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut row = approvals::find(connection, id).await?;
    if row.case != *chain.case() {
        return Err(StoreError::NotFound);
    }
    pending(&row)?;
    if row.expires_at.is_none_or(|expires| expires > at) {
        return Err(StoreError::conflict("the question has not expired yet"));
    }
    row.state = ApprovalState::Expired;
    approvals::update(connection, &row).await?;
    runs::refresh_asks(connection, &row.run).await
}

/// Takes a pending question back for `run`, which asks for all of it and more.
pub(super) async fn withdraw(
    connection: &mut AnyConnection,
    chain: &mut Chain,
    id: &ApprovalId,
    run: &RunId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut row = approvals::find(connection, id).await?;
    if row.case != *chain.case() {
        return Err(StoreError::NotFound);
    }
    if row.state != ApprovalState::Pending {
        return Ok(());
    }
    row.state = ApprovalState::Withdrawn;
    approvals::update(connection, &row).await?;
    chain.append(&withdrawn(&row, run, at))?;
    runs::refresh_asks(connection, &row.run).await?;
    runs::wake(connection, &row.run, at).await
}

/// Takes every pending question of a run back that is over: nobody waits for their answers any more.
/// Whoever was asked finds in the timeline what became of it.
pub(super) async fn drop_all(
    connection: &mut AnyConnection,
    chain: &mut Chain,
    run: &RunId,
    at: Option<Timestamp>,
) -> Result<(), StoreError> {
    let open = approvals::pending_of(connection, run).await?;
    for mut row in open {
        let at = at.ok_or_else(|| StoreError::conflict("a question's end needs an entry"))?;
        row.state = ApprovalState::Withdrawn;
        approvals::update(connection, &row).await?;
        chain.append(&withdrawn(&row, run, at))?;
        runs::refresh_asks(connection, run).await?;
    }
    Ok(())
}

/// The entry of a question that nobody needs to answer any more, because of what became of `run`.
fn withdrawn(row: &ApprovalRow, run: &RunId, at: Timestamp) -> Draft {
    let body = json!({
        "approval": row.id,
        "run": row.run,
        "step": row.step,
        "decision": "withdrawn",
        "by": "service",
        "for": run,
    });
    Draft::new(at, Actor::Service, Kind::ApprovalDecided, body)
}

fn pending(row: &ApprovalRow) -> Result<(), StoreError> {
    match row.state {
        ApprovalState::Pending => Ok(()),
        settled => {
            Err(StoreError::Conflict(format!("the question is already {}", settled.label())))
        }
    }
}

/// The rules. One no is a no; a yes counts once per person, and never from who asked.
fn apply(row: &mut ApprovalRow, decision: &Decide) -> Result<(), StoreError> {
    pending(row)?;
    if row.expires_at.is_some_and(|expires| expires <= decision.at) {
        return Err(StoreError::conflict("the question has expired"));
    }
    if row.hash != decision.hash {
        return Err(StoreError::conflict("what is to be approved is not what you saw; look again"));
    }
    // A no is always safe: who asked may take it back.
    if decision.grant && row.requested_by == decision.by {
        return Err(StoreError::conflict("who asked for a run can't agree to it, only say no"));
    }
    if row.decisions.iter().any(|earlier| earlier["by"] == decision.by.as_str()) {
        return Err(StoreError::conflict("you have already decided"));
    }
    row.decisions.push(json!({
        "by": decision.by,
        "grant": decision.grant,
        "reason": decision.reason,
        "at": decision.at.to_string(),
    }));
    // Every earlier decision was a yes, or the question would not be pending.
    let agreed = u32::try_from(row.decisions.len()).unwrap_or(u32::MAX);
    if !decision.grant {
        row.state = ApprovalState::Denied;
    } else if agreed >= row.quorum {
        row.state = ApprovalState::Granted;
    }
    Ok(())
}

/// The entry of a decision. Only the one that settles the question carries `step`, which is unique
/// in a run; the ones before it say `for_step`.
fn entry(row: &ApprovalRow, decision: &Decide) -> Draft {
    let step = if row.state == ApprovalState::Pending { "for_step" } else { "step" };
    let mut body = json!({
        "approval": row.id,
        "run": row.run,
        "grant": decision.grant,
        "by": decision.by,
        "reason": decision.reason,
        "hash": super::row::named(&row.hash),
        "state": row.state.label(),
        "decisions": row.decisions.len(),
        "quorum": row.quorum,
    });
    body[step] = Value::String(row.step.clone());
    Draft::new(decision.at, Actor::Person(decision.by.clone()), Kind::ApprovalDecided, body)
}
