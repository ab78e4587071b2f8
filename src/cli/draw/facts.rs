//! What the case, its findings and routing say.

use serde_json::Value;

use super::layout::{Glyph, Said, mark, span};
use super::{brief, needed, text, texts};
use crate::cli::table::{Tone, tone_of};
use crate::timeline::Entry;

/// `case.opened`: the title, and what it is about.
pub(super) fn opened(entry: &Entry) -> Option<Said> {
    let title = needed(entry, "title")?;
    let mut about = Vec::new();
    for (key, before) in [
        ("finding_type", ""),
        ("severity", "severity "),
        ("resource", ""),
        ("account", "account "),
        ("region", ""),
    ] {
        let value = entry.body.get(key).filter(|value| !value.is_null());
        if let Some(value) = value {
            about.push(format!("{before}{}", brief(value)));
        }
    }
    let mut spans = vec![span(Tone::Plain, "case opened:"), span(Tone::Strong, title)];
    if !about.is_empty() {
        spans.push(span(Tone::Dim, &format!("({})", about.join(", "))));
    }
    Some(Said::new(Glyph::Fact, spans))
}

/// `finding.received`: which, and what became of it.
pub(super) fn received(entry: &Entry) -> Option<Said> {
    let finding = needed(entry, "finding")?;
    let disposition = needed(entry, "disposition")?;
    let meaning = match disposition {
        "new" => "it opened this case",
        "joined" => "it is about the same resource and joined this case",
        "updated" => "a newer version",
        "stale" => "an older version, kept as evidence",
        "duplicate" => "nothing new",
        other => other,
    };
    let mut details = vec![meaning.to_owned()];
    if let Some(version) = entry.body.get("version") {
        if let Some(count) = version.get("count").and_then(Value::as_u64).filter(|count| *count > 1)
        {
            details.push(format!("seen {count} times by GuardDuty"));
        }
        if version.get("archived").and_then(Value::as_bool) == Some(true) {
            details.push("archived".to_owned());
        }
    }
    let source = text(entry, "source");
    if !source.is_empty() {
        details.push(format!("by {source}"));
    }
    Some(Said::new(
        Glyph::Fact,
        vec![
            span(Tone::Plain, "finding"),
            span(Tone::Plain, finding),
            span(Tone::Dim, &format!("({})", details.join("; "))),
        ],
    ))
}

/// `routing.decided`: which runbook, how far it may go, and why: each runbook that was thought of,
/// and each limit of the mode, on a line of its own.
pub(super) fn routed(entry: &Entry) -> Option<Said> {
    let reasons = texts(entry, "reasons");
    if entry.body.get("runbook").is_none() && reasons.is_empty() {
        return None;
    }
    let mode = needed(entry, "mode");
    let spans = match needed(entry, "runbook") {
        Some(runbook) => vec![
            span(Tone::Plain, "routing chose"),
            span(Tone::Strong, runbook),
            span(Tone::Plain, &mode.map(|mode| format!("({mode})")).unwrap_or_default()),
        ],
        None => vec![span(Tone::Plain, "routing chose no runbook")],
    };
    // The mode stands on the first line already.
    let known = mode.map(|mode| format!("mode {mode}"));
    let reasons: Vec<&str> =
        reasons.into_iter().filter(|reason| known.as_deref() != Some(*reason)).collect();
    Some(Said::new(Glyph::Fact, spans).with(Tone::Dim, &reasons))
}

/// `case.status_changed`.
pub(super) fn status(entry: &Entry) -> Option<Said> {
    let (from, to) = (needed(entry, "from")?, needed(entry, "to")?);
    let tone = tone_of(to);
    let glyph = match tone {
        Tone::Good => Glyph::Good,
        Tone::Bad => Glyph::Alarm,
        _ => Glyph::Fact,
    };
    let mut spans = vec![span(Tone::Plain, "case status:"), span(tone, to)];
    if from != to {
        spans.push(span(Tone::Dim, &format!("(was {from})")));
    }
    Some(Said::new(glyph, spans))
}

/// How something ended: a mark, and words.
pub(super) fn ending(good: bool, words: &str) -> Vec<super::layout::Span> {
    let (glyph, tone) = if good { (Glyph::Good, Tone::Dim) } else { (Glyph::Bad, Tone::Bad) };
    vec![mark(glyph), span(tone, words)]
}
