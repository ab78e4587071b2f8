//! Load balancers from a scenario, with what is registered with them.

use super::super::balancer::TargetGroupState;
use super::super::naming::derived;
use super::super::scenario::{AccountSpec, TargetGroupSpec};
use super::super::world::{Account, RegionState};
use super::{state, words};
use crate::change::Target;
use crate::id::{InstanceId, Region, TargetGroupArn};

/// Adds the target groups, hands them to the Auto Scaling groups that name them, and adds the Classic Load
/// Balancers.
pub(super) fn add_balancers(account: &mut Account, spec: &AccountSpec) -> Result<(), String> {
    for group in &spec.target_group {
        let region = group.region.as_ref().unwrap_or(&spec.region);
        let arn = arn(spec, region, &group.name)?;
        let built = target_group(state(account, region), group)
            .map_err(|why| format!("target group {}: {why}", group.name))?;
        state(account, region).target_groups.insert(arn, built);
    }
    for group in &spec.scaling_group {
        let region = group.region.as_ref().unwrap_or(&spec.region);
        for name in &group.target_groups {
            let arn = arn(spec, region, name)?;
            let here = state(account, region);
            if !here.target_groups.contains_key(&arn) {
                return Err(format!(
                    "Auto Scaling group {}: there is no target group {name}",
                    group.name
                ));
            }
            if let Some(found) = here.scaling_groups.get_mut(&group.name) {
                found.target_groups.push(arn);
            }
        }
    }
    for balancer in &spec.classic_balancer {
        let here = state(account, balancer.region.as_ref().unwrap_or(&spec.region));
        if let Some(id) = balancer.instances.iter().find(|id| !here.instances.contains_key(*id)) {
            return Err(format!("load balancer {}: there is no instance {id}", balancer.name));
        }
        here.classic_balancers.insert(balancer.name.clone(), balancer.instances.clone());
    }
    Ok(())
}

fn arn(spec: &AccountSpec, region: &Region, name: &str) -> Result<TargetGroupArn, String> {
    let id = derived("", &format!("target-group/{}/{region}/{name}", spec.id));
    let arn = format!(
        "arn:aws:elasticloadbalancing:{region}:{}:targetgroup/{name}/{}",
        spec.id,
        &id[..16]
    );
    arn.parse().map_err(words)
}

fn target_group(region: &RegionState, spec: &TargetGroupSpec) -> Result<TargetGroupState, String> {
    let machine = |id: &InstanceId| {
        region.instances.get(id).ok_or_else(|| format!("there is no instance {id}"))
    };
    let (mut vpc, mut targets) = (None, Vec::new());
    let target = |id: String| Target { id, port: Some(spec.port), zone: None };
    for id in &spec.instances {
        vpc = vpc.or(machine(id)?.instance.vpc.clone());
        targets.push(target(id.to_string()));
    }
    for id in &spec.addresses_of {
        let found = &machine(id)?.instance;
        vpc = vpc.or(found.vpc.clone());
        let ip = found.interfaces.first().and_then(|interface| interface.ips.first());
        targets.push(target(ip.ok_or_else(|| format!("{id} has no address"))?.clone()));
    }
    let vpc = vpc.ok_or("it has no target, so that nobody knows its VPC")?;
    Ok(TargetGroupState::new(vpc, spec.port, targets))
}
