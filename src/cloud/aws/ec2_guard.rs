//! What keeps an instance and its disks from being destroyed: read and set, one attribute a call.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, DeviceType, EbsInstanceBlockDeviceSpecification, InstanceAttributeName,
    InstanceBlockDeviceMappingSpecification, InstanceLifecycleType,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::convert::parsed;
use super::ec2_apply::{confirmed, refused};
use super::ec2_read::{absent, by_id};
use super::errors::{Effect, read, unreadable};
use crate::change::{Change, Kind, OnShutdown};
use crate::cloud::{Receipt, Result, Safeguards};
use crate::id::InstanceId;

/// The attributes are no part of DescribeInstances; the three calls are made beside each other.
pub(super) async fn safeguards(client: &Client, id: &InstanceId) -> Result<Option<Safeguards>> {
    const OPERATION: &str = "ec2:DescribeInstances";
    const ATTRIBUTE: &str = "ec2:DescribeInstanceAttribute";
    let attribute = |name: InstanceAttributeName| {
        client.describe_instance_attribute().instance_id(id.as_str()).attribute(name).send()
    };
    let (instances, protection, shutdown) = tokio::join!(
        client.describe_instances().filters(by_id(id)).send(),
        attribute(InstanceAttributeName::DisableApiTermination),
        attribute(InstanceAttributeName::InstanceInitiatedShutdownBehavior),
    );
    let instances = instances.map_err(|e| read(OPERATION, e))?;
    let mut found = instances.reservations().iter().flat_map(|one| one.instances());
    let Some(found) = found.find(|instance| instance.instance_id() == Some(id.as_str())) else {
        return Ok(None);
    };
    let mut attributes = Vec::new();
    for answer in [protection, shutdown] {
        match answer {
            Ok(answer) => attributes.push(answer),
            Err(error) if absent(error.code(), "InvalidInstanceID") => return Ok(None),
            Err(error) => return Err(read(ATTRIBUTE, error)),
        }
    }
    let protection = attributes.iter().find_map(|a| a.disable_api_termination()?.value());
    let shutdown =
        attributes.iter().find_map(|a| a.instance_initiated_shutdown_behavior()?.value());
    let mut disks = BTreeMap::new();
    for mapping in found.block_device_mappings() {
        let (Some(device), Some(ebs)) = (mapping.device_name(), mapping.ebs()) else {
            continue;
        };
        let volume = parsed(OPERATION, ebs.volume_id())?;
        let goes = ebs.delete_on_termination().unwrap_or(false);
        disks.insert(device.to_owned(), (volume, goes));
    }
    Ok(Some(Safeguards {
        state: found
            .state()
            .and_then(|state| state.name())
            .map(|name| name.as_str().to_owned())
            .unwrap_or_default(),
        spot: found.instance_lifecycle() == Some(&InstanceLifecycleType::Spot),
        ebs_root: found.root_device_type() == Some(&DeviceType::Ebs),
        termination_protection: protection.unwrap_or(false),
        on_shutdown: match shutdown {
            Some("stop") => OnShutdown::Stop,
            Some("terminate") => OnShutdown::Terminate,
            other => return Err(unreadable(ATTRIBUTE, Effect::Reads, format!("{other:?}"))),
        },
        disks,
    }))
}

/// Sets one attribute.
pub(super) async fn apply(client: &Client, change: &Change) -> Result<Receipt> {
    let operation = change.operation();
    let call = client.modify_instance_attribute();
    let call = match &change.kind {
        Kind::TerminationProtection { instance, after, .. } => call
            .instance_id(instance.as_str())
            .disable_api_termination(AttributeBooleanValue::builder().value(*after).build()),
        Kind::ShutdownBehavior { instance, after, .. } => call
            .instance_id(instance.as_str())
            .attribute(InstanceAttributeName::InstanceInitiatedShutdownBehavior)
            .value(after.label()),
        Kind::DeleteOnTermination { instance, device, after, .. } => {
            let ebs = EbsInstanceBlockDeviceSpecification::builder().delete_on_termination(*after);
            let mapping = InstanceBlockDeviceMappingSpecification::builder()
                .device_name(device)
                .ebs(ebs.build())
                .build();
            call.instance_id(instance.as_str()).block_device_mappings(mapping)
        }
        _ => return Err(refused(operation, "this change is made elsewhere")),
    };
    confirmed(operation, call.send().await)
}
