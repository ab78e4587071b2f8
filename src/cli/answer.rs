//! Reading the service's answers: lists, ids, times, and text in them that nobody may trust.

use std::str::FromStr;

use jiff::Timestamp;
use serde_json::Value;

use super::error::CliError;
use crate::finding::Severity;
use crate::id::IdError;
use crate::sanitise::{VALUE_MAX, sanitise};

/// Takes the list `name` out of an answer; none where there is no such list.
#[must_use]
pub fn items(answer: &mut Value, name: &str) -> Vec<Value> {
    match answer.get_mut(name).map(Value::take) {
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

/// A case's severity for people, as `8.0 High`: an answer has GuardDuty's number alone.
#[must_use]
pub fn severity(case: &Value) -> String {
    match case.get("severity").and_then(Value::as_f64) {
        Some(number) => {
            // Whatever number a service sends, the cast ends at the scale of 16 bits.
            let severity = Severity((number * 10.0).round() as u16);
            format!("{severity} {}", severity.band())
        }
        None => shown(case, "severity"),
    }
}

/// An id in an answer.
///
/// # Errors
/// When it is none: the service is not one that we understand.
pub fn id<T: FromStr<Err = IdError>>(value: &Value, key: &str) -> Result<T, CliError> {
    text(value, key).parse().map_err(|error: IdError| CliError::unreachable(error.to_string()))
}

/// A time for people: seconds are enough, and `Z` says that it is UTC.
#[must_use]
pub fn time(value: &Value, key: &str) -> String {
    match text(value, key).parse() {
        Ok(at) => clock_time(at),
        Err(_) => shown(value, key),
    }
}

/// How long before `now` a time was: `40s ago`, `5m ago`, `3h ago`, `2d ago`. One that lies ahead, as
/// clocks differ, is told as it is.
#[must_use]
pub fn ago(value: &Value, key: &str, now: Timestamp) -> String {
    let Ok(at) = text(value, key).parse::<Timestamp>() else {
        return shown(value, key);
    };
    match now.as_second() - at.as_second() {
        ..-5 => clock_time(at),
        seconds @ -5..60 => format!("{}s ago", seconds.max(0)),
        seconds @ 60..3600 => format!("{}m ago", seconds / 60),
        seconds @ 3600..172_800 => format!("{}h ago", seconds / 3600),
        seconds => format!("{}d ago", seconds / 86_400),
    }
}

/// As [`time`], of a time that is one.
#[must_use]
pub fn clock_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_told_by_how_long_ago_they_were() {
        let now = "2026-01-03T10:00:00Z".parse().unwrap();
        for (at, expected) in [
            ("2026-01-03T10:00:03Z", "0s ago"),
            ("2026-01-03T09:59:20Z", "40s ago"),
            ("2026-01-03T09:55:01Z", "4m ago"),
            ("2026-01-03T07:00:00Z", "3h ago"),
            ("2026-01-01T10:00:01Z", "47h ago"),
            ("2026-01-01T10:00:00Z", "2d ago"),
            ("2026-01-03T11:00:00Z", "2026-01-03 11:00:00Z"),
            ("soon\u{1b}[2J", "soon"),
        ] {
            assert_eq!(ago(&json!({"at": at}), "at", now), expected, "{at}");
        }
        assert_eq!(ago(&json!({}), "at", now), "-");
    }

    #[test]
    fn answers_are_read_and_shown_clean() {
        let run = json!({"id": "run-0001", "state": "queued\u{1b}[31m", "account": null, "n": 7.5});
        let mut answer = json!({"items": [1], "runs": 1});
        assert_eq!(items(&mut answer, "items"), [json!(1)]);
        assert_eq!(items(&mut answer, "runs"), Vec::<Value>::new());
        assert_eq!(items(&mut answer, "none"), Vec::<Value>::new());
        for (key, expected) in [("state", "queued"), ("account", "-"), ("n", "7.5"), ("none", "-")]
        {
            assert_eq!(shown(&run, key), expected);
        }
        for (given, expected) in [
            (json!({"severity": 8}), "8.0 High"),
            (json!({"severity": 9.3}), "9.3 Critical"),
            (json!({"severity": 3.9}), "3.9 Low"),
            (json!({"severity": null}), "-"),
            (json!({}), "-"),
            (json!({"severity": "8\u{1b}[m"}), "8"),
        ] {
            assert_eq!(severity(&given), expected, "{given}");
        }
        let at = json!({"at": "2026-01-03T10:00:00.5Z", "bad": "soon"});
        assert_eq!(
            (time(&at, "at"), time(&at, "bad")),
            ("2026-01-03 10:00:00Z".into(), "soon".into())
        );
    }
}
