//! What a step says: asked for, ended, stopped by a guard, and the evidence that it preserved.

use serde_json::{Map, Value, json};

use super::layout::{Glyph, Said, Span, span};
use super::undone::kept_words;
use super::{brief, depth, looks_again, needed, text, texts};
use crate::change::Change;
use crate::cli::table::Tone;
use crate::run::{Does, UNDONE};
use crate::timeline::Entry;

/// `step.requested`: the verb and its arguments. Where the run only observes nothing but looks is
/// done, and the line says so.
pub(super) fn requested(entry: &Entry, observes: bool) -> Option<Said> {
    let name = needed(entry, "name")?;
    let mut spans = match name {
        name if looks_again(entry) => {
            vec![span(Tone::Dim, "will look again:"), span(Tone::Plain, name)]
        }
        name if !observes || name.starts_with("look::") => vec![span(Tone::Plain, name)],
        "notify" => vec![span(Tone::Warn, "would say to")],
        "approve" => vec![span(Tone::Warn, "would ask:")],
        "sleep" => vec![span(Tone::Warn, "would sleep")],
        name => vec![span(Tone::Warn, "would do:"), span(Tone::Plain, name)],
    };
    if let Some(args) = entry.body.get("args") {
        spans.push(span(Tone::Plain, &arguments(name, args)));
    }
    Some(
        Said::new(Glyph::Step, spans)
            .at(depth(text(entry, "step")))
            .with(Tone::Dim, &texts(entry, "log")),
    )
}

fn arguments(name: &str, args: &Value) -> String {
    let one = |key: &str| args.get(key).map(brief).unwrap_or_default();
    match name {
        "approve" => one("question"),
        "sleep" => format!("{} s", one("seconds")),
        "notify" => format!("{}: {}", one("channel"), one("message")),
        // The change that is taken back, in its own words.
        "undo::restore" => {
            match args.get("change").map(|change| serde_json::from_value::<Change>(change.clone()))
            {
                Some(Ok(change)) => match one("safe_from") {
                    from if from.is_empty() => change.words(),
                    from => format!("{} (safe to take back from {from})", change.words()),
                },
                _ => brief(args),
            }
        }
        _ => match args.as_object() {
            Some(map) if map.len() == 1 => map.values().map(brief).collect(),
            Some(map) => pairs(map),
            None => brief(args),
        },
    }
}

/// `key=value` of everything that is set.
fn pairs(map: &Map<String, Value>) -> String {
    let set = map.iter().filter(|(_, value)| !value.is_null());
    set.map(|(key, value)| format!("{key}={}", brief(value))).collect::<Vec<_>>().join(", ")
}

/// `step.finished`: how it ended.
pub(super) fn finished(entry: &Entry) -> Option<Said> {
    let name = needed(entry, "name")?;
    let at = depth(text(entry, "step"));
    let said = match needed(entry, "result")? {
        "ok" => {
            let output = entry.body.get("output");
            let by_hand =
                name == "undo::restore" && output.is_some_and(|o| o.get("by_hand").is_some());
            match output.and_then(|output| output.get(UNDONE)) {
                Some(Value::Bool(undone)) => again(name, *undone),
                _ if by_hand => Said::new(Glyph::Alarm, done(name, output)),
                _ => Said::new(Glyph::Good, done(name, output)),
            }
        }
        "planned" => planned(name, entry),
        "failed" if looks_again(entry) && !has_error(entry) => {
            let field = entry.body.get("output").and_then(|output| output.get("failed"));
            let words = field.map(brief).unwrap_or_default();
            Said::new(Glyph::Fact, vec![span(Tone::Plain, name), span(Tone::Dim, &words)])
        }
        "failed" => {
            let mut spans = vec![span(Tone::Plain, name), span(Tone::Bad, "failed:")];
            match entry.body.get("error").filter(|_| has_error(entry)) {
                Some(error) => spans.extend(failure(Some(error))),
                // What never stops a run has no error that a script could see.
                None => spans.push(span(Tone::Plain, &undone(entry.body.get("output")))),
            }
            Said::new(Glyph::Bad, spans)
        }
        _ => return None,
    };
    Some(said.at(at))
}

fn has_error(entry: &Entry) -> bool {
    entry.body.get("error").is_some_and(|error| !error.is_null())
}

/// What a look at something that was contained came to.
fn again(name: &str, undone: bool) -> Said {
    let (glyph, tone, words) = match undone {
        true => (Glyph::Alarm, Tone::Warn, "was undone by somebody, and was done again"),
        false => (Glyph::Good, Tone::Good, "still holds"),
    };
    Said::new(glyph, vec![span(Tone::Plain, name), span(tone, words)])
}

/// The end of a step that was not done, because the run only observes.
fn planned(name: &str, entry: &Entry) -> Said {
    // What would be said stands where the step was asked for.
    let not_done = match name {
        "notify" => Some("not sent, because this run only observes"),
        "approve" => Some("nobody was asked, because this run only observes"),
        "sleep" => Some("did not sleep, because this run only observes"),
        _ => None,
    };
    if let Some(words) = not_done {
        return Said::new(Glyph::Fact, vec![span(Tone::Plain, name), span(Tone::Dim, words)]);
    }
    let planned = texts(entry, "planned");
    let does = |does: Does| entry.body.get("does") == Some(&json!([does]));
    match planned.as_slice() {
        [] => {
            let words = span(Tone::Dim, "would change nothing");
            Said::new(Glyph::Fact, vec![span(Tone::Plain, name), words])
        }
        [line] if does(Does::Already) => Said::new(Glyph::Fact, vec![span(Tone::Dim, line)]),
        [line] if does(Does::Refused) || does(Does::Wait) => {
            Said::new(Glyph::Alarm, vec![span(Tone::Warn, line)])
        }
        _ => {
            let words = span(Tone::Dim, "would do this:");
            Said::new(Glyph::Fact, vec![span(Tone::Plain, name), words]).with(Tone::Plain, &planned)
        }
    }
}

fn done(name: &str, output: Option<&Value>) -> Vec<Span> {
    let field = |key: &str| output.and_then(|output| output.get(key)).map(brief);
    let words = if name == "undo::restore" {
        let kept =
            field("kept").map(|why| format!("left in place on purpose: {}", kept_words(&why)));
        let by_hand = field("by_hand").map(|why| format!("to be done by hand: {why}"));
        let gone = field("gone").map(|what| format!("does not exist any more: {what}"));
        kept.or(by_hand).or(gone).unwrap_or_else(|| "taken back".to_owned())
    } else if name.starts_with("contain::") {
        let from = output.and_then(|output| output.get("unsafe_to_undo_before")?.as_str());
        from.map_or_else(
            || "verified".to_owned(),
            |from| format!("verified; safe to take back from {from}"),
        )
    } else if name.starts_with("evidence::") {
        "preserved".to_owned()
    } else if name == "approve" {
        "approved".to_owned()
    } else if let Some(said) = field("said") {
        format!("done: {said}")
    } else {
        "done".to_owned()
    };
    let tone = if name.starts_with("contain::") { Tone::Good } else { Tone::Dim };
    vec![span(Tone::Plain, name), span(tone, &words)]
}

/// Why a message was not sent, or a tag not set.
fn undone(output: Option<&Value>) -> String {
    let field = |key: &str| output.and_then(|output| output.get(key)).map(brief);
    match (field("reason"), field("failed")) {
        (Some(reason), _) => format!("not sent: {reason}"),
        (None, Some(failed)) => format!("{}: {failed}", field("code").unwrap_or_default()),
        (None, None) => "it does not say why".to_owned(),
    }
}

fn failure(error: Option<&Value>) -> Vec<Span> {
    let field = |key: &str| error.and_then(|error| error.get(key)).map(brief).unwrap_or_default();
    let words = match (field("code"), field("class")) {
        (code, class) if class.is_empty() => format!("{code}:"),
        (code, class) => format!("{code} ({class}):"),
    };
    vec![span(Tone::Bad, &words), span(Tone::Plain, &field("message"))]
}

/// `guard.tripped`: nothing of the step was done.
pub(super) fn tripped(entry: &Entry) -> Option<Said> {
    let reason = needed(entry, "reason")?;
    let spans = vec![
        span(Tone::Warn, "a guard stopped this step:"),
        span(Tone::Warn, &format!("{}:", text(entry, "code"))),
        span(Tone::Plain, reason),
    ];
    Some(Said::new(Glyph::Alarm, spans).at(depth(text(entry, "step"))))
}

/// `evidence.recorded`: what was preserved, of what, and where it is.
pub(super) fn evidence(entry: &Entry) -> Option<Said> {
    let record = entry.body.get("evidence")?;
    let field =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let place = |value: &Value| {
        format!(
            "{}/{}",
            field(value, "account").unwrap_or_default(),
            field(value, "region").unwrap_or_default()
        )
    };
    let words = match (field(record, "kind").as_deref(), field(record, "snapshot")) {
        (Some("ebs_snapshot"), Some(snapshot)) => {
            let mut words = format!("{snapshot} in {}", place(record));
            if let Some(volume) = field(record, "volume") {
                words = format!("{volume} is preserved as {words}");
            }
            if let Some(copy) = record.get("copy").filter(|copy| copy.is_object()) {
                let id = field(copy, "snapshot").unwrap_or_default();
                words = format!("{words}, copied to {id} in {}", place(copy));
            }
            words
        }
        _ => record.as_object().map_or_else(|| brief(record), pairs),
    };
    let spans = vec![span(Tone::Plain, "evidence:"), span(Tone::Plain, &words)];
    Some(Said::new(Glyph::Evidence, spans).at(depth(text(entry, "step")) + 1))
}
