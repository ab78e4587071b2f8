//! What several subcommands read from their arguments: parameters, lengths of time, files.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};

use super::error::CliError;

/// Bytes of one file: an export is the largest thing that we read, and the service sends at most as
/// much in one answer.
const FILE_MAX: u64 = 256 << 20;

/// The parameters of a runbook.
#[derive(Debug, Clone, Args)]
pub struct Params {
    /// A parameter: text, or JSON where the value is an object or array. May be given more than once.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = param)]
    pairs: Vec<(String, Value)>,
    /// All parameters as one JSON object; --param goes before it.
    #[arg(long = "params-json", value_name = "JSON", value_parser = object)]
    all: Option<Map<String, Value>>,
}

impl Params {
    /// All of them, by name.
    ///
    /// # Errors
    /// When a `--param` comes twice: nobody knows which was meant.
    pub fn merged(self) -> Result<Map<String, Value>, CliError> {
        let mut given = Map::new();
        for (name, value) in self.pairs {
            if given.contains_key(&name) {
                return Err(CliError::usage(format!("--param {name} is given twice")));
            }
            given.insert(name, value);
        }
        let mut merged = self.all.unwrap_or_default();
        merged.extend(given);
        Ok(merged)
    }
}

fn param(given: &str) -> Result<(String, Value), String> {
    let (name, value) = given
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| format!("expected NAME=VALUE, not {given:?}"))?;
    // Numbers and words stay text: an account id must not become a number.
    let value = match serde_json::from_str::<Value>(value) {
        Ok(parsed @ (Value::Object(_) | Value::Array(_))) => parsed,
        _ => Value::String(value.to_owned()),
    };
    Ok((name.to_owned(), value))
}

fn object(given: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(given).map_err(|error| format!("expected a JSON object: {error}"))
}

/// `90d`, `12h`, `30m` or `45s`, for clap.
///
/// # Errors
/// What is expected instead.
pub fn length(text: &str) -> Result<Duration, String> {
    let expected = || "expected a length of time: 90d, 12h, 30m or 45s".to_owned();
    let unit = text.chars().last().ok_or_else(expected)?;
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| expected())?;
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
pub fn file(path: &Path) -> Result<Vec<u8>, CliError> {
    let refuse = |why: String| {
        CliError::usage(format!("{}: {why}", path.display())).with_remedy(
            "Check the path and that you may read the file; `-` stands for standard input.",
        )
    };
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(path).map_err(|error| refuse(error.to_string()))?)
    };
    let mut bytes = Vec::new();
    source.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(|error| refuse(error.to_string()))?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(refuse(format!("larger than {} MiB", FILE_MAX >> 20)));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

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
            assert_eq!(length(text).ok().map(|length| length.as_secs()), seconds, "{text}");
        }
    }

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        params: Params,
    }

    #[test]
    fn parameters_are_text_unless_they_are_lists_or_objects() {
        let pair = |text: &'static str| vec!["x", "--param", text];
        for (words, expected) in [
            (vec!["x"], Some(json!({}))),
            (pair("a=b=c"), Some(json!({"a": "b=c"}))),
            (pair("a=111122223333"), Some(json!({"a": "111122223333"}))),
            (pair("a=true"), Some(json!({"a": "true"}))),
            (pair("a=[\"i-1\"]"), Some(json!({"a": ["i-1"]}))),
            (pair("a={\"b\":1}"), Some(json!({"a": {"b": 1}}))),
            (pair("a={broken"), Some(json!({"a": "{broken"}))),
            (pair("a="), Some(json!({"a": ""}))),
            (pair("a"), None),
            (pair("=b"), None),
            (vec!["x", "--param", "a=1", "--param", "a=2"], None),
            (vec!["x", "--params-json", "[]"], None),
            (
                vec!["x", "--param", "a=z", "--params-json", r#"{"a": "x", "b": 1}"#],
                Some(json!({"a": "z", "b": 1})),
            ),
        ] {
            let parsed = Line::try_parse_from(&words).ok();
            let merged = parsed.and_then(|line| line.params.merged().ok());
            assert_eq!(merged.map(Value::Object), expected, "{words:?}");
        }
    }
}
