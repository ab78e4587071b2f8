//! Giving a draft its place in the chain: the one time an entry is serialised.

use jiff::fmt::strtime;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::Draft;
use crate::id::{CaseId, Digest};

/// Bytes of one entry. C2SP tlog-tiles gives entries a 16-bit length; more goes into a blob.
pub const ENTRY_MAX: usize = 65_535;

/// The largest integer that every JSON reader keeps exactly: 2^53 - 1.
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Levels of nesting. serde_json reads at most 127, so a deeper entry could be written and not read.
pub const DEPTH_MAX: usize = 64;

/// The end of a case's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// How many entries there are; the next one's `seq`.
    pub length: u64,
    /// The last entry's hash; 64 zeros before the first.
    pub hash: Digest,
}

impl Head {
    /// The head of a case without entries.
    #[must_use]
    pub fn empty() -> Self {
        Self { length: 0, hash: Digest::zero() }
    }
}

/// An entry in its place: the exact bytes to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Its place, from 0.
    pub seq: u64,
    /// One JSON object, UTF-8, sorted keys, no newline.
    pub bytes: Vec<u8>,
    /// SHA-256(0x00 || bytes).
    pub hash: Digest,
}

/// An entry that may not be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SealError {
    /// Larger than [`ENTRY_MAX`].
    #[error("an entry of {0} bytes is larger than {ENTRY_MAX}; its content belongs into a blob")]
    TooLarge(usize),
    /// A number that not every reader keeps exactly.
    #[error(
        "{path} holds {number}: only integers up to 2^53-1 are stored, decimals are stored as text"
    )]
    Number {
        /// Where in the body.
        path: String,
        /// The number, as JSON.
        number: String,
    },
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("the body is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
}

/// The RFC 6962 leaf hash of an entry's bytes.
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> Digest {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    hasher.update([0_u8]);
    hasher.update(bytes);
    Digest::from_bytes(hasher.finalize().into())
}

impl Draft {
    /// Serialises the entry at `head` of `case`, and moves `head`.
    ///
    /// # Errors
    /// When the body may not be stored; `head` is then unchanged.
    pub fn seal(&self, case: &CaseId, head: &mut Head) -> Result<Sealed, SealError> {
        for (key, value) in &self.body {
            check(value, 3).map_err(|odd| odd.at(key))?;
        }
        // UTC with microseconds, always of the same width, so that text order is time order.
        let at = strtime::format("%Y-%m-%dT%H:%M:%S%.6fZ", self.at)
            .unwrap_or_else(|_| self.at.to_string());
        let entry = Unsealed {
            actor: Sorted(&json!(self.actor)),
            at: &at,
            body: SortedMap(&self.body),
            case: case.as_str(),
            kind: self.kind.label(),
            prev: head.hash.as_str(),
            seq: head.length,
        };
        let bytes = serde_json::to_vec(&entry).map_err(|_| SealError::TooDeep)?;
        if bytes.len() > ENTRY_MAX {
            return Err(SealError::TooLarge(bytes.len()));
        }
        let hash = leaf_hash(&bytes);
        let seq = head.length;
        *head = Head { length: seq + 1, hash: hash.clone() };
        Ok(Sealed { seq, bytes, hash })
    }
}

/// An entry as it is serialised: its fields in the order of their names.
#[derive(Serialize)]
struct Unsealed<'a> {
    actor: Sorted<'a>,
    at: &'a str,
    body: SortedMap<'a>,
    case: &'a str,
    kind: &'a str,
    prev: &'a str,
    seq: u64,
}

/// A value with sorted keys at every level, whatever map type serde_json was built with.
struct Sorted<'a>(&'a Value);

/// As [`Sorted`], of an object.
struct SortedMap<'a>(&'a Map<String, Value>);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) => SortedMap(map).serialize(serializer),
            Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            other => other.serialize(serializer),
        }
    }
}

impl Serialize for SortedMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members: Vec<_> = self.0.iter().map(|(key, value)| (key, Sorted(value))).collect();
        members.sort_unstable_by_key(|(key, _)| *key);
        serializer.collect_map(members)
    }
}

/// What is wrong with a value, and the way to it from the inside out.
enum Odd {
    Number { way: Vec<String>, number: String },
    TooDeep,
}

impl Odd {
    /// The same, seen from one level further out.
    fn inside(mut self, step: impl FnOnce() -> String) -> Self {
        if let Self::Number { way, .. } = &mut self {
            way.push(step());
        }
        self
    }

    fn at(self, key: &str) -> SealError {
        match self {
            Self::TooDeep => SealError::TooDeep,
            Self::Number { way, number } => {
                let steps: String = way.into_iter().rev().collect();
                SealError::Number { path: format!("{key}{steps}"), number }
            }
        }
    }
}

fn check(value: &Value, depth: usize) -> Result<(), Odd> {
    if depth > DEPTH_MAX {
        return Err(Odd::TooDeep);
    }
    match value {
        Value::Number(number) => {
            let small = number.as_i64().is_some_and(|n| n.unsigned_abs() <= INTEGER_MAX);
            if small {
                Ok(())
            } else {
                Err(Odd::Number { way: vec![], number: number.to_string() })
            }
        }
        Value::Array(items) => items.iter().enumerate().try_for_each(|(n, item)| {
            check(item, depth + 1).map_err(|odd| odd.inside(|| format!("[{n}]")))
        }),
        Value::Object(map) => map.iter().try_for_each(|(key, item)| {
            check(item, depth + 1).map_err(|odd| odd.inside(|| format!(".{key}")))
        }),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::{Actor, Kind};

    fn draft(body: Value) -> Draft {
        Draft::new("2026-01-03T10:00:00.5Z".parse().unwrap(), Actor::Service, Kind::NoteAdded, body)
    }

    #[test]
    fn an_entry_is_sorted_json_with_the_hash_before_it() {
        let case: CaseId = "case-0001".parse().unwrap();
        let mut head = Head::empty();
        let first =
            draft(json!({"b": 1, "a": {"z": [1], "y": null}})).seal(&case, &mut head).unwrap();
        assert_eq!(
            String::from_utf8(first.bytes.clone()).unwrap(),
            format!(
                r#"{{"actor":{{"type":"service"}},"at":"2026-01-03T10:00:00.500000Z","body":{{"a":{{"y":null,"z":[1]}},"b":1}},"case":"case-0001","kind":"note.added","prev":"{}","seq":0}}"#,
                "0".repeat(64)
            )
        );
        assert_eq!(head, Head { length: 1, hash: leaf_hash(&first.bytes) });
    }

    #[test]
    fn what_another_reader_would_change_is_refused() {
        let case: CaseId = "case-0001".parse().unwrap();
        for (body, refused) in [
            (json!({"n": 9_007_199_254_740_991_u64}), false),
            (json!({"n": 9_007_199_254_740_992_u64}), true),
            (json!({"n": u64::MAX}), true),
            (json!({"n": -9_007_199_254_740_991_i64}), false),
            (json!({"n": i64::MIN}), true),
            (json!({"a": [{"n": 7.5}]}), true),
            (json!({"text": "x".repeat(ENTRY_MAX)}), true),
        ] {
            let mut head = Head::empty();
            assert_eq!(draft(body).seal(&case, &mut head).is_err(), refused);
            assert_eq!(head == Head::empty(), refused, "a refused entry leaves the head alone");
        }
        let mut deep = json!(1);
        for _ in 0..DEPTH_MAX {
            deep = json!([deep]);
        }
        assert_eq!(
            draft(json!({"deep": deep})).seal(&case, &mut Head::empty()),
            Err(SealError::TooDeep)
        );
    }
}
