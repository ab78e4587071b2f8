//! Auto Scaling groups and load balancers on moto, made with the SDKs.

use super::{OnMoto, REGION, id, text};
use crate::cloud::contract::Outcome;
use crate::id::{BalancerName, InstanceId, Place, ScalingGroupName, TargetGroupArn};

pub(super) async fn scaling_group(
    fixture: &OnMoto,
    at: &Place,
    instance: &InstanceId,
) -> Outcome<ScalingGroupName> {
    let name = format!("group-{}", fixture.n());
    let client = aws_sdk_autoscaling::Client::new(&fixture.inside[&at.account]);
    let call = client.create_auto_scaling_group().auto_scaling_group_name(&name);
    let call = call.instance_id(instance.as_str()).min_size(0).max_size(3).desired_capacity(0);
    call.availability_zones(format!("{REGION}a")).send().await.map_err(text)?;
    let call = client.attach_instances().auto_scaling_group_name(&name);
    call.instance_ids(instance.as_str()).send().await.map_err(text)?;
    let call = client.update_auto_scaling_group().auto_scaling_group_name(&name);
    call.min_size(1).send().await.map_err(text)?;
    name.parse().map_err(text)
}

pub(super) async fn target_group(
    fixture: &OnMoto,
    at: &Place,
    instance: &InstanceId,
) -> Outcome<TargetGroupArn> {
    use aws_sdk_elasticloadbalancingv2::types::{ProtocolEnum, TargetDescription};
    let client = aws_sdk_elasticloadbalancingv2::Client::new(&fixture.inside[&at.account]);
    let call = fixture.ec2(at).describe_instances().instance_ids(instance.as_str());
    let found = call.send().await.map_err(text)?;
    let vpc = found.reservations().iter().flat_map(|one| one.instances()).next();
    let call = client.create_target_group().name(format!("group-{}", fixture.n())).port(80);
    let call = call.protocol(ProtocolEnum::Http);
    let call = call.set_vpc_id(vpc.and_then(|one| one.vpc_id()).map(str::to_owned));
    let made = call.send().await.map_err(text)?;
    let arn = made.target_groups().first().and_then(|group| group.target_group_arn());
    let target = TargetDescription::builder().id(instance.as_str()).port(80).build();
    let call = client.register_targets().set_target_group_arn(arn.map(str::to_owned));
    call.targets(target).send().await.map_err(text)?;
    id(arn)
}

pub(super) async fn classic(
    fixture: &OnMoto,
    at: &Place,
    instance: &InstanceId,
) -> Outcome<BalancerName> {
    use aws_sdk_elasticloadbalancing::types::{Instance, Listener};
    let client = aws_sdk_elasticloadbalancing::Client::new(&fixture.inside[&at.account]);
    let name = format!("balancer-{}", fixture.n());
    let listener = Listener::builder().protocol("HTTP").load_balancer_port(80);
    let listener = listener.instance_port(80).build().map_err(text)?;
    let call = client.create_load_balancer().load_balancer_name(&name).listeners(listener);
    call.availability_zones(format!("{REGION}a")).send().await.map_err(text)?;
    let call = client.register_instances_with_load_balancer().load_balancer_name(&name);
    let behind = Instance::builder().instance_id(instance.as_str()).build();
    call.instances(behind).send().await.map_err(text)?;
    id(Some(&name))
}
