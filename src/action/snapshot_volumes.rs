//! Keeps an instance's disks: one crash-consistent set of snapshots, each brought to the forensics
//! account.
//!
//! Works on a stopped instance and goes on when the instance is gone meanwhile. How one snapshot
//! travels stands in `evidence_trail`.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::creation::{Unseen, created, late, sent, unseen};
use super::evidence_lock::Next;
use super::evidence_trail::{Stage, Trail, forensics_place};
use super::made::{Doubt, made};
use super::params::INSTANCE;
use super::reads::{Read, any, permissions_for, permissions_to};
use super::{Action, Context, LookError, ParamSpec, Params, Settings, Shape, Verdict, gone};
use crate::change::{Change, Kind, Permission, SnapshotLock, TAG_STEP, Tags, Urgency};
use crate::cloud::{Created, Instance, Snapshot};
use crate::id::{AccountId, InstanceId, Place, SnapshotId, VolumeId};

/// Preserves an instance's volumes as snapshots, copied to the forensics account where there is one.
pub struct SnapshotVolumes;

#[async_trait]
impl Action for SnapshotVolumes {
    fn name(&self) -> &'static str {
        "evidence::snapshot_volumes"
    }

    fn summary(&self) -> &'static str {
        "Preserves an instance's volumes as snapshots, copied to the forensics account where there is one."
    }

    fn purpose(&self, settings: &Settings) -> &'static str {
        match settings.forensics {
            Some(_) => {
                "Preserves an instance's volumes as snapshots, copied to the forensics account."
            }
            None => {
                "Preserves an instance's volumes as snapshots, which stay in their own account: \
                 no forensics account is configured."
            }
        }
    }

    fn params(&self) -> &'static [ParamSpec] {
        INSTANCE
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("instance", Shape::Text),
            ("volumes", Shape::Any),
            ("evidence", Shape::Any),
            ("warnings", Shape::List(&Shape::Text)),
        ])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Evidence
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!("instance/{}", params.id::<InstanceId>("instance")?))
    }

    fn permissions(&self, at: &Place, settings: &Settings) -> BTreeSet<Permission> {
        self.permissions_of_call(at, settings, &[]).into_values().flatten().collect()
    }

    fn permissions_of_call(
        &self,
        at: &Place,
        settings: &Settings,
        _starts: &[Option<String>],
    ) -> BTreeMap<AccountId, BTreeSet<Permission>> {
        let mut here = permissions_for(&[Read::Instance, Read::Snapshots], at);
        let create = Kind::CreateSnapshots {
            instance: any("i-"),
            volumes: vec![any("vol-")],
            exclude_boot: false,
            exclude: Vec::new(),
            tags: Tags::new(),
        };
        here.extend(permissions_to(vec![create], at));
        let mut needed = BTreeMap::new();
        let lock = |place: &Place| {
            let Some(after) = settings.lock else { return BTreeSet::new() };
            let lock = SnapshotLock { snapshot: any("snap-"), before: None, after };
            let mut needed = permissions_for(&[Read::SnapshotLock], place);
            needed.extend(permissions_to(vec![Kind::SnapshotLock(lock)], place));
            needed
        };
        if settings.forensics.is_none() {
            here.extend(lock(at));
        }
        if let Some(forensics) = &settings.forensics {
            let copy = |kms_key: &str| Kind::CopySnapshot {
                source: any("snap-"),
                source_at: at.clone(),
                kms_key: kms_key.to_owned(),
                tags: Tags::new(),
            };
            let share = Kind::SnapshotSharing {
                snapshot: any("snap-"),
                before: BTreeSet::new(),
                after: BTreeSet::from([forensics.account.clone()]),
            };
            let place = forensics_place(forensics, at);
            here.extend(permissions_for(&[Read::SnapshotSharing, Read::DefaultKey], at));
            here.extend(permissions_to(vec![copy(&forensics.transfer_kms_key), share], at));
            let mut there = permissions_for(&[Read::Snapshots], &place);
            there.extend(permissions_to(vec![copy(&forensics.kms_key)], &place));
            there.extend(lock(&place));
            needed.insert(place.account, there);
        }
        // It may be the same account.
        needed.entry(at.account.clone()).or_default().extend(here);
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let id: InstanceId = params.id("instance")?;
        let instance = context.session.instance(context.at, &id).await?;
        if context.applied.is_empty() {
            return Ok(begin(context, &id, instance.as_ref()));
        }
        let step = context.step_tag();
        let here = context.session.snapshots_tagged(context.at, TAG_STEP, &step).await?;
        let set = match gather(context, &here).await? {
            Ok(set) => set,
            Err(doubt) => return Ok(Verdict::Refuse(doubt)),
        };
        if set.snapshots.is_empty() {
            return Ok(begin(context, &id, instance.as_ref()));
        }
        let forensics = context.settings.forensics.as_ref();
        let there = match forensics {
            Some(forensics) => {
                let place = forensics_place(forensics, context.at);
                context.session.snapshots_tagged(&place, TAG_STEP, &step).await?
            }
            None => Vec::new(),
        };
        let trail = Trail { forensics, here, there, gone: set.gone };
        let (mut changes, mut waits, mut failures) = (Vec::new(), Vec::new(), Vec::new());
        let mut evidence = Vec::new();
        for snapshot in &set.snapshots {
            match trail.next(context, snapshot).await? {
                Next::Change(change) => changes.push(change),
                Next::Wait(time, reason) => waits.push((time, reason)),
                Next::Fail(reason) => failures.push(reason),
                Next::Ready(record) => evidence.push(finished(record, snapshot, &instance, &trail)),
            }
        }
        for reason in set.absent {
            match late(context, is_set) {
                Some(time) => waits.push((time, reason)),
                None => failures.push(reason),
            }
        }
        // One volume that fails never keeps the others from being preserved first.
        Ok(if !changes.is_empty() {
            Verdict::Change(vec![changes])
        } else if let Some((time, reason)) = waits.into_iter().min() {
            Verdict::Wait(time, reason)
        } else if !failures.is_empty() {
            let warnings = warnings(context, &trail, &evidence);
            let output = report(&id, evidence, warnings);
            Verdict::Short { output, reason: failures.join("; ") }
        } else {
            let warnings = warnings(context, &trail, &evidence);
            Verdict::Done(report(&id, evidence, warnings))
        })
    }
}

/// The snapshots that this step has made of the instance's volumes.
struct Set {
    /// One for each volume.
    snapshots: Vec<Snapshot>,
    /// Those among them that were deleted after they were copied.
    gone: BTreeSet<SnapshotId>,
    /// What is not there and has to be, in words.
    absent: Vec<String>,
}

fn is_set(kind: &Kind) -> bool {
    matches!(kind, Kind::CreateSnapshots { .. })
}

/// Finds the set among what this step has made.
async fn gather(context: &Context<'_>, here: &[Snapshot]) -> Result<Result<Set, Doubt>, LookError> {
    let creates = sent(context, is_set);
    let made = match made(context, context.at, here, &creates).await? {
        Ok(made) => made,
        Err(doubt) => return Ok(Err(doubt)),
    };
    let mut set = Set { snapshots: made.found, gone: made.gone, absent: Vec::new() };
    let mut known: BTreeSet<VolumeId> =
        set.snapshots.iter().filter_map(|snapshot| snapshot.volume.clone()).collect();
    for (id, volume) in made.unseen {
        let of = volume.as_ref().map_or_else(String::new, |volume| format!(" of {volume}"));
        set.absent.push(format!("{id}{of} was made and can't be found (any more)"));
        known.extend(volume);
    }
    let wanted = creates.iter().flat_map(|applied| match &applied.change.kind {
        Kind::CreateSnapshots { volumes, .. } => volumes.as_slice(),
        _ => &[],
    });
    let missing: BTreeSet<&VolumeId> = wanted.filter(|volume| !known.contains(*volume)).collect();
    let missing = missing.into_iter();
    set.absent.extend(missing.map(|volume| format!("{volume} was attached and has no snapshot")));
    set.snapshots.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Ok(set))
}

/// The first verdict, while there is no snapshot.
fn begin(context: &Context<'_>, id: &InstanceId, instance: Option<&Instance>) -> Verdict {
    if let Unseen::Wait(time) = unseen(context, is_set) {
        return Verdict::Wait(time, "the new snapshots are not visible yet".to_owned());
    }
    let Some(instance) = instance else {
        return gone(&format!("instance {id}"), context.at);
    };
    let volumes: Vec<VolumeId> = instance.volumes.iter().map(|(_, id)| id.clone()).collect();
    if volumes.is_empty() {
        // EC2 shows a terminated instance for about an hour, without its volumes.
        return match instance.state.as_str() {
            "terminated" | "shutting-down" => gone(&format!("instance {id}"), context.at),
            _ => {
                let warning = "The instance has no EBS volume: instance store volumes can't be \
                    snapshotted, and stopping the instance loses them. Collect them from inside.";
                Verdict::Done(report(id, Vec::new(), vec![warning.to_owned()]))
            }
        };
    }
    Verdict::Change(vec![vec![Change {
        at: context.at.clone(),
        kind: Kind::CreateSnapshots {
            instance: id.clone(),
            volumes,
            exclude_boot: false,
            exclude: Vec::new(),
            tags: Stage::Source.tags(context, id.as_str()),
        },
    }]])
}

/// A custody record with what only the instance and the whole set tell.
fn finished(
    mut record: Value,
    snapshot: &Snapshot,
    instance: &Option<Instance>,
    trail: &Trail<'_>,
) -> Value {
    let device = instance
        .iter()
        .flat_map(|instance| &instance.volumes)
        .find(|(_, volume)| Some(volume) == snapshot.volume.as_ref())
        .map(|(device, _)| device);
    record["device"] = json!(device);
    if trail.gone.contains(&snapshot.id) {
        for unknown in ["size_gib", "encrypted", "kms_key"] {
            record[unknown] = Value::Null;
        }
        record["deleted"] = json!(true);
    }
    record
}

fn warnings(context: &Context<'_>, trail: &Trail<'_>, evidence: &[Value]) -> Vec<String> {
    let mut warnings = Vec::new();
    if context.settings.forensics.is_none() {
        warnings.push(
            "No forensics account is configured: the snapshots stay in their account, where its \
             administrators can delete them."
                .to_owned(),
        );
    }
    for id in &trail.gone {
        warnings.push(format!("{id} was deleted after it was copied."));
    }
    let lineages = evidence.iter().filter_map(|record| record["lineage"].as_array()).flatten();
    let mut ours: BTreeSet<String> =
        lineages.filter_map(|id| id.as_str().map(str::to_owned)).collect();
    for made in created(context, |_| true) {
        if let Created::Snapshots(list) = made {
            ours.extend(list.iter().map(|(id, _)| id.to_string()));
        }
    }
    let tagged: BTreeSet<&str> =
        trail.here.iter().chain(&trail.there).map(|snapshot| snapshot.id.as_str()).collect();
    for id in tagged.into_iter().filter(|id| !ours.contains(*id)) {
        warnings.push(format!(
            "{id} carries this step's tags and is no part of this evidence: find out in CloudTrail who \
             tagged it."
        ));
    }
    warnings
}

fn report(instance: &InstanceId, evidence: Vec<Value>, warnings: Vec<String>) -> Value {
    json!({
        "instance": instance,
        "volumes": evidence.len(),
        "evidence": evidence,
        "warnings": warnings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Forensics;

    #[test]
    fn a_plan_speaks_of_a_forensics_account_only_where_there_is_one() {
        let forensics = Forensics {
            account: "999988887777".parse().unwrap(),
            kms_key: "alias/f".to_owned(),
            transfer_kms_key: "alias/t".to_owned(),
        };
        for (forensics, expected) in [
            (Some(forensics), "copied to the forensics account."),
            (None, "no forensics account is configured."),
        ] {
            let settings = Settings { forensics, protected_roles: BTreeSet::new(), lock: None };
            let words = SnapshotVolumes.purpose(&settings);
            assert!(words.ends_with(expected), "{words}");
            assert_eq!(words.contains("copied"), settings.forensics.is_some(), "{words}");
        }
    }
}
