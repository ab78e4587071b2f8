//! Which format a document has: one table, read from top to bottom, by structure and never by name.
//!
//! A new format is one file with a [`Row`], a variant of `Format` in `model`, and its line in [`ROWS`],
//! where the first row that fits wins; a format that `later` names loses its row there. A row only
//! unwraps; every finding is built in one place (`build`), so that all formats get the same checks.

mod api;
mod eventbridge;
mod later;
mod lines;
mod raw;

use serde_json::{Map, Value};

use super::build::{Candidate, build, in_words};
use super::field::cut;
use super::json::parse_strict;
use super::model::Finding;
use super::rejection::Rejection;
use crate::error::Code;

/// What a body holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Recognised {
    /// Findings, each good or bad by itself; never empty, and at least one is good or there are
    /// several.
    Findings(Vec<Result<Finding, Rejection>>),
    /// An authentic message that carries no finding: acknowledge it, open nothing.
    Ignored {
        /// What it is, in words.
        reason: String,
    },
    /// Nothing in it can be used: keep the bytes in quarantine.
    Rejected(Rejection),
}

/// What is left of a document without its wrapper.
enum Unwrapped {
    Candidates(Vec<Result<Candidate, Rejection>>),
    Ignored(String),
    Rejected(Rejection),
}

/// The members of a document that was not normalised yet.
type Members = Map<String, Value>;

/// One format.
struct Row {
    /// As the README and `Rejection::format` name it.
    name: &'static str,
    /// Whether a document has this format. Rows above have said no.
    detects: fn(&Members) -> bool,
    /// Takes the wrapper off.
    unwrap: fn(Members) -> Unwrapped,
}

/// The formats, outermost wrappers first. ASFF and OCSF stand before the raw finding, whose keys
/// they share.
const ROWS: &[Row] = &[
    later::SQS,
    later::SNS,
    later::SECURITY_HUB,
    eventbridge::ROW,
    later::ASFF,
    later::OCSF,
    api::ROW,
    raw::ROW,
    raw::FRAGMENT,
];

/// What `bytes`, from any door, hold.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Recognised {
    if let Some(rejection) = lines::compressed(bytes) {
        return Recognised::Rejected(rejection);
    }
    let value = match parse_strict(bytes) {
        Ok(value) => value,
        Err(error) => {
            return Recognised::Rejected(
                lines::several(bytes)
                    .unwrap_or_else(|| Rejection::unknown(Code::NOT_JSON, error.to_string())),
            );
        }
    };
    match value {
        Value::Object(members) => finish(unwrap(members)),
        other => {
            let reason = format!("the document is {}; a finding is an object", in_words(&other));
            Recognised::Rejected(Rejection::unknown(Code::NOT_A_FINDING, reason))
        }
    }
}

fn row_of(members: &Members) -> Option<&'static Row> {
    ROWS.iter().find(|row| (row.detects)(members))
}

fn unwrap(members: Members) -> Unwrapped {
    match row_of(&members) {
        Some(row) => (row.unwrap)(members),
        None => Unwrapped::Rejected(Rejection::unknown(Code::NOT_A_FINDING, strange(&members))),
    }
}

fn finish(unwrapped: Unwrapped) -> Recognised {
    let candidates = match unwrapped {
        Unwrapped::Candidates(candidates) => candidates,
        Unwrapped::Ignored(reason) => return Recognised::Ignored { reason },
        Unwrapped::Rejected(rejection) => return Recognised::Rejected(rejection),
    };
    let mut findings: Vec<Result<Finding, Rejection>> =
        candidates.into_iter().map(|candidate| candidate.and_then(build)).collect();
    match findings.pop() {
        None => Recognised::Ignored { reason: "the document holds no findings".to_owned() },
        Some(Err(rejection)) if findings.is_empty() => Recognised::Rejected(rejection),
        Some(last) => {
            findings.push(last);
            Recognised::Findings(findings)
        }
    }
}

/// Keys that a rejection names, and characters of each: enough to see what was sent.
const KEYS_SHOWN_MAX: usize = 8;
const KEY_SHOWN_MAX: usize = 40;

fn strange(members: &Members) -> String {
    let keys: Vec<String> = members
        .keys()
        .take(KEYS_SHOWN_MAX)
        .map(|key| format!("{:?}", cut(key, KEY_SHOWN_MAX)))
        .collect();
    match keys.as_slice() {
        [] => "the document is an empty object".to_owned(),
        keys => format!("no known format of a finding has the keys {}", keys.join(", ")),
    }
}

#[cfg(test)]
mod tests;
