//! A timeline drawn for people: what happened, when, by whom, and how it ended.
//!
//! One line an entry, in the order of time; a change and its outcome share a line. What an entry says
//! stands in `words`, how a line is laid out in `layout`. Entries are never judged here: verify them first. All text of
//! an entry passes through `sanitise`, because most of it can be written by an attacker.

mod change;
mod facts;
mod given_back;
mod layout;
mod person;
mod run;
mod step;
mod undone;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;

use crate::runbook::StepKey;
use crate::timeline::{Actor, Entry, Kind};
use layout::{Glyph, Layout, Said, span};

pub use undone::{Undone, undone};

pub use super::table::{Style, Tone};

/// Draws a whole timeline, or the part of one.
#[must_use]
pub fn timeline(entries: &[Entry], style: Style) -> String {
    Drawer::new(style).draw(entries)
}

/// Draws a timeline part by part, as it grows.
pub struct Drawer {
    layout: Layout,
    runs: Runs,
    /// Changes that were drawn without an outcome, by run and step.
    open: HashMap<(String, String), String>,
    /// Whether of an undo only what it changes is drawn.
    brief: bool,
}

impl Drawer {
    /// A drawer that has seen nothing.
    #[must_use]
    pub fn new(style: Style) -> Self {
        Self {
            layout: Layout::new(style),
            runs: Runs::default(),
            open: HashMap::new(),
            brief: false,
        }
    }

    /// The same, but of an undo only what it changes is drawn: what stays is counted at its end.
    #[must_use]
    pub fn brief(self) -> Self {
        Self { brief: true, ..self }
    }

    /// The lines of these entries, which follow those drawn before; each line ends with `\n`.
    ///
    /// The end of a step is written with the next thing that its run writes, after what other branches
    /// have done meanwhile: in the chain's order time would seem to run backwards.
    pub fn draw(&mut self, entries: &[Entry]) -> String {
        let mut entries: Vec<&Entry> = entries.iter().collect();
        entries.sort_by_key(|entry| entry.at);
        let outcomes: HashMap<(String, String), &Entry> = entries
            .iter()
            .filter(|entry| entry.kind() == Some(Kind::ChangeOutcome))
            .map(|entry| (key(entry), *entry))
            .collect();
        let mut joined = HashSet::new();
        let mut drawn = String::new();
        for entry in entries {
            let said = match entry.kind() {
                Some(Kind::ChangeIntent) => {
                    let key = key(entry);
                    let outcome = outcomes.get(&key).copied();
                    let home = self.runs.find(&key.0).map(|run| run.place.as_str());
                    let said = change::intent(entry, outcome, home);
                    if outcome.is_some() {
                        joined.insert(key);
                    } else {
                        self.open.insert(key, text(entry, "words").to_owned());
                    }
                    Some(said)
                }
                Some(Kind::ChangeOutcome) => {
                    let key = key(entry);
                    // Drawn beside its intent already.
                    if joined.contains(&key) {
                        continue;
                    }
                    Some(change::outcome(entry, self.open.remove(&key).as_deref()))
                }
                _ => words(entry, &mut self.runs),
            };
            if self.brief && undone::is_restore(entry) && text(entry, "result") != "failed" {
                continue;
            }
            let said = said.unwrap_or_else(|| unknown(entry));
            let who = self.who(&entry.actor);
            drawn.push_str(&self.layout.line(entry.at, &who, &said));
        }
        drawn
    }

    fn who(&mut self, actor: &Actor) -> String {
        match actor {
            Actor::Service => "tourniquet".to_owned(),
            Actor::Person(name) => name.clone(),
            Actor::Run(run) => self.runs.number(run.as_str()),
        }
    }
}

/// What is known about the runs that were drawn: they are numbered in the order in which they came,
/// because their ids are too long to be told apart.
#[derive(Default)]
struct Runs {
    seen: Vec<Run>,
}

struct Run {
    id: String,
    /// Account and Region that it acts in.
    place: String,
    /// Whether it only observes: what its steps ask for is not done.
    observes: bool,
    /// What it came to, if it is an undo.
    undone: Undone,
}

impl Runs {
    fn find(&self, id: &str) -> Option<&Run> {
        self.seen.iter().find(|run| run.id == id)
    }

    /// `run 1`, `run 2`, …
    fn number(&mut self, id: &str) -> String {
        let known = self.seen.iter().position(|run| run.id == id);
        let at = known.unwrap_or_else(|| {
            let (id, place) = (id.to_owned(), String::new());
            self.seen.push(Run { id, place, observes: false, undone: Undone::default() });
            self.seen.len() - 1
        });
        format!("run {}", at + 1)
    }

    /// Notes what a step of an undo was asked for, or came to.
    fn restores(&mut self, entry: &Entry) {
        if let Some(run) = self.seen.iter_mut().find(|run| run.id == text(entry, "run")) {
            run.undone.add(entry);
        }
    }

    /// Notes where a run acts and whether it only observes, and numbers it.
    fn requested(&mut self, id: &str, place: String, observes: bool) -> String {
        let number = self.number(id);
        if let Some(run) = self.seen.iter_mut().find(|run| run.id == id) {
            run.place = place;
            run.observes = observes;
        }
        number
    }
}

/// What an entry says; `None`: this version does not know, or the body is not as it should be.
fn words(entry: &Entry, runs: &mut Runs) -> Option<Said> {
    match entry.kind()? {
        Kind::CaseOpened => facts::opened(entry),
        Kind::FindingReceived => facts::received(entry),
        Kind::RoutingDecided => facts::routed(entry),
        Kind::CaseStatusChanged => facts::status(entry),
        Kind::NoteAdded => person::note(entry),
        Kind::ApprovalRequested => person::asked(entry),
        Kind::ApprovalDecided => person::decided(entry),
        Kind::RunRequested => run::requested(entry, runs),
        Kind::RunStarted => run::started(entry),
        Kind::PlanMade => run::plan(entry),
        Kind::RunFinished => run::finished(entry, runs),
        Kind::StepRequested => {
            runs.restores(entry);
            let run = runs.find(text(entry, "run"));
            step::requested(entry, run.is_some_and(|run| run.observes))
        }
        Kind::StepFinished => {
            runs.restores(entry);
            step::finished(entry)
        }
        Kind::GuardTripped => step::tripped(entry),
        Kind::EvidenceRecorded => step::evidence(entry),
        Kind::ChangeIntent | Kind::ChangeOutcome => None,
    }
}

/// An entry of a kind that this version does not know: the kind and its body, as it is.
fn unknown(entry: &Entry) -> Said {
    let body = Value::Object(entry.body.clone()).to_string();
    Said::new(Glyph::Fact, vec![span(Tone::Plain, &entry.kind), span(Tone::Dim, &body)])
}

/// What joins an intent with its outcome.
fn key(entry: &Entry) -> (String, String) {
    (text(entry, "run").to_owned(), text(entry, "step").to_owned())
}

/// A text of the body, as it is: hostile. Empty where there is none.
fn text<'a>(entry: &'a Entry, key: &str) -> &'a str {
    entry.body.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A text that an entry of its kind can't be without.
fn needed<'a>(entry: &'a Entry, key: &str) -> Option<&'a str> {
    entry.body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A list of texts of the body.
fn texts<'a>(entry: &'a Entry, key: &str) -> Vec<&'a str> {
    let list = entry.body.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A value in a few words: text as it is, anything else as JSON.
fn brief(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// How deep a step lies inside `parallel`: `2[17]/3` is one level down.
fn depth(step: &str) -> usize {
    step.split('#').next().unwrap_or_default().matches('/').count()
}

/// The time of `at`, relative to `first`, as `+0.2s`, `+1m02s`, `+3h05m` or `+2d01h`.
fn since(first: Timestamp, at: Timestamp) -> String {
    let millis = at.as_millisecond().saturating_sub(first.as_millisecond());
    let sign = if millis < 0 { '-' } else { '+' };
    let millis = millis.unsigned_abs();
    let seconds = millis / 1000;
    match seconds {
        0..60 => format!("{sign}{seconds}.{}s", millis % 1000 / 100),
        60..3600 => format!("{sign}{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{sign}{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{sign}{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Whether an entry is of a step by which the engine looks at what a step of the script has contained.
pub fn looks_again(entry: &Entry) -> bool {
    let step = entry.body.get("step").and_then(Value::as_str).unwrap_or_default();
    step.parse::<StepKey>().is_ok_and(|step| step.looks_again().is_some())
}
