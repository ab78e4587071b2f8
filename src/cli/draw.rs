//! A timeline as a person reads it: when since the opening, who, and what in words. Everything that
//! an entry holds is hostile text and is made harmless here.

mod body;
mod tell;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

use super::paint;
use crate::timeline::{Actor, Entry};
use tell::tell;

/// Characters of one line of words: a long question is wrapped by the terminal, not by us.
const WORDS_MAX: usize = 400;
/// Characters of a step's key.
const STEP_MAX: usize = 40;
/// Columns of the time and of the actor.
const TIME_WIDTH: usize = 12;
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
    let step = match entry.body.get("step").and_then(serde_json::Value::as_str) {
        // Branches of `parallel` go on beside each other: the key says what belongs together.
        Some(step) => paint::dim(&format!("  · {}", paint::short(step, STEP_MAX))),
        None => String::new(),
    };
    let (time, who) = (paint::dim(&time), paint::dim(&who));
    let mut lines = vec![format!("{time}  {who} {mark} {words}{step}")];
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
