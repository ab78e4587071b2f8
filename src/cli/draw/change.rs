//! A change and what became of it, on one line.

use serde_json::Value;

use super::facts::ending;
use super::layout::{Glyph, Said, Span, span};
use super::{brief, depth, text};
use crate::cli::table::Tone;
use crate::timeline::Entry;

/// `change.intent` with its `change.outcome`, where it has come; `home`: the account and Region of
/// its run, which are not repeated.
pub(super) fn intent(entry: &Entry, outcome: Option<&Entry>, home: Option<&str>) -> Said {
    let mut spans = vec![span(Tone::Plain, words(entry))];
    let place = entry.body.get("change").and_then(|change| change.get("at")).map(|at| {
        let field = |key: &str| at.get(key).and_then(Value::as_str).unwrap_or_default();
        format!("{}/{}", field("account"), field("region"))
    });
    if let Some(place) = place.filter(|place| Some(place.as_str()) != home) {
        spans.push(span(Tone::Dim, &format!("(in {place})")));
    }
    let waited = entry.body.get("waited_s").and_then(Value::as_u64);
    spans.extend(
        waited.map(|s| span(Tone::Dim, &format!("(after {s} s of waiting for AWS's limits)"))),
    );
    spans.extend(match outcome {
        Some(outcome) => became(outcome),
        None => vec![span(Tone::Warn, "(no answer yet)")],
    });
    Said::new(Glyph::Change, spans).at(depth(text(entry, "step")) + 1)
}

/// `change.outcome` on a line of its own: its intent was drawn before, or not at all.
pub(super) fn outcome(entry: &Entry, words: Option<&str>) -> Said {
    let mut spans = vec![span(Tone::Plain, words.unwrap_or("a change"))];
    spans.extend(became(entry));
    Said::new(Glyph::Change, spans).at(depth(text(entry, "step")) + 1)
}

fn words(entry: &Entry) -> &str {
    [text(entry, "words"), text(entry, "operation")]
        .into_iter()
        .find(|words| !words.is_empty())
        .unwrap_or("a change")
}

fn became(entry: &Entry) -> Vec<Span> {
    let number = |key: &str| entry.body.get(key).and_then(Value::as_u64);
    let attempts = number("attempts").filter(|attempts| *attempts > 1);
    let mut details = Vec::new();
    let (good, first) = match text(entry, "result") {
        "ok" => (true, String::new()),
        "observed" => (true, "the answer was lost; a look shows that it happened".to_owned()),
        "not_happened" => {
            (false, "the answer was lost; a look shows that it did not happen".to_owned())
        }
        "failed" => (false, refusal(entry.body.get("error"))),
        "unknown" => (false, "nobody knows whether it happened: look in CloudTrail".to_owned()),
        other => (false, other.to_owned()),
    };
    if !first.is_empty() {
        details.push(first);
    }
    details.extend(created(entry));
    details.extend(number("millis").map(|millis| format!("{millis} ms")));
    details.extend(attempts.map(|attempts| format!("{attempts} attempts")));
    for holder in ["receipt", "error"] {
        let id = entry.body.get(holder).and_then(|holder| holder.get("request_id"));
        details.extend(id.and_then(Value::as_str).map(|id| format!("request {id}")));
    }
    ending(good, &details.join(", "))
}

fn refusal(error: Option<&Value>) -> String {
    let field = |key: &str| error.and_then(|error| error.get(key)).map(brief).unwrap_or_default();
    format!("{}: {}: {}", field("class"), field("code"), field("message"))
}

/// The ids of what was created.
fn created(entry: &Entry) -> Option<String> {
    let ids = entry.body.get("receipt")?.get("created")?.get("ids")?;
    Some(match ids {
        Value::String(id) => id.clone(),
        // Snapshots come with the volume that each was made of.
        Value::Array(all) => {
            let first = all.iter().map(|one| brief(one.get(0).unwrap_or(one)));
            first.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    })
}
