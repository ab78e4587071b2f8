//! What an undo came to, at its end: for people what was given back comes first, then what stays, in
//! numbers; for programs all of it.

use serde_json::{Map, Value, json};

use super::answer::{shown, text};
use super::case::chain::Chain;
use super::client::Client;
use super::draw::{self, Undone};
use super::error::CliError;
use super::screen::Screen;
use super::table::Tone;
use crate::id::{CaseId, RunId};
use crate::sanitise::{VALUE_MAX, sanitise};

/// Things given back that are named: a long list stands in the case.
const NAMED_MAX: usize = 10;

/// What the undo `run` came to, as its case's timeline tells; `None` where that can't be read, which is
/// no failure: the case shows it.
pub(super) async fn of(client: &Client, case: &CaseId, run: &RunId) -> Option<Undone> {
    let entries = Chain::fetch(client, case, 0).await.and_then(|chain| chain.read()).ok()?;
    draw::undone(&entries).remove(run.as_str())
}

/// Tells a person.
///
/// # Errors
/// When nothing can be printed.
pub(super) fn tell(
    screen: &mut Screen,
    undone: &Undone,
    of: &RunId,
    case: &CaseId,
) -> Result<(), CliError> {
    let mut lines: Vec<(Tone, String)> = Vec::new();
    let given_back = undone.given_back.iter().take(NAMED_MAX);
    lines.extend(given_back.map(|what| (Tone::Good, what.clone())));
    if undone.given_back.len() > NAMED_MAX {
        lines.push((Tone::Good, format!("and {} more", undone.given_back.len() - NAMED_MAX)));
    }
    let labelled = |label: &str, all: &[String]| {
        all.iter().map(|what| format!("{label}: {what}")).collect::<Vec<_>>()
    };
    lines.extend(labelled("does not exist any more", &undone.gone).into_iter().map(plain));
    lines.extend(labelled("not given back", &undone.failed).into_iter().map(bad));
    lines.extend(labelled("by hand", &undone.by_hand).into_iter().map(warn));
    if let Some(stays) = undone.stays() {
        lines.push(plain(format!("{stays} (each of them: tourniquet case show {case})")));
    }
    if undone.revivable() {
        lines.push(plain(format!(
            "what keeps stolen credentials out is taken back by: tourniquet undo --revive {of} \
             --reason WHY"
        )));
    }
    if let Some(from) = undone.safe_from() {
        lines.push(plain(format!(
            "from {from} on, sessions that were stolen have expired, and their deny is safe to take back: \
             tourniquet undo {of}"
        )));
    }
    for (tone, words) in lines {
        let words = screen.style.paint(tone, &sanitise(&words, VALUE_MAX));
        screen.line(&format!("  {words}"))?;
    }
    Ok(())
}

fn plain(words: String) -> (Tone, String) {
    (Tone::Plain, words)
}

fn warn(words: String) -> (Tone, String) {
    (Tone::Warn, words)
}

fn bad(words: String) -> (Tone, String) {
    (Tone::Bad, words)
}

/// Adds to the undo `run`, as the service shows it, what it came to; `undoes` is the run whose changes
/// it takes back. `case show` and `undo --watch` say the same.
pub(super) fn add(run: &mut Value, undone: &Undone, undoes: &Value) {
    let summary = run.get("summary").and_then(Value::as_str).map(|said| undone.summary(said));
    let Some(fields) = run.as_object_mut() else { return };
    if let Some(summary) = summary {
        fields.insert("summary".to_owned(), json!(summary));
    }
    let mut whole = Map::new();
    whole.insert("run".to_owned(), json!(text(undoes, "id")));
    whole.insert("released".to_owned(), undoes.get("released").cloned().unwrap_or_default());
    if let Value::Object(parts) = undone.value() {
        whole.extend(parts);
    }
    fields.insert("undone".to_owned(), Value::Object(whole));
}

/// The summary of `run` for people: of an undo, what it left is part of it.
pub(super) fn summary(run: &Value, undone: Option<&Undone>) -> (Tone, String) {
    let said = shown(run, "summary");
    match undone {
        Some(undone) if !undone.by_hand.is_empty() => (Tone::Warn, undone.summary(&said)),
        Some(undone) => (Tone::Plain, undone.summary(&said)),
        None => (Tone::Plain, said),
    }
}
