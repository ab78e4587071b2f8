//! What people are asked, decide and write.

use jiff::Timestamp;
use serde_json::Value;

use super::layout::{Glyph, Said, span};
use super::{needed, text};
use crate::cli::table::Tone;
use crate::timeline::Entry;

/// `note.added`.
pub(super) fn note(entry: &Entry) -> Option<Said> {
    Some(Said::new(Glyph::Note, vec![span(Tone::Plain, needed(entry, "text")?)]))
}

/// `approval.requested`: the question, until when, and how it is answered.
pub(super) fn asked(entry: &Entry) -> Option<Said> {
    let question = needed(entry, "question")?;
    let approval = needed(entry, "approval")?;
    let mut spans = vec![span(Tone::Strong, question)];
    let quorum = entry.body.get("quorum").and_then(Value::as_u64).unwrap_or(1);
    if quorum > 1 {
        spans.push(span(Tone::Warn, &format!("({quorum} people must agree)")));
    }
    if let Ok(until) = text(entry, "expires_at").parse::<Timestamp>() {
        spans.push(span(Tone::Dim, &until.strftime("until %Y-%m-%d %H:%MZ").to_string()));
    }
    spans.push(span(Tone::Dim, &format!("(tourniquet approve {approval} --reason WHY)")));
    Some(Said::new(Glyph::Question, spans).at(super::depth(text(entry, "step"))))
}

/// `approval.decided`: by whom, and why.
pub(super) fn decided(entry: &Entry) -> Option<Said> {
    let decision = needed(entry, "decision")?;
    let (glyph, tone, words) = match decision {
        "approve" => (Glyph::Good, Tone::Good, "approved:"),
        "deny" => (Glyph::Bad, Tone::Bad, "denied:"),
        "expired" => (Glyph::Bad, Tone::Bad, "nobody answered in time"),
        "withdrawn" => (Glyph::Fact, Tone::Dim, "no answer is needed any more"),
        _ => return None,
    };
    let spans = vec![span(tone, words), span(Tone::Plain, text(entry, "reason"))];
    Some(Said::new(glyph, spans).at(super::depth(text(entry, "step"))))
}
