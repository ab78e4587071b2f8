//! Snapshots as EBS treats them: pending first, shared only under a key that can be, and copies
//! whose key is asked for only after the call has answered.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::allow::{self, KeyUse};
use super::network::parsed;
use super::refusal::Refused;
use super::world::{RegionState, SnapshotRecord, Volume, World};
use crate::change::{Permission, Tags};
use crate::cloud::{Snapshot, SnapshotState, copy_description};
use crate::id::{AccountId, InstanceId, Place, SnapshotId, VolumeId};

/// Copies in progress to one Region of one account (Amazon EBS quotas, "Concurrent snapshot copies per
/// destination Region": 20, and no more on request).
pub const COPIES_AT_ONCE_MAX: usize = 20;

/// A snapshot and the volume it was made of.
pub type Made = (SnapshotId, Option<VolumeId>);

/// `ec2:CreateSnapshots`.
pub fn create(
    world: &mut World,
    at: &Place,
    instance: &InstanceId,
    leave_out: &LeaveOut<'_>,
    tags: &Tags,
    now: Timestamp,
) -> Result<Vec<Made>, Refused> {
    let region = world.region_mut(at)?;
    let Some(machine) = region.instances.get(instance) else {
        return Err(Refused::new(
            "InvalidInstanceID.NotFound",
            format!("The instance ID '{instance}' does not exist"),
        ));
    };
    let found = &machine.instance;
    if matches!(found.state.as_str(), "shutting-down" | "terminated") {
        return Err(Refused::new(
            "IncorrectInstanceState",
            format!("The instance '{instance}' is {}", found.state),
        ));
    }
    let is_root = |device: &String| found.root_device.as_ref() == Some(device);
    for volume in leave_out.volumes {
        if !found.volumes.iter().any(|(device, id)| id == volume && !is_root(device)) {
            return Err(Refused::new(
                "InvalidParameterValue",
                format!("{volume} is not a data volume of {instance}"),
            ));
        }
    }
    let chosen: Vec<Volume> = found
        .volumes
        .iter()
        .filter(|(device, id)| {
            !(leave_out.volumes.contains(id) || leave_out.boot && is_root(device))
        })
        .filter_map(|(_, id)| region.volumes.get(id).cloned())
        .collect();
    if chosen.is_empty() {
        return Err(Refused::new(
            "InvalidParameterValue",
            format!("{instance} has no volume to make a snapshot of"),
        ));
    }
    super::tag_form::check_tags(tags)?;
    let bad = region.bad_volumes.clone();
    let mut made = Vec::new();
    for volume in chosen {
        let failure = bad.get(&volume.id).cloned();
        let id: SnapshotId = parsed(&world.fresh_for("snap-", &format!("{at} {}", volume.id)))?;
        let snapshot = Snapshot {
            id: id.clone(),
            owner: at.account.clone(),
            volume: Some(volume.id.clone()),
            state: end(&failure),
            state_message: failure,
            encrypted: volume.encrypted,
            kms_key: volume.kms_key,
            size: volume.size,
            started: Some(now.to_string()),
            description: String::new(),
            tags: tags.clone(),
        };
        store(world, at, snapshot, now)?;
        made.push((id, Some(volume.id)));
    }
    Ok(made)
}

/// What stays out of a set of snapshots.
#[derive(Debug, Clone, Copy)]
pub struct LeaveOut<'a> {
    /// The root volume.
    pub boot: bool,
    /// These data volumes.
    pub volumes: &'a [VolumeId],
}

/// `ec2:CopySnapshot` with `Encrypted`. The answer never depends on KMS: a key that can't be used
/// ends the copy in error later (EC2 API, CopySnapshot, KmsKeyId). Neither does it name the source's
/// account: EC2 looks in the source's Region for a snapshot that the caller owns or was given.
pub fn copy(
    world: &mut World,
    at: &Place,
    source: &SnapshotId,
    source_at: &Place,
    kms_key: &str,
    tags: &Tags,
    who: &Caller<'_>,
) -> Result<SnapshotId, Refused> {
    let now = who.now;
    world.account(&at.account)?;
    let visible = |record: &&SnapshotRecord| {
        record.snapshot.owner == at.account || record.shared_with.contains(&at.account)
    };
    let found = world
        .accounts
        .values()
        .filter_map(|account| account.regions.get(&source_at.region)?.snapshots.get(source))
        .find(visible);
    let Some(found) = found else {
        return Err(not_found(source));
    };
    let shown = found.shown(now);
    if shown.state != SnapshotState::Completed {
        return Err(Refused::new(
            "IncorrectState",
            format!("The snapshot '{source}' is not completed"),
        ));
    }
    super::tag_form::check_tags(tags)?;
    // What a look still shows as pending is in progress.
    let copying =
        |record: &&SnapshotRecord| record.copy && record.shown(now).state == SnapshotState::Pending;
    let there = world.region(at)?.map(|region| region.snapshots.values().filter(copying).count());
    if there.unwrap_or_default() >= COPIES_AT_ONCE_MAX {
        return Err(Refused::new(
            "ResourceLimitExceeded",
            format!("Too many snapshot copies in progress. The limit is {COPIES_AT_ONCE_MAX}."),
        ));
    }
    let failure = key_failure(world, at, &shown, source_at, kms_key, who.permissions);
    let key = world.region(at)?.and_then(|region| region.key(kms_key)).map(|key| key.arn.clone());
    let id: SnapshotId = parsed(&world.fresh_for("snap-", &format!("{at} copy of {source}")))?;
    // A copy's volume is arbitrary and must not be relied upon (EC2 API, CopySnapshot).
    let volume = Some(parsed("vol-ffffffff")?);
    let snapshot = Snapshot {
        id: id.clone(),
        owner: at.account.clone(),
        volume,
        state: end(&failure),
        state_message: failure,
        encrypted: true,
        kms_key: key.or_else(|| Some(kms_key.to_owned())),
        size: shown.size,
        started: Some(now.to_string()),
        description: copy_description(source),
        tags: tags.clone(),
    };
    store(world, at, snapshot, now)?;
    if let Some(record) = world.region_mut(at)?.snapshots.get_mut(&id) {
        record.copy = true;
    }
    Ok(id)
}

/// Who copies, and when.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// What they may do; `None`: nobody asks.
    pub permissions: Option<&'a BTreeSet<Permission>>,
    /// When.
    pub now: Timestamp,
}

fn key_failure(
    world: &World,
    at: &Place,
    source: &Snapshot,
    source_at: &Place,
    kms_key: &str,
    permissions: Option<&BTreeSet<Permission>>,
) -> Option<String> {
    let lacking = |arn: &str, role: KeyUse| {
        let needs = allow::kms_needs(arn, role);
        let (action, resource) = allow::missing(permissions?, &needs)?.clone();
        Some(format!("Given key ID is not accessible: {action} on {resource} is not allowed"))
    };
    let unusable = || Some("Given key ID is not accessible".to_owned());
    let Some(target) =
        world.accounts.get(&at.account)?.regions.get(&at.region).and_then(|r| r.key(kms_key))
    else {
        return unusable();
    };
    if let Some(words) = lacking(&target.arn, KeyUse::Target) {
        return Some(words);
    }
    let arn = source.kms_key.as_deref().filter(|_| source.encrypted)?;
    // The key of an encrypted source lives in the source's Region, in any account.
    let regions =
        world.accounts.iter().filter_map(|(id, a)| Some((id, a.regions.get(&source_at.region)?)));
    let owned = regions
        .filter_map(|(id, region)| Some((id, region.key(arn)?)))
        .find(|(_, key)| key.arn == arn);
    let Some((owner, key)) = owned else {
        return unusable();
    };
    if *owner != at.account && (key.aws_managed || !key.usable_by.contains(&at.account)) {
        return unusable();
    }
    lacking(arn, KeyUse::Source)
}

/// `ec2:ModifySnapshotAttribute` for `createVolumePermission`: one account comes or goes.
pub fn share(
    world: &mut World,
    at: &Place,
    id: &SnapshotId,
    before: &BTreeSet<AccountId>,
    after: &BTreeSet<AccountId>,
) -> Result<(), Refused> {
    let region = world.region_mut(at)?;
    if !region.snapshots.contains_key(id) {
        return Err(not_found(id));
    }
    let changed: Vec<&AccountId> = before.symmetric_difference(after).collect();
    let [account] = changed.as_slice() else {
        return Err(Refused::new(
            "InvalidParameterCombination",
            "exactly one account comes or goes with one change",
        ));
    };
    if !after.contains(*account) {
        // Taking away what is not there is no error.
        if let Some(record) = region.snapshots.get_mut(id) {
            record.shared_with.remove(*account);
        }
        return Ok(());
    }
    let managed =
        region.snapshots.get(id).is_some_and(|record| under_aws_key(region, &record.snapshot));
    if managed {
        return Err(Refused::new(
            "InvalidParameter",
            "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot.",
        ));
    }
    if let Some(record) = region.snapshots.get_mut(id) {
        record.shared_with.insert((*account).clone());
    }
    Ok(())
}

fn under_aws_key(region: &RegionState, snapshot: &Snapshot) -> bool {
    // An encrypted snapshot without a named key is under the account's default key.
    snapshot.encrypted
        && snapshot
            .kms_key
            .as_deref()
            .is_none_or(|key| region.key(key).is_some_and(|key| key.aws_managed))
}

fn store(world: &mut World, at: &Place, snapshot: Snapshot, now: Timestamp) -> Result<(), Refused> {
    let pace = world.pace;
    let pending_until = now.checked_add(Duration::from_secs(pace.seconds.into())).unwrap_or(now);
    let record = SnapshotRecord {
        snapshot,
        shared_with: BTreeSet::new(),
        public: false,
        lock: None,
        copy: false,
        looks_left: pace.looks,
        pending_until,
    };
    world.region_mut(at)?.snapshots.insert(record.snapshot.id.clone(), record);
    Ok(())
}

fn end(failure: &Option<String>) -> SnapshotState {
    if failure.is_some() { SnapshotState::Error } else { SnapshotState::Completed }
}

/// The refusal of a snapshot that is not there.
pub fn not_found(id: &SnapshotId) -> Refused {
    Refused::new("InvalidSnapshot.NotFound", format!("The snapshot '{id}' does not exist."))
}
