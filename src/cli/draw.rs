//! A timeline as a person reads it: when since the opening, who, and what in words. Everything that
//! an entry holds is hostile text and is made harmless here.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::paint;
use crate::timeline::{Actor, Entry, Kind};

/// Characters of one line of words: a long question is wrapped by the terminal, not by us.
const WORDS_MAX: usize = 400;
/// Columns of the time and of the actor.
const TIME_WIDTH: usize = 10;
const WHO_WIDTH: usize = 14;

/// How a line feels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Good,
    Bad,
    Ask,
    Strong,
    Plain,
    Dim,
}

/// What an entry says: a mark, its words, and lines below them.
struct Told {
    tone: Tone,
    mark: char,
    words: String,
    below: Vec<String>,
}

/// The whole of a timeline, a line each, times from its first entry.
#[must_use]
pub fn timeline(entries: &[Entry]) -> Vec<String> {
    let Some(opened) = entries.first().map(|entry| entry.at) else {
        return Vec::new();
    };
    entries
        .iter()
        .flat_map(|entry| draw(entry, opened))
        .collect()
}

/// One entry of a case that was opened at `opened`.
#[must_use]
pub fn draw(entry: &Entry, opened: Timestamp) -> Vec<String> {
    let told = tell(entry);
    let time = format!("{:>TIME_WIDTH$}", since(entry.at.duration_since(opened)));
    let who = format!("{:<WHO_WIDTH$}", who(&entry.actor));
    let words = paint::short(&told.words, WORDS_MAX);
    let (mark, words) = match told.tone {
        Tone::Good => (paint::good(&told.mark.to_string()), words),
        Tone::Bad => (paint::bad(&told.mark.to_string()), paint::bad(&words)),
        Tone::Ask => (paint::warn(&told.mark.to_string()), paint::warn(&words)),
        Tone::Strong => (told.mark.to_string(), paint::strong(&words)),
        Tone::Plain => (told.mark.to_string(), words),
        Tone::Dim => (paint::dim(&told.mark.to_string()), paint::dim(&words)),
    };
    let mut lines = vec![format!(
        "{}  {} {mark} {words}",
        paint::dim(&time),
        paint::dim(&who)
    )];
    let margin = " ".repeat(TIME_WIDTH + WHO_WIDTH + 5);
    lines.extend(
        told.below
            .iter()
            .map(|line| format!("{margin}{}", paint::dim(&paint::short(line, WORDS_MAX)))),
    );
    lines
}

/// A length of time in words: `+0.412 s`, `+12 s`, `+3 min 5 s`, `+2 h 3 min`, `+4 d 1 h`.
fn since(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    match seconds {
        ..10 => format!("+{:.3} s", length.as_secs_f64()),
        10..60 => format!("+{seconds} s"),
        60..3600 => format!("+{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("+{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("+{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

fn who(actor: &Actor) -> String {
    match actor {
        Actor::Service => "tourniquet".to_owned(),
        Actor::Person(name) => paint::short(name, WHO_WIDTH),
        Actor::Run(run) => short_run(run.as_str()),
    }
}

/// `run …1a2b3c4d`: the end of a run's id, which is its random part.
fn short_run(run: &str) -> String {
    let tail = run.strip_prefix("run-").unwrap_or(run);
    let cut = tail.len().saturating_sub(8);
    if cut == 0 {
        format!("run {tail}")
    } else {
        format!("run …{}", tail.get(cut..).unwrap_or(tail))
    }
}

/// The body, read leniently: an entry of a newer version may lack or add fields.
struct Body<'a>(&'a Map<String, Value>);

impl Body<'_> {
    fn text(&self, name: &str) -> String {
        match self.0.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    fn list(&self, name: &str) -> Vec<String> {
        let items = self
            .0
            .get(name)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        items
            .iter()
            .map(|item| {
                item.as_str()
                    .map_or_else(|| item.to_string(), str::to_owned)
            })
            .collect()
    }

    fn at(&self, path: &str) -> String {
        let found = path
            .split('.')
            .try_fold(None::<&Value>, |value, part| match value {
                None => self.0.get(part).map(Some),
                Some(value) => value.get(part).map(Some),
            });
        match found.flatten() {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// `(step 2[1]/3)`, or nothing.
    fn step(&self) -> String {
        let step = self.text("step");
        if step.is_empty() {
            step
        } else {
            format!(" (step {step})")
        }
    }
}

fn tell(entry: &Entry) -> Told {
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
                format!("{}{}{}", body.text("name"), args(&entry.body), body.step()),
            )
        },
        Kind::ChangeIntent => {
            let words = match body.text("words").as_str() {
                "" => body.at("change.change"),
                words => words.to_owned(),
            };
            told(Tone::Strong, '→', format!("{words}{}", body.step()))
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
            told(Tone::Bad, '■', format!("{words}{}", body.step()))
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
            let to = body.text("to");
            let tone = match to.as_str() {
                "contained" => Tone::Good,
                "attention" => Tone::Bad,
                "waiting" => Tone::Ask,
                _ => Tone::Strong,
            };
            told(
                tone,
                '◆',
                format!("case is {to} (was {})", body.text("from")),
            )
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
    let step = body.step();
    let (tone, mark, words) = match body.text("result").as_str() {
        "ok" => (Tone::Good, '✓', format!("{name} done{step}")),
        "planned" => (Tone::Dim, '≡', format!("{name} only planned{step}")),
        "failed" => {
            let error = with(&body.at("error.code"), &body.at("error.message"));
            (
                Tone::Bad,
                '✗',
                with(&format!("{name} failed{step}"), &error),
            )
        }
        other => (Tone::Plain, '·', format!("{name} {other}{step}")),
    };
    Told {
        tone,
        mark,
        words,
        below: body.list("planned"),
    }
}

/// `a: b`, or just what is there.
fn with(words: &str, more: &str) -> String {
    match (words, more) {
        ("", more) => more.to_owned(),
        (words, "") => words.to_owned(),
        (words, more) => format!("{words}: {more}"),
    }
}

/// What a case is about, in one line.
fn about(body: &Body<'_>) -> String {
    let severity = match body.text("severity") {
        severity if severity.is_empty() => severity,
        severity => format!("severity {severity}"),
    };
    let parts = [
        body.text("finding_type"),
        severity,
        body.text("account"),
        body.text("region"),
        body.text("resource"),
    ];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" · ")
}

fn params(body: &Map<String, Value>) -> Vec<String> {
    match body.get("params").and_then(Value::as_object) {
        Some(params) if !params.is_empty() => vec![pairs(params)],
        _ => vec![],
    }
}

fn args(body: &Map<String, Value>) -> String {
    match body.get("args").and_then(Value::as_object) {
        Some(args) if !args.is_empty() => format!(" {}", pairs(args)),
        _ => String::new(),
    }
}

fn pairs(map: &Map<String, Value>) -> String {
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    };
    map.iter().map(pair).collect::<Vec<_>>().join(" ")
}

fn asks(body: &Body<'_>) -> String {
    let quorum = match body.text("quorum").as_str() {
        "" | "0" | "1" => "one yes is enough".to_owned(),
        quorum => format!("{quorum} people must say yes"),
    };
    let until = match body.text("expires_at") {
        until if until.is_empty() => until,
        until => format!(", until {until}"),
    };
    format!("{}: {quorum}{until}", body.text("approval"))
}

fn evidence(body: &Map<String, Value>) -> String {
    let record = body
        .get("evidence")
        .and_then(Value::as_object)
        .unwrap_or(body);
    let kind = record
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or("evidence");
    let details: Map<String, Value> = record
        .iter()
        .filter(|(name, value)| {
            !matches!(name.as_str(), "kind" | "run" | "step") && !value.is_null()
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    with(&format!("evidence: {kind}"), &pairs(&details))
}

#[cfg(test)]
mod tests;
