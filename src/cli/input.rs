//! What several subcommands read from their arguments: ids, parameters, lengths of time, files.

use std::io::Read;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use serde_json::{Map, Value};

use super::outcome::Failure;
use crate::id::IdError;

/// Bytes of one file: no finding and no export that we write is larger.
const FILE_MAX: u64 = 128 * 1024 * 1024;

/// An argument that is an id, for clap.
///
/// # Errors
/// What is expected instead.
pub fn id<T: FromStr<Err = IdError>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: IdError| error.to_string())
}

/// `name=value` pairs. A value that is a JSON list or object is taken as such, anything else is text.
///
/// # Errors
/// A pair without `=`, or a name that comes twice.
pub fn params(pairs: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut params = Map::new();
    for pair in pairs {
        let (name, value) = pair
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| Failure::usage(format!("--param {pair}: expected name=value")))?;
        let value = match serde_json::from_str::<Value>(value) {
            Ok(json @ (Value::Array(_) | Value::Object(_))) => json,
            _ => Value::String(value.to_owned()),
        };
        if params.insert(name.to_owned(), value).is_some() {
            return Err(Failure::usage(format!("--param {name} is given twice")));
        }
    }
    Ok(params)
}

/// `90d`, `12h`, `30m` or `45s`, for clap.
///
/// # Errors
/// What is expected instead.
pub fn length(text: &str) -> Result<Duration, String> {
    let expected = || format!("{text:?} is not a length of time: expected 90d, 12h, 30m or 45s");
    let unit = text.chars().last().ok_or_else(expected)?;
    let number: u64 = text[..text.len() - unit.len_utf8()]
        .parse()
        .map_err(|_| expected())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return Err(expected()),
    };
    match number.checked_mul(seconds) {
        Some(total) if total > 0 => Ok(Duration::from_secs(total)),
        _ => Err(expected()),
    }
}

/// The bytes of a file; `-` is standard input.
///
/// # Errors
/// When it can't be read, or is larger than any that makes sense.
pub fn file(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::usage(format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(FILE_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(FILE_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    }
    if bytes.len() as u64 > FILE_MAX {
        return Err(Failure::usage(format!(
            "{}: larger than {FILE_MAX} bytes",
            path.display()
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_unit() {
        for (text, seconds) in [
            ("90d", Some(90 * 86_400)),
            ("12h", Some(43_200)),
            ("30m", Some(1_800)),
            ("45s", Some(45)),
            ("0d", None),
            ("10", None),
            ("d", None),
            ("", None),
            ("1é", None),
            ("99999999999999999999d", None),
            ("999999999999999999d", None),
        ] {
            assert_eq!(
                length(text).ok().map(|length| length.as_secs()),
                seconds,
                "{text}"
            );
        }
    }

    #[test]
    fn parameters_are_text_unless_they_are_lists_or_objects() {
        let given = ["a=1", "b=[\"x\"]", "c={\"k\":\"v\"}", "d=x=y", "e=true"].map(str::to_owned);
        let expected =
            serde_json::json!({"a": "1", "b": ["x"], "c": {"k": "v"}, "d": "x=y", "e": "true"});
        assert_eq!(Value::Object(params(&given).unwrap()), expected);
        for wrong in [["a"].as_slice(), &["=x"], &["a=1", "a=2"]] {
            let wrong: Vec<String> = wrong.iter().map(|pair| (*pair).to_owned()).collect();
            assert!(params(&wrong).is_err(), "{wrong:?}");
        }
    }
}
