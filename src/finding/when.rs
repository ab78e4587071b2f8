//! Times as documents carry them: one lenient reader for every form that was seen.
//!
//! EventBridge has ISO text at the top level and epoch seconds below; the CLI has offsets; products
//! that pass findings on leave the zone out. The caller decides whether a form counts as degraded.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

/// Characters of a time's text. The longest real one (nanoseconds and an offset) has 35.
const TEXT_MAX: usize = 64;

/// A time and the form in which it stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    /// The time.
    pub at: Timestamp,
    /// How it was written.
    pub form: Form,
}

/// How a time was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// ISO 8601 with `Z` or an offset.
    Iso,
    /// A number: seconds, milliseconds or microseconds since 1970.
    Epoch,
    /// ISO 8601 without a zone, taken as UTC, or a number as text: another product rewrote it.
    Rewritten,
}

/// The time in `value`; `None` where it holds none.
#[must_use]
pub fn when(value: &Value) -> Option<When> {
    match value {
        Value::Number(number) => Some(When { at: epoch(number.as_f64()?)?, form: Form::Epoch }),
        Value::String(text) if text.len() <= TEXT_MAX => {
            let text = text.trim();
            if let Ok(at) = text.parse::<Timestamp>() {
                return Some(When { at, form: Form::Iso });
            }
            let local = text.parse::<DateTime>().ok();
            let at = match local.and_then(|local| local.to_zoned(TimeZone::UTC).ok()) {
                Some(utc) => utc.timestamp(),
                None => epoch(text.parse().ok()?)?,
            };
            Some(When { at, form: Form::Rewritten })
        }
        _ => None,
    }
}

/// Seconds, milliseconds or microseconds since 1970, told apart by size: GuardDuty's runtime events
/// use all three. As seconds, 1e11 is the year 5138; as milliseconds it is 1973, long before
/// GuardDuty, and so on. A time before 1970 is none.
fn epoch(number: f64) -> Option<Timestamp> {
    let micros = match number {
        seconds if (0.0..1e11).contains(&seconds) => seconds * 1e6,
        millis if (1e11..1e14).contains(&millis) => millis * 1e3,
        micros if (1e14..1e17).contains(&micros) => micros,
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "below 1e17, which i64 holds")]
    Timestamp::from_microsecond(micros.round() as i64).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_that_was_seen_is_read() {
        for (value, expected) in [
            (json!("2026-01-10T10:00:00.000Z"), Some(("2026-01-10T10:00:00Z", Form::Iso))),
            (
                json!("2023-03-22T15:48:25.752000-05:00"),
                Some(("2023-03-22T20:48:25.752Z", Form::Iso)),
            ),
            (json!("2021-12-09 04:53:50+05:30"), Some(("2021-12-08T23:23:50Z", Form::Iso))),
            (json!("2025-02-25 20:40:06.721"), Some(("2025-02-25T20:40:06.721Z", Form::Rewritten))),
            (
                json!("2025-02-25 20:40:06.000000000"),
                Some(("2025-02-25T20:40:06Z", Form::Rewritten)),
            ),
            (json!(1_636_625_755.218), Some(("2021-11-11T10:15:55.218Z", Form::Epoch))),
            (json!(1.716_854_656_938E9), Some(("2024-05-28T00:04:16.938Z", Form::Epoch))),
            (json!(1_700_000_000), Some(("2023-11-14T22:13:20Z", Form::Epoch))),
            (json!(1_717_401_173_897_u64), Some(("2024-06-03T07:52:53.897Z", Form::Epoch))),
            (json!(1_717_147_358_760_000_u64), Some(("2024-05-31T09:22:38.76Z", Form::Epoch))),
            (json!("1700000000.0"), Some(("2023-11-14T22:13:20Z", Form::Rewritten))),
            (json!(1e300), None),
            (json!(-1.0), None),
            (json!("NaN"), None),
            (json!("foo"), None),
            (json!("2026-13-01T00:00:00Z"), None),
            (json!(""), None),
            (json!(true), None),
            (json!(null), None),
        ] {
            let found = when(&value).map(|found| (found.at.to_string(), found.form));
            let expected = expected.map(|(at, form)| (at.to_owned(), form));
            assert_eq!(found, expected, "{value}");
        }
    }
}
