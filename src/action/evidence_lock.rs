//! The lock of the snapshot that is kept in the end: while it holds, nobody who may delete snapshots can delete it.
//!
//! It does not protect the key: without that the snapshot is worth nothing (EBS User Guide, "Amazon EBS snapshot
//! lock"). A lock that is there already and at least as strong is left as it is, and none is ever made weaker.

use std::time::Duration;

use serde_json::{Value, json};

use super::creation::{Unseen, unseen};
use super::{Context, LookError};
use crate::change::{Change, Kind, LockMode, LockTerms, SnapshotLock};
use crate::cloud::{HeldLock, Snapshot, SnapshotState};
use crate::config::EvidenceConfig;
use crate::id::Place;

/// What is next for one snapshot.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Next {
    /// This change.
    Change(Change),
    /// Waiting.
    Wait(Duration, String),
    /// It can't be preserved as it should be.
    Fail(String),
    /// It is where it belongs: the chain-of-custody record.
    Ready(Value),
}

/// The lock that a configuration asks for; its values have been checked.
#[must_use]
pub fn lock_of(evidence: &EvidenceConfig) -> Option<LockTerms> {
    let mode = match evidence.lock.as_str() {
        "governance" => LockMode::Governance,
        "compliance" => LockMode::Compliance,
        _ => return None,
    };
    let cool_off_hours = (mode == LockMode::Compliance).then_some(evidence.cool_off_hours);
    Some(LockTerms { mode, days: evidence.lock_days?, cool_off_hours })
}

/// The lock for the custody record, null where none is wanted or can be; or what is next for it.
///
/// # Errors
/// When a read fails.
pub(super) async fn locked(
    context: &Context<'_>,
    place: &Place,
    snapshot: &Snapshot,
) -> Result<Result<Value, Next>, LookError> {
    let Some(wanted) = context.settings.lock else {
        return Ok(Ok(Value::Null));
    };
    if snapshot.state == SnapshotState::Error {
        return Ok(Ok(Value::Null));
    }
    let held = context.session.snapshot_lock(place, &snapshot.id).await?;
    let enough = held.as_ref().filter(|held| wanted.are_met_by(held.mode, held.days));
    if let Some(held) = enough {
        return Ok(Ok(json!(held)));
    }
    let ours =
        |kind: &Kind| matches!(kind, Kind::SnapshotLock(lock) if lock.snapshot == snapshot.id);
    Ok(Err(match unseen(context, ours) {
        Unseen::Wait(time) => {
            Next::Wait(time, format!("the lock of {} is not visible yet", snapshot.id))
        }
        Unseen::Create => {
            let lock = SnapshotLock {
                snapshot: snapshot.id.clone(),
                before: held.as_ref().map(terms),
                after: stronger(wanted, held.as_ref()),
            };
            Next::Change(Change { at: place.clone(), kind: Kind::SnapshotLock(lock) })
        }
    }))
}

fn terms(held: &HeldLock) -> LockTerms {
    LockTerms { mode: held.mode, days: held.days, cool_off_hours: held.cool_off_hours }
}

/// What is wanted, and no less than there is. Once it can't be lifted any more a lock in compliance mode can only
/// be extended, and EC2 refuses a cooling-off period with it.
fn stronger(wanted: LockTerms, held: Option<&HeldLock>) -> LockTerms {
    let Some(held) = held else { return wanted };
    let mode = wanted.mode.max(held.mode);
    let fixed = held.mode == LockMode::Compliance && !held.cooling_off;
    let cool_off_hours = match (fixed, wanted.mode) {
        (true, _) => None,
        (false, LockMode::Compliance) => wanted.cool_off_hours,
        // It was to be lifted for a while, and still is.
        (false, LockMode::Governance) if mode == LockMode::Compliance => held.cool_off_hours,
        (false, LockMode::Governance) => None,
    };
    LockTerms { mode, days: wanted.days.max(held.days), cool_off_hours }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_never_made_weaker() {
        use LockMode::{Compliance, Governance};
        let held = |mode, cooling_off, days| HeldLock {
            mode,
            cooling_off,
            days,
            cool_off_hours: cooling_off.then_some(48),
            cool_off_expires: None,
            expires: None,
        };
        let terms = |mode, days, cool_off_hours| LockTerms { mode, days, cool_off_hours };
        for (wanted, held, expected) in [
            (terms(Governance, 30, None), None, terms(Governance, 30, None)),
            (
                terms(Governance, 30, None),
                Some(held(Governance, false, 7)),
                terms(Governance, 30, None),
            ),
            (
                terms(Compliance, 30, Some(24)),
                Some(held(Governance, false, 365)),
                terms(Compliance, 365, Some(24)),
            ),
            (
                terms(Compliance, 30, Some(24)),
                Some(held(Compliance, true, 7)),
                terms(Compliance, 30, Some(24)),
            ),
            (
                terms(Compliance, 30, Some(24)),
                Some(held(Compliance, false, 7)),
                terms(Compliance, 30, None),
            ),
            (
                terms(Governance, 30, None),
                Some(held(Compliance, true, 7)),
                terms(Compliance, 30, Some(48)),
            ),
        ] {
            assert_eq!(stronger(wanted, held.as_ref()), expected, "{wanted:?} {held:?}");
        }
    }
}
