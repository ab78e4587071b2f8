//! What the last entry of a run says. Pure.

use serde_json::{Value, json};

use crate::timeline::INTEGER_MAX;

/// Bytes of what remains, and of what was logged, in the last entry, as JSON. Summary and result are at
/// most 2,000 characters each, of six bytes where they are hostile: all four fit into 65,535.
const LINES_BYTES_MAX: usize = 16 * 1024;

/// Characters of what a script returned, as JSON, in the run's last entry.
const RESULT_MAX: usize = 2_000;

/// Levels of a script's result that an entry shows as they are; an entry as a whole has 64.
const RESULT_DEPTH_MAX: usize = 16;

/// How a run ended.
pub struct LastEntry<'a> {
    /// The label of its last event.
    pub state: &'a str,
    /// Its result, in words.
    pub summary: &'a str,
    /// The number of the error that it ended with.
    pub code: Option<&'a str>,
    /// Whether a containment was verified, and nothing remains.
    pub contained: bool,
    /// What remains for a person.
    pub open: &'a [String],
    /// What the script returned; null: nothing.
    pub returned: &'a Value,
    /// What the script logged after its last step.
    pub log: &'a [String],
}

impl LastEntry<'_> {
    /// `run.finished`, without the run.
    pub(super) fn body(&self) -> Value {
        let mut body = json!({
            "state": self.state,
            "summary": self.summary,
            "contained": self.contained,
            "open": fit(self.open),
        });
        if let Some(code) = self.code {
            body["code"] = json!(code);
        }
        if !self.returned.is_null() {
            body["result"] = told(self.returned);
        }
        if !self.log.is_empty() {
            body["log"] = json!(fit(self.log));
        }
        body
    }
}

/// As many lines as fit into an entry; the last tells how many more there are.
fn fit(lines: &[String]) -> Vec<String> {
    let mut left = LINES_BYTES_MAX;
    let fits = |line: &&String| {
        let bytes = json!(line).to_string().len();
        left.checked_sub(bytes).map(|rest| left = rest).is_some()
    };
    let mut shown: Vec<String> = lines.iter().take_while(fits).cloned().collect();
    if shown.len() < lines.len() {
        shown.push(format!("and {} more", lines.len() - shown.len()));
    }
    shown
}

/// What a script returned, as an entry can hold it: what would crowd it or can't be sealed becomes
/// text, the beginning of it where it is long. A run must not fail for what it returns.
fn told(returned: &Value) -> Value {
    let text = returned.to_string();
    match text.char_indices().nth(RESULT_MAX) {
        Some((at, _)) => json!(format!("{}…", &text[..at])),
        None if is_plain(returned, RESULT_DEPTH_MAX) => returned.clone(),
        None => json!(text),
    }
}

/// Whether an entry takes the value as it is.
fn is_plain(value: &Value, depth: usize) -> bool {
    match value {
        Value::Number(number) => {
            number.as_i64().is_some_and(|number| number.unsigned_abs() <= INTEGER_MAX)
        }
        Value::Array(items) => depth > 0 && items.iter().all(|item| is_plain(item, depth - 1)),
        Value::Object(map) => depth > 0 && map.values().all(|item| is_plain(item, depth - 1)),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::timeline::{Actor, Draft, Head, Kind};

    fn kept(returned: &Value) -> Value {
        let ended = LastEntry {
            state: "succeeded",
            summary: "",
            code: None,
            contained: true,
            open: &[],
            returned,
            log: &[],
        };
        let entry =
            Draft::new(Timestamp::UNIX_EPOCH, Actor::Service, Kind::RunFinished, ended.body());
        let result = entry.body.get("result").cloned().unwrap_or_default();
        entry.seal(&"case-0001".parse().unwrap(), &mut Head::empty()).unwrap();
        result
    }

    #[test]
    fn the_last_entry_holds_whatever_a_run_leaves() {
        let hostile = "\u{1}".repeat(2_000);
        let lines = vec![hostile.clone(); 100];
        let returned = json!(hostile.clone());
        let ended = LastEntry {
            state: "halted",
            summary: &hostile,
            code: Some("E0504"),
            contained: false,
            open: &lines,
            returned: &returned,
            log: &lines,
        };
        let entry =
            Draft::new(Timestamp::UNIX_EPOCH, Actor::Service, Kind::RunFinished, ended.body());
        let open = entry.body["open"].as_array().unwrap();
        assert_eq!(open.last().unwrap(), &format!("and {} more", 100 - (open.len() - 1)));
        entry.seal(&"case-0001".parse().unwrap(), &mut Head::empty()).unwrap();
        assert_eq!(fit(&["a".to_owned(), "b".to_owned()]), ["a", "b"]);
    }

    #[test]
    fn what_a_script_returned_is_kept_as_it_is_unless_an_entry_does_not_take_it() {
        let small = json!({"instance": "i-1", "n": 3, "role": null});
        assert_eq!(kept(&small), small);
        assert_eq!(kept(&Value::Null), Value::Null);
        let long = kept(&json!({"text": "ü\u{1b}".repeat(40_000)}));
        let long = long.as_str().unwrap();
        assert!(long.starts_with("{\"text\":\"ü"), "{long}");
        assert_eq!(long.chars().count(), RESULT_MAX + 1);
        let deep = (0..100).fold(json!(1), |value, _| json!([value]));
        assert!(kept(&deep).is_string());
        for n in [1_i64 << 53, i64::MAX, i64::MIN] {
            assert_eq!(kept(&json!({"n": n})), json!(format!("{{\"n\":{n}}}")));
        }
    }
}
