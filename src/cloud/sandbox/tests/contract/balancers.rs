//! Load balancers for the contract suite.

use std::collections::BTreeSet;

use super::{OnSandbox, Outcome};
use crate::change::Target;
use crate::cloud::sandbox::world::TargetGroupState;
use crate::id::{BalancerName, InstanceId, Place, TargetGroupArn};

pub(super) fn target_group(
    fixture: &OnSandbox,
    at: &Place,
    instance: &InstanceId,
) -> Outcome<TargetGroupArn> {
    let arn = format!(
        "arn:aws:elasticloadbalancing:{}:{}:targetgroup/group-{}/0123456789abcdef",
        at.region,
        at.account,
        fixture.n()
    );
    let arn: TargetGroupArn = arn.parse().unwrap();
    fixture.edit(|world| {
        let region = world.region_mut(at).unwrap();
        let vpc = region.instances[instance].instance.vpc.clone().unwrap();
        let target = Target { id: instance.to_string(), port: Some(80), zone: None };
        let group = TargetGroupState::new(vpc, 80, [target]);
        region.target_groups.insert(arn.clone(), group)
    })?;
    Ok(arn)
}

pub(super) fn classic(
    fixture: &OnSandbox,
    at: &Place,
    instance: &InstanceId,
) -> Outcome<BalancerName> {
    let name: BalancerName = format!("balancer-{}", fixture.n()).parse().unwrap();
    let behind = BTreeSet::from([instance.clone()]);
    fixture.edit(|world| {
        let balancers = &mut world.region_mut(at).unwrap().classic_balancers;
        balancers.insert(name.clone(), behind)
    })?;
    Ok(name)
}
