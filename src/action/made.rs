//! Which snapshots a step has made: those that AWS answered with.
//!
//! A tag proves nothing, because whoever may tag can put ours on any snapshot of the account. Tags
//! are asked only where AWS's answer was lost, and then all else that can be compared has to fit and
//! leave no choice; otherwise a person is asked. What is to happen with the snapshots is not decided
//! here.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::creation::{answer, created};
use super::{Applied, Context, LookError};
use crate::change::{Kind, TAG_SOURCE, TAG_STAGE, TAG_STEP, Tags};
use crate::cloud::{Created, Snapshot, SnapshotState, unlike};
use crate::id::{Place, SnapshotId, VolumeId};

/// How far our clock and AWS's may be apart: AWS refuses requests that are dated further off (AWS
/// General Reference, Signature Version 4).
const SKEW_MAX: Duration = Duration::from_secs(300);

/// What creates have made.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// What is visible of it, and what has served its purpose although it was deleted.
    pub(super) found: Vec<Snapshot>,
    /// Those of `found` that somebody has deleted since they were copied.
    pub(super) gone: BTreeSet<SnapshotId>,
    /// What AWS answered with and does not show.
    pub(super) unseen: Vec<(SnapshotId, Option<VolumeId>)>,
}

/// Why it is not known what creates have made, for people.
pub(super) type Doubt = String;

/// What `creates` have made in `place`; `tagged` is all that carries this step's tag there.
///
/// # Errors
/// When a read fails.
pub(super) async fn made(
    context: &Context<'_>,
    place: &Place,
    tagged: &[Snapshot],
    creates: &[&Applied],
) -> Result<Result<Made, Doubt>, LookError> {
    if creates.iter().all(|create| answer(create).is_none()) {
        return Ok(adopted(creates, tagged));
    }
    let mut made = Made::default();
    for create in creates {
        let Some(Created::Snapshots(list)) = answer(create) else {
            continue;
        };
        for (id, volume) in list {
            let shown = match tagged.iter().find(|snapshot| snapshot.id == *id) {
                Some(snapshot) => Some(snapshot.clone()),
                None => context.session.snapshot(place, id).await?,
            };
            if let Some(mut snapshot) = shown {
                snapshot.volume = snapshot.volume.or_else(|| volume.clone());
                made.found.push(snapshot);
            } else if was_copied(context, id) {
                made.gone.insert(id.clone());
                made.found.push(deleted(id, volume, create));
            } else {
                made.unseen.push((id.clone(), volume.clone()));
            }
        }
    }
    Ok(Ok(made))
}

/// Whether AWS has confirmed a copy of `source`: then it was there, whatever a look shows now.
fn was_copied(context: &Context<'_>, source: &SnapshotId) -> bool {
    let of_it = |kind: &Kind| matches!(kind, Kind::CopySnapshot { source: of, .. } if of == source);
    !created(context, of_it).is_empty()
}

/// What is known of a snapshot that is no longer there.
fn deleted(id: &SnapshotId, volume: &Option<VolumeId>, create: &Applied) -> Snapshot {
    Snapshot {
        id: id.clone(),
        owner: create.change.at.account.clone(),
        volume: volume.clone(),
        state: SnapshotState::Completed,
        state_message: None,
        encrypted: false,
        kms_key: None,
        size: 0,
        started: Some(create.at.to_string()),
        description: String::new(),
        tags: Tags::new(),
    }
}

/// What creates without an answer have made.
fn adopted(creates: &[&Applied], tagged: &[Snapshot]) -> Result<Made, Doubt> {
    let (mut found, mut odd): (Vec<Snapshot>, Vec<String>) = (Vec::new(), Vec::new());
    for snapshot in tagged {
        let claimed = creates.iter().filter(|create| claims(snapshot, &create.change.kind));
        let reasons: Vec<Option<String>> =
            claimed.map(|create| differs(snapshot, create)).collect();
        if reasons.iter().any(Option::is_none) {
            let twin = found.iter().find(|known| same_place(known, snapshot, creates));
            odd.extend(twin.map(|twin| format!("{} and {} are alike", twin.id, snapshot.id)));
            found.push(snapshot.clone());
        } else if let Some(Some(reason)) = reasons.into_iter().next() {
            odd.push(format!("{} {reason}", snapshot.id));
        }
    }
    if odd.is_empty() {
        return Ok(Made { found, ..Made::default() });
    }
    let operation = creates.first().map_or("", |create| create.change.operation());
    Err(format!(
        "AWS's answer to {operation} was lost, and what carries its tags may not be what it made: {}. \
         Look for the call in CloudTrail, keep what is not ours as a trace of who tagged it, and run \
         this again",
        odd.join("; ")
    ))
}

/// Whether the snapshot's tags say that it comes from this create.
fn claims(snapshot: &Snapshot, kind: &Kind) -> bool {
    match kind {
        Kind::CreateSnapshots { tags, .. } | Kind::CopySnapshot { tags, .. } => {
            [TAG_STEP, TAG_STAGE, TAG_SOURCE]
                .iter()
                .all(|key| tags.get(*key).is_some() && tags.get(*key) == snapshot.tags.get(*key))
        }
        _ => false,
    }
}

/// Why the snapshot can't come from this create.
fn differs(snapshot: &Snapshot, create: &Applied) -> Option<String> {
    let started = snapshot.started.as_deref().and_then(|at| at.parse::<Timestamp>().ok());
    let earliest = create.at.checked_sub(SKEW_MAX).unwrap_or(Timestamp::MIN);
    match started {
        None => Some("has no start time".to_owned()),
        Some(started) if started < earliest => {
            Some(format!("was started at {started}, before it was asked for at {}", create.at))
        }
        Some(_) => unlike(&create.change, snapshot),
    }
}

/// Whether only one of two snapshots can come from the creates: a set holds one of each volume, and a
/// copy is one.
fn same_place(one: &Snapshot, other: &Snapshot, creates: &[&Applied]) -> bool {
    let set =
        creates.iter().any(|create| matches!(create.change.kind, Kind::CreateSnapshots { .. }));
    !set || one.volume == other.volume
}
