//! What people on call are told, in words: of a question, of how a run ended, of a finding that nothing
//! acts on, and of what could not be read as one. Written down with what it tells of; `outbox` sends it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Env;
use super::step_end::{MESSAGE_MAX, cut_at};
use crate::config::ON_CALL;
use crate::error::Code;
use crate::finding::{Finding, Severity};
use crate::id::{AccountId, ApprovalId, CaseId, Digest, Region};
use crate::sanitise::sanitise;
use crate::store::{Effect, MessageRow, NewMessage, RunRow};
use crate::timeline::{Actor, Draft, Kind};

/// Characters of a finding's type and severity, or of its resource, in a message: they came from
/// outside.
const ABOUT_MAX: usize = 150;

/// Characters of why something could not be read, in a message: the command that shows it stands behind.
const REASON_MAX: usize = 1_000;

/// Characters of each message among those that are told together: what it is, and where.
const GATHERED_LINE_MAX: usize = 240;

/// Characters that are kept for how many of those that are told together are not named.
const UNNAMED_MAX: usize = 30;

/// Characters of what the service says in an entry: a whole message, whose end is the command that
/// answers it, and what became of it.
const REMARK_MAX: usize = MESSAGE_MAX + 500;

/// Tells the people on call something of a run: what it is about, then the text. `id` is what it is
/// about among all messages: an approval's id, or the run's own for its end.
pub(super) async fn of_run(env: &Env, run: &RunRow, id: String, text: &str) -> Effect {
    let text = sanitise(&format!("{}: {text}", about(env, run).await), MESSAGE_MAX);
    let (run, channel, at) = (Some(run.id.clone()), ON_CALL.to_owned(), env.clock.now());
    Effect::Tell(NewMessage { id, run, channel, text, at })
}

/// As [`of_run`], with the command that shows more. It is there however long the text is.
pub(super) async fn of_end(env: &Env, run: &RunRow, id: String, text: &str) -> Effect {
    let mut told = of_run(env, run, id, text).await;
    if let Effect::Tell(message) = &mut told {
        message.text = with_command(&message.text, &run.case);
    }
    told
}

/// A text and, however long it is, the command that shows its case.
pub(super) fn with_command(text: &str, case: &CaseId) -> String {
    let command = show(case);
    // What is cut ends with one character more.
    let room = MESSAGE_MAX.saturating_sub(command.chars().count() + 1);
    format!("{}{command}", cut_at(text, room))
}

/// Whether this tells people of a question, which nobody needs to hear when its run is over.
pub(super) fn asks(effect: &Effect) -> bool {
    matches!(effect, Effect::Tell(message) if message.id.parse::<ApprovalId>().is_ok())
}

/// The entry in which the service itself says something to whoever reads the case.
pub(super) fn remark(at: Timestamp, text: &str) -> Draft {
    Draft::new(at, Actor::Service, Kind::NoteAdded, json!({"text": cut_at(text, REMARK_MAX)}))
}

/// The finding, the resource, the account and the Region, for people who read nothing else.
async fn about(env: &Env, run: &RunRow) -> String {
    let case = env.store.case(&run.case).await.ok().flatten();
    // A case of several findings has the words of the first: the run may answer another one.
    let answered = env.store.answered(run).await.ok().flatten();
    let answered = answered.as_ref().and_then(|finding| {
        let severity = finding.get("severity").and_then(Value::as_f64).and_then(Severity::of);
        Some(kind(finding.get("type")?.as_str()?, severity))
    });
    let of_case = || {
        let case = case.as_ref()?;
        Some(kind(&case.finding_type, case.severity.map(Severity)))
    };
    let finding = answered.or_else(of_case);
    let resource = run.about().or_else(|| case.as_ref()?.resource.as_deref());
    let on = resource.map(|resource| format!("on {resource} ")).unwrap_or_default();
    format!("{}{on}in account {}, {}", finding.unwrap_or_default(), run.account, run.region)
}

/// A finding's type and severity, and a space.
fn kind(finding_type: &str, severity: Option<Severity>) -> String {
    let text = match severity {
        Some(severity) => format!("{finding_type} (severity {severity}) "),
        None => format!("{finding_type} "),
    };
    cut_at(&text, ABOUT_MAX)
}

/// What the people on call are told of a finding that gets no run at all.
#[must_use]
pub fn nothing_acts(finding: &Finding, why: &str) -> String {
    let kind = kind(&finding.finding_type.0, finding.severity);
    let on = finding.resource().map(|on| format!("on {on} "));
    let on = cut_at(&on.unwrap_or_default(), ABOUT_MAX);
    let account = finding.account.as_ref().map_or("an unknown account", AccountId::as_str);
    let region = finding.region.as_ref().map_or("an unknown Region", Region::as_str);
    let text = format!(
        "{kind}{on}in {account}, {region}: nothing acts on finding {}: {why}; look at it yourself",
        finding.id
    );
    sanitise(&text, MESSAGE_MAX)
}

/// Many messages as one.
pub(super) struct Together {
    /// The words.
    pub(super) text: String,
    /// What they say of each that is named, in order: of the others they only say how many there are.
    pub(super) named: Vec<String>,
}

/// What the people on call are told of many messages at once, each about a finding that nothing acts on:
/// how many, as many of them as there is room for, and the command that shows all. Where they are `most`,
/// others may wait.
pub(super) fn together(messages: &[MessageRow], most: usize) -> Together {
    let since = messages.iter().map(|message| message.created_at).min().unwrap_or_default();
    let since = since.strftime("%Y-%m-%d %H:%MZ");
    let command = "; `tourniquet case list --sort severity` shows them";
    let at_least = if messages.len() < most { "" } else { "at least " };
    let count = messages.len();
    let mut text = format!("{at_least}{count} findings on which nothing acts since {since}");
    let room = MESSAGE_MAX.saturating_sub(command.chars().count() + UNNAMED_MAX);
    let mut named = Vec::new();
    for (n, message) in messages.iter().enumerate() {
        let about = alone(message);
        let case = message.case.as_ref().map(|case| format!("{case}: ")).unwrap_or_default();
        let before = if n == 0 { ", the most severe first: " } else { "; " };
        let line = format!("{before}{case}{about}");
        if text.chars().count() + line.chars().count() > room {
            text.push_str(&format!("; and {} more", count - n));
            break;
        }
        text.push_str(&line);
        named.push(about);
    }
    Together { text: format!("{text}{command}"), named }
}

/// What a message says among others, behind its case: without the command, which names that again.
fn alone(message: &MessageRow) -> String {
    let command = message.case.as_ref().map(show).unwrap_or_default();
    let text = message.text.strip_suffix(&command).unwrap_or(&message.text);
    cut_at(text, GATHERED_LINE_MAX)
}

/// The command that shows a case, behind a text.
fn show(case: &CaseId) -> String {
    format!("; tourniquet case show {case}")
}

/// What the people on call are told of what came in and could not be read: it has no case.
#[must_use]
pub fn unreadable(raw: &Digest, code: Code, reason: &str, source: &str) -> String {
    let (reason, source) = (cut_at(reason, REASON_MAX), cut_at(source, ABOUT_MAX));
    let text = format!(
        "an unreadable finding from {source} was kept in quarantine: {}: {reason}; `tourniquet finding \
         quarantined {raw}` shows it",
        code.number
    );
    sanitise(&text, MESSAGE_MAX)
}
