//! Rows as the API shows them. The API's field names stand here and nowhere else.

use serde_json::{Value, json};

use crate::runbook::Runbook;
use crate::store::{ApprovalRow, CaseRow, MessageRow, RunKind, RunRow};

/// A case. `severity` is GuardDuty's number, 1.0 to 10.0.
#[must_use]
pub fn case(row: &CaseRow) -> Value {
    let contained = row.contained_at.map(|at| at.duration_since(row.opened_at).as_secs_f64());
    json!({
        "id": row.id,
        "status": row.status.label(),
        "title": row.title,
        "finding_type": row.finding_type,
        "severity": severity(row),
        "account": row.account,
        "region": row.region,
        "resource": row.resource,
        "opened_at": row.opened_at,
        "last_finding_at": row.last_finding_at,
        "contained_at": row.contained_at,
        "seconds_to_contain": contained,
        "findings": row.findings,
        "deliveries": row.deliveries,
        "length": row.length,
        "head": row.head,
    })
}

/// A case's severity as GuardDuty's number.
#[must_use]
pub fn severity(row: &CaseRow) -> Option<f64> {
    row.severity.map(|tenths| f64::from(tenths) / 10.0)
}

/// A run.
#[must_use]
pub fn run(row: &RunRow) -> Value {
    let mut shown = json!({
        "id": row.id,
        "case": row.case,
        "kind": match row.kind {
            RunKind::Runbook => "runbook",
            RunKind::Undo => "undo",
        },
        "runbook": row.runbook,
        "hash": row.hash,
        "mode": row.mode.label(),
        "state": row.state.label(),
        "params": row.params,
        "account": row.account,
        "region": row.region,
        "target": row.target,
        "requested_by": row.requested_by,
        "requested_at": row.requested_at,
        "wake_at": row.wake_at,
        "contained": row.contained,
        "asks": row.asks,
        "preserves": row.preserves,
        "attempts": row.attempts,
        "summary": row.summary,
        "code": row.code,
    });
    // Whether its changes were taken back: nobody takes an undo back, and a `false` there would read as
    // if it had given nothing back.
    if row.kind == RunKind::Runbook {
        shown["released"] = json!(row.released);
    }
    shown
}

/// An approval.
#[must_use]
pub fn approval(row: &ApprovalRow) -> Value {
    json!({
        "id": row.id,
        "case": row.case,
        "run": row.run,
        "step": row.step,
        "question": row.question,
        "hash": row.hash,
        "quorum": row.quorum,
        "requested_by": row.requested_by,
        "requested_at": row.requested_at,
        "expires_at": row.expires_at,
        "state": row.state.label(),
        "decisions": row.decisions,
    })
}

/// A message that has not arrived yet. `gathered`: beyond a few an hour it is sent together with others.
#[must_use]
pub fn untold(row: &MessageRow) -> Value {
    json!({
        "id": row.id,
        "channel": row.channel,
        "run": row.run,
        "text": row.text,
        "created_at": row.created_at,
        "attempts": row.attempts,
        "gathered": row.gathered,
    })
}

/// A runbook: its header, without the script.
#[must_use]
pub fn runbook(runbook: &Runbook) -> Value {
    let header = &runbook.header;
    let params: Vec<Value> = header
        .params
        .iter()
        .map(|param| {
            json!({
                "name": param.name,
                "type": param.kind.label(),
                "required": param.required,
                "from": param.from,
                "doc": param.doc,
            })
        })
        .collect();
    json!({
        "name": runbook.name,
        "summary": header.summary,
        "hash": runbook.hash,
        "on": header.on,
        "resource": header.resource,
        "role": header.role,
        "user": header.user,
        "fallback": header.fallback,
        "severity": header.severity.map(|tenths| f64::from(tenths) / 10.0),
        "mode": header.mode.label(),
        "params": params,
    })
}
