//! A timeline as a case file shows it: one line an entry, the same in every run.
//!
//! Below an entry, each reason, planned change and error stands on a line of its own (`·`), because
//! a case file is read by responders: it must say why. Ids and hashes that differ are left out.

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
        let end = ordered.iter().rposition(same).unwrap_or(at) + 1;
        ordered[at..end]
            .sort_by_key(|entry| branch(entry).map_or(usize::MAX, |(_, branch)| branch));
        at = end;
    }
    ordered.iter().map(|entry| lines(entry, start)).collect()
}

/// The run with the parallel call, and the branch: `2[1]/3` is branch 1 of call 2.
fn branch(entry: &Entry) -> Option<(String, usize)> {
    let run = entry.body.get("run")?.as_str()?;
    let (call, rest) = entry.body.get("step")?.as_str()?.split_once('[')?;
    Some((format!("{run} {call}"), rest.split_once(']')?.0.parse().ok()?))
}

fn lines(entry: &Entry, start: Timestamp) -> String {
    let text =
        |name: &str| entry.body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let seconds = entry.at.duration_since(start).as_secs();
    let mut below: Vec<String> = Vec::new();
    let details = match entry.kind.as_str() {
        "case.opened" => text("title"),
        "finding.received" => text("disposition"),
        "routing.decided" => {
            below = list(entry, "reasons");
            format!("{} {}", text("runbook"), text("mode"))
        }
        "run.requested" if text("kind") == "undo" => format!("undo of {}", text("runbook")),
        "run.requested" => format!("{} {}", text("runbook"), text("mode")),
        "plan.made" => {
            below = list(entry, "changes");
            if below.is_empty() { "nothing to change".to_owned() } else { String::new() }
        }
        "step.requested" if text("name") == "undo::restore" => {
            let done = entry.body["args"].pointer("/change/change").and_then(Value::as_str);
            format!("undo::restore {}", done.unwrap_or_default())
        }
        "step.requested" => {
            below = list(entry, "log");
            format!("{} {}", text("name"), entry.body["args"])
        }
        "change.intent" => text("words"),
        "change.outcome" | "step.finished" => {
            below = list(entry, "planned");
            below.extend(seen(entry));
            if let Some(error) = entry.body.get("error").filter(|error| error.is_object()) {
                let part = |name: &str| error[name].as_str().unwrap_or_default();
                below.push(format!("{}: {}", part("code"), part("message")));
            }
            text("result")
        }
        "approval.requested" => {
            format!("{} ({} must say yes)", text("question"), entry.body["quorum"])
        }
        "approval.decided" => format!("{} by {}", text("decision"), text("by")),
        "guard.tripped" => format!("{} {}", text("code"), text("reason")),
        "evidence.recorded" => {
            let evidence = &entry.body["evidence"];
            let part = |name: &str| evidence[name].as_str().unwrap_or_default().to_owned();
            format!("{} {}", part("kind"), part("snapshot"))
        }
        "run.finished" => {
            below = list(entry, "open").into_iter().map(|open| format!("open: {open}")).collect();
            format!("{}: {}", text("state"), text("summary"))
        }
        "case.status_changed" => format!("{} -> {}", text("from"), text("to")),
        "note.added" => text("text"),
        _ => String::new(),
    };
    let first = format!("+{seconds}s {} {} {}", entry.kind, text("step"), details.trim());
    let mut lines = first.trim_end().replace("  ", " ") + "\n";
    for line in below {
        lines += &format!("    · {line}\n");
    }
    lines
}

/// What a step came to, where a responder would ask.
fn seen(entry: &Entry) -> Vec<String> {
    let Some(output) = entry.body.get("output") else {
        return vec![];
    };
    let name = entry.body.get("name").and_then(Value::as_str).unwrap_or_default();
    if name.starts_with("look::") && output.is_null() {
        return vec!["there is no such thing".to_owned()];
    }
    let mut seen = Vec::new();
    let keys = ["state", "role", "restored", "kept", "by_hand", "gone"];
    for (key, text) in keys.iter().filter_map(|key| Some((key, output.get(key)?.as_str()?))) {
        // The words are those of the change that was made, so "restored" would read the wrong way.
        let label = if *key == "restored" { "taken back" } else { key };
        seen.push(format!("{}: {text}", label.replace('_', " ")));
    }
    if output.get("already") == Some(&Value::Bool(true)) {
        seen.push("it was so already".to_owned());
    }
    seen
}

fn list(entry: &Entry, name: &str) -> Vec<String> {
    let items = entry.body.get(name).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}
