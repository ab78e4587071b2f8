//! Snapshots: made, shared, copied.

use std::collections::BTreeSet;

use super::{Bench, Disk, Outcome, equal, holds, some, text};
use crate::change::{Change, Kind, TAG_STEP, Tags};
use crate::cloud::{Created, ErrorClass, Snapshot, SnapshotState, Standing};
use crate::id::{AccountId, InstanceId, Place, SnapshotId, VolumeId};

/// Looks at a snapshot until it is no longer pending: more than any emulator takes.
const LOOKS_MAX: usize = 50;

const UNKNOWN: &str = "snap-0123456789abcdef0";

fn create(
    bench: &Bench<'_>,
    instance: &InstanceId,
    exclude_boot: bool,
    exclude: Vec<VolumeId>,
) -> Change {
    bench.change(Kind::CreateSnapshots {
        instance: instance.clone(),
        volumes: Vec::new(),
        exclude_boot,
        exclude,
        tags: bench.created_by_us(),
    })
}

pub(super) fn made(created: Option<Created>) -> Outcome<Vec<(SnapshotId, Option<VolumeId>)>> {
    match created {
        Some(Created::Snapshots(made)) => Ok(made),
        other => Err(format!("the receipt says {other:?}")),
    }
}

pub(super) async fn ended(bench: &Bench<'_>, at: &Place, id: &SnapshotId) -> Outcome<Snapshot> {
    for _ in 0..LOOKS_MAX {
        let found = some("snapshot", bench.session.snapshot(at, id).await.map_err(text)?)?;
        if found.state != SnapshotState::Pending {
            return Ok(found);
        }
    }
    Err(format!("{id} is still pending after {LOOKS_MAX} looks"))
}

pub(super) async fn completed(bench: &Bench<'_>, at: &Place, id: &SnapshotId) -> Outcome<Snapshot> {
    let found = ended(bench, at, id).await?;
    equal("state", &found.state, &SnapshotState::Completed)?;
    Ok(found)
}

/// A completed snapshot of a new instance's only volume.
pub(super) async fn snapshot_of(bench: &Bench<'_>, disk: Disk) -> Outcome<Snapshot> {
    let instance = bench.instance(&[disk]).await?;
    let made = made(bench.apply(&create(bench, &instance, false, Vec::new())).await?.created)?;
    let (id, _) = some("snapshot", made.into_iter().next())?;
    completed(bench, bench.here(), &id).await
}

pub(super) fn sharing(
    bench: &Bench<'_>,
    id: &SnapshotId,
    before: &[&AccountId],
    after: &[&AccountId],
) -> Change {
    let set = |accounts: &[&AccountId]| {
        accounts.iter().map(|account| (*account).clone()).collect::<BTreeSet<_>>()
    };
    bench.change(Kind::SnapshotSharing {
        snapshot: id.clone(),
        before: set(before),
        after: set(after),
    })
}

pub(super) fn tags_of(change: &Change) -> Tags {
    match &change.kind {
        Kind::CreateSnapshots { tags, .. } | Kind::CopySnapshot { tags, .. } => tags.clone(),
        _ => Tags::new(),
    }
}

pub async fn makes_a_snapshot_of_every_volume(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let id = bench.instance(&[Disk::Plain, Disk::DefaultKey]).await?;
    let instance = some("instance", bench.session.instance(at, &id).await.map_err(text)?)?;
    let ids: Vec<_> = instance.volumes.iter().map(|(_, id)| id.clone()).collect();
    let change = create(bench, &id, false, Vec::new());
    let made = made(bench.passes(&change).await?.created)?;
    let of: BTreeSet<_> = made.iter().filter_map(|(_, volume)| volume.clone()).collect();
    equal("volumes", &of, &ids.iter().cloned().collect())?;
    let wanted = tags_of(&change);
    let step = some("step", wanted.get(TAG_STEP))?;
    let found = bench.session.snapshots_tagged(at, TAG_STEP, step).await.map_err(text)?;
    let names = |list: Vec<SnapshotId>| list.into_iter().collect::<BTreeSet<_>>();
    equal(
        "found by tag",
        &names(found.iter().map(|snapshot| snapshot.id.clone()).collect()),
        &names(made.iter().map(|(id, _)| id.clone()).collect()),
    )?;
    let mut encrypted = 0;
    for (id, volume) in &made {
        let snapshot = completed(bench, at, id).await?;
        equal("tags", &snapshot.tags, &wanted)?;
        equal("owner", &snapshot.owner, &at.account)?;
        equal("volume", &snapshot.volume, volume)?;
        holds("it has a size", snapshot.size > 0)?;
        encrypted += usize::from(snapshot.encrypted);
        let started = some("start", snapshot.started)?;
        holds("the start is a time", started.parse::<jiff::Timestamp>().is_ok())?;
    }
    // A snapshot is encrypted as its volume is (EBS User Guide), and one of the two is.
    equal("encrypted snapshots", &encrypted, &1)?;
    let other =
        bench.session.snapshots_tagged(at, TAG_STEP, &bench.unique("other")).await.map_err(text)?;
    equal("found by another step", &other, &Vec::new())
}

pub async fn leaves_out_what_it_is_told_to(bench: &Bench<'_>) -> Outcome {
    let id = bench.instance(&[Disk::Plain, Disk::Plain, Disk::Plain]).await?;
    let instance =
        some("instance", bench.session.instance(bench.here(), &id).await.map_err(text)?)?;
    let is_root = |device: &String| Some(device) == instance.root_device.as_ref();
    let data: Vec<_> =
        instance.volumes.iter().filter(|(d, _)| !is_root(d)).map(|(_, id)| id.clone()).collect();
    equal("data volumes", &data.len(), &2)?;
    let change = create(bench, &id, true, vec![data[0].clone()]);
    let made = made(bench.apply(&change).await?.created)?;
    let of: Vec<_> = made.into_iter().filter_map(|(_, volume)| volume).collect();
    equal("volumes", &of, &vec![data[1].clone()])
}

pub async fn refuses_snapshots_of_an_unknown_instance(bench: &Bench<'_>) -> Outcome {
    let change = create(bench, &"i-0123456789abcdef0".parse().unwrap(), false, Vec::new());
    bench.stands(&change, &Standing::Before).await?;
    bench.refuses(&change, &[ErrorClass::Gone]).await.map(drop)
}

pub async fn shows_a_snapshot_pending_first(bench: &Bench<'_>) -> Outcome {
    let instance = bench.instance(&[Disk::Plain]).await?;
    let made = made(bench.apply(&create(bench, &instance, false, Vec::new())).await?.created)?;
    let (id, _) = some("snapshot", made.into_iter().next())?;
    let first = some("snapshot", bench.session.snapshot(bench.here(), &id).await.map_err(text)?)?;
    equal("state", &first.state, &SnapshotState::Pending)?;
    completed(bench, bench.here(), &id).await.map(drop)
}

pub async fn shares_and_stops_sharing(bench: &Bench<'_>) -> Outcome {
    let snapshot = snapshot_of(bench, Disk::Plain).await?;
    let forensics = &bench.there().account;
    let share = sharing(bench, &snapshot.id, &[], &[forensics]);
    bench.passes(&share).await?;
    bench.apply(&share).await?;
    let with = bench.session.snapshot_sharing(bench.here(), &snapshot.id).await.map_err(text)?;
    equal("shared with", &with, &Some(BTreeSet::from([forensics.clone()])))?;
    let stop = sharing(bench, &snapshot.id, &[forensics], &[]);
    bench.passes(&stop).await?;
    bench.stands(&share, &Standing::Before).await?;
    let with = bench.session.snapshot_sharing(bench.here(), &snapshot.id).await.map_err(text)?;
    equal("shared with", &with, &Some(BTreeSet::new()))
}

pub async fn shows_a_shared_snapshot_to_whom_it_is_shared_with(bench: &Bench<'_>) -> Outcome {
    let snapshot = snapshot_of(bench, Disk::Plain).await?;
    let forensics = &bench.there().account;
    let seen = || async { bench.session.snapshot(bench.there(), &snapshot.id).await.map_err(text) };
    holds("it is not seen before", seen().await?.is_none())?;
    bench.apply(&sharing(bench, &snapshot.id, &[], &[forensics])).await?;
    let shared = some("shared snapshot", seen().await?)?;
    equal("owner", &shared.owner, &bench.here().account)?;
    bench.apply(&sharing(bench, &snapshot.id, &[forensics], &[])).await?;
    holds("it is not seen afterwards", seen().await?.is_none())
}

pub async fn keeps_a_snapshot_under_the_default_key(bench: &Bench<'_>) -> Outcome {
    let snapshot = snapshot_of(bench, Disk::DefaultKey).await?;
    let change = sharing(bench, &snapshot.id, &[], &[&bench.there().account]);
    bench.refuses(&change, &[ErrorClass::Denied, ErrorClass::Invalid]).await?;
    bench.stands(&change, &Standing::Before).await
}

pub async fn knows_unknown_snapshots(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let id: SnapshotId = UNKNOWN.parse().unwrap();
    equal("snapshot", &bench.session.snapshot(at, &id).await.map_err(text)?, &None)?;
    equal("sharing", &bench.session.snapshot_sharing(at, &id).await.map_err(text)?, &None)?;
    let share = sharing(bench, &id, &[], &[&bench.there().account]);
    bench.stands(&share, &Standing::Gone).await?;
    bench.refuses(&share, &[ErrorClass::Gone]).await?;
    let key = bench.fixture().key(at, &bench.there().account).await?;
    bench.refuses(&copy(bench, &id, at, &key), &[ErrorClass::Gone]).await.map(drop)
}

pub async fn knows_the_default_key_by_alias(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    for (alias, wanted) in
        [("alias/aws/ebs", true), ("alias/forensics", false), ("alias/aws-like", false)]
    {
        let arn = format!("arn:aws:kms:{}:{}:{alias}", at.region, at.account);
        for name in [alias, &arn] {
            let found = bench.session.is_default_key(at, name).await.map_err(text)?;
            equal(name, &found, &wanted)?;
        }
    }
    Ok(())
}

pub async fn knows_the_default_key_by_arn(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let ours = bench.fixture().key(at, &bench.there().account).await?;
    let snapshot = snapshot_of(bench, Disk::DefaultKey).await?;
    let default = some("key of an encrypted snapshot", snapshot.kms_key)?;
    for (key, wanted) in [(default, true), (ours, false)] {
        equal(&key, &bench.session.is_default_key(at, &key).await.map_err(text)?, &wanted)?;
    }
    Ok(())
}

pub(super) fn copy(bench: &Bench<'_>, source: &SnapshotId, to: &Place, kms_key: &str) -> Change {
    let kind = Kind::CopySnapshot {
        source: source.clone(),
        source_at: bench.here().clone(),
        kms_key: kms_key.to_owned(),
        tags: bench.created_by_us(),
    };
    Change { at: to.clone(), kind }
}
