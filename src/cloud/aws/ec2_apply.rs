//! Changes of EC2 and EBS: one mutating call each, never sent twice from here.

use std::collections::BTreeSet;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    InstanceSpecification, OperationType, ResourceType, SnapshotAttributeName,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use jiff::Timestamp;

use super::access::Clients;
use super::convert::{bare_permission, permission, tag_list, tag_specification};
use super::ec2_read::resource_id;
use super::errors::{Answer, Effect, change as changing, unreadable};
use super::presign::copy_url;
use crate::change::{AddressUse, Change, Direction, Kind, RuleEffect, Taggable, Tags};
use crate::cloud::{CloudError, Created, ErrorClass, Receipt, Result, copy_description};
use crate::id::{AccountId, GroupId, InterfaceId, SnapshotId};

/// Makes every change of EC2 but copies, which need more than a client, and tags.
pub(super) async fn apply(client: &Client, change: &Change) -> Result<Receipt> {
    let operation = change.operation();
    match &change.kind {
        Kind::InterfaceGroups { interface, after, .. } => {
            interface_groups(client, operation, interface, after).await
        }
        Kind::ElasticAddress { interface, allocation, private_ip, after, .. }
            if *after == AddressUse::Associated =>
        {
            confirmed(
                operation,
                client
                    .associate_address()
                    .allocation_id(allocation.as_str())
                    .network_interface_id(interface.as_str())
                    .private_ip_address(private_ip)
                    // An address that leads elsewhere by now is not taken away from there.
                    .allow_reassociation(false)
                    .send()
                    .await,
            )
        }
        Kind::ElasticAddress { association, .. } => confirmed(
            operation,
            client.disassociate_address().association_id(association.as_str()).send().await,
        ),
        Kind::CreateGroup { vpc, name, description, tags } => {
            let answer = client
                .create_security_group()
                .vpc_id(vpc.as_str())
                .group_name(name)
                .description(description)
                .set_tag_specifications(
                    tag_specification(ResourceType::SecurityGroup, tags).map(|one| vec![one]),
                )
                .send()
                .await
                .map_err(|e| changing(operation, e))?;
            let id: GroupId = made(operation, answer.group_id())?;
            Ok(receipt(&answer, Some(Created::Group(id))))
        }
        Kind::GroupRules { .. } => group_rules(client, change).await,
        Kind::CreateSnapshots { .. } => create_snapshots(client, change).await,
        Kind::SnapshotSharing { snapshot, before, after } => {
            let (effect, account) = shared(operation, before, after)?;
            confirmed(
                operation,
                client
                    .modify_snapshot_attribute()
                    .snapshot_id(snapshot.as_str())
                    .attribute(SnapshotAttributeName::CreateVolumePermission)
                    .operation_type(effect)
                    .user_ids(account.as_str())
                    .send()
                    .await,
            )
        }
        Kind::CopySnapshot { .. }
        | Kind::TerminationProtection { .. }
        | Kind::ShutdownBehavior { .. }
        | Kind::DeleteOnTermination { .. }
        | Kind::RolePolicy { .. }
        | Kind::UserPolicy { .. }
        | Kind::AccessKey { .. }
        | Kind::Credential { .. }
        | Kind::DeleteLoginProfile { .. }
        | Kind::GroupMinimum { .. }
        | Kind::Standby { .. }
        | Kind::Balancer(_)
        | Kind::InstanceProfile(_)
        | Kind::Trust(_)
        | Kind::PublicAccess { .. }
        | Kind::SnapshotLock(_)
        | Kind::Finding(_)
        | Kind::Database(_)
        | Kind::Task(_)
        | Kind::Function(_)
        | Kind::Tags { .. } => Err(refused(operation, "this change is made elsewhere")),
    }
}

/// Puts an interface behind these groups.
pub(super) async fn interface_groups(
    client: &Client,
    operation: &str,
    interface: &InterfaceId,
    after: &[GroupId],
) -> Result<Receipt> {
    let groups = after.iter().map(|group| group.as_str().to_owned()).collect();
    let call = client.modify_network_interface_attribute().set_groups(Some(groups));
    confirmed(operation, call.network_interface_id(interface.as_str()).send().await)
}

async fn group_rules(client: &Client, change: &Change) -> Result<Receipt> {
    let operation = change.operation();
    let Kind::GroupRules { group, direction, effect, rules, .. } = &change.kind else {
        return Err(refused(operation, "not a change of rules"));
    };
    let group = group.as_str();
    let rules = Some(match effect {
        RuleEffect::Authorize => rules.iter().map(permission).collect(),
        RuleEffect::Revoke => rules.iter().map(bare_permission).collect(),
    });
    match (direction, effect) {
        (Direction::Ingress, RuleEffect::Authorize) => confirmed(
            operation,
            client
                .authorize_security_group_ingress()
                .group_id(group)
                .set_ip_permissions(rules)
                .send()
                .await,
        ),
        (Direction::Egress, RuleEffect::Authorize) => confirmed(
            operation,
            client
                .authorize_security_group_egress()
                .group_id(group)
                .set_ip_permissions(rules)
                .send()
                .await,
        ),
        (Direction::Ingress, RuleEffect::Revoke) => confirmed(
            operation,
            client
                .revoke_security_group_ingress()
                .group_id(group)
                .set_ip_permissions(rules)
                .send()
                .await,
        ),
        (Direction::Egress, RuleEffect::Revoke) => confirmed(
            operation,
            client
                .revoke_security_group_egress()
                .group_id(group)
                .set_ip_permissions(rules)
                .send()
                .await,
        ),
    }
}

async fn create_snapshots(client: &Client, change: &Change) -> Result<Receipt> {
    let operation = change.operation();
    let Kind::CreateSnapshots { instance, exclude_boot, exclude, tags, .. } = &change.kind else {
        return Err(refused(operation, "not a change that makes snapshots"));
    };
    let excluded: Vec<String> = exclude.iter().map(|volume| volume.as_str().to_owned()).collect();
    let of = InstanceSpecification::builder()
        .instance_id(instance.as_str())
        .exclude_boot_volume(*exclude_boot)
        .set_exclude_data_volume_ids((!excluded.is_empty()).then_some(excluded))
        .build();
    let answer = client
        .create_snapshots()
        .instance_specification(of)
        .set_tag_specifications(
            tag_specification(ResourceType::Snapshot, tags).map(|one| vec![one]),
        )
        .send()
        .await
        .map_err(|e| changing(operation, e))?;
    let mut created = Vec::new();
    for snapshot in answer.snapshots() {
        let volume = snapshot.volume_id().and_then(|id| id.parse().ok());
        created.push((made(operation, snapshot.snapshot_id())?, volume));
    }
    Ok(receipt(&answer, Some(Created::Snapshots(created))))
}

/// Copies a snapshot into the Region of `clients`, encrypted.
pub(super) async fn copy_snapshot(
    clients: &Clients,
    change: &Change,
    now: Timestamp,
) -> Result<Receipt> {
    let operation = change.operation();
    let Kind::CopySnapshot { source, source_at, kms_key, tags } = &change.kind else {
        return Err(refused(operation, "not a copy"));
    };
    let url = copy_url(clients.config(), source, &source_at.region, &change.at.region, now).await?;
    let answer = clients
        .ec2()
        .copy_snapshot()
        .source_snapshot_id(source.as_str())
        .source_region(source_at.region.as_str())
        .destination_region(change.at.region.as_str())
        .presigned_url(url)
        .encrypted(true)
        .kms_key_id(kms_key)
        .description(copy_description(source))
        .set_tag_specifications(
            tag_specification(ResourceType::Snapshot, tags).map(|one| vec![one]),
        )
        .send()
        .await
        .map_err(|e| changing(operation, e))?;
    let id: SnapshotId = made(operation, answer.snapshot_id())?;
    Ok(receipt(&answer, Some(Created::Snapshots(vec![(id, None)]))))
}

/// Sets or removes tags of an instance, a volume, a snapshot or a security group.
pub(super) async fn tags(
    client: &Client,
    change: &Change,
    resource: &Taggable,
    before: &Tags,
    after: &Tags,
) -> Result<Receipt> {
    let operation = change.operation();
    let id = resource_id(resource);
    match touched(operation, before, after)? {
        Touched::Set(tags) => confirmed(
            operation,
            client.create_tags().resources(id).set_tags(Some(tag_list(&tags))).send().await,
        ),
        // With its value a tag goes only if it still has that value (EC2 API, DeleteTags).
        Touched::Removed(tags) => confirmed(
            operation,
            client.delete_tags().resources(id).set_tags(Some(tag_list(&tags))).send().await,
        ),
    }
}

/// What a change of tags does, in the one call it is allowed.
pub(super) enum Touched {
    /// These are set.
    Set(Tags),
    /// These, with the values they are known to have, are removed.
    Removed(Tags),
}

/// The tags that differ. EC2 and IAM set and remove with different calls, and a change is one call.
pub(super) fn touched(operation: &str, before: &Tags, after: &Tags) -> Result<Touched> {
    let gone: Tags = before
        .iter()
        .filter(|(key, _)| !after.contains_key(*key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let new: Tags = after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(*value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    match (new.is_empty(), gone.is_empty()) {
        (false, true) => Ok(Touched::Set(new)),
        (true, false) => Ok(Touched::Removed(gone)),
        (false, false) => Err(refused(operation, "one change either sets tags or removes them")),
        (true, true) => Err(refused(operation, "no tag changes")),
    }
}

/// Exactly one account comes or goes.
fn shared<'a>(
    operation: &str,
    before: &'a BTreeSet<AccountId>,
    after: &'a BTreeSet<AccountId>,
) -> Result<(OperationType, &'a AccountId)> {
    let new: Vec<_> = after.difference(before).collect();
    let gone: Vec<_> = before.difference(after).collect();
    match (new.as_slice(), gone.as_slice()) {
        ([account], []) => Ok((OperationType::Add, *account)),
        ([], [account]) => Ok((OperationType::Remove, *account)),
        _ => Err(refused(operation, "exactly one account comes or goes with one change")),
    }
}

/// The id of what was made. Without it the change has happened and what it made must be looked for.
fn made<T>(operation: &str, id: Option<&str>) -> Result<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    id.unwrap_or_default()
        .parse()
        .map_err(|e: T::Err| unreadable(operation, Effect::Changes, e.to_string()))
}

/// A change that is not sent, because it can't be made with one call.
pub(super) fn refused(operation: &str, why: &str) -> CloudError {
    CloudError::new(ErrorClass::Invalid, operation, "NotOneCall", why)
}

/// The outcome of a change that makes nothing new.
pub(super) fn confirmed<A, E>(operation: &str, answer: Answer<A, E>) -> Result<Receipt>
where
    A: RequestId,
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    answer.map(|answer| receipt(&answer, None)).map_err(|error| changing(operation, error))
}

/// The receipt of a change that AWS confirmed.
fn receipt(answer: &impl RequestId, created: Option<Created>) -> Receipt {
    Receipt { request_id: answer.request_id().unwrap_or_default().to_owned(), created }
}
