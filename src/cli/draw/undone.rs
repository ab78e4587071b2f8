//! What an undo came to: what was given back, what stays in place on purpose, what a person must do by
//! hand, and what could not be given back.
//!
//! A step that leaves something in place succeeds, and so does its run; without this, "taken back" would
//! be the last word.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::given_back::{Sort, given_back};
use super::text;
use crate::change::Change;
use crate::timeline::{Entry, Kind};

/// The service's sentence about what only `--revive` takes back, in its parts.
const REVIVABLE: (&str, &str) =
    ("left in place (", "). If `tourniquet undo --revive` took it back, too: ");

/// What one undo came to; the texts may hold what an attacker wrote.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Undone {
    /// What is again as it was.
    pub given_back: Vec<String>,
    /// What does not exist any more.
    pub gone: Vec<String>,
    /// What nobody but a person can give back.
    pub by_hand: Vec<String>,
    /// What stays in place on purpose.
    pub kept: Vec<Kept>,
    /// What could not be given back, and why.
    pub failed: Vec<String>,
    /// The changes that its steps were to take back, by step.
    asked: HashMap<String, Change>,
}

/// What stays in place on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What it is, and why it stays.
    pub what: String,
    /// What sort of thing it is.
    pub sort: Sort,
    /// Whether `--revive` takes it back: it keeps stolen credentials out.
    pub revivable: bool,
    /// From when on an undo takes it back without that; `None`: never.
    pub safe_from: Option<String>,
}

/// What the undos among `entries` came to, by run.
#[must_use]
pub fn undone(entries: &[Entry]) -> BTreeMap<String, Undone> {
    let mut all: BTreeMap<String, Undone> = BTreeMap::new();
    // One that has no step at all is told, too: there was nothing to take back.
    let asked =
        |entry: &Entry| entry.kind() == Some(Kind::RunRequested) && text(entry, "kind") == "undo";
    for entry in entries.iter().filter(|entry| is_restore(entry) || asked(entry)) {
        all.entry(text(entry, "run").to_owned()).or_default().add(entry);
    }
    all
}

/// Whether it is the beginning or the end of a step that takes something back.
pub(super) fn is_restore(entry: &Entry) -> bool {
    matches!(entry.kind(), Some(Kind::StepRequested | Kind::StepFinished))
        && text(entry, "name") == "undo::restore"
}

fn field_is(entry: &Entry, key: &str) -> bool {
    entry.body.get("output").is_some_and(|output| output.get(key) == Some(&Value::Bool(true)))
}

/// What is kept, in words; the reason stands behind it.
pub(super) fn kept_words(text: &str) -> String {
    let parts = text.strip_prefix(REVIVABLE.0).and_then(|rest| rest.split_once(REVIVABLE.1));
    match parts {
        Some((what, why)) => format!("{what}; without that, {why}"),
        None => text.to_owned(),
    }
}

impl Undone {
    /// Adds what a step was asked for, or how it ended.
    pub(super) fn add(&mut self, entry: &Entry) {
        if !is_restore(entry) {
            return;
        }
        let step = text(entry, "step");
        if entry.kind() == Some(Kind::StepRequested) {
            let change = entry.body.get("args").and_then(|args| args.get("change")).cloned();
            if let Some(change) = change.and_then(|change| serde_json::from_value(change).ok()) {
                self.asked.insert(step.to_owned(), change);
            }
            return;
        }
        let change = self.asked.remove(step);
        let field = |holder: &str, key: &str| {
            entry.body.get(holder).and_then(|holder| holder.get(key)?.as_str()).map(str::to_owned)
        };
        if text(entry, "result") == "failed" {
            self.failed.extend(field("error", "message"));
        }
        self.gone.extend(field("output", "gone"));
        self.by_hand.extend(field("output", "by_hand"));
        if let Some(words) = field("output", "restored") {
            self.given_back.push(change.as_ref().map_or(words, given_back));
        }
        if let Some(kept) = field("output", "kept") {
            let revivable = kept.contains("--revive") || field_is(entry, "revivable");
            let sort = change.as_ref().map_or(Sort::Other, Sort::of);
            let safe_from = field("output", "safe_from");
            self.kept.push(Kept { what: kept_words(&kept), sort, revivable, safe_from });
        }
    }

    /// Whether something of what stays can be taken back by asking for it: it keeps stolen
    /// credentials out.
    #[must_use]
    pub fn revivable(&self) -> bool {
        self.kept.iter().any(|kept| kept.revivable)
    }

    /// From when on an undo takes the first of what stays back without being asked for that.
    #[must_use]
    pub fn safe_from(&self) -> Option<&str> {
        self.kept.iter().filter_map(|kept| kept.safe_from.as_deref()).min()
    }

    /// What follows after "taken back"; `None`: all of it was.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let by_hand = match self.by_hand.len() {
            0 => None,
            1 => Some("1 thing must be done by hand".to_owned()),
            n => Some(format!("{n} things must be done by hand")),
        };
        let kept = match self.kept.len() {
            0 => None,
            1 => Some("1 stays in place on purpose".to_owned()),
            n => Some(format!("{n} stay in place on purpose")),
        };
        let words: Vec<String> = by_hand.into_iter().chain(kept).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// `13 stay: 5 groups and rules, 7 evidence, 1 deny`; `None`: nothing stays.
    #[must_use]
    pub fn stays(&self) -> Option<String> {
        let mut sorts: Vec<(Sort, usize)> = Vec::new();
        for kept in &self.kept {
            match sorts.iter_mut().find(|(sort, _)| *sort == kept.sort) {
                Some((_, count)) => *count += 1,
                None => sorts.push((kept.sort, 1)),
            }
        }
        let parts: Vec<String> =
            sorts.iter().map(|(sort, count)| format!("{count} {}", sort.words(*count))).collect();
        match self.kept.len() {
            0 => None,
            1 => Some(format!("1 stays on purpose: {}", parts.join(", "))),
            n => Some(format!("{n} stay on purpose: {}", parts.join(", "))),
        }
    }

    /// The summary of a run as it is told: "taken back" is not the whole of it.
    #[must_use]
    pub fn summary(&self, said: &str) -> String {
        match self.words() {
            Some(rest) => format!("{said}, but {rest}"),
            None => said.to_owned(),
        }
    }

    /// For programs.
    #[must_use]
    pub fn value(&self) -> Value {
        let kept = self.kept.iter().map(|kept| {
            json!({"what": kept.what, "kind": kept.sort.words(1), "revivable": kept.revivable,
                "safe_from": kept.safe_from})
        });
        json!({
            "given_back": self.given_back,
            "stays": Value::from_iter(kept),
            "by_hand": self.by_hand,
            "gone": self.gone,
            "failed": self.failed,
        })
    }
}
