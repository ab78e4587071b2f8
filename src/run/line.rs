//! The lines of a plan: each says what a step would do, or why it would do nothing, and what sort of
//! thing that is. Only a change is counted as one: a step that is refused, or finds everything as it
//! should be, stands in the plan, too, but does nothing.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::outcome::Does;
use super::step::StepLog;

/// Characters of what a script says in a line: enough to know it again; the step's own entry has all.
const SAID_MAX: usize = 160;

/// A line of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What it is about.
    pub does: Does,
    /// For people.
    pub words: String,
}

impl Line {
    /// A line.
    pub fn new(does: Does, words: impl Into<String>) -> Self {
        Self { does, words: words.into() }
    }

    /// The lines of texts with what each is about; an entry of an earlier version does not say, and
    /// there it is a change.
    pub fn all(words: &[String], does: &[Does]) -> Vec<Self> {
        let does = does.iter().copied().chain(std::iter::repeat(Does::Change));
        words.iter().zip(does).map(|(words, does)| Self::new(does, words)).collect()
    }
}

/// How many lines there are of each sort.
#[must_use]
pub fn counts(lines: &[Line]) -> BTreeMap<Does, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry(line.does).or_default() += 1;
    }
    counts
}

/// A step's verb and what it is called with, for people.
pub fn name(step: &StepLog) -> String {
    let brief = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let args = match step.args.as_object() {
        Some(map) if map.len() == 1 => map.values().map(brief).collect(),
        Some(map) => {
            let set = map.iter().filter(|(_, value)| !value.is_null());
            set.map(|(key, value)| format!("{key}={}", brief(value))).collect::<Vec<_>>().join(", ")
        }
        None => String::new(),
    };
    format!("{} {}", step.name, said(&args)).trim_end().to_owned()
}

/// A step that is refused, and why.
pub fn refused(step: &StepLog, reason: &str) -> Line {
    Line::new(Does::Refused, format!("{}{reason}", refuses(step)))
}

/// The reason in a line that [`refused`] made for the step.
pub fn reason<'a>(step: &StepLog, words: &'a str) -> &'a str {
    words.strip_prefix(&refuses(step)).unwrap_or(words)
}

fn refuses(step: &StepLog) -> String {
    format!("{}: refused: ", name(step))
}

/// What a step that no action carries out would do: a message, a question, a sleep.
pub fn told(step: &StepLog) -> Line {
    let text = |name: &str| step.args.get(name).and_then(Value::as_str).unwrap_or_default();
    match step.name.as_str() {
        "notify" => {
            let words = format!("would say to {}: {}", text("channel"), said(text("message")));
            Line::new(Does::Say, words)
        }
        "sleep" => {
            let seconds = step.args.get("seconds").and_then(Value::as_i64).unwrap_or_default();
            Line::new(Does::Sleep, format!("would sleep {seconds} s"))
        }
        _ => Line::new(Does::Ask, format!("would ask a person: {}", said(text("question")))),
    }
}

/// What a script says, at most [`SAID_MAX`] characters of it.
fn said(text: &str) -> String {
    match text.char_indices().nth(SAID_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
