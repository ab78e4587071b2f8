//! Locks of snapshots as EBS treats them: taken while a snapshot is still pending, gone when it fails, and in
//! compliance mode never weaker once the cooling-off period is over.

use std::time::Duration;

use jiff::Timestamp;

use super::refusal::Refused;
use super::world::{Locked, RegionState, SnapshotRecord, World};
use crate::change::{LockMode, LockTerms, SnapshotLock};
use crate::cloud::{HeldLock, SnapshotState};
use crate::id::{Place, SnapshotId};

/// What `ec2:DescribeLockedSnapshots` shows. One that has expired is none.
#[must_use]
pub fn held(region: &RegionState, id: &SnapshotId, now: Timestamp) -> Option<HeldLock> {
    of(region.snapshots.get(id)?, now)
}

fn of(record: &SnapshotRecord, now: Timestamp) -> Option<HeldLock> {
    let Locked { terms, at } = record.lock.as_ref()?;
    let state = record.shown(now).state;
    if state == SnapshotState::Error {
        return None;
    }
    // The time runs from when the snapshot is completed.
    let expires = (state == SnapshotState::Completed)
        .then(|| later(*at.max(&record.pending_until), 24 * u64::from(terms.days)));
    if expires.is_some_and(|expires| expires <= now) {
        return None;
    }
    let cools = terms.cool_off_hours.map(|hours| later(*at, hours.into()));
    Some(HeldLock {
        mode: terms.mode,
        cooling_off: cools.is_some_and(|until| now < until),
        days: terms.days,
        cool_off_hours: terms.cool_off_hours,
        cool_off_expires: cools.map(|at| at.to_string()),
        expires: expires.map(|at| at.to_string()),
    })
}

fn later(at: Timestamp, hours: u64) -> Timestamp {
    at.checked_add(Duration::from_secs(3600 * hours)).unwrap_or(Timestamp::MAX)
}

/// `ec2:LockSnapshot`.
pub fn lock(
    world: &mut World,
    at: &Place,
    change: &SnapshotLock,
    now: Timestamp,
) -> Result<(), Refused> {
    let (id, terms) = (&change.snapshot, change.after);
    let Some(record) = world.region_mut(at)?.snapshots.get_mut(id) else {
        return Err(super::disk::not_found(id));
    };
    let invalid = |why: String| Err(Refused::new("InvalidParameterValue", why));
    if !(1..=LockTerms::DAYS_MAX).contains(&terms.days) {
        return invalid(format!("LockDuration is from 1 to {} days", LockTerms::DAYS_MAX));
    }
    if let Some(hours) = terms.cool_off_hours {
        if terms.mode == LockMode::Governance {
            return invalid("a lock in governance mode has no CoolOffPeriod".to_owned());
        }
        if !(1..=LockTerms::COOL_OFF_HOURS_MAX).contains(&hours) {
            let most = LockTerms::COOL_OFF_HOURS_MAX;
            return invalid(format!("CoolOffPeriod is from 1 to {most} hours"));
        }
    }
    if record.shown(now).state == SnapshotState::Error {
        return Err(Refused::new("IncorrectState", format!("The snapshot '{id}' is in error")));
    }
    let fixed =
        of(record, now).filter(|held| held.mode == LockMode::Compliance && !held.cooling_off);
    if let Some(held) = fixed
        && (terms.mode < held.mode || terms.days < held.days || terms.cool_off_hours.is_some())
    {
        let why = format!("The lock of '{id}' can only be extended");
        return Err(Refused::new("OperationNotPermitted", why));
    }
    record.lock = Some(Locked { terms, at: now });
    Ok(())
}
