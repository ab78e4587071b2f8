//! What an undo left behind: what a person must do by hand, and what stays in place on purpose.
//!
//! Such a step succeeds, and so does its run; without this, "taken back" would be the last word.

use std::collections::BTreeMap;

use super::text;
use crate::timeline::{Entry, Kind};

/// What one undo left behind; the texts are as they stand in the timeline: hostile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftover {
    /// What nobody but a person can give back.
    pub by_hand: Vec<String>,
    /// What stays in place on purpose.
    pub kept: Vec<String>,
}

/// What the undos among `entries` left behind, by run.
#[must_use]
pub fn leftovers(entries: &[Entry]) -> BTreeMap<String, Leftover> {
    let mut all: BTreeMap<String, Leftover> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.kind() == Some(Kind::StepFinished)) {
        all.entry(text(entry, "run").to_owned()).or_default().add(entry);
    }
    all.retain(|_, left| *left != Leftover::default());
    all
}

impl Leftover {
    /// Adds what the end of a step left behind.
    pub(super) fn add(&mut self, entry: &Entry) {
        if text(entry, "name") != "undo::restore" {
            return;
        }
        let output = entry.body.get("output");
        let field =
            |key: &str| output.and_then(|output| output.get(key)?.as_str().map(str::to_owned));
        self.by_hand.extend(field("by_hand"));
        self.kept.extend(field("kept"));
    }

    /// Whether something of what stays can be taken back by asking for it: it keeps stolen
    /// credentials out. The service says so in its words.
    #[must_use]
    pub fn revivable(&self) -> bool {
        self.kept.iter().any(|kept| kept.contains("--revive"))
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
}
