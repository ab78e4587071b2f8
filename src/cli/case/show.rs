//! `case show`: what a responder wants to know first, then everything in order.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::chain::Chain;
use crate::cli::answer::{items, severity, shown, text, time};
use crate::cli::came_to;
use crate::cli::client::Client;
use crate::cli::draw::{self, Undone};
use crate::cli::error::CliError;
use crate::cli::grid::Column;
use crate::cli::screen::Screen;
use crate::cli::table::{Tone, tone_of};
use crate::id::CaseId;
use crate::sanitise::{VALUE_MAX, sanitise};
use crate::timeline::{Entry, Kind};

pub(super) async fn show(
    client: &Client,
    screen: &mut Screen,
    case: &CaseId,
) -> Result<u8, CliError> {
    let mut row: Value = client.get(&["v1", "cases", case.as_str()], &[]).await?;
    let chain = Chain::fetch(client, case, 0).await?;
    let mut runs = items(&mut row, "runs");
    let approvals = items(&mut row, "approvals");
    let untold = items(&mut row, "untold");
    let entries = chain.read();
    let undone = entries.as_deref().map(draw::undone).unwrap_or_default();
    let results = entries.as_deref().map(results).unwrap_or_default();
    facts(screen, &row)?;
    if !runs.is_empty() {
        screen.line("")?;
        let rows = runs.iter().map(|run| run_row(run, &undone)).collect();
        let table = screen.style.table(&RUN_COLUMNS, rows);
        screen.line(&table)?;
    }
    by_hand(screen, &undone)?;
    if !approvals.is_empty() {
        screen.line("")?;
        let table =
            screen.style.table(&APPROVAL_COLUMNS, approvals.iter().map(approval_row).collect());
        screen.line(&table)?;
    }
    for message in &untold {
        let words = format!("not told yet: {}", waits(message));
        screen.line(&format!("\n{}", screen.paint(Tone::Warn, &words)))?;
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
    let before = runs.clone();
    for run in &mut runs {
        let result = results.get(text(run, "id")).cloned().unwrap_or_default();
        if let Some(fields) = run.as_object_mut() {
            fields.insert("result".to_owned(), result);
        }
        if let Some(undone) = undone.get(text(run, "id")) {
            let of = run.get("params").map(|params| text(params, "of")).unwrap_or_default();
            let of = before.iter().find(|run| text(run, "id") == of);
            came_to::add(run, undone, of.unwrap_or(&Value::Null));
        }
    }
    let mut whole = row;
    if let Some(fields) = whole.as_object_mut() {
        // The service's own object, with what was read besides.
        fields.insert("runs".to_owned(), Value::Array(runs));
        fields.insert("approvals".to_owned(), Value::Array(approvals));
        fields.insert("untold".to_owned(), Value::Array(untold));
        fields.insert("timeline".to_owned(), Value::Array(timeline));
        fields.insert("verified".to_owned(), json!(report.is_valid()));
    }
    screen.value(&whole)?;
    Ok(0)
}

/// A message that people have not got yet: where it goes, since when, why it waits, and its words.
fn waits(message: &Value) -> String {
    let (channel, since) = (shown(message, "channel"), time(message, "created_at"));
    let why = match message.get("attempts").and_then(Value::as_u64) {
        None | Some(0) if message["gathered"] == true => " (it may wait for others)".to_owned(),
        None | Some(0) => String::new(),
        Some(1) => " (1 attempt failed)".to_owned(),
        Some(n) => format!(" ({n} attempts failed)"),
    };
    format!("channel {channel}, since {since}{why}: {}", shown(message, "text"))
}

/// What the scripts of runs returned, by run: the last entry of each holds it.
fn results(entries: &[Entry]) -> BTreeMap<String, Value> {
    let ended = entries.iter().filter(|entry| entry.kind() == Some(Kind::RunFinished));
    let result = |entry: &Entry| {
        let run = entry.body.get("run")?.as_str()?.to_owned();
        Some((run, entry.body.get("result")?.clone()))
    };
    ended.filter_map(result).collect()
}

/// `1 finding`, `1 finding, delivered twice`, `2 findings, 5 deliveries`: GuardDuty tells the same again
/// and again, and each newer version is a delivery of its own.
fn findings(case: &Value) -> String {
    let number = |key: &str| case.get(key).and_then(Value::as_u64);
    let (Some(findings), Some(deliveries)) = (number("findings"), number("deliveries")) else {
        return shown(case, "findings");
    };
    match (findings, deliveries) {
        (0, _) => "none: a person opened the case".to_owned(),
        (1, 1) => "1 finding".to_owned(),
        (1, 2) => "1 finding, delivered twice".to_owned(),
        (1, n) => format!("1 finding, delivered {n} times"),
        (n, all) if n == all => format!("{n} findings"),
        (n, all) => format!("{n} findings, {all} deliveries"),
    }
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
    lines.push(("findings", Tone::Plain, findings(case)));
    lines.push((
        "timeline",
        Tone::Dim,
        format!("{} entries, head {}", shown(case, "length"), shown(case, "head")),
    ));
    for (name, tone, value) in lines {
        screen.fact(name, tone, &value)?;
    }
    Ok(())
}

/// What undos could not give back: a person must do it, and nothing else will say so.
fn by_hand(screen: &mut Screen, undone: &BTreeMap<String, Undone>) -> Result<(), CliError> {
    for (run, undone) in undone.iter().filter(|(_, undone)| !undone.by_hand.is_empty()) {
        let head = format!("to be done by hand, because {run} could not give it back:");
        let head = screen.paint(Tone::Warn, &head);
        screen.line(&format!("\n{head}"))?;
        for what in &undone.by_hand {
            screen.line(&format!("  {}", sanitise(what, VALUE_MAX)))?;
        }
    }
    Ok(())
}

const RUN_COLUMNS: [Column; 6] = [
    Column::whole("run"),
    Column::whole("runbook"),
    Column::whole("mode").spare(1),
    Column::whole("state"),
    Column::whole("asked by"),
    Column::words("result"),
];

fn run_row(run: &Value, undone: &BTreeMap<String, Undone>) -> Vec<(Tone, String)> {
    let runbook = match text(run, "kind") {
        "undo" => format!("undo of {}", shown(run, "runbook")),
        _ => shown(run, "runbook"),
    };
    let result = came_to::summary(run, undone.get(text(run, "id")));
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
pub const APPROVAL_COLUMNS: [Column; 5] = [
    Column::whole("approval"),
    Column::whole("case"),
    // A question is there to be read: its end can be the target.
    Column::words("question"),
    Column::whole("asked by"),
    Column::whole("until"),
];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_have_not_got_says_where_it_goes_and_why_it_waits() {
        let message = |attempts, gathered| {
            json!({"channel": "oncall", "created_at": "2026-01-03T10:00:00Z", "attempts": attempts,
                "gathered": gathered, "text": "a\u{1b}[31m finding"})
        };
        let start = format!("channel oncall, since {}", time(&message(0, true), "created_at"));
        for (attempts, gathered, expected) in [
            (0, true, " (it may wait for others): "),
            (0, false, ": "),
            (1, true, " (1 attempt failed): "),
            (3, false, " (3 attempts failed): "),
        ] {
            let words = waits(&message(attempts, gathered));
            assert!(words.starts_with(&format!("{start}{expected}")), "{words}");
            assert!(words.ends_with(" finding") && !words.contains('\u{1b}'), "{words}");
        }
    }

    #[test]
    fn a_finding_is_counted_once_however_often_it_is_delivered() {
        for (findings, deliveries, expected) in [
            (0, 0, "none: a person opened the case"),
            (1, 1, "1 finding"),
            (1, 2, "1 finding, delivered twice"),
            (1, 7, "1 finding, delivered 7 times"),
            (3, 3, "3 findings"),
            (3, 9, "3 findings, 9 deliveries"),
        ] {
            let case = json!({"findings": findings, "deliveries": deliveries});
            assert_eq!(super::findings(&case), expected);
        }
        assert_eq!(super::findings(&json!({"findings": 2})), "2", "an earlier service");
    }
}
