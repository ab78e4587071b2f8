//! Auto Scaling groups, as far as they count on an instance or not. They start and end none here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::balancer;
use super::refusal::Refused;
use super::world::{RegionState, World};
use crate::change::{Duty, Registration};
use crate::cloud::Membership;
use crate::id::{InstanceId, Place, ScalingGroupName, TargetGroupArn};

/// An Auto Scaling group. It starts and ends no instances.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ScalingGroup {
    /// The least size.
    pub minimum: u32,
    /// The size that it is to have.
    pub desired: u32,
    /// The greatest.
    pub maximum: u32,
    /// The target groups with which it registers its instances.
    #[serde(default)]
    pub target_groups: Vec<TargetGroupArn>,
    /// Its instances, and what it makes of each: `InService`, `Standby` and so on.
    pub members: BTreeMap<InstanceId, String>,
}

/// What DescribeAutoScalingInstances and DescribeAutoScalingGroups show.
#[must_use]
pub fn membership(region: &RegionState, id: &InstanceId) -> Option<Membership> {
    let mut groups = region.scaling_groups.iter();
    groups.find_map(|(name, group)| {
        Some(Membership {
            group: name.clone(),
            lifecycle: group.members.get(id)?.clone(),
            minimum: group.minimum,
            desired: group.desired,
            maximum: group.maximum,
        })
    })
}

/// UpdateAutoScalingGroup with another `MinSize`.
pub fn minimum(
    world: &mut World,
    at: &Place,
    name: &ScalingGroupName,
    after: u32,
) -> Result<(), Refused> {
    let group = group_mut(world, at, name)?;
    if after > group.maximum {
        return Err(invalid(format!(
            "Min bound, {after}, must be less than or equal to max bound"
        )));
    }
    group.minimum = after;
    // The group grows to its least size by itself.
    group.desired = group.desired.max(after);
    Ok(())
}

/// EnterStandby with less desired capacity, or ExitStandby (Auto Scaling User Guide, "Temporarily remove
/// instances from your Auto Scaling group": both fail where the desired capacity would leave the bounds).
pub fn stand_by(
    world: &mut World,
    at: &Place,
    name: &ScalingGroupName,
    id: &InstanceId,
    after: Duty,
) -> Result<(), Refused> {
    let group = group_mut(world, at, name)?;
    let Some(now) = group.members.get_mut(id) else {
        return Err(invalid(format!("The instance {id} is not part of Auto Scaling group {name}")));
    };
    let (from, desired) = match after {
        Duty::Standby => (Duty::InService, group.desired.checked_sub(1)),
        Duty::InService => (Duty::Standby, group.desired.checked_add(1)),
    };
    if now != from.label() {
        return Err(invalid(format!("The instance {id} is not in {}", from.label())));
    }
    let fits = desired.filter(|desired| (group.minimum..=group.maximum).contains(desired));
    let Some(desired) = fits else {
        return Err(invalid(format!("AutoScalingGroup {name} has min-size={}", group.minimum)));
    };
    after.label().clone_into(now);
    group.desired = desired;
    let attached = group.target_groups.clone();
    let registration = match after {
        Duty::Standby => Registration::Deregistered,
        Duty::InService => Registration::Registered,
    };
    balancer::follow(world.region_mut(at)?, &attached, id, registration);
    Ok(())
}

fn group_mut<'a>(
    world: &'a mut World,
    at: &Place,
    name: &ScalingGroupName,
) -> Result<&'a mut ScalingGroup, Refused> {
    let found = world.region_mut(at)?.scaling_groups.get_mut(name);
    found.ok_or_else(|| invalid(format!("AutoScalingGroup name not found - {name}")))
}

fn invalid(message: String) -> Refused {
    Refused::new("ValidationError", message)
}
