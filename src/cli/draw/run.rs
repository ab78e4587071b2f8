//! What a run as a whole says: asked for, started, planned, ended.

use serde_json::Value;

use super::layout::{Glyph, Said, span};
use super::{Runs, brief, needed, text, texts};
use crate::cli::plan::Plan;
use crate::cli::table::Tone;
use crate::routing::Mode;
use crate::timeline::Entry;

/// `run.requested`: what, how far, on what, by whom.
pub(super) fn requested(entry: &Entry, runs: &mut Runs) -> Option<Said> {
    let id = needed(entry, "run")?;
    let runbook = needed(entry, "runbook")?;
    let place = format!("{}/{}", text(entry, "account"), text(entry, "region"));
    let number = runs.requested(id, place, text(entry, "mode") == Mode::Observe.label());
    let params = entry.body.get("params");
    let mut spans = vec![span(Tone::Strong, &format!("{number}:"))];
    let is_undo = text(entry, "kind") == "undo";
    if is_undo {
        let of =
            params.and_then(|params| params.get("of")).and_then(Value::as_str).unwrap_or_default();
        let revive = params.and_then(|params| params.get("revive")).and_then(Value::as_bool);
        spans.push(span(Tone::Plain, &format!("take back what {} changed", runs.number(of))));
        if revive == Some(true) {
            spans.push(span(Tone::Warn, "(also what keeps stolen credentials out)"));
        }
    } else {
        spans.push(span(Tone::Strong, runbook));
        spans.push(span(Tone::Plain, &format!("({})", text(entry, "mode"))));
        if let Some(params) = params.and_then(Value::as_object).filter(|params| !params.is_empty())
        {
            let given = params.iter().map(|(name, value)| format!("{name}={}", brief(value)));
            spans.push(span(Tone::Plain, "with"));
            spans.push(span(Tone::Plain, &given.collect::<Vec<_>>().join(", ")));
        }
    }
    spans
        .push(span(Tone::Dim, &format!("in {}/{}", text(entry, "account"), text(entry, "region"))));
    let by = text(entry, "requested_by");
    if !by.is_empty() && by != "service" {
        spans.push(span(Tone::Dim, &format!("for {by}")));
    }
    spans.push(span(Tone::Dim, &format!("[{id}]")));
    let said = Said::new(Glyph::Fact, spans);
    // The reason of a run that was started by hand is a note of its own.
    let why = Some(text(entry, "reason")).filter(|why| is_undo && !why.is_empty());
    Some(match why {
        Some(why) => said.with(Tone::Plain, &[&format!("because: {why}")]),
        None => said,
    })
}

/// `run.started`: whether GuardDuty confirmed the finding.
pub(super) fn started(entry: &Entry) -> Option<Said> {
    needed(entry, "run")?;
    let mut spans = vec![span(Tone::Plain, "started")];
    if let Some(confirmed) = needed(entry, "finding") {
        spans.push(span(Tone::Dim, &format!("(the finding: {confirmed})")));
    }
    Some(Said::new(Glyph::Fact, spans))
}

/// `plan.made`: what each step would do, in words.
pub(super) fn plan(entry: &Entry) -> Option<Said> {
    entry.body.get("changes")?.as_array()?;
    let plan = Plan::of(&entry.body);
    let words = format!("plan: {}", plan.head());
    let said = Said::new(Glyph::Fact, vec![span(Tone::Strong, &words)]);
    let said = said.with(Tone::Plain, &plan.words());
    Some(match plan.more {
        0 => said,
        more => said.with(Tone::Dim, &[&format!("and {more} more that are not listed here")]),
    })
}

/// `run.finished`: how, and what remains to be done.
pub(super) fn finished(entry: &Entry, runs: &Runs) -> Option<Said> {
    let state = needed(entry, "state")?;
    let summary = text(entry, "summary");
    let left = runs.find(text(entry, "run")).map(|run| &run.undone);
    let rest = left.and_then(super::Undone::words);
    let by_hand = left.map(|left| left.by_hand.as_slice()).unwrap_or_default();
    let contained = entry.body.get("contained").and_then(Value::as_bool) == Some(true);
    let (glyph, mut spans) = match state {
        "succeeded" => {
            let glyph = if by_hand.is_empty() { Glyph::Good } else { Glyph::Alarm };
            (glyph, vec![span(Tone::Good, if summary.is_empty() { "done" } else { summary })])
        }
        "failed" | "halted" => {
            let words = if state == "halted" { "halted for a person:" } else { "failed:" };
            (Glyph::Bad, vec![span(Tone::Bad, words), span(Tone::Plain, summary)])
        }
        _ => return None,
    };
    if contained && state != "succeeded" {
        spans.push(span(Tone::Dim, "(what was contained stays contained)"));
    }
    if let Some(rest) = rest {
        let tone = if by_hand.is_empty() { Tone::Dim } else { Tone::Warn };
        spans.push(span(tone, &format!("(but {rest})")));
    }
    let by_hand = by_hand.iter().map(|what| format!("by hand: {what}"));
    let open = texts(entry, "open").into_iter().map(|open| format!("still open: {open}"));
    let open: Vec<String> = by_hand.chain(open).collect();
    let open: Vec<&str> = open.iter().map(String::as_str).collect();
    let returned = entry.body.get("result").map(|result| format!("returned: {}", brief(result)));
    let returned: Vec<&str> = returned.iter().map(String::as_str).collect();
    let said = Said::new(glyph, spans).with(Tone::Dim, &texts(entry, "log"));
    Some(said.with(Tone::Plain, &returned).with(Tone::Warn, &open))
}
