//! What keeps stolen credentials out, once it has outlived them: from then on taking it back gives nobody
//! anything, so that an undo takes it back unasked.
//!
//! ```text
//!   cut-off ──── 12 h, a role's sessions ────► safe
//!   last key of a user disabled ── 36 h, its sessions ──► safe (its keys never are)
//! ```

use jiff::Timestamp;
use serde_json::Value;

use super::outcome::StepResult;
use super::replay::RunLog;
use super::step::StepLog;
use crate::action;
use crate::change::{Change, Taggable};

/// From when on `done` keeps out nothing that still lives; `None`: it always may.
#[must_use]
pub fn safe_from(log: &RunLog, done: &Change) -> Option<Timestamp> {
    match done.subject() {
        Some(user @ Taggable::User(_)) => {
            let about = |change: &Change| {
                change.at.account == done.at.account && change.subject().as_ref() == Some(&user)
            };
            let touched = |step: &&StepLog| step.changes.iter().any(|log| about(&log.change));
            let steps = log.steps.iter().filter(touched);
            let verified =
                |step: &StepLog| step.end.as_ref().is_some_and(|end| end.result == StepResult::Ok);
            // Where a key could not be disabled, nothing but the deny keeps it out.
            if !steps.clone().all(verified) {
                return None;
            }
            let changes = steps.flat_map(|step| &step.changes).filter(|log| about(&log.change));
            let last = changes.map(|log| log.intended).max()?;
            action::expired_from(done, last)
        }
        _ => action::expired_from(done, Timestamp::MIN),
    }
}

/// The time that an undo's step was asked with.
#[must_use]
pub fn of_args(args: &Value) -> Option<Timestamp> {
    args.get("safe_from")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::change::{KeyStatus, Kind};
    use crate::error::Code;
    use crate::id::Place;
    use crate::run::step::ChangeLog;
    use crate::run::step_end::{failed, succeeded};

    /// A user's deny is all that keeps a key out that could not be disabled.
    #[test]
    fn a_users_deny_is_safe_only_where_all_of_its_credentials_were_verified() {
        let at = Place {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let change = |kind| Change { at: at.clone(), kind };
        let deny = change(Kind::UserPolicy {
            user: "ci".parse().unwrap(),
            policy: "TourniquetDenyAll".to_owned(),
            before: None,
            after: Some(json!({})),
        });
        let key = change(Kind::AccessKey {
            user: "ci".parse().unwrap(),
            key: "AKIAIOSFODNN7EXAMPLE".parse().unwrap(),
            before: KeyStatus::Active,
            after: KeyStatus::Inactive,
        });
        let step = |nth: &str, changes: &[(&Change, &str)], verified: bool| {
            let (name, asked) = ("contain::disable_access_keys", "2025-03-01T10:00:00Z");
            let mut step = StepLog::asked(
                nth.parse().unwrap(),
                name.to_owned(),
                json!({}),
                asked.parse().unwrap(),
            );
            step.changes = changes
                .iter()
                .map(|(change, at)| ChangeLog {
                    change: (*change).clone(),
                    intended: at.parse().unwrap(),
                    outcome: None,
                })
                .collect();
            step.end = Some(match verified {
                true => succeeded(&step, json!({})),
                false => failed(&step, Code::ACTION_REFUSED, "refused", "not listed"),
            });
            step
        };
        let first = [(&deny, "2025-03-01T10:00:00Z"), (&key, "2025-03-01T10:00:00Z")];
        // Somebody made a key anew, and that was seen a minute later.
        let again = [(&key, "2025-03-01T10:01:00Z")];
        for (steps, expected) in [
            (vec![step("1", &first, true)], Some("2025-03-02T22:15:00Z")),
            (vec![step("1", &first, false)], None),
            (
                vec![step("1", &first, true), step("1~1", &again, true)],
                Some("2025-03-02T22:16:00Z"),
            ),
            (vec![step("1", &first, true), step("1~1", &again, false)], None),
        ] {
            let log = RunLog { steps, ..RunLog::default() };
            let from = safe_from(&log, &deny).map(|at| at.to_string());
            assert_eq!(from.as_deref(), expected);
            assert_eq!(safe_from(&log, &key), None, "a key never expires");
        }
    }
}
