//! A chain that is sealed as the store seals it, and pages of it as a service gives them.

mod added;
mod looking;
mod proving;
mod undone;

use serde_json::{Value, json};

use super::*;
use crate::timeline::{Actor, Draft, Head, Kind, Sealed};

fn id() -> CaseId {
    "case-0001".parse().unwrap()
}

/// A chain of `length` notes with its head.
fn chain(length: usize) -> (Vec<Sealed>, Head) {
    let mut head = Head::empty();
    let at = "2026-01-03T10:00:00Z".parse().unwrap();
    let notes = (0..length).map(|n| {
        let actor = Actor::Person("ada".to_owned());
        let body = json!({"text": format!("note {n} “ünïcode”"), "by": "ada"});
        Draft::new(at, actor, Kind::NoteAdded, body).seal(&id(), &mut head).unwrap()
    });
    (notes.collect::<Vec<_>>(), head)
}

fn head_of(head: &Head) -> Value {
    json!({"length": head.length, "hash": head.hash})
}

/// Pages of three entries, whatever is asked for.
fn page(sealed: &[Sealed], head: &Head, query: &str) -> String {
    let from: usize =
        query.split('&').find_map(|part| part.strip_prefix("from=")).unwrap().parse().unwrap();
    let until = sealed.len().min(from + 3);
    let items: Vec<String> = sealed[from.min(until)..until]
        .iter()
        .map(|entry| {
            let text = String::from_utf8(entry.bytes.clone()).unwrap();
            format!("{{\"seq\": {}, \"hash\": \"{}\", \"entry\": {text}}}", entry.seq, entry.hash)
        })
        .collect();
    let next = if until < sealed.len() { until.to_string() } else { "null".to_owned() };
    format!("{{\"entries\": [{}], \"next\": {next}, \"head\": {}}}", items.join(","), head_of(head))
}
