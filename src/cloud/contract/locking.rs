//! Locks of snapshots.

use super::disk::{completed, copy, ended, made, snapshot_of};
use super::{Bench, Disk, Outcome, equal, holds, some, text};
use crate::change::{Change, Kind, LockMode, LockTerms, SnapshotLock};
use crate::cloud::{ErrorClass, HeldLock, SnapshotState, Standing};
use crate::id::SnapshotId;

fn terms(mode: LockMode, days: u32, cool_off_hours: Option<u32>) -> LockTerms {
    LockTerms { mode, days, cool_off_hours }
}

fn lock(
    bench: &Bench<'_>,
    snapshot: &SnapshotId,
    before: Option<LockTerms>,
    after: LockTerms,
) -> Change {
    bench.change(Kind::SnapshotLock(SnapshotLock { snapshot: snapshot.clone(), before, after }))
}

async fn held(bench: &Bench<'_>, id: &SnapshotId) -> Outcome<Option<HeldLock>> {
    bench.session.snapshot_lock(bench.here(), id).await.map_err(text)
}

pub async fn locks_a_snapshot_and_makes_the_lock_stronger(bench: &Bench<'_>) -> Outcome {
    let snapshot = snapshot_of(bench, Disk::Plain).await?.id;
    equal("lock", &held(bench, &snapshot).await?, &None)?;
    let first = terms(LockMode::Governance, 30, None);
    bench.passes(&lock(bench, &snapshot, None, first)).await?;
    let found = some("lock", held(bench, &snapshot).await?)?;
    equal("mode", &(found.mode, found.cooling_off), &(LockMode::Governance, false))?;
    equal("days", &(found.days, found.cool_off_hours), &(30, None))?;
    completed(bench, bench.here(), &snapshot).await?;
    let found = some("lock", held(bench, &snapshot).await?)?;
    holds("the time runs from when it is completed", found.expires.is_some())?;
    let second = terms(LockMode::Compliance, 31, Some(24));
    bench.passes(&lock(bench, &snapshot, Some(first), second)).await?;
    let found = some("lock", held(bench, &snapshot).await?)?;
    equal("mode", &(found.mode, found.cooling_off), &(LockMode::Compliance, true))?;
    equal("days", &(found.days, found.cool_off_hours), &(31, Some(24)))?;
    holds("it says until when it can be lifted", found.cool_off_expires.is_some())
}

/// A copy whose key turns out not to be there takes its lock with it (EC2 API, LockSnapshot).
pub async fn loses_the_lock_of_a_copy_that_fails(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let source = snapshot_of(bench, Disk::Plain).await?;
    let nowhere = format!(
        "arn:aws:kms:{}:{}:key/00000000-0000-4000-8000-000000000000",
        at.region, at.account
    );
    let made = made(bench.apply(&copy(bench, &source.id, at, &nowhere)).await?.created)?;
    let (id, _) = some("copy", made.into_iter().next())?;
    // At once: a look or two later it has failed.
    let change = lock(bench, &id, None, terms(LockMode::Governance, 1, None));
    bench.apply(&change).await?;
    bench.stands(&change, &Standing::After).await?;
    equal("state", &ended(bench, at, &id).await?.state, &SnapshotState::Error)?;
    equal("lock", &held(bench, &id).await?, &None)
}

pub async fn locks_no_unknown_snapshot(bench: &Bench<'_>) -> Outcome {
    let unknown: SnapshotId = "snap-0123456789abcdef0".parse().unwrap();
    equal("lock", &held(bench, &unknown).await?, &None)?;
    let change = lock(bench, &unknown, None, terms(LockMode::Governance, 1, None));
    bench.stands(&change, &Standing::Gone).await?;
    bench.refuses(&change, &[ErrorClass::Gone]).await.map(drop)
}
