//! Load balancers, as far as an instance is registered with them. They send no requests here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::refusal::Refused;
use super::world::{RegionState, World};
use crate::change::{BalancerChange, Registration, Target};
use crate::cloud::{ClassicBalancer, TargetGroup};
use crate::id::{BalancerName, InstanceId, Place, TargetGroupArn, VpcId};

/// A target group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetGroupState {
    /// The VPC of its targets.
    pub vpc: VpcId,
    /// Its port: that of a target which names none.
    pub port: u16,
    /// What is registered, and whether it is not draining.
    pub targets: BTreeMap<String, (Target, Registration)>,
}

impl TargetGroupState {
    /// A group that sends requests to `targets`.
    #[must_use]
    pub fn new(vpc: VpcId, port: u16, targets: impl IntoIterator<Item = Target>) -> Self {
        let mut group = Self { vpc, port, targets: BTreeMap::new() };
        for target in targets {
            group.set(target, Registration::Registered);
        }
        group
    }

    /// A target without a port gets the group's.
    pub fn set(&mut self, target: Target, registration: Registration) {
        let target = Target { port: target.port.or(Some(self.port)), ..target };
        self.targets.insert(target.to_string(), (target, registration));
    }
}

/// What DescribeTargetGroups shows.
#[must_use]
pub fn target_groups(region: &RegionState) -> Vec<TargetGroup> {
    let shown = |(arn, group): (&TargetGroupArn, &TargetGroupState)| TargetGroup {
        arn: arn.clone(),
        vpc: Some(group.vpc.clone()),
    };
    region.target_groups.iter().map(shown).collect()
}

/// What DescribeTargetHealth shows, without what is draining.
#[must_use]
pub fn targets(region: &RegionState, group: &TargetGroupArn) -> Option<Vec<Target>> {
    let all = region.target_groups.get(group)?.targets.values();
    let registered = all.filter(|(_, registration)| *registration == Registration::Registered);
    Some(registered.map(|(target, _)| target.clone()).collect())
}

/// What DescribeLoadBalancers of the classic API shows.
#[must_use]
pub fn classic_balancers(region: &RegionState) -> Vec<ClassicBalancer> {
    let all = region.classic_balancers.iter();
    all.map(|(name, instances)| ClassicBalancer {
        name: name.clone(),
        instances: instances.clone(),
    })
    .collect()
}

/// Registers or deregisters, as often as it is asked to.
pub fn apply(world: &mut World, at: &Place, change: &BalancerChange) -> Result<(), Refused> {
    let region = world.region_mut(at)?;
    match change {
        BalancerChange::Target { group, target, after, .. } => {
            let known = |id: &String| {
                let machine = id.parse::<InstanceId>().ok().map(|id| region.instances.get(&id));
                // An address may be anybody's; an instance must be there and not be over.
                machine.is_none_or(|machine| {
                    machine.is_some_and(|machine| machine.instance.state != "terminated")
                })
            };
            if *after == Registration::Registered && !known(&target.id) {
                return Err(Refused::new(
                    "InvalidTarget",
                    format!("The following targets are not in a running state: '{}'", target.id),
                ));
            }
            let found = region.target_groups.get_mut(group).ok_or_else(|| {
                Refused::new("TargetGroupNotFound", format!("Target groups '{group}' not found"))
            })?;
            found.set(target.clone(), *after);
        }
        BalancerChange::Classic { balancer, instance, after, .. } => {
            let missing = || no_balancer(balancer);
            let known = region.instances.contains_key(instance);
            let found = region.classic_balancers.get_mut(balancer).ok_or_else(missing)?;
            match after {
                Registration::Registered if !known => {
                    return Err(Refused::new(
                        "InvalidInstance",
                        format!("Could not find EC2 instance {instance}"),
                    ));
                }
                Registration::Registered => _ = found.insert(instance.clone()),
                Registration::Deregistered => _ = found.remove(instance),
            }
        }
    }
    Ok(())
}

/// What a group makes of an instance that leaves or enters its service (Auto Scaling User Guide, "Temporarily
/// remove instances from your Auto Scaling group": it is deregistered from the load balancer and registered
/// with it again).
pub fn follow(
    region: &mut RegionState,
    groups: &[TargetGroupArn],
    id: &InstanceId,
    registration: Registration,
) {
    for arn in groups {
        if let Some(group) = region.target_groups.get_mut(arn) {
            let target = Target { id: id.to_string(), port: None, zone: None };
            group.set(target, registration);
        }
    }
}

fn no_balancer(name: &BalancerName) -> Refused {
    Refused::new("LoadBalancerNotFound", format!("There is no ACTIVE Load Balancer named '{name}'"))
}
