//! Keeps an instance's disks: one crash-consistent set of snapshots, each brought to the forensics
//! account.
//!
//! Works on a stopped instance and goes on when the instance is gone meanwhile. How one snapshot
//! travels stands in `evidence_trail`.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::creation::{Unseen, created, unseen};
use super::evidence_trail::{Next, Stage, Trail, forensics_place};
use super::reads::{Read, any, permissions_for, permissions_to};
use super::{Action, Context, LookError, ParamKind, ParamSpec, Params, Settings, Verdict, gone};
use crate::change::{Change, Kind, Permission, TAG_STEP, Tags, Urgency};
use crate::cloud::{Created, Instance, Snapshot};
use crate::id::{InstanceId, Place, SnapshotId, VolumeId};

/// Preserves an instance's volumes as snapshots, copied to the forensics account where there is one.
pub struct SnapshotVolumes;

const PARAMS: &[ParamSpec] = &[ParamSpec {
    name: "instance",
    kind: ParamKind::InstanceId,
    required: true,
    doc: "The instance.",
}];

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
        PARAMS
    }

    fn urgency(&self) -> Urgency {
        Urgency::Evidence
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!("instance/{}", params.id::<InstanceId>("instance")?))
    }

    fn permissions(&self, at: &Place, settings: &Settings) -> BTreeSet<Permission> {
        let mut needed = permissions_for(&[Read::Instance, Read::Snapshots], at);
        let create = Kind::CreateSnapshots {
            instance: any("i-"),
            volumes: vec![any("vol-")],
            exclude_boot: false,
            exclude: Vec::new(),
            tags: Tags::new(),
        };
        needed.extend(permissions_to(vec![create], at));
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
            let there = forensics_place(forensics, at);
            needed.extend(permissions_for(&[Read::SnapshotSharing, Read::DefaultKey], at));
            needed.extend(permissions_to(vec![copy(&forensics.transfer_kms_key), share], at));
            needed.extend(permissions_for(&[Read::Snapshots], &there));
            needed.extend(permissions_to(vec![copy(&forensics.kms_key)], &there));
        }
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let id: InstanceId = params.id("instance")?;
        let instance = context.session.instance(context.at, &id).await?;
        let step = context.step_tag();
        let here = context.session.snapshots_tagged(context.at, TAG_STEP, &step).await?;
        let set = gather(context, &id, &here).await?;
        if set.snapshots.is_empty() {
            return Ok(begin(context, &id, instance.as_ref()));
        }
        if !set.unseen.is_empty()
            && let Unseen::Wait(time) = unseen(context, is_set)
        {
            return Ok(Verdict::Wait(time, "new snapshots are not all visible yet".to_owned()));
        }
        let forensics = context.settings.forensics.as_ref();
        let there = match forensics {
            Some(forensics) => {
                let place = forensics_place(forensics, context.at);
                context.session.snapshots_tagged(&place, TAG_STEP, &step).await?
            }
            None => Vec::new(),
        };
        let trail = Trail { forensics, here, there };
        let (mut changes, mut waits, mut failures) = (Vec::new(), Vec::new(), Vec::new());
        let mut evidence = Vec::new();
        for snapshot in &set.snapshots {
            match trail.next(context, snapshot).await? {
                Next::Change(change) => changes.push(change),
                Next::Wait(time, reason) => waits.push((time, reason)),
                Next::Fail(reason) => failures.push(reason),
                Next::Ready(record) => evidence.push(record),
            }
        }
        // One volume that fails never keeps the others from being preserved first.
        Ok(if !changes.is_empty() {
            Verdict::Change(vec![changes])
        } else if let Some((time, reason)) = waits.into_iter().min() {
            Verdict::Wait(time, reason)
        } else if !failures.is_empty() {
            Verdict::Refuse(failures.join("; "))
        } else {
            let devices: BTreeMap<&VolumeId, &str> = instance
                .iter()
                .flat_map(|instance| &instance.volumes)
                .map(|(device, volume)| (volume, device.as_str()))
                .collect();
            for (record, snapshot) in evidence.iter_mut().zip(&set.snapshots) {
                let device = snapshot.volume.as_ref().and_then(|volume| devices.get(volume));
                record["device"] = json!(device);
            }
            Verdict::Done(report(&id, evidence, warnings(context, &set)))
        })
    }
}

/// The snapshots that this step has made of the instance's volumes.
struct Set {
    /// Those that are visible, by id.
    snapshots: Vec<Snapshot>,
    /// Ids that AWS gave and that are not visible.
    unseen: Vec<SnapshotId>,
    /// Volumes that were to be in the set and are not.
    missing: Vec<VolumeId>,
}

fn is_set(kind: &Kind) -> bool {
    matches!(kind, Kind::CreateSnapshots { .. })
}

/// Finds the set by tag and by the ids that AWS gave when it was made.
async fn gather(
    context: &Context<'_>,
    instance: &InstanceId,
    here: &[Snapshot],
) -> Result<Set, LookError> {
    let mut found: BTreeMap<SnapshotId, Snapshot> = here
        .iter()
        .filter(|snapshot| Stage::Source.matches(&snapshot.tags, instance.as_str()))
        .map(|snapshot| (snapshot.id.clone(), snapshot.clone()))
        .collect();
    let mut hidden = Vec::new();
    for made in created(context, is_set) {
        let Created::Snapshots(list) = made else {
            continue;
        };
        for (id, volume) in list {
            if !found.contains_key(id) {
                match context.session.snapshot(context.at, id).await? {
                    Some(snapshot) => drop(found.insert(id.clone(), snapshot)),
                    None => hidden.push(id.clone()),
                }
            }
            if let Some(snapshot) = found.get_mut(id)
                && snapshot.volume.is_none()
            {
                snapshot.volume.clone_from(volume);
            }
        }
    }
    let snapshots: Vec<Snapshot> = found.into_values().collect();
    let kept: BTreeSet<&VolumeId> = snapshots.iter().filter_map(|s| s.volume.as_ref()).collect();
    let wanted: BTreeSet<&VolumeId> = context
        .applied
        .iter()
        .filter_map(|applied| match &applied.change.kind {
            Kind::CreateSnapshots { volumes, .. } => Some(volumes),
            _ => None,
        })
        .flatten()
        .collect();
    let missing = wanted.difference(&kept).map(|volume| (*volume).clone()).collect();
    Ok(Set { snapshots, unseen: hidden, missing })
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

fn warnings(context: &Context<'_>, set: &Set) -> Vec<String> {
    let mut warnings = Vec::new();
    if context.settings.forensics.is_none() {
        warnings.push(
            "No forensics account is configured: the snapshots stay in their account, where its \
             administrators can delete them."
                .to_owned(),
        );
    }
    for volume in &set.missing {
        warnings.push(format!("{volume} was attached and has no snapshot."));
    }
    for snapshot in &set.unseen {
        warnings.push(format!("{snapshot} was made and can't be found any more."));
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
            let settings = Settings { forensics, protected_roles: BTreeSet::new() };
            let words = SnapshotVolumes.purpose(&settings);
            assert!(words.ends_with(expected), "{words}");
            assert_eq!(words.contains("copied"), settings.forensics.is_some(), "{words}");
        }
    }
}
