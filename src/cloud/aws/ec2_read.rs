//! Reads of EC2 and EBS. Every call is filtered or names ids, and follows pages to the last.
//!
//! Lists of ids go into filters where the API allows it: an unknown id is then left out, where an id
//! parameter would fail the whole call.

use std::collections::BTreeSet;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, SnapshotAttributeName};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::convert::{
    ec2_tags, interface, parsed, parsed_if_there, security_group, snapshot as to_snapshot,
};
use super::errors::read;
use crate::change::{TAG_PURPOSE, Taggable, Tags, group_name_prefix};
use crate::cloud::{CloudError, ErrorClass, GroupUser, Instance, Result, SecurityGroup, Snapshot};
use crate::id::{AccountId, GroupId, InstanceId, SnapshotId, VolumeId, VpcId};

/// EC2 takes at most 200 values in one filter (EC2 User Guide, filtering).
const FILTER_VALUES_MAX: usize = 200;

pub(super) async fn instance(client: &Client, id: &InstanceId) -> Result<Option<Instance>> {
    const OPERATION: &str = "ec2:DescribeInstances";
    // Beside each other: an isolation begins with both.
    let call = async {
        let call = client.describe_instances().filters(by_id(id));
        call.send().await.map_err(|e| read(OPERATION, e))
    };
    let (answer, interfaces) = tokio::try_join!(call, interfaces(client, id))?;
    let mut found = answer.reservations().iter().flat_map(|reservation| reservation.instances());
    let Some(found) = found.find(|instance| instance.instance_id() == Some(id.as_str())) else {
        return Ok(None);
    };
    let mut volumes = Vec::new();
    for mapping in found.block_device_mappings() {
        if let Some(id) = parsed_if_there(OPERATION, mapping.ebs().and_then(|ebs| ebs.volume_id()))?
        {
            volumes.push((mapping.device_name().unwrap_or_default().to_owned(), id));
        }
    }
    Ok(Some(Instance {
        id: id.clone(),
        state: found
            .state()
            .and_then(|state| state.name())
            .map(|name| name.as_str().to_owned())
            .unwrap_or_default(),
        vpc: parsed_if_there(OPERATION, found.vpc_id())?,
        interfaces,
        volumes,
        root_device: found.root_device_name().map(str::to_owned),
        profile_arn: found.iam_instance_profile().and_then(|p| p.arn()).map(str::to_owned),
        tags: ec2_tags(found.tags()),
    }))
}

/// The interfaces of an instance, the primary one first. DescribeInstances shows them too, but not
/// whether an AWS service manages them.
async fn interfaces(client: &Client, id: &InstanceId) -> Result<Vec<crate::cloud::Interface>> {
    const OPERATION: &str = "ec2:DescribeNetworkInterfaces";
    let mut found = client
        .describe_network_interfaces()
        .filters(filter("attachment.instance-id", [id.as_str()]))
        .into_paginator()
        .items()
        .send()
        .collect::<std::result::Result<Vec<_>, _>>()
        .await
        .map_err(|e| read(OPERATION, e))?;
    found.sort_by_key(|interface| interface.attachment().and_then(|at| at.device_index()));
    found.iter().map(|found| interface(OPERATION, found)).collect()
}

/// Interfaces by id; unknown ids are left out.
pub(super) async fn interfaces_by_id(
    client: &Client,
    ids: &[String],
) -> Result<Vec<crate::cloud::Interface>> {
    const OPERATION: &str = "ec2:DescribeNetworkInterfaces";
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = filter("network-interface-id", ids.iter().map(String::as_str));
    let call = client.describe_network_interfaces().filters(wanted);
    let found = call.send().await.map_err(|e| read(OPERATION, e))?;
    found.network_interfaces().iter().map(|found| interface(OPERATION, found)).collect()
}

pub(super) async fn groups_for(
    client: &Client,
    vpc: &VpcId,
    purpose: &str,
) -> Result<Vec<SecurityGroup>> {
    let here = || filter("vpc-id", [vpc.as_str()]);
    let tagged = filter(&format!("tag:{TAG_PURPOSE}"), [purpose]);
    let prefix = escaped(&group_name_prefix(purpose));
    let named = Filter::builder().name("group-name").values(format!("{prefix}*")).build();
    // Filters of one call all have to fit, so these are two calls, made beside each other.
    let (tagged, named) = tokio::try_join!(
        groups_where(client, vec![here(), tagged]),
        groups_where(client, vec![here(), named]),
    )?;
    let mut found = tagged;
    for group in named {
        if found.iter().all(|known| known.id != group.id) {
            found.push(group);
        }
    }
    Ok(found)
}

pub(super) async fn groups(client: &Client, ids: &[GroupId]) -> Result<Vec<SecurityGroup>> {
    let mut found = Vec::new();
    for some in ids.chunks(FILTER_VALUES_MAX) {
        let ids = filter("group-id", some.iter().map(GroupId::as_str));
        found.extend(groups_where(client, vec![ids]).await?);
    }
    Ok(found)
}

async fn groups_where(client: &Client, filters: Vec<Filter>) -> Result<Vec<SecurityGroup>> {
    const OPERATION: &str = "ec2:DescribeSecurityGroups";
    let found = client
        .describe_security_groups()
        .set_filters(Some(filters))
        .into_paginator()
        .items()
        .send()
        .collect::<std::result::Result<Vec<_>, _>>()
        .await
        .map_err(|e| read(OPERATION, e))?;
    found.iter().map(|found| security_group(OPERATION, found)).collect()
}

/// Interfaces of services have an attachment, too, without an instance.
pub(super) async fn group_users(client: &Client, group: &GroupId) -> Result<Vec<GroupUser>> {
    const OPERATION: &str = "ec2:DescribeNetworkInterfaces";
    let found = client
        .describe_network_interfaces()
        .filters(filter("group-id", [group.as_str()]))
        .into_paginator()
        .items()
        .send()
        .collect::<std::result::Result<Vec<_>, _>>()
        .await
        .map_err(|e| read(OPERATION, e))?;
    let user = |found: &aws_sdk_ec2::types::NetworkInterface| {
        let instance = found.attachment().and_then(|attachment| attachment.instance_id());
        Ok(GroupUser {
            interface: parsed(OPERATION, found.network_interface_id())?,
            instance: parsed_if_there(OPERATION, instance)?,
        })
    };
    found.iter().map(user).collect()
}

pub(super) async fn snapshots_tagged(
    client: &Client,
    key: &str,
    value: &str,
) -> Result<Vec<Snapshot>> {
    const OPERATION: &str = "ec2:DescribeSnapshots";
    let found = client
        .describe_snapshots()
        .owner_ids("self")
        .filters(filter(&format!("tag:{key}"), [value]))
        .into_paginator()
        .items()
        .send()
        .collect::<std::result::Result<Vec<_>, _>>()
        .await
        .map_err(|e| read(OPERATION, e))?;
    found.iter().map(|found| to_snapshot(OPERATION, found)).collect()
}

pub(super) async fn snapshot(client: &Client, id: &SnapshotId) -> Result<Option<Snapshot>> {
    const OPERATION: &str = "ec2:DescribeSnapshots";
    match client.describe_snapshots().snapshot_ids(id.as_str()).send().await {
        Ok(answer) => {
            answer.snapshots().first().map(|found| to_snapshot(OPERATION, found)).transpose()
        }
        Err(error) if absent(error.code(), "InvalidSnapshot") => Ok(None),
        Err(error) => Err(read(OPERATION, error)),
    }
}

pub(super) async fn snapshot_sharing(
    client: &Client,
    id: &SnapshotId,
) -> Result<Option<BTreeSet<AccountId>>> {
    const OPERATION: &str = "ec2:DescribeSnapshotAttribute";
    let call = client
        .describe_snapshot_attribute()
        .snapshot_id(id.as_str())
        .attribute(SnapshotAttributeName::CreateVolumePermission);
    let answer = match call.send().await {
        Ok(answer) => answer,
        Err(error) if absent(error.code(), "InvalidSnapshot") => return Ok(None),
        Err(error) => return Err(read(OPERATION, error)),
    };
    let mut accounts = BTreeSet::new();
    for permission in answer.create_volume_permissions() {
        if permission.group().is_some() {
            // A list of accounts can't say "everybody", and leaving it out would call the evidence private.
            return Err(CloudError::new(
                ErrorClass::Conflict,
                OPERATION,
                "SnapshotIsPublic",
                format!("{id} is shared with everybody"),
            ));
        }
        accounts.insert(parsed(OPERATION, permission.user_id())?);
    }
    Ok(Some(accounts))
}

/// Whether `key`, an id or an ARN, is the key under which EBS encrypts by default here.
///
/// Where the default is AWS's own key, EC2 may name it by its alias only. A key that is given by id
/// can then not be told apart from it without KMS, and counts as the default: the caller makes a copy
/// under a key that can be shared, which always works, where sharing under AWS's key never does.
pub(super) async fn is_default_key(client: &Client, key: &str) -> Result<bool> {
    const OPERATION: &str = "ec2:GetEbsDefaultKmsKeyId";
    let answer =
        client.get_ebs_default_kms_key_id().send().await.map_err(|e| read(OPERATION, e))?;
    let default = answer.kms_key_id().unwrap_or_default();
    let id = |key: &str| key.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(default.contains("alias/aws/") || (!default.is_empty() && id(default) == id(key)))
}

/// DescribeTags answers the same for a resource without tags and for one that does not exist, so an
/// empty answer is followed by a look at the resource.
pub(super) async fn tags(client: &Client, resource: &Taggable) -> Result<Option<Tags>> {
    const OPERATION: &str = "ec2:DescribeTags";
    let id = resource_id(resource);
    let found = client
        .describe_tags()
        .filters(filter("resource-id", [id]))
        .into_paginator()
        .items()
        .send()
        .collect::<std::result::Result<Vec<_>, _>>()
        .await
        .map_err(|e| read(OPERATION, e))?;
    if !found.is_empty() {
        let pair = |tag: &aws_sdk_ec2::types::TagDescription| {
            Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))
        };
        return Ok(Some(found.iter().filter_map(pair).collect()));
    }
    let there = match resource {
        Taggable::Instance(id) => exists(client, id).await?,
        Taggable::Volume(id) => volume_exists(client, id).await?,
        Taggable::Snapshot(id) => snapshot(client, id).await?.is_some(),
        Taggable::SecurityGroup(id) => !groups(client, std::slice::from_ref(id)).await?.is_empty(),
        _ => false,
    };
    Ok(there.then(Tags::new))
}

async fn exists(client: &Client, id: &InstanceId) -> Result<bool> {
    let answer = client
        .describe_instances()
        .filters(by_id(id))
        .send()
        .await
        .map_err(|e| read("ec2:DescribeInstances", e))?;
    Ok(!answer.reservations().is_empty())
}

async fn volume_exists(client: &Client, id: &VolumeId) -> Result<bool> {
    let answer = client
        .describe_volumes()
        .filters(filter("volume-id", [id.as_str()]))
        .send()
        .await
        .map_err(|e| read("ec2:DescribeVolumes", e))?;
    Ok(!answer.volumes().is_empty())
}

/// The id under which EC2 knows a resource; the other services' resources have none.
pub(super) fn resource_id(resource: &Taggable) -> &str {
    match resource {
        Taggable::Instance(id) => id.as_str(),
        Taggable::Volume(id) => id.as_str(),
        Taggable::Snapshot(id) => id.as_str(),
        Taggable::SecurityGroup(id) => id.as_str(),
        _ => "",
    }
}

/// `kind.NotFound` and `kind.Malformed` both mean that there is no such resource: our ids are checked
/// before they are sent, so a malformed one is one that EC2 never gave out.
pub(super) fn absent(code: Option<&str>, kind: &str) -> bool {
    code.and_then(|code| code.strip_prefix(kind))
        .is_some_and(|rest| matches!(rest, ".NotFound" | ".Malformed" | "Id.Malformed"))
}

/// An instance by its id: as a filter, because calls that name ids and no filter share a smaller bucket
/// (EC2 Developer Guide, "Request throttling for the Amazon EC2 API").
pub(super) fn by_id(id: &InstanceId) -> Filter {
    filter("instance-id", [id.as_str()])
}

pub(super) fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    let values = values.into_iter().map(escaped).collect();
    Filter::builder().name(name).set_values(Some(values)).build()
}

/// Filter values may hold wildcards; ours are meant literally (EC2 User Guide, filtering).
fn escaped(value: &str) -> String {
    value.chars().fold(String::with_capacity(value.len()), |mut out, c| {
        if matches!(c, '*' | '?' | '\\') {
            out.push('\\');
        }
        out.push(c);
        out
    })
}
