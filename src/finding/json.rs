//! JSON, read strictly: what two readers could understand differently is refused.
//!
//! A duplicate key is read as its first value by some and as its last by others, so it is an error
//! here, as is nesting that a recursive reader downstream could not follow. Nothing about findings.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use thiserror::Error;

use super::field::cut;

/// Levels of objects and arrays. GuardDuty's own documents have about 12; every recursion over a
/// document in this program is safe with 64.
pub const DEPTH_MAX: usize = 64;

/// Characters of a repeated key that an error shows.
const KEY_SHOWN_MAX: usize = 64;

/// The byte order mark that some editors write in front of UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Why the bytes are not the JSON that we read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} (line {line}, column {column})")]
pub struct ParseError {
    /// What is wrong, in words.
    pub what: String,
    /// The line, from 1; 0 where it is not known.
    pub line: usize,
    /// The column in bytes, from 1; 0 at the start of a line.
    pub column: usize,
}

/// The one JSON value in `bytes`, which are UTF-8, with or without a byte order mark.
///
/// # Errors
/// When the bytes are empty, not UTF-8, not one complete JSON value, hold a key twice in one
/// object, hold a number outside of the double's range, or nest deeper than [`DEPTH_MAX`].
pub fn parse_strict(bytes: &[u8]) -> Result<Value, ParseError> {
    let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        ParseError {
            what: "the body is not UTF-8".to_owned(),
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: before.len() - line_start + 1,
        }
    })?;
    if text.trim_ascii().is_empty() {
        return Err(ParseError { what: "the body is empty".to_owned(), line: 1, column: 1 });
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Level(DEPTH_MAX).deserialize(&mut reader).map_err(in_words)?;
    reader.end().map_err(in_words)?;
    Ok(value)
}

fn in_words(error: serde_json::Error) -> ParseError {
    let (line, column) = (error.line(), error.column());
    let long = error.to_string();
    let what = match long.strip_suffix(&format!(" at line {line} column {column}")) {
        _ if error.is_eof() => "the JSON is cut off here",
        Some(what) => what,
        None => &long,
    };
    ParseError { what: what.to_owned(), line, column }
}

/// Reads a value that may hold this many levels of objects and arrays.
#[derive(Clone, Copy)]
struct Level(usize);

impl Level {
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        self.0
            .checked_sub(1)
            .map(Self)
            .ok_or_else(|| E::custom(format_args!("nested deeper than {DEPTH_MAX} levels")))
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut map = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if map.contains_key(&key) {
                let key = cut(&key, KEY_SHOWN_MAX);
                return Err(A::Error::custom(format_args!("the key {key:?} stands twice")));
            }
            map.insert(key, members.next_value_seed(below)?);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_readers_could_understand_differently_is_refused() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let (deepest, too_deep) = (nested(DEPTH_MAX), nested(DEPTH_MAX + 1));
        for (text, fault) in [
            (r#"{"a": 1}"#, None),
            ("\u{feff}{\"a\": 1}", None),
            (" \n[]\n ", None),
            (r#"{"a": {"b": 1}, "c": {"b": 2}}"#, None),
            (deepest.as_str(), None),
            (too_deep.as_str(), Some("nested deeper than 64 levels (line 1, column 65)")),
            ("", Some("the body is empty (line 1, column 1)")),
            (" \n", Some("the body is empty (line 1, column 1)")),
            ("{\"a\": 1,\n \"a\": 2}", Some("the key \"a\" stands twice (line 2, column 4)")),
            (
                r#"[{"b": {"a": 1, "\u0061": 2}}]"#,
                Some("the key \"a\" stands twice (line 1, column 24)"),
            ),
            ("{} {}", Some("trailing characters (line 1, column 4)")),
            ("{\"a\":", Some("the JSON is cut off here (line 1, column 5)")),
            ("[1e400]", Some("number out of range (line 1, column 6)")),
            ("[NaN]", Some("expected value (line 1, column 2)")),
        ] {
            let found = parse_strict(text.as_bytes()).err().map(|error| error.to_string());
            assert_eq!(found.as_deref(), fault, "{}", cut(text, 40));
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_placed() {
        let error = parse_strict(b"{\n \"a\": \"\xff\"}").unwrap_err();
        assert_eq!((error.line, error.column), (2, 8));
    }

    #[test]
    fn values_stay_what_they_are() {
        let magic = r#"{"$serde_json::private::Number":"12"}"#;
        let parsed = parse_strict(magic.as_bytes()).unwrap();
        assert_eq!(parsed["$serde_json::private::Number"], json!("12"));
        let numbers = parse_strict(b"[18446744073709551615, -1, 1.716854656938E9, 0.1]").unwrap();
        assert_eq!(numbers, json!([u64::MAX, -1, 1_716_854_656.938, 0.1]));
    }
}
