//! Load balancers: what is registered with them. Target groups belong to one API, Classic Load Balancers to
//! another one of the same name.

use aws_sdk_elasticloadbalancing as classic;
use aws_sdk_elasticloadbalancingv2 as v2;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use v2::types::{TargetDescription, TargetHealthStateEnum, TargetTypeEnum};

use super::access::Clients;
use super::convert::{parsed, parsed_if_there};
use super::ec2_apply::confirmed;
use super::errors::read;
use crate::change::{BalancerChange, Change, Registration, Target};
use crate::cloud::{ClassicBalancer, Receipt, Result, TargetGroup};
use crate::id::TargetGroupArn;

pub(super) async fn target_groups(client: &v2::Client) -> Result<Vec<TargetGroup>> {
    const OPERATION: &str = "elasticloadbalancing:DescribeTargetGroups";
    let found = client
        .describe_target_groups()
        .into_paginator()
        .items()
        .send()
        .collect::<std::result::Result<Vec<_>, _>>()
        .await
        .map_err(|e| read(OPERATION, e))?;
    // Functions and other load balancers are no instances, and have none.
    let of_instances = |group: &&v2::types::TargetGroup| {
        matches!(group.target_type(), Some(TargetTypeEnum::Instance | TargetTypeEnum::Ip))
    };
    found
        .iter()
        .filter(of_instances)
        .map(|group| {
            Ok(TargetGroup {
                arn: parsed(OPERATION, group.target_group_arn())?,
                vpc: parsed_if_there(OPERATION, group.vpc_id())?,
            })
        })
        .collect()
}

pub(super) async fn targets(
    client: &v2::Client,
    group: &TargetGroupArn,
) -> Result<Option<Vec<Target>>> {
    const OPERATION: &str = "elasticloadbalancing:DescribeTargetHealth";
    let call = client.describe_target_health().target_group_arn(group.as_str());
    let answer = match call.send().await {
        Ok(answer) => answer,
        Err(error) if error.code() == Some("TargetGroupNotFound") => return Ok(None),
        Err(error) => return Err(read(OPERATION, error)),
    };
    let registered = answer.target_health_descriptions().iter().filter(|found| {
        let state = found.target_health().and_then(|health| health.state());
        state != Some(&TargetHealthStateEnum::Draining)
    });
    let targets = registered.filter_map(|found| found.target()).map(|target| Target {
        id: target.id().unwrap_or_default().to_owned(),
        port: target.port().and_then(|port| u16::try_from(port).ok()),
        zone: target.availability_zone().filter(|zone| !zone.is_empty()).map(str::to_owned),
    });
    Ok(Some(targets.collect()))
}

pub(super) async fn classic_balancers(client: &classic::Client) -> Result<Vec<ClassicBalancer>> {
    const OPERATION: &str = "elasticloadbalancing:DescribeLoadBalancers";
    let found = client
        .describe_load_balancers()
        .into_paginator()
        .items()
        .send()
        .collect::<std::result::Result<Vec<_>, _>>()
        .await
        .map_err(|e| read(OPERATION, e))?;
    found
        .iter()
        .map(|balancer| {
            let instances = balancer.instances().iter();
            Ok(ClassicBalancer {
                name: parsed(OPERATION, balancer.load_balancer_name())?,
                instances: instances
                    .map(|one| parsed(OPERATION, one.instance_id()))
                    .collect::<Result<_>>()?,
            })
        })
        .collect()
}

pub(super) async fn apply(
    clients: &Clients,
    change: &Change,
    what: &BalancerChange,
) -> Result<Receipt> {
    let operation = change.operation();
    match what {
        BalancerChange::Target { group, target, after, .. } => {
            let client = clients.balancing();
            let target = TargetDescription::builder()
                .id(&target.id)
                .set_port(target.port.map(i32::from))
                .set_availability_zone(target.zone.clone())
                .build();
            match after {
                Registration::Registered => {
                    let call = client.register_targets().target_group_arn(group.as_str());
                    confirmed(operation, call.targets(target).send().await)
                }
                Registration::Deregistered => {
                    let call = client.deregister_targets().target_group_arn(group.as_str());
                    confirmed(operation, call.targets(target).send().await)
                }
            }
        }
        BalancerChange::Classic { balancer, instance, after, .. } => {
            let client = clients.classic_balancing();
            let instance =
                classic::types::Instance::builder().instance_id(instance.as_str()).build();
            match after {
                Registration::Registered => {
                    let call = client.register_instances_with_load_balancer();
                    let call = call.load_balancer_name(balancer.as_str()).instances(instance);
                    confirmed(operation, call.send().await)
                }
                Registration::Deregistered => {
                    let call = client.deregister_instances_from_load_balancer();
                    let call = call.load_balancer_name(balancer.as_str()).instances(instance);
                    confirmed(operation, call.send().await)
                }
            }
        }
    }
}
