//! Giving a draft its place in the chain: the one time an entry is serialised.

use jiff::fmt::strtime;
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
            check(value, key, 3)?;
        }
        // UTC with microseconds, always of the same width, so that text order is time order.
        let at = strtime::format("%Y-%m-%dT%H:%M:%S%.6fZ", self.at)
            .unwrap_or_else(|_| self.at.to_string());
        let entry = json!({
            "actor": self.actor,
            "at": at,
            "body": Value::Object(sorted(&self.body)),
            "case": case,
            "kind": self.kind.label(),
            "prev": head.hash,
            "seq": head.length,
        });
        let bytes = entry.to_string().into_bytes();
        if bytes.len() > ENTRY_MAX {
            return Err(SealError::TooLarge(bytes.len()));
        }
        let hash = leaf_hash(&bytes);
        let seq = head.length;
        *head = Head { length: seq + 1, hash: hash.clone() };
        Ok(Sealed { seq, bytes, hash })
    }
}

/// Sorted keys at every level, whatever map type serde_json was built with.
fn sorted(map: &Map<String, Value>) -> Map<String, Value> {
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| (key.clone(), sorted_value(&map[key]))).collect()
}

fn sorted_value(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(sorted(map)),
        Value::Array(items) => Value::Array(items.iter().map(sorted_value).collect()),
        other => other.clone(),
    }
}

fn check(value: &Value, path: &str, depth: usize) -> Result<(), SealError> {
    if depth > DEPTH_MAX {
        return Err(SealError::TooDeep);
    }
    match value {
        Value::Number(number) => {
            let small = number.as_i64().is_some_and(|n| n.unsigned_abs() <= INTEGER_MAX);
            if small {
                Ok(())
            } else {
                Err(SealError::Number { path: path.to_owned(), number: number.to_string() })
            }
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(n, item)| check(item, &format!("{path}[{n}]"), depth + 1)),
        Value::Object(map) => {
            map.iter().try_for_each(|(key, item)| check(item, &format!("{path}.{key}"), depth + 1))
        }
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
