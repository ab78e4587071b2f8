//! What a question is about: whoever decides must see the finding, the place, the runbook, and who asked
//! for it and why, without looking anything up.

use serde_json::{Value, json};

use super::{App, view};
use crate::store::{ApprovalRow, CaseRow, RunRow, StoreError};
use crate::timeline::{Entry, Kind};

/// An approval with `about`: `{"finding_type", "severity", "title", "resource", "account", "region",
/// "runbook", "mode", "params", "reason"}`. `reason` is what the person wrote who asked for the run;
/// null: they wrote nothing, or a finding started it. `severity` is GuardDuty's number.
///
/// # Errors
/// When the database can't be read.
pub async fn approval(app: &App, row: &ApprovalRow) -> Result<Value, StoreError> {
    let mut shown = view::approval(row);
    let run = app.store.run(&row.run).await?;
    let case = app.store.case(&row.case).await?;
    if let (Some(run), Some(case)) = (run, case) {
        shown["about"] = about(app, &run, &case).await?;
    }
    Ok(shown)
}

/// As [`approval`], of several.
///
/// # Errors
/// When the database can't be read.
pub async fn approvals(app: &App, rows: &[ApprovalRow]) -> Result<Value, StoreError> {
    let mut shown = Vec::new();
    for row in rows {
        shown.push(approval(app, row).await?);
    }
    Ok(Value::Array(shown))
}

async fn about(app: &App, run: &RunRow, case: &CaseRow) -> Result<Value, StoreError> {
    let entry = app.store.first_entry(&run.case, &run.id, Kind::RunRequested).await?;
    let reason = entry
        .and_then(|stored| Entry::parse(&stored.bytes).ok())
        .and_then(|entry| entry.body.get("reason").cloned());
    // A case of several findings has the words of the first: the run may answer another one.
    // That its document is not to be had keeps nobody from deciding.
    let finding = app.store.answered(run).await.ok().flatten().unwrap_or_default();
    let of_case = json!({
        "type": case.finding_type,
        "severity": view::severity(case),
        "title": case.title,
    });
    let told = |key: &str| finding.get(key).filter(|it| !it.is_null()).unwrap_or(&of_case[key]);
    Ok(json!({
        "finding_type": told("type"),
        "severity": told("severity"),
        "title": told("title"),
        "resource": run.about().or(case.resource.as_deref()),
        "account": run.account,
        "region": run.region,
        "runbook": run.runbook,
        "mode": run.mode.label(),
        "params": run.params,
        "reason": reason,
    }))
}
