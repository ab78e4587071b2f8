//! The way of one snapshot to the forensics account, and the record of it.
//!
//! ```text
//! source ──► [transfer copy, where the source's key can't be shared] ──► shared ──► forensics copy ──► un-shared
//! ```
//!
//! What was made of which is read from the record, in `made`, so a look after a crash goes on where
//! the world stands. Which volumes are preserved is decided in `snapshot_volumes`.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::creation::{Unseen, age, sent, unseen};
use super::evidence_lock::Next;
use super::made::{Doubt, made};
use super::{Context, Forensics, LookError, evidence_lock};
use crate::change::{Change, Kind, TAG_CASE, TAG_SOURCE, TAG_STAGE, TAG_STEP, Tags};
use crate::cloud::{ErrorClass, Snapshot, SnapshotState};
use crate::id::{AccountId, Place, SnapshotId};

/// The first wait for a pending snapshot; a small or incremental one is done by then.
const WAIT_MIN: Duration = Duration::from_secs(15);
/// The longest wait: full snapshots of large volumes take hours, and a Describe call costs little.
const WAIT_MAX: Duration = Duration::from_secs(120);
/// Characters of AWS's message that a refusal repeats.
const MESSAGE_MAX: usize = 200;

/// A station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Made of the instance's volumes.
    Source,
    /// Re-encrypted in the source account under a key that may be shared.
    Transfer,
    /// In the forensics account.
    Forensics,
}

impl Stage {
    /// The value of [`TAG_STAGE`].
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Transfer => "transfer",
            Self::Forensics => "forensics",
        }
    }

    /// The tags of what this step makes at this station of `source`.
    pub(super) fn tags(self, context: &Context<'_>, source: &str) -> Tags {
        [
            (TAG_CASE.to_owned(), context.case.to_string()),
            (TAG_STEP.to_owned(), context.step_tag()),
            (TAG_STAGE.to_owned(), self.label().to_owned()),
            (TAG_SOURCE.to_owned(), source.to_owned()),
        ]
        .into()
    }
}

/// What carries this step's tag, in its own account and in the forensics account.
pub(super) struct Trail<'a> {
    /// The deployment's forensics account; `None`: the source is the evidence.
    pub(super) forensics: Option<&'a Forensics>,
    /// In the source account.
    pub(super) here: Vec<Snapshot>,
    /// In the forensics account.
    pub(super) there: Vec<Snapshot>,
    /// Sources that somebody has deleted since they were copied.
    pub(super) gone: BTreeSet<SnapshotId>,
}

impl Trail<'_> {
    /// Says what is next for the source snapshot.
    ///
    /// # Errors
    /// When a read fails.
    pub(super) async fn next(
        &self,
        context: &Context<'_>,
        source: &Snapshot,
    ) -> Result<Next, LookError> {
        let Some(forensics) = self.forensics else {
            // At once: where it is, whoever attacks may be able to delete it.
            let lock = match evidence_lock::locked(context, context.at, source).await? {
                Ok(lock) => lock,
                Err(next) => return Ok(next),
            };
            return Ok(unfinished(context, source, "the snapshot")
                .unwrap_or_else(|| Next::Ready(record(context.at, source, None, None, lock))));
        };
        if let Some(next) = unfinished(context, source, "the snapshot") {
            return Ok(next);
        }
        let place = forensics_place(forensics, context.at);
        let (direct, transfer) = match (
            self.copy(context, Stage::Forensics, &place, source).await?,
            self.copy(context, Stage::Transfer, context.at, source).await?,
        ) {
            (Ok(direct), Ok(transfer)) => (direct, transfer),
            (Err(doubt), _) | (_, Err(doubt)) => return Ok(Next::Fail(doubt)),
        };
        if transfer.is_none() {
            // A key that looks as if it could be shared may still refuse the forensics account;
            // that shows only as a failed copy, and then the transfer key is tried.
            let refused = direct.as_ref().is_some_and(|copy| copy.state == SnapshotState::Error);
            if refused || (direct.is_none() && !shareable(context, source).await?) {
                if self.gone.contains(&source.id) {
                    return Ok(Next::Fail(format!("{} was deleted and has no copy", source.id)));
                }
                let key = &forensics.transfer_kms_key;
                return Ok(make(context, Stage::Transfer, context.at, source, key));
            }
        }
        if let Some(copy) = &transfer
            && let Some(next) = unfinished(context, copy, "the re-encrypted copy")
        {
            return Ok(next);
        }
        let carrier = transfer.as_ref().unwrap_or(source);
        let copy = match &transfer {
            Some(carrier) => match self.copy(context, Stage::Forensics, &place, carrier).await? {
                Ok(copy) => copy,
                Err(doubt) => return Ok(Next::Fail(doubt)),
            },
            None => direct,
        };
        let Some(copy) = copy else {
            let share = sharing(context, carrier, &forensics.account, Wish::Shared).await?;
            return Ok(share.unwrap_or_else(|| {
                make(context, Stage::Forensics, &place, carrier, &forensics.kms_key)
            }));
        };
        // While it is pending, too. One that fails takes its lock with it, and is told as failed below.
        let lock = match evidence_lock::locked(context, &place, &copy).await? {
            Ok(lock) => lock,
            Err(next) => return Ok(next),
        };
        if copy.state == SnapshotState::Pending
            && let Some(next) = unfinished(context, &copy, "the forensics copy")
        {
            return Ok(next);
        }
        // The source too: it was shared when a direct copy was tried and refused.
        for shared in std::iter::once(carrier).chain(transfer.is_some().then_some(source)) {
            if let Some(end) = sharing(context, shared, &forensics.account, Wish::Private).await? {
                return Ok(end);
            }
        }
        if let Some(next) = unfinished(context, &copy, "the forensics copy") {
            return Ok(next);
        }
        if !copy.encrypted {
            return Ok(Next::Fail(format!("the forensics copy {} is not encrypted", copy.id)));
        }
        Ok(Next::Ready(record(context.at, source, transfer.as_ref(), Some((&copy, &place)), lock)))
    }

    /// The copy of `source` at a station. One that failed counts only where there is no other.
    async fn copy(
        &self,
        context: &Context<'_>,
        stage: Stage,
        place: &Place,
        source: &Snapshot,
    ) -> Result<Result<Option<Snapshot>, Doubt>, LookError> {
        let tagged = if stage == Stage::Forensics { &self.there } else { &self.here };
        let creates = sent(context, |kind| is_copy(kind, stage, &source.id));
        let made = made(context, place, tagged, &creates).await?;
        Ok(made.map(|made| {
            made.found.into_iter().min_by_key(|copy| copy.state == SnapshotState::Error)
        }))
    }
}

/// The forensics account, in the Region of the source: data stays where it may be.
pub(super) fn forensics_place(forensics: &Forensics, at: &Place) -> Place {
    Place { account: forensics.account.clone(), region: at.region.clone() }
}

/// The change that makes a copy, unless one may be there unseen.
fn make(
    context: &Context<'_>,
    stage: Stage,
    place: &Place,
    source: &Snapshot,
    kms_key: &str,
) -> Next {
    match unseen(context, |kind| is_copy(kind, stage, &source.id)) {
        Unseen::Wait(time) => {
            Next::Wait(time, format!("a copy of {} is not visible yet", source.id))
        }
        Unseen::Create => Next::Change(Change {
            at: place.clone(),
            kind: Kind::CopySnapshot {
                source: source.id.clone(),
                source_at: context.at.clone(),
                kms_key: kms_key.to_owned(),
                tags: stage.tags(context, source.id.as_str()),
            },
        }),
    }
}

fn is_copy(kind: &Kind, stage: Stage, of: &SnapshotId) -> bool {
    match kind {
        Kind::CopySnapshot { source, tags, .. } => {
            source == of && tags.get(TAG_STAGE).is_some_and(|found| found == stage.label())
        }
        _ => false,
    }
}

/// Whether the forensics account could copy `snapshot` itself. An unencrypted one is re-encrypted
/// first all the same, so that it never travels in the clear; the key that AWS manages can't be
/// shared (EBS User Guide, "Share an Amazon EBS snapshot").
async fn shareable(context: &Context<'_>, snapshot: &Snapshot) -> Result<bool, LookError> {
    Ok(match &snapshot.kms_key {
        Some(key) if snapshot.encrypted => !context.session.is_default_key(context.at, key).await?,
        _ => false,
    })
}

/// How a snapshot is to stand towards the forensics account.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Shared,
    Private,
}

/// What makes `snapshot` stand towards `account` as wished: a change, or another look where AWS does
/// not show its sharing; `None` when it stands so already or when both are the same account.
async fn sharing(
    context: &Context<'_>,
    snapshot: &Snapshot,
    account: &AccountId,
    wish: Wish,
) -> Result<Option<Next>, LookError> {
    let id = &snapshot.id;
    if *account == context.at.account {
        return Ok(None);
    }
    let before = match context.session.snapshot_sharing(context.at, id).await {
        Ok(Some(before)) => before,
        // Deleted meanwhile: one read that shows nothing is not believed, two are.
        Ok(None)
            if wish == Wish::Private
                && context.session.snapshot(context.at, id).await?.is_none() =>
        {
            return Ok(None);
        }
        Ok(None) => {
            let reason = format!("the sharing of {id} is not visible");
            return Ok(Some(Next::Wait(WAIT_MIN, reason)));
        }
        // One snapshot that somebody has made public never keeps the others from being preserved.
        Err(error) if error.class == ErrorClass::Conflict => {
            return Ok(Some(Next::Fail(format!(
                "{}: make it private, find out who did it, and run this again",
                error.message
            ))));
        }
        Err(error) => return Err(error.into()),
    };
    let mut after = before.clone();
    let changed = match wish {
        Wish::Shared => after.insert(account.clone()),
        Wish::Private => after.remove(account),
    };
    Ok(changed.then(|| {
        Next::Change(Change {
            at: context.at.clone(),
            kind: Kind::SnapshotSharing { snapshot: id.clone(), before, after },
        })
    }))
}

/// What to say of a snapshot that is not completed; `None` when it is.
fn unfinished(context: &Context<'_>, snapshot: &Snapshot, what: &str) -> Option<Next> {
    match snapshot.state {
        SnapshotState::Completed => None,
        SnapshotState::Pending => {
            let started = snapshot.started.as_deref().and_then(|at| at.parse::<Timestamp>().ok());
            let age = started.map_or(Duration::ZERO, |at| age(at, context.now));
            let reason = format!("{what} {} is pending", snapshot.id);
            Some(Next::Wait((age / 4).clamp(WAIT_MIN, WAIT_MAX), reason))
        }
        SnapshotState::Error => {
            let message: String = snapshot
                .state_message
                .as_deref()
                .unwrap_or("AWS gives no reason")
                .chars()
                .filter(|c| !c.is_control())
                .take(MESSAGE_MAX)
                .collect();
            Some(Next::Fail(format!("{what} {} failed: {message}", snapshot.id)))
        }
    }
}

/// The chain-of-custody record of one volume.
fn record(
    at: &Place,
    source: &Snapshot,
    transfer: Option<&Snapshot>,
    copy: Option<(&Snapshot, &Place)>,
    lock: Value,
) -> Value {
    let lineage: Vec<&SnapshotId> = std::iter::once(&source.id)
        .chain(transfer.map(|transfer| &transfer.id))
        .chain(copy.map(|(copy, _)| &copy.id))
        .collect();
    let shared = copy.filter(|(_, place)| place.account != at.account);
    json!({
        "kind": "ebs_snapshot",
        "volume": source.volume,
        "snapshot": source.id,
        "account": at.account,
        "region": at.region,
        "size_gib": source.size,
        "encrypted": source.encrypted,
        "kms_key": source.kms_key,
        "transfer": transfer.map(|transfer| json!({
            "snapshot": transfer.id,
            "account": at.account,
            "kms_key": transfer.kms_key,
        })),
        "copy": copy.map(|(copy, place)| json!({
            "snapshot": copy.id,
            "account": place.account,
            "region": place.region,
            "encrypted": copy.encrypted,
            "kms_key": copy.kms_key,
            "started": copy.started,
        })),
        // Shared while the copy was made, and no longer.
        "shared_from": shared.map(|_| transfer.map_or(&source.id, |transfer| &transfer.id)),
        // Of the last in the lineage.
        "lock": lock,
        "lineage": lineage,
        "collected_at": source.started,
    })
}
