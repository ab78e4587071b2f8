//! The policy `AWSRevokeOlderSessions`: made, recognised and compared. Pure.
//!
//! Form and name are those of the IAM console (IAM User Guide, "Revoke IAM role temporary security
//! credentials"), so that people and other tools recognise it.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::change::Document;

/// The inline policy's name.
pub(super) const POLICY: &str = "AWSRevokeOlderSessions";

/// How far the cut-off lies ahead: IAM changes take that long to reach every endpoint (IAM User
/// Guide; the console does the same).
pub(super) const AHEAD: SignedDuration = SignedDuration::from_secs(30);

/// How long a session of a role may last (IAM: maximum session duration). Earlier than this after
/// the cut-off, taking the policy away makes stolen sessions work again.
pub(super) const SESSION_MAX: SignedDuration = SignedDuration::from_hours(12);

/// `at` and [`AHEAD`], rounded up to whole seconds.
pub(super) fn cut_off(at: Timestamp) -> Timestamp {
    let later = at.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
    let whole = match later.subsec_nanosecond() {
        0 => later.as_second(),
        _ => later.as_second() + 1,
    };
    Timestamp::from_second(whole).unwrap_or(Timestamp::MAX)
}

/// The policy that denies everything to sessions issued before `cut_off` (whole seconds).
pub(super) fn document(cut_off: Timestamp) -> Document {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Deny",
            "Action": ["*"],
            "Resource": ["*"],
            "Condition": {"DateLessThan": {"aws:TokenIssueTime": cut_off.to_string()}},
        }],
    })
}

/// The cut-off of a document that has exactly our form.
pub(super) fn ours(found: &Document) -> Option<Timestamp> {
    latest(found).filter(|cut_off| document(*cut_off) == *found)
}

/// The latest cut-off before which a document denies everything, whatever its form. Ours is never
/// earlier: a document that we replace may already deny more. A statement that denies less or allows
/// says nothing: its date could be anybody's, and would lock the role for years.
pub(super) fn latest(found: &Document) -> Option<Timestamp> {
    let statements = match found.get("Statement")? {
        Document::Array(list) => list.as_slice(),
        single => std::slice::from_ref(single),
    };
    let all = |statement: &Document, key: &str| {
        statement.get(key).is_some_and(|value| *value == json!("*") || *value == json!(["*"]))
    };
    let denies_all = |statement: &&Document| {
        statement.get("Effect") == Some(&json!("Deny"))
            && all(statement, "Action")
            && all(statement, "Resource")
    };
    let times = statements.iter().filter(denies_all).filter_map(|statement| {
        let time = statement.get("Condition")?.get("DateLessThan")?.get("aws:TokenIssueTime")?;
        match time {
            Document::Array(list) => list.first()?.as_str()?.parse().ok(),
            single => single.as_str()?.parse::<Timestamp>().ok(),
        }
    });
    times.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_off_is_30_s_ahead_in_whole_seconds() {
        for (at, expected) in [
            ("2025-03-01T10:00:00Z", "2025-03-01T10:00:30Z"),
            ("2025-03-01T10:00:00.000000001Z", "2025-03-01T10:00:31Z"),
            ("2025-12-31T23:59:59.9Z", "2026-01-01T00:00:30Z"),
        ] {
            assert_eq!(cut_off(at.parse().unwrap()).to_string(), expected, "{at}");
        }
    }

    #[test]
    fn our_form_is_recognised_and_a_foreign_cut_off_is_still_read() {
        let at: Timestamp = "2025-03-01T10:00:30Z".parse().unwrap();
        assert_eq!(ours(&document(at)), Some(at));
        let mut allowing = document(at);
        allowing["Statement"][0]["Effect"] = json!("Allow");
        let mut narrower = document(at);
        narrower["Statement"][0]["Resource"] = json!(["arn:aws:s3:::one"]);
        let single = json!({"Statement": {
            "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {"DateLessThan": {"aws:TokenIssueTime": ["2025-03-01T10:00:30.000Z"]}},
        }});
        for (foreign, time) in [
            (allowing, None),
            (narrower, None),
            (single, Some(at)),
            (json!({"Statement": [{"Effect": "Deny"}]}), None),
            (json!("hostile"), None),
            (
                json!({"Statement": [{"Effect": "Deny", "Action": ["*"], "Resource": ["*"],
                    "Condition": {"DateLessThan": {"aws:TokenIssueTime": "soon"}}}]}),
                None,
            ),
        ] {
            assert_eq!(ours(&foreign), None, "{foreign}");
            assert_eq!(latest(&foreign), time, "{foreign}");
        }
    }
}
