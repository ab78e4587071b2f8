//! Where a parameter is taken from: a path that no finding has gives `()` or stops the runbook, and
//! nobody hears of it before the finding is there.
//!
//! A field that the table lacks is only a warning: tomorrow's finding may have it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rhai::Position;

use super::{error, warning};
use crate::action::ParamKind;
use crate::error::Code;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::header::Source;
use crate::runbook::literals::did_you_mean;

/// Types and their fields, from `finding.txt`.
static TYPES: LazyLock<BTreeMap<&str, Vec<(&str, Type)>>> = LazyLock::new(|| {
    let lines = include_str!("finding.txt").lines().filter(|line| !line.starts_with('#'));
    let types = lines.filter_map(|line| line.split_once(": "));
    types.map(|(name, fields)| (name, fields.split(' ').map(field).collect())).collect()
});

/// The type that a path begins in.
const ROOT: Type = Type::Fields("Finding");
/// Paths that a message names.
const NAMED_MAX: usize = 3;
/// How deep the paths go that are looked through: deeper ones repeat what stands higher.
const DEPTH_MAX: usize = 9;

/// What a field of a finding holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Type {
    Any,
    Text,
    Fields(&'static str),
    List(&'static str),
}

fn field(word: &'static str) -> (&'static str, Type) {
    match word.split_once('=') {
        None => (word, Type::Any),
        Some((name, of)) => (name, of.strip_suffix("[]").map_or_else(|| named(of), Type::List)),
    }
}

fn named(name: &'static str) -> Type {
    if name == "text" { Type::Text } else { Type::Fields(name) }
}

fn fields(of: &str) -> &'static [(&'static str, Type)] {
    TYPES.get(of).map_or(&[], Vec::as_slice)
}

/// What is wrong with where the parameters are taken from.
pub(super) fn from(sources: &[Source], text: &str) -> Vec<Diagnostic> {
    sources.iter().filter_map(|source| wrong(source, place(text, &source.from))).collect()
}

fn wrong(source: &Source, at: Position) -> Option<Diagnostic> {
    let path = &source.from;
    let parts: Vec<&str> = path.split('.').collect();
    let subject = format!("parameter `{}`", source.name);
    let mut here = ROOT;
    for (n, part) in parts.iter().enumerate() {
        let before = parts[..n].join(".");
        here = match here {
            Type::Any => return None,
            Type::List(item) if part.parse::<usize>().is_ok() => named(item),
            Type::List(_) => {
                let message = format!("{subject}: `{before}` is a list");
                let rest = parts[n..].join(".");
                let help = format!("say which, counted from 0: `{before}.0.{rest}`");
                return Some(refused(message, at, help));
            }
            Type::Text => {
                let message = format!("{subject}: `{before}` is text and has no field `{part}`");
                return Some(refused(message, at, format!("take it from `{before}`")));
            }
            Type::Fields(of) => match fields(of).iter().find(|(name, _)| name == part) {
                Some((_, below)) => *below,
                None => {
                    let message = format!("{subject}: GuardDuty's findings have no `{path}`");
                    return Some(warning(message, at, Some(nearest(path, of))));
                }
            },
        };
    }
    let is = match (here, source.kind?) {
        (Type::List(_), ParamKind::TextList) | (_, ParamKind::Tags) => return None,
        (Type::List(_), _) => "a list",
        (Type::Fields(_), _) => "a map",
        (Type::Text, ParamKind::TextList) => "a text",
        (Type::Any | Type::Text, _) => return None,
    };
    let message = format!("{subject}: `{path}` is {is}");
    let help = match here {
        Type::Fields(of) => format!("below it: {}", names(of)),
        Type::List(_) => format!("say which, counted from 0: `{path}.0`"),
        Type::Any | Type::Text => "its type is `text`".to_owned(),
    };
    Some(refused(message, at, help))
}

fn refused(message: String, at: Position, help: String) -> Diagnostic {
    Diagnostic { code: Code::RUNBOOK_HEADER, ..error(message, at, Some(help)) }
}

/// The paths that may be meant, or what there is where this one leaves the finding.
fn nearest(path: &str, of: &str) -> String {
    let mut all = Vec::new();
    paths(ROOT, String::new(), 0, &mut all);
    if let Some(near) = did_you_mean(path, all.iter().map(String::as_str)) {
        return format!("did you mean `{near}`?");
    }
    let last = path.rsplit('.').next().unwrap_or(path).to_ascii_lowercase();
    let ends = |known: &&String| {
        known.rsplit('.').next().is_some_and(|end| end.to_ascii_lowercase() == last)
    };
    let mut same: Vec<&String> = all.iter().filter(ends).collect();
    same.sort_by_key(|known| known.len());
    same.truncate(NAMED_MAX);
    match same.as_slice() {
        [] => format!("known there: {}", names(of)),
        same => {
            let quoted: Vec<String> = same.iter().map(|path| format!("`{path}`")).collect();
            format!("nearest: {}", quoted.join(", "))
        }
    }
}

fn names(of: &str) -> String {
    fields(of).iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// Every path to a value.
fn paths(here: Type, path: String, depth: usize, all: &mut Vec<String>) {
    match here {
        _ if depth > DEPTH_MAX => {}
        Type::Any | Type::Text => all.push(path),
        Type::List(item) => paths(named(item), format!("{path}.0"), depth + 1, all),
        Type::Fields(of) => {
            for (name, below) in fields(of) {
                let dot = if path.is_empty() { "" } else { "." };
                paths(*below, format!("{path}{dot}{name}"), depth + 1, all);
            }
        }
    }
}

/// Where this text stands in the source, as a literal.
pub(super) fn place(text: &str, path: &str) -> Position {
    let quoted = format!("\"{path}\"");
    let found = text.lines().enumerate().find_map(|(n, line)| {
        let column = line[..line.find(&quoted)?].chars().count();
        Some(Position::new(u16::try_from(n + 1).ok()?, u16::try_from(column + 1).ok()?))
    });
    found.unwrap_or(Position::NONE)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::finding::{Recognised, fixtures, recognise};

    /// Paths of a document that the table lacks.
    fn unknown(value: &Value, here: Type, path: &str, found: &mut Vec<String>) {
        match (value, here) {
            (Value::Null, _) | (_, Type::Any) | (Value::String(_), Type::Text) => {}
            (Value::Array(list), Type::List(item)) => {
                list.iter().for_each(|one| unknown(one, named(item), &format!("{path}.0"), found));
            }
            (Value::Object(map), Type::Fields(of)) => {
                for (name, below) in map {
                    let path = format!("{path}.{name}");
                    match fields(of).iter().find(|(known, _)| known == name) {
                        Some((_, of)) => unknown(below, *of, &path, found),
                        None => found.push(path),
                    }
                }
            }
            _ => found.push(format!("{path} is no {here:?}")),
        }
    }

    #[test]
    fn every_field_of_our_findings_is_known() {
        for text in [
            fixtures::CRYPTO_MINING_INSTANCE,
            fixtures::INSTANCE_CREDENTIAL_EXFILTRATION,
            fixtures::LEAKED_USER_KEY,
            fixtures::ATTACK_SEQUENCE_INSTANCE_GROUP,
            fixtures::SAMPLE_SSH_BRUTE_FORCE,
            fixtures::API_PORT_PROBE,
            fixtures::API_GET_FINDINGS,
            fixtures::RAW_S3_ANOMALOUS_BEHAVIOR,
            fixtures::RUNTIME_NEW_BINARY,
            fixtures::LAMBDA_COMMAND_AND_CONTROL,
        ] {
            let Recognised::Findings(findings) = recognise(text.as_bytes()) else {
                panic!("{text}")
            };
            for finding in findings {
                let mut found = Vec::new();
                unknown(&finding.unwrap().document, ROOT, "", &mut found);
                assert_eq!(found, [""; 0]);
            }
        }
    }

    #[test]
    fn every_type_that_is_named_is_there() {
        for (name, of) in TYPES.values().flatten() {
            if let Type::Fields(of) | Type::List(of) = of {
                assert!(*of == "text" || TYPES.contains_key(of), "{name}: {of}");
            }
        }
        let mut all = Vec::new();
        paths(ROOT, String::new(), 0, &mut all);
        assert!(all.contains(&"resource.instanceDetails.networkInterfaces.0.vpcId".to_owned()));
    }
}
