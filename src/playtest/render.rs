//! A timeline as a case file shows it: one line an entry, the same in every run.

use jiff::Timestamp;
use serde_json::Value;

use crate::timeline::Entry;

/// Renders entries; those of parallel branches branch by branch, because which of two branches
/// comes first is nobody's promise.
pub fn timeline(entries: &[Entry], start: Timestamp) -> String {
    let mut ordered: Vec<&Entry> = entries.iter().collect();
    let mut at = 0;
    while at < ordered.len() {
        let Some(group) = branch(ordered[at]).map(|(group, _)| group) else {
            at += 1;
            continue;
        };
        let same = |entry: &&Entry| branch(entry).is_some_and(|(other, _)| other == group);
        let end = ordered.iter().rposition(|entry| same(entry)).unwrap_or(at) + 1;
        ordered[at..end].sort_by_key(|entry| branch(entry).map_or(usize::MAX, |(_, branch)| branch));
        at = end;
    }
    ordered.iter().map(|entry| line(entry, start) + "\n").collect()
}

/// The run with the parallel call, and the branch: `2[1]/3` is branch 1 of call 2.
fn branch(entry: &Entry) -> Option<(String, usize)> {
    let run = entry.body.get("run")?.as_str()?;
    let (call, rest) = entry.body.get("step")?.as_str()?.split_once('[')?;
    Some((format!("{run} {call}"), rest.split_once(']')?.0.parse().ok()?))
}

fn line(entry: &Entry, start: Timestamp) -> String {
    let text = |name: &str| entry.body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let seconds = entry.at.duration_since(start).as_secs();
    let details = match entry.kind.as_str() {
        "case.opened" => text("title"),
        "finding.received" => text("disposition"),
        "routing.decided" => format!("{} {}", text("runbook"), text("mode")),
        "run.requested" => format!("{} {}", text("runbook"), text("mode")),
        "plan.made" => entry.body["changes"].as_array().map_or(0, Vec::len).to_string() + " lines",
        "step.requested" => format!("{} {}", text("name"), entry.body["args"]),
        "change.intent" => text("words"),
        "change.outcome" | "step.finished" => {
            let error = entry.body.get("error").and_then(|error| error["code"].as_str()).unwrap_or_default();
            format!("{} {error}", text("result"))
        }
        "approval.requested" => text("question"),
        "approval.decided" => format!("{} by {}", text("decision"), text("by")),
        "guard.tripped" => format!("{} {}", text("code"), text("reason")),
        "evidence.recorded" => {
            let evidence = &entry.body["evidence"];
            format!("{} {}", evidence["kind"].as_str().unwrap_or_default(), evidence["snapshot"].as_str().unwrap_or_default())
        }
        "run.finished" => format!("{} {}", text("state"), text("summary")),
        "case.status_changed" => format!("{} -> {}", text("from"), text("to")),
        "note.added" => text("text"),
        _ => String::new(),
    };
    format!("+{seconds}s {} {} {}", entry.kind, text("step"), details.trim()).trim_end().replace("  ", " ")
}
