//! Locks of snapshots.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{LockMode as SdkMode, LockState};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::convert::rfc3339;
use super::ec2_apply::{confirmed, refused};
use super::ec2_read::absent;
use super::errors::{Effect, read, unreadable};
use crate::change::{LockMode, SnapshotLock};
use crate::cloud::{HeldLock, Receipt, Result};
use crate::id::SnapshotId;

const READ: &str = "ec2:DescribeLockedSnapshots";

/// One that has expired is none.
pub(super) async fn held(client: &Client, id: &SnapshotId) -> Result<Option<HeldLock>> {
    let answer = match client.describe_locked_snapshots().snapshot_ids(id.as_str()).send().await {
        Ok(answer) => answer,
        Err(error) if absent(error.code(), "InvalidSnapshot") => return Ok(None),
        Err(error) => return Err(read(READ, error)),
    };
    let mut found = answer.snapshots().iter();
    let Some(found) = found.find(|found| found.snapshot_id() == Some(id.as_str())) else {
        return Ok(None);
    };
    let (mode, cooling_off) = match found.lock_state() {
        Some(LockState::Governance) => (LockMode::Governance, false),
        Some(LockState::Compliance) => (LockMode::Compliance, false),
        Some(LockState::ComplianceCooloff) => (LockMode::Compliance, true),
        Some(LockState::Expired) => return Ok(None),
        other => {
            return Err(unreadable(READ, Effect::Reads, format!("the lock's state is {other:?}")));
        }
    };
    let number = |n: Option<i32>| n.and_then(|n| u32::try_from(n).ok());
    let Some(days) = number(found.lock_duration()) else {
        return Err(unreadable(READ, Effect::Reads, "the lock has no duration"));
    };
    Ok(Some(HeldLock {
        mode,
        cooling_off,
        days,
        cool_off_hours: number(found.cool_off_period()),
        cool_off_expires: found.cool_off_period_expires_on().map(rfc3339),
        expires: found.lock_expires_on().map(rfc3339),
    }))
}

pub(super) async fn apply(client: &Client, change: &SnapshotLock) -> Result<Receipt> {
    let operation = SnapshotLock::OPERATION;
    let number = |n: u32| {
        i32::try_from(n).map_err(|_| refused(operation, "the duration of the lock is too long"))
    };
    let mode = match change.after.mode {
        LockMode::Governance => SdkMode::Governance,
        LockMode::Compliance => SdkMode::Compliance,
    };
    let cool_off = change.after.cool_off_hours.map(number).transpose()?;
    let call = client.lock_snapshot().snapshot_id(change.snapshot.as_str()).lock_mode(mode);
    let call = call.lock_duration(number(change.after.days)?).set_cool_off_period(cool_off);
    confirmed(operation, call.send().await)
}
