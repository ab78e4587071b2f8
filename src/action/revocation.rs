//! The policy `AWSRevokeOlderSessions`: made, recognised and compared; and until when a deny keeps out
//! anything that still lives. Pure.
//!
//! Form and name are those of the IAM console (IAM User Guide, "Revoke IAM role temporary security
//! credentials"), so that people and other tools recognise it.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::change::{Change, Document, Kind};

/// The inline policy's name.
pub(super) const POLICY: &str = "AWSRevokeOlderSessions";

/// The name of the inline policy that denies a user everything.
pub(super) const USER_POLICY: &str = "TourniquetDenyAll";

/// How far the cut-off lies ahead: IAM changes take that long to reach every endpoint (IAM User
/// Guide; the console does the same).
pub(super) const AHEAD: SignedDuration = SignedDuration::from_secs(30);

/// How long a session of a role may last (IAM: maximum session duration). Earlier than this after
/// the cut-off, taking the policy away makes stolen sessions work again.
const SESSION_MAX: SignedDuration = SignedDuration::from_hours(12);

/// How long a session that was made with a user's own key or password may last (STS API Reference,
/// `GetSessionToken` and `GetFederationToken`: 129,600 s at most).
const USER_SESSION_MAX: SignedDuration = SignedDuration::from_hours(36);

/// From the intent to disable a key until no endpoint takes it any more: the attempts of the call, and
/// what IAM needs to spread it. A session may be made with it until then.
const KEY_LINGERS: SignedDuration = SignedDuration::from_mins(15);

/// From when on taking `change`, intended at `intended`, back gives nobody anything: every session that
/// it keeps out has expired. `None`: never, because what it keeps out does not expire.
#[must_use]
pub fn expired_from(change: &Change, intended: Timestamp) -> Option<Timestamp> {
    match &change.kind {
        Kind::RolePolicy { policy, after: Some(after), .. } if policy == POLICY => {
            Some(later(ours(after)?, SESSION_MAX))
        }
        // Its keys are disabled, and are not given back with it.
        Kind::UserPolicy { policy, after: Some(_), .. } if policy == USER_POLICY => {
            Some(later(later(intended, KEY_LINGERS), USER_SESSION_MAX))
        }
        _ => None,
    }
}

/// From when on sessions that a deny with this cut-off keeps out have expired.
pub(super) fn sessions_expired(cut_off: Timestamp) -> Timestamp {
    later(cut_off, SESSION_MAX)
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

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
    use crate::change::KeyStatus;
    use crate::id::Place;

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

    /// A role's sessions end 12 h after the cut-off, a user's 36 h after the last of its credentials was
    /// disabled; a key never ends.
    #[test]
    fn what_a_deny_keeps_out_ends_for_sessions_and_never_for_keys() {
        let at: Timestamp = "2025-03-01T10:00:30Z".parse().unwrap();
        let role = |policy: &str, after: Option<Document>| Kind::RolePolicy {
            role: "web".parse().unwrap(),
            policy: policy.to_owned(),
            before: None,
            after,
        };
        let user = Kind::UserPolicy {
            user: "ci".parse().unwrap(),
            policy: USER_POLICY.to_owned(),
            before: None,
            after: Some(json!({})),
        };
        let key = Kind::AccessKey {
            user: "ci".parse().unwrap(),
            key: "AKIAIOSFODNN7EXAMPLE".parse().unwrap(),
            before: KeyStatus::Active,
            after: KeyStatus::Inactive,
        };
        for (kind, expected) in [
            (role(POLICY, Some(document(at))), Some("2025-03-01T22:00:30Z")),
            (role("Another", Some(document(at))), None),
            (role(POLICY, Some(json!({"Statement": []}))), None),
            (role(POLICY, None), None),
            (user, Some("2025-03-03T00:15:00Z")),
            (key, None),
        ] {
            let account = "111122223333".parse().unwrap();
            let at = Place { account, region: "eu-west-1".parse().unwrap() };
            let change = Change { at, kind };
            let from = expired_from(&change, "2025-03-01T12:00:00Z".parse().unwrap());
            assert_eq!(from.map(|at| at.to_string()).as_deref(), expected, "{change:?}");
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
