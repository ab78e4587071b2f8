//! The IAM actions and resource ARNs that a change needs.
//!
//! Actions that take no resource-level permission get `*` (IAM service authorization reference).
//! What is made of permissions stands in `document` (policies of roles) and `session` (those of a
//! step).

mod document;
#[cfg(any(feature = "aws", test))]
mod session;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

#[cfg(test)]
pub use document::lines;
pub use document::{Statement, document, statements};

use super::{Change, Kind, Taggable, function_arn};

/// One IAM action on one resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Permission {
    /// Such as `ec2:CreateTags`.
    pub action: String,
    /// An ARN, with `*` where the action takes no resource or the id is not known before.
    pub resource: String,
}

impl Permission {
    /// `action` on `resource`.
    #[must_use]
    pub fn new(action: &str, resource: impl Into<String>) -> Self {
        Self { action: action.to_owned(), resource: resource.into() }
    }

    /// Whether it allows all that `other` does. Every pattern of ours ends with its star, so that a
    /// prefix decides.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.action == other.action
            && match self.resource.strip_suffix('*') {
                Some(stem) => other.resource.starts_with(stem),
                None => self.resource == other.resource,
            }
    }

    /// A part of its ARN, counted from 0 (`arn:partition:service:region:account:resource`); `None`
    /// where the resource is `*`.
    #[must_use]
    pub fn part(&self, n: usize) -> Option<&str> {
        let mut parts = self.resource.splitn(6, ':');
        (parts.clone().count() == 6).then(|| parts.nth(n)).flatten()
    }
}

impl Change {
    /// What the caller must be allowed to do for this change, in the account of `at`.
    #[must_use]
    pub fn permissions(&self) -> BTreeSet<Permission> {
        let (account, region) = (&self.at.account, &self.at.region);
        let ec2 = |kind: &str, id: &str| format!("arn:aws:ec2:{region}:{account}:{kind}/{id}");
        // A snapshot's ARN has no account (IAM service authorization reference, EC2).
        let snapshot = |id: &str| format!("arn:aws:ec2:{region}::snapshot/{id}");
        // IAM ids carry no path here, so the path is left open.
        let iam = |kind: &str, name: &str| format!("arn:aws:iam::{account}:{kind}/*{name}");
        let operation = self.operation();
        let mut needed = BTreeSet::new();
        let mut need = |action: &str, resource: String| {
            needed.insert(Permission::new(action, resource));
        };
        match &self.kind {
            Kind::InterfaceGroups { interface, instance, after, .. } => {
                need(operation, ec2("network-interface", interface.as_str()));
                need(operation, ec2("instance", instance.as_str()));
                for group in after {
                    need(operation, ec2("security-group", group.as_str()));
                }
            }
            Kind::ElasticAddress { interface, instance, allocation, .. } => {
                need(operation, ec2("elastic-ip", allocation.as_str()));
                need(operation, ec2("network-interface", interface.as_str()));
                need(operation, ec2("instance", instance.as_str()));
            }
            Kind::TerminationProtection { instance, .. }
            | Kind::ShutdownBehavior { instance, .. } => {
                need(operation, ec2("instance", instance.as_str()));
            }
            Kind::DeleteOnTermination { instance, volume, .. } => {
                need(operation, ec2("instance", instance.as_str()));
                need(operation, ec2("volume", volume.as_str()));
            }
            // Its ARN has an id that nobody knows, before the name (IAM service authorization reference).
            Kind::GroupMinimum { group, .. } | Kind::Standby { group, .. } => need(
                operation,
                format!(
                    "arn:aws:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{group}"
                ),
            ),
            Kind::Balancer(change) => return change.permissions(&self.at),
            Kind::InstanceProfile(change) => return change.permissions(&self.at),
            Kind::CreateGroup { vpc, .. } => {
                need(operation, ec2("security-group", "*"));
                need(operation, ec2("vpc", vpc.as_str()));
                need("ec2:CreateTags", ec2("security-group", "*"));
            }
            Kind::GroupRules { group, .. } => {
                need(operation, ec2("security-group", group.as_str()))
            }
            Kind::CreateSnapshots { instance, volumes, .. } => {
                need(operation, ec2("instance", instance.as_str()));
                need(operation, snapshot("*"));
                need("ec2:CreateTags", snapshot("*"));
                for volume in volumes {
                    need(operation, ec2("volume", volume.as_str()));
                }
            }
            Kind::CopySnapshot { kms_key, source_at, .. } => {
                need(operation, snapshot("*"));
                need("ec2:CreateTags", snapshot("*"));
                // A policy names a key by its key ARN only; an alias in it allows nothing.
                let key = if kms_key.starts_with("arn:") && kms_key.contains(":key/") {
                    kms_key.clone()
                } else {
                    format!("arn:aws:kms:{region}:{account}:key/*")
                };
                // The source is decrypted under a key of its own account (EBS User Guide, copy a
                // snapshot: permissions for encrypted snapshots).
                let source =
                    format!("arn:aws:kms:{}:{}:key/*", source_at.region, source_at.account);
                for action in
                    ["kms:DescribeKey", "kms:CreateGrant", "kms:Decrypt", "kms:ReEncryptFrom"]
                {
                    need(action, source.clone());
                }
                for action in [
                    "kms:DescribeKey",
                    "kms:CreateGrant",
                    "kms:Decrypt",
                    "kms:GenerateDataKeyWithoutPlaintext",
                    "kms:ReEncryptFrom",
                    "kms:ReEncryptTo",
                ] {
                    need(action, key.clone());
                }
            }
            Kind::SnapshotSharing { snapshot: id, .. } => need(operation, snapshot(id.as_str())),
            Kind::RolePolicy { role, .. } => need(operation, iam("role", role.as_str())),
            Kind::UserPolicy { user, .. }
            | Kind::AccessKey { user, .. }
            | Kind::Credential { user, .. }
            | Kind::DeleteLoginProfile { user, .. } => need(operation, iam("user", user.as_str())),
            // The same for putting and for deleting it (S3 API Reference, DeletePublicAccessBlock).
            Kind::PublicAccess { bucket, .. } => {
                need("s3:PutBucketPublicAccessBlock", format!("arn:aws:s3:::{bucket}"));
            }
            Kind::SnapshotLock(lock) => return lock.permissions(&self.at),
            Kind::Finding(change) => return change.permissions(&self.at),
            Kind::Database(change) => return change.permissions(&self.at),
            Kind::Task(change) => return change.permissions(&self.at),
            Kind::Trust(change) => return change.permissions(account),
            Kind::Function(function) => return function.permissions(&self.at),
            Kind::Tags { resource, .. } => need(
                operation,
                match resource {
                    Taggable::Instance(id) => ec2("instance", id.as_str()),
                    Taggable::Volume(id) => ec2("volume", id.as_str()),
                    Taggable::Snapshot(id) => snapshot(id.as_str()),
                    Taggable::Role(name) => iam("role", name.as_str()),
                    Taggable::User(name) => iam("user", name.as_str()),
                    Taggable::Bucket(name) => format!("arn:aws:s3:::{name}"),
                    Taggable::SecurityGroup(id) => ec2("security-group", id.as_str()),
                    Taggable::Database(database) => database.arn(&self.at),
                    Taggable::Ecs(resource) => resource.arn(&self.at),
                    Taggable::Function(name) => function_arn(&self.at, name),
                },
            ),
        }
        if matches!(&self.kind, Kind::Tags { resource: Taggable::Bucket(_), .. }) {
            // PutBucketTagging replaces the whole set, so the set is read first.
            need(
                "s3:GetBucketTagging",
                format!("arn:aws:s3:::{}", self.resource().split('/').nth(1).unwrap_or("*")),
            );
        }
        needed
    }
}
