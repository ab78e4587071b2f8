//! Reading the service's answers: what they wrap, and text in them that nobody may trust.

use std::str::FromStr;

use serde_json::Value;

use super::error::CliError;
use super::sanitise::{VALUE_MAX, sanitise};
use crate::id::IdError;

/// What an answer is about: `{"run": {…}}` holds a run; a bare run is one, too.
#[must_use]
pub fn unwrapped(mut answer: Value, name: &str) -> Value {
    match answer.get_mut(name) {
        Some(inner @ Value::Object(_)) => inner.take(),
        _ => answer,
    }
}

/// Takes the items out of an answer: `{"cases": […]}` or `{"items": […]}`.
#[must_use]
pub fn items(answer: &mut Value, name: &str) -> Vec<Value> {
    let Some(fields) = answer.as_object_mut() else {
        return Vec::new();
    };
    let found = [name, "items"]
        .into_iter()
        .find(|key| fields.get(*key).is_some_and(Value::is_array));
    match found.and_then(|key| fields.remove(key)) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

/// A field for people: clean text, `-` where there is none.
#[must_use]
pub fn shown(value: &Value, key: &str) -> String {
    match value.get(key) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => sanitise(text, VALUE_MAX),
        Some(other) => sanitise(&other.to_string(), VALUE_MAX),
    }
}

/// A field as it is, for comparison; empty where it is no text.
#[must_use]
pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// An id in an answer.
///
/// # Errors
/// When it is none: the service is not one that we understand.
pub fn id<T: FromStr<Err = IdError>>(value: &Value, key: &str) -> Result<T, CliError> {
    text(value, key)
        .parse()
        .map_err(|error: IdError| CliError::unreachable(error.to_string()))
}

/// A time for people: seconds are enough, and `Z` says that it is UTC.
#[must_use]
pub fn time(value: &Value, key: &str) -> String {
    match text(value, key).parse::<jiff::Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        Err(_) => shown(value, key),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_read_in_either_form_and_shown_clean() {
        let run = json!({"id": "run-0001", "state": "queued\u{1b}[31m", "account": null, "n": 7.5});
        assert_eq!(unwrapped(json!({"run": run}), "run"), run);
        assert_eq!(unwrapped(run.clone(), "run"), run);
        assert_eq!(items(&mut json!({"cases": [1]}), "cases"), [json!(1)]);
        assert_eq!(items(&mut json!({"items": [1]}), "cases"), [json!(1)]);
        for (key, expected) in [
            ("state", "queued"),
            ("account", "-"),
            ("n", "7.5"),
            ("none", "-"),
        ] {
            assert_eq!(shown(&run, key), expected);
        }
        let at = json!({"at": "2026-01-03T10:00:00.5Z", "bad": "soon"});
        assert_eq!(
            (time(&at, "at"), time(&at, "bad")),
            ("2026-01-03 10:00:00Z".into(), "soon".into())
        );
    }
}
