//! `case show`: what a responder wants to know first, then everything in order.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::chain::Chain;
use crate::cli::answer::{items, severity, shown, text, time};
use crate::cli::client::Client;
use crate::cli::draw::{self, Leftover};
use crate::cli::error::CliError;
use crate::cli::sanitise::{VALUE_MAX, sanitise};
use crate::cli::screen::Screen;
use crate::cli::table::{Tone, tone_of};
use crate::id::CaseId;

pub(super) async fn show(
    client: &Client,
    screen: &mut Screen,
    case: &CaseId,
) -> Result<u8, CliError> {
    let mut row: Value = client.get(&["v1", "cases", case.as_str()], &[]).await?;
    let chain = Chain::fetch(client, case, 0).await?;
    let runs = items(&mut row, "runs");
    let approvals = items(&mut row, "approvals");
    let entries = chain.read();
    let left = entries.as_deref().map(draw::leftovers).unwrap_or_default();
    facts(screen, &row)?;
    if !runs.is_empty() {
        screen.line("")?;
        let header = ["run", "runbook", "mode", "state", "for", "result"];
        let rows = runs.iter().map(|run| run_row(run, &left)).collect();
        let table = screen.style.table(&header, rows);
        screen.line(&table)?;
    }
    by_hand(screen, &left)?;
    if !approvals.is_empty() {
        screen.line("")?;
        let table =
            screen.style.whole(&APPROVAL_HEADER, approvals.iter().map(approval_row).collect());
        screen.line(&table)?;
    }
    let report = chain.verify(case);
    let mut timeline = Vec::new();
    match entries {
        Ok(entries) => {
            let drawn = draw::timeline(&entries, screen.style);
            screen.line("")?;
            screen.line(drawn.trim_end())?;
            for (bytes, _) in &chain.entries {
                timeline.push(serde_json::from_slice(bytes).unwrap_or(Value::Null));
            }
        }
        Err(error) => screen.warn(&error.to_string()),
    }
    if !report.is_valid() {
        screen.warn(&format!(
            "this timeline does not verify ({}): tourniquet case verify {case}",
            super::faults(report.faults.len())
        ));
    }
    let mut whole = row;
    if let Some(fields) = whole.as_object_mut() {
        // The service's own object, with what was read besides.
        fields.insert("runs".to_owned(), Value::Array(runs));
        fields.insert("approvals".to_owned(), Value::Array(approvals));
        fields.insert("timeline".to_owned(), Value::Array(timeline));
        fields.insert("verified".to_owned(), json!(report.is_valid()));
    }
    screen.value(&whole)?;
    Ok(0)
}

fn facts(screen: &mut Screen, case: &Value) -> Result<(), CliError> {
    let status = text(case, "status");
    let mut lines = vec![
        ("case", Tone::Strong, shown(case, "id")),
        ("status", tone_of(status), shown(case, "status")),
        ("title", Tone::Plain, shown(case, "title")),
        ("type", Tone::Plain, shown(case, "finding_type")),
        ("severity", Tone::Plain, severity(case)),
        ("resource", Tone::Plain, shown(case, "resource")),
        ("account", Tone::Plain, format!("{}, {}", shown(case, "account"), shown(case, "region"))),
        ("opened", Tone::Plain, time(case, "opened_at")),
    ];
    if let Some(seconds) = case.get("seconds_to_contain").and_then(Value::as_f64) {
        lines.push((
            "contained",
            Tone::Good,
            format!("{}, {seconds:.1} s after it was opened", time(case, "contained_at")),
        ));
    }
    lines.push(("findings", Tone::Plain, shown(case, "findings")));
    lines.push((
        "timeline",
        Tone::Dim,
        format!("{} entries, head {}", shown(case, "length"), shown(case, "head")),
    ));
    for (name, tone, value) in lines {
        let (name, value) =
            (screen.paint(Tone::Dim, &format!("{name:<10}")), screen.paint(tone, &value));
        screen.line(&format!("{name} {value}"))?;
    }
    Ok(())
}

/// What undos could not give back: a person must do it, and nothing else will say so.
fn by_hand(screen: &mut Screen, left: &BTreeMap<String, Leftover>) -> Result<(), CliError> {
    for (run, left) in left.iter().filter(|(_, left)| !left.by_hand.is_empty()) {
        let head = format!("to be done by hand, because {run} could not give it back:");
        let head = screen.paint(Tone::Warn, &head);
        screen.line(&format!("\n{head}"))?;
        for what in &left.by_hand {
            screen.line(&format!("  {}", sanitise(what, VALUE_MAX)))?;
        }
    }
    Ok(())
}

fn run_row(run: &Value, left: &BTreeMap<String, Leftover>) -> Vec<(Tone, String)> {
    let runbook = match text(run, "kind") {
        "undo" => format!("undo of {}", shown(run, "runbook")),
        _ => shown(run, "runbook"),
    };
    let left = left.get(text(run, "id"));
    let result = match left.and_then(Leftover::words) {
        Some(rest) => {
            let tone = if left.is_some_and(|left| left.by_hand.is_empty()) {
                Tone::Plain
            } else {
                Tone::Warn
            };
            (tone, format!("{}, but {rest}", shown(run, "summary")))
        }
        None => (Tone::Plain, shown(run, "summary")),
    };
    vec![
        (Tone::Plain, shown(run, "id")),
        (Tone::Plain, runbook),
        (Tone::Plain, shown(run, "mode")),
        (tone_of(text(run, "state")), shown(run, "state")),
        (Tone::Plain, shown(run, "requested_by")),
        result,
    ]
}

/// The columns of [`approval_row`].
pub const APPROVAL_HEADER: [&str; 5] = ["approval", "case", "question", "for", "until"];

/// An open question as a row.
#[must_use]
pub fn approval_row(approval: &Value) -> Vec<(Tone, String)> {
    let question = match approval.get("quorum").and_then(Value::as_u64) {
        Some(quorum @ 2..) => format!("{} ({quorum} people)", shown(approval, "question")),
        _ => shown(approval, "question"),
    };
    vec![
        (Tone::Warn, shown(approval, "id")),
        (Tone::Plain, shown(approval, "case")),
        (Tone::Plain, question),
        (Tone::Plain, shown(approval, "requested_by")),
        (Tone::Dim, time(approval, "expires_at")),
    ]
}
