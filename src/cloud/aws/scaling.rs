//! The Auto Scaling group of an instance: whether it counts on it, and its least size.

use aws_sdk_autoscaling::Client;

use super::convert::parsed;
use super::ec2_apply::{confirmed, refused};
use super::errors::{Effect, read, unreadable};
use crate::change::{Change, Duty, Kind};
use crate::cloud::{Membership, Receipt, Result};
use crate::id::InstanceId;

/// The second call needs what the first one says. An instance is in one group at most.
pub(super) async fn membership(client: &Client, id: &InstanceId) -> Result<Option<Membership>> {
    const INSTANCES: &str = "autoscaling:DescribeAutoScalingInstances";
    const GROUPS: &str = "autoscaling:DescribeAutoScalingGroups";
    let call = client.describe_auto_scaling_instances().instance_ids(id.as_str());
    let answer = call.send().await.map_err(|e| read(INSTANCES, e))?;
    let mut found = answer.auto_scaling_instances().iter();
    let Some(found) = found.find(|found| found.instance_id() == Some(id.as_str())) else {
        return Ok(None);
    };
    let name = found.auto_scaling_group_name();
    let names = name.map(|name| vec![name.to_owned()]);
    let call = client.describe_auto_scaling_groups().set_auto_scaling_group_names(names);
    let answer = call.send().await.map_err(|e| read(GROUPS, e))?;
    let mut groups = answer.auto_scaling_groups().iter();
    // It may have been deleted between the two.
    let Some(group) = groups.find(|group| group.auto_scaling_group_name() == name) else {
        return Ok(None);
    };
    let size = |size: Option<i32>, what: &str| {
        let size = size.and_then(|size| u32::try_from(size).ok());
        size.ok_or_else(|| unreadable(GROUPS, Effect::Reads, format!("the group has no {what}")))
    };
    Ok(Some(Membership {
        group: parsed(INSTANCES, name)?,
        lifecycle: found.lifecycle_state().unwrap_or_default().to_owned(),
        minimum: size(group.min_size(), "MinSize")?,
        desired: size(group.desired_capacity(), "DesiredCapacity")?,
        maximum: size(group.max_size(), "MaxSize")?,
    }))
}

pub(super) async fn apply(client: &Client, change: &Change) -> Result<Receipt> {
    let operation = change.operation();
    match &change.kind {
        Kind::GroupMinimum { group, after, .. } => {
            let after = i32::try_from(*after)
                .map_err(|_| refused(operation, "the least size is too large"))?;
            let call = client.update_auto_scaling_group().auto_scaling_group_name(group.as_str());
            confirmed(operation, call.min_size(after).send().await)
        }
        Kind::Standby { group, instance, after: Duty::Standby, .. } => {
            let call = client.enter_standby().auto_scaling_group_name(group.as_str());
            let call = call.instance_ids(instance.as_str()).should_decrement_desired_capacity(true);
            confirmed(operation, call.send().await)
        }
        Kind::Standby { group, instance, after: Duty::InService, .. } => {
            let call = client.exit_standby().auto_scaling_group_name(group.as_str());
            confirmed(operation, call.instance_ids(instance.as_str()).send().await)
        }
        _ => Err(refused(operation, "this change is made elsewhere")),
    }
}
