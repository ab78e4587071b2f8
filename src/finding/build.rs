//! From a normalised document to a typed finding, with everything that is missing named.
//!
//! A wrong type in a field that GuardDuty requires is a rejection: nobody knows who built such a
//! document. Something missing makes a finding degraded, and nothing automatic rests on it.

use serde_json::Value;

use super::document::{canonical, normalise};
use super::field::{at, cut, flag, name, whole};
use super::marks::{is_sample, placeholders};
use super::model::{Degraded, Finding, FindingType, Format, Severity};
use super::rejection::Rejection;
use super::subject::Subject;
use super::when::{Form, when};
use crate::case::Version;
use crate::error::Code;
use crate::id::{AccountId, Digest, FindingId, Region};
use crate::timeline::INTEGER_MAX;

/// Characters of a finding's type (GuardDuty API: 1 to 100).
const TYPE_MAX: usize = 100;

/// Characters of a title that are kept beside the document; GuardDuty's own stay below 200.
const TITLE_MAX: usize = 512;

/// Characters of a value that a note repeats.
const SHOWN_MAX: usize = 64;

/// The type of a finding that names none: no runbook is written for it.
const TYPE_UNKNOWN: &str = "unknown";

/// A document that should be a finding, out of its wrapper.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The document as it came.
    pub document: Value,
    /// How it arrived.
    pub format: Format,
    /// The wrapper's Region, for a document without one.
    pub envelope_region: Option<String>,
    /// What the wrapper lacked.
    pub degraded: Vec<Degraded>,
}

/// The finding in `candidate`.
///
/// # Errors
/// When it has neither id nor type, or a required field has the wrong type.
pub fn build(candidate: Candidate) -> Result<Finding, Rejection> {
    let Candidate { document, format, envelope_region, mut degraded } = candidate;
    let notes = &mut degraded;
    let document = normalise(document, notes);
    let invalid = |reason: String| Rejection::of(format.label(), Code::FINDING_INVALID, reason);

    check_types(&document).map_err(invalid)?;
    let given_id = name(&document, "/id");
    let given_type = name(&document, "/type");
    if given_id.is_none() && given_type.is_none() {
        let reason = "it has neither id nor type, so it is at most a part of a finding";
        return Err(Rejection::of(format.label(), Code::NOT_A_FINDING, reason));
    }
    if let Some(long) = given_type.as_ref().filter(|text| text.chars().count() > TYPE_MAX) {
        let shown = cut(long, SHOWN_MAX);
        return Err(invalid(format!("type {shown:?} is longer than {TYPE_MAX} characters")));
    }

    let content = Digest::of(&canonical(&document));
    let (id, id_given) = match identity(given_id.as_deref(), notes) {
        Some(id) => (id, true),
        None => {
            let derived = format!("hash-{}", &content.as_str()[..32]);
            (derived.parse().map_err(|error| invalid(format!("{error}")))?, false)
        }
    };
    let account = account(&document, notes);
    let region = region(&document, envelope_region.as_deref(), notes);
    let finding_type = finding_type(given_type, notes);
    let severity = severity(&document, notes);
    let version = version(&document, content, notes);
    schema(&document, notes);
    let resource = Subject::read(&document, &finding_type, notes);
    for path in placeholders(&document) {
        notes.push(format!("{} holds a placeholder", path.replace('/', ".")));
    }

    Ok(Finding {
        format,
        account,
        region,
        id,
        id_given,
        version,
        finding_type,
        severity,
        title: cut(at(&document, "/title").and_then(Value::as_str).unwrap_or_default(), TITLE_MAX),
        resource_type: resource.kind,
        resource_role: name(&document, "/service/resourceRole").map(|role| role.to_uppercase()),
        instance: resource.instance,
        access_key: resource.access_key,
        buckets: resource.buckets,
        function: resource.function,
        sequence: resource.sequence,
        sample: is_sample(&document),
        degraded,
        document,
    })
}

/// The fields whose type GuardDuty never gets wrong (GuardDuty API model, `Finding`).
const TYPED: &[(&str, &str)] = &[
    ("accountId", "text"),
    ("arn", "text"),
    ("id", "text"),
    ("partition", "text"),
    ("region", "text"),
    ("schemaVersion", "text"),
    ("type", "text"),
    ("severity", "a number"),
    ("resource", "an object"),
    ("service", "an object"),
];

fn check_types(document: &Value) -> Result<(), String> {
    let wrong: Vec<String> = TYPED
        .iter()
        .filter_map(|(key, expected)| {
            let found = in_words(document.get(key).filter(|value| !value.is_null())?);
            (found != *expected).then(|| format!("{key} is {found}, not {expected}"))
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// What kind of JSON value it is.
pub fn in_words(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn identity(given: Option<&str>, notes: &mut Vec<Degraded>) -> Option<FindingId> {
    let Some(given) = given else {
        notes.push("id is missing".to_owned());
        return None;
    };
    given.parse().map_err(|error| notes.push(format!("id {error}"))).ok()
}

/// `accountId`; the envelope's account never stands in, it can be the administrator's.
fn account(document: &Value, notes: &mut Vec<Degraded>) -> Option<AccountId> {
    let Some(given) = name(document, "/accountId") else {
        notes.push("accountId is missing".to_owned());
        return None;
    };
    given.parse().map_err(|error| notes.push(format!("accountId {error}"))).ok()
}

fn region(document: &Value, envelope: Option<&str>, notes: &mut Vec<Degraded>) -> Option<Region> {
    match (name(document, "/region"), envelope) {
        (Some(given), _) => {
            given.parse().map_err(|error| notes.push(format!("region {error}"))).ok()
        }
        (None, Some(envelope)) => {
            notes.push("region is missing; the envelope's is used".to_owned());
            envelope.parse().map_err(|error| notes.push(format!("envelope region {error}"))).ok()
        }
        (None, None) => {
            notes.push("region is missing".to_owned());
            None
        }
    }
}

fn finding_type(given: Option<String>, notes: &mut Vec<Degraded>) -> FindingType {
    let Some(given) = given else {
        notes.push("type is missing".to_owned());
        return FindingType(TYPE_UNKNOWN.to_owned());
    };
    let well_formed = given.split_once(':').is_some_and(|(purpose, rest)| {
        !purpose.is_empty()
            && rest
                .split_once('/')
                .is_some_and(|(kind, family)| !kind.is_empty() && !family.is_empty())
    });
    if !well_formed || given.contains(char::is_whitespace) {
        let shown = cut(&given, SHOWN_MAX);
        notes.push(format!("type {shown:?} does not have the form Purpose:Resource/Family"));
    }
    FindingType(given)
}

fn severity(document: &Value, notes: &mut Vec<Degraded>) -> Option<Severity> {
    let Some(number) = at(document, "/severity").and_then(Value::as_f64) else {
        notes.push("severity is missing".to_owned());
        return None;
    };
    let severity = Severity::of(number);
    if severity.is_none() {
        notes.push(format!("severity {number} is not on the scale of 0 to 10"));
    }
    severity
}

/// The version. `archived` and `count` may stand at the top level, where some products move them.
fn version(document: &Value, content: Digest, notes: &mut Vec<Degraded>) -> Version {
    let mut time = |key: &'static str| {
        let Some(value) = at(document, key) else {
            notes.push(format!("{} is missing", &key[1..]));
            return None;
        };
        match when(value) {
            Some(found) => {
                if found.form != Form::Iso {
                    notes.push(format!("{} is not ISO time with a zone", &key[1..]));
                }
                Some(found.at)
            }
            None => {
                notes.push(format!("{} can't be read as a time", &key[1..]));
                None
            }
        }
    };
    let updated_at = time("/updatedAt");
    if at(document, "/createdAt").is_some() {
        time("/createdAt");
    }
    let of_service = |key: &str| {
        at(document, &format!("/service/{key}")).or_else(|| at(document, &format!("/{key}")))
    };
    let archived = of_service("archived").is_some_and(|value| {
        flag(value).unwrap_or_else(|| {
            notes.push("service.archived is neither true nor false".to_owned());
            false
        })
    });
    // Attack sequences may come without a count: what was found happened at least once.
    let count = of_service("count").map_or(1, |value| {
        whole(value).filter(|count| *count <= INTEGER_MAX).unwrap_or_else(|| {
            notes.push("service.count is not a whole number".to_owned());
            1
        })
    });
    Version { updated_at, count, archived, content }
}

/// GuardDuty has had one schema version; real documents often lack the field.
fn schema(document: &Value, notes: &mut Vec<Degraded>) {
    if let Some(version) = name(document, "/schemaVersion").filter(|version| version != "2.0") {
        notes.push(format!("schemaVersion {:?} is not 2.0", cut(&version, SHOWN_MAX)));
    }
    if at(document, "/service").is_none() {
        notes.push("service is missing".to_owned());
    }
}
