//! What each kind of entry says to a person.

use serde_json::Value;

use super::body::{Body, about, args, asks, evidence, params, with};
use super::{Told, Tone, short_run};
use crate::timeline::{Entry, Kind};

/// An entry in words.
pub fn tell(entry: &Entry) -> Told {
    let body = Body(&entry.body);
    let told = |tone, mark, words: String| Told {
        tone,
        mark,
        words,
        below: vec![],
    };
    let Some(kind) = entry.kind() else {
        return told(
            Tone::Dim,
            '·',
            format!("{}: {}", entry.kind, Value::Object(entry.body.clone())),
        );
    };
    match kind {
        Kind::CaseOpened => Told {
            below: vec![about(&body)],
            ..told(
                Tone::Strong,
                '◆',
                format!("case opened: {}", body.text("title")),
            )
        },
        Kind::FindingReceived => {
            let words = format!(
                "finding received: {} ({})",
                body.text("disposition"),
                body.text("finding")
            );
            told(Tone::Plain, '▸', words)
        }
        Kind::RoutingDecided => {
            let words = match body.text("runbook").as_str() {
                "" => "routing: no runbook".to_owned(),
                runbook => format!("routing: {runbook}, mode {}", body.text("mode")),
            };
            Told {
                below: body.list("reasons"),
                ..told(Tone::Plain, '▸', words)
            }
        }
        Kind::RunRequested => {
            let what = if body.text("kind") == "undo" {
                "undo of "
            } else {
                ""
            };
            let run = short_run(&body.text("run"));
            let words = format!(
                "{run} requested: {what}{}, mode {}",
                body.text("runbook"),
                body.text("mode")
            );
            Told {
                below: params(&entry.body),
                ..told(Tone::Plain, '▸', words)
            }
        }
        Kind::RunStarted => told(Tone::Plain, '▶', "run started".to_owned()),
        Kind::PlanMade => {
            let changes = body.list("changes");
            let words = match changes.len() {
                0 => "plan: nothing would be changed".to_owned(),
                1 => "plan: one change".to_owned(),
                n => format!("plan: {n} changes"),
            };
            Told {
                below: changes,
                ..told(Tone::Plain, '≡', words)
            }
        }
        Kind::StepRequested => Told {
            below: body.list("log"),
            ..told(
                Tone::Plain,
                '○',
                format!("{}{}", body.text("name"), args(&entry.body)),
            )
        },
        Kind::ChangeIntent => {
            let words = match body.text("words").as_str() {
                "" => body.at("change.change"),
                words => words.to_owned(),
            };
            told(Tone::Strong, '→', words)
        }
        Kind::ChangeOutcome => outcome(&body),
        Kind::StepFinished => finished(&body),
        Kind::ApprovalRequested => Told {
            below: vec![asks(&body)],
            ..told(
                Tone::Ask,
                '?',
                format!("a person is asked: {}", body.text("question")),
            )
        },
        Kind::ApprovalDecided => {
            let (tone, mark, words) = match body.text("decision").as_str() {
                "approve" => (Tone::Good, '✓', "approved"),
                "deny" => (Tone::Bad, '✗', "denied"),
                "expired" => (Tone::Bad, '✗', "nobody answered in time"),
                _ => (Tone::Ask, '?', "decided"),
            };
            let by = match body.text("by") {
                by if by.is_empty() => by,
                by => format!(" by {by}"),
            };
            told(
                tone,
                mark,
                with(&format!("{words}{by}"), &body.text("reason")),
            )
        }
        Kind::GuardTripped => {
            let words = with(
                &format!("stopped by a guard, {}", body.text("code")),
                &body.text("reason"),
            );
            told(Tone::Bad, '■', words)
        }
        Kind::EvidenceRecorded => told(Tone::Good, '◇', evidence(&entry.body)),
        Kind::RunFinished => {
            let state = body.text("state");
            let verified = entry.body.get("contained").and_then(Value::as_bool) == Some(true);
            let (tone, mark) = if state == "succeeded" {
                (Tone::Good, '✓')
            } else {
                (Tone::Bad, '✗')
            };
            let words = if verified {
                format!("run {state}, containment verified")
            } else {
                format!("run {state}")
            };
            let open = body
                .list("open")
                .into_iter()
                .map(|item| format!("still open: {item}"));
            Told {
                below: open.collect(),
                ..told(tone, mark, with(&words, &body.text("summary")))
            }
        }
        Kind::CaseStatusChanged => {
            let (tone, words) = match body.text("to").as_str() {
                "contained" => (Tone::Good, "case is contained".to_owned()),
                "attention" => (Tone::Bad, "case needs a person's attention".to_owned()),
                "waiting" => (Tone::Ask, "case waits for a person".to_owned()),
                other => (Tone::Strong, format!("case is {other}")),
            };
            told(tone, '◆', format!("{words} (was {})", body.text("from")))
        }
        Kind::NoteAdded => told(Tone::Plain, '✎', format!("note: {}", body.text("text"))),
    }
}

fn outcome(body: &Body<'_>) -> Told {
    let (tone, mark, words) = match body.text("result").as_str() {
        "ok" => (Tone::Good, '✓', "AWS confirmed it"),
        "observed" => (
            Tone::Good,
            '✓',
            "seen to have happened, after a lost answer",
        ),
        "not_happened" => (
            Tone::Ask,
            '✗',
            "seen not to have happened, after a lost answer",
        ),
        "failed" => (Tone::Bad, '✗', "AWS refused it"),
        "unknown" => (
            Tone::Bad,
            '?',
            "not known whether it happened; a person must look",
        ),
        _ => (Tone::Ask, '?', "outcome"),
    };
    let error = with(&body.at("error.code"), &body.at("error.message"));
    let words = with(words, &error);
    let request = match body.at("receipt.request_id") {
        id if id.is_empty() => body.text("request_id"),
        id => id,
    };
    let millis = body.text("millis");
    let details = [
        (!request.is_empty()).then(|| format!("request {request}")),
        (!millis.is_empty()).then(|| format!("{millis} ms")),
        (!matches!(body.text("attempts").as_str(), "" | "0" | "1"))
            .then(|| format!("{} attempts", body.text("attempts"))),
    ];
    let details: Vec<String> = details.into_iter().flatten().collect();
    let details = if details.is_empty() {
        String::new()
    } else {
        format!(" ({})", details.join(", "))
    };
    Told {
        tone,
        mark,
        words: format!("{words}{details}"),
        below: vec![],
    }
}

fn finished(body: &Body<'_>) -> Told {
    let name = match body.text("name") {
        name if name.is_empty() => "step".to_owned(),
        name => name,
    };
    let (tone, mark, words) = match body.text("result").as_str() {
        "ok" => (Tone::Good, '✓', format!("{name} done")),
        "planned" => (Tone::Dim, '≡', format!("{name} only planned")),
        "failed" => {
            let error = with(&body.at("error.code"), &body.at("error.message"));
            (Tone::Bad, '✗', with(&format!("{name} failed"), &error))
        }
        other => (Tone::Plain, '·', format!("{name} {other}")),
    };
    Told {
        tone,
        mark,
        words,
        below: body.list("planned"),
    }
}
