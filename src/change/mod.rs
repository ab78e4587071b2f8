//! The kinds of change: one attribute of one AWS resource, before and after.
//!
//! A change is data. From it come the plan, the intent and outcome entries, the undo, and the IAM
//! permissions of a step. Nothing here talks to AWS, and nothing here is async: the `cloud` module
//! applies changes, and the executor in `run` decides when.

mod balancer;
mod database;
mod document;
mod finding;
mod function;
mod inverse;
mod kind;
mod passage;
mod permission;
mod profile;
mod rule;
mod snapshot_lock;
mod taggable;
mod task;
mod trust;
mod value;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use balancer::{BalancerChange, Registration, Target};
pub use database::{DatabaseChange, DatabaseRef, SHOWN_WITHIN};
pub use document::{carried, policy_text};
pub use finding::{FindingChange, Usefulness};
pub use function::{FunctionChange, Polling, function_arn};
pub use inverse::Inverse;
pub use kind::Kind;
#[cfg(test)]
pub use permission::lines;
pub use permission::{Permission, Statement, document, statements};
pub use profile::{ProfileChange, ProfileUse};
pub use rule::{Direction, GroupOwner, Peer, Rule, RuleEffect};
pub use snapshot_lock::{LockMode, LockTerms, SnapshotLock};
pub use taggable::Taggable;
pub use task::{EcsRef, TaskChange};
pub use trust::TrustChange;
pub use value::{
    AddressUse, CredentialKind, Duty, KeyStatus, LoginProfile, OnShutdown, PublicAccessBlock,
};

use crate::id::Place;

/// Tags of a resource, by key.
pub type Tags = BTreeMap<String, String>;

/// A policy document, as JSON.
pub type Document = serde_json::Value;

/// The tag that carries the case on everything that we create or mark.
pub const TAG_CASE: &str = "tourniquet:case";
/// The tag that carries `<run>/<step>` on everything that we create: how a lost create is found again.
pub const TAG_STEP: &str = "tourniquet:step";
/// The tag by which quarantine and transition groups are found; a name proves nothing.
pub const TAG_PURPOSE: &str = "tourniquet:purpose";
/// The tag that tells the stations of one step apart.
pub const TAG_STAGE: &str = "tourniquet:stage";
/// The tag with the id of what a snapshot was made of: an instance or a snapshot.
pub const TAG_SOURCE: &str = "tourniquet:source";
/// How the name of each security group of ours starts; EC2 lets nobody change a group's name.
pub const GROUP_NAME_PREFIX: &str = "tourniquet-";

/// How the name of each security group of ours with this purpose starts.
#[must_use]
pub fn group_name_prefix(purpose: &str) -> String {
    format!("{GROUP_NAME_PREFIX}{purpose}-")
}

/// One change in one account and Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Where the resource lives.
    pub at: Place,
    /// What changes.
    #[serde(flatten)]
    pub kind: Kind,
}

/// Which calls go first when AWS throttles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Stops the attacker.
    Containment,
    /// Keeps what would be lost.
    Evidence,
    /// Helps people; never stops a run.
    Description,
}

impl Change {
    /// The name of the API operation, `service:Operation`.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match &self.kind {
            Kind::InterfaceGroups { .. } => "ec2:ModifyNetworkInterfaceAttribute",
            Kind::ElasticAddress { after: AddressUse::Associated, .. } => "ec2:AssociateAddress",
            Kind::ElasticAddress { after: AddressUse::Free, .. } => "ec2:DisassociateAddress",
            Kind::TerminationProtection { .. }
            | Kind::ShutdownBehavior { .. }
            | Kind::DeleteOnTermination { .. } => "ec2:ModifyInstanceAttribute",
            Kind::GroupMinimum { .. } => "autoscaling:UpdateAutoScalingGroup",
            Kind::Standby { after: Duty::Standby, .. } => "autoscaling:EnterStandby",
            Kind::Standby { after: Duty::InService, .. } => "autoscaling:ExitStandby",
            Kind::Balancer(change) => change.operation(),
            Kind::InstanceProfile(change) => change.operation(),
            Kind::CreateGroup { .. } => "ec2:CreateSecurityGroup",
            Kind::GroupRules { direction, effect, .. } => match (direction, effect) {
                (Direction::Ingress, RuleEffect::Authorize) => "ec2:AuthorizeSecurityGroupIngress",
                (Direction::Ingress, RuleEffect::Revoke) => "ec2:RevokeSecurityGroupIngress",
                (Direction::Egress, RuleEffect::Authorize) => "ec2:AuthorizeSecurityGroupEgress",
                (Direction::Egress, RuleEffect::Revoke) => "ec2:RevokeSecurityGroupEgress",
            },
            Kind::CreateSnapshots { .. } => "ec2:CreateSnapshots",
            Kind::CopySnapshot { .. } => "ec2:CopySnapshot",
            Kind::SnapshotSharing { .. } => "ec2:ModifySnapshotAttribute",
            Kind::RolePolicy { after: Some(_), .. } => "iam:PutRolePolicy",
            Kind::RolePolicy { after: None, .. } => "iam:DeleteRolePolicy",
            Kind::UserPolicy { after: Some(_), .. } => "iam:PutUserPolicy",
            Kind::UserPolicy { after: None, .. } => "iam:DeleteUserPolicy",
            Kind::AccessKey { .. } => "iam:UpdateAccessKey",
            Kind::Credential { credential, .. } => match credential {
                CredentialKind::SshPublicKey => "iam:UpdateSSHPublicKey",
                CredentialKind::SigningCertificate => "iam:UpdateSigningCertificate",
                CredentialKind::ServiceSpecific => "iam:UpdateServiceSpecificCredential",
            },
            Kind::DeleteLoginProfile { .. } => "iam:DeleteLoginProfile",
            Kind::PublicAccess { after: Some(_), .. } => "s3:PutPublicAccessBlock",
            Kind::PublicAccess { after: None, .. } => "s3:DeletePublicAccessBlock",
            Kind::SnapshotLock(_) => SnapshotLock::OPERATION,
            Kind::Finding(change) => change.operation(),
            Kind::Database(change) => change.operation(),
            Kind::Task(change) => change.operation(),
            Kind::Trust(_) => TrustChange::OPERATION,
            Kind::Function(function) => function.operation(),
            Kind::Tags { resource, after, .. } => match (resource, after.is_empty()) {
                (
                    Taggable::Instance(_)
                    | Taggable::Volume(_)
                    | Taggable::Snapshot(_)
                    | Taggable::SecurityGroup(_),
                    gone,
                ) => match gone {
                    false => "ec2:CreateTags",
                    true => "ec2:DeleteTags",
                },
                (Taggable::Role(_), false) => "iam:TagRole",
                (Taggable::Role(_), true) => "iam:UntagRole",
                (Taggable::User(_), false) => "iam:TagUser",
                (Taggable::User(_), true) => "iam:UntagUser",
                (Taggable::Function(_), false) => "lambda:TagResource",
                (Taggable::Function(_), true) => "lambda:UntagResource",
                (Taggable::Bucket(_), _) => "s3:PutBucketTagging",
                (Taggable::Ecs(_), false) => "ecs:TagResource",
                (Taggable::Ecs(_), true) => "ecs:UntagResource",
                (Taggable::Database(_), false) => "rds:AddTagsToResource",
                (Taggable::Database(_), true) => "rds:RemoveTagsFromResource",
            },
        }
    }

    /// The resource that changes, as `type/id`: one word for timelines, holds and folding an undo.
    #[must_use]
    pub fn resource(&self) -> String {
        match &self.kind {
            Kind::InterfaceGroups { interface, .. } => format!("network-interface/{interface}"),
            Kind::ElasticAddress { interface, allocation, .. } => {
                format!("network-interface/{interface}/elastic-ip/{allocation}")
            }
            Kind::TerminationProtection { instance, .. } => {
                format!("instance/{instance}/termination-protection")
            }
            Kind::ShutdownBehavior { instance, .. } => {
                format!("instance/{instance}/shutdown-behavior")
            }
            Kind::DeleteOnTermination { instance, volume, .. } => {
                format!("instance/{instance}/delete-on-termination/{volume}")
            }
            Kind::GroupMinimum { group, .. } => format!("auto-scaling-group/{group}/minimum"),
            Kind::Standby { instance, .. } => format!("instance/{instance}/standby"),
            Kind::Balancer(change) => change.resource(),
            Kind::InstanceProfile(change) => change.resource(),
            Kind::CreateGroup { vpc, name, .. } => format!("security-group/{vpc}/{name}"),
            Kind::GroupRules { group, .. } => format!("security-group/{group}"),
            Kind::CreateSnapshots { instance, .. } => format!("instance/{instance}/snapshots"),
            Kind::CopySnapshot { source, .. } => format!("snapshot/{source}/copy"),
            Kind::SnapshotSharing { snapshot, .. } => format!("snapshot/{snapshot}"),
            Kind::RolePolicy { role, policy, .. } => format!("role/{role}/policy/{policy}"),
            Kind::UserPolicy { user, policy, .. } => format!("user/{user}/policy/{policy}"),
            Kind::AccessKey { user, key, .. } => format!("user/{user}/access-key/{key}"),
            Kind::Credential { user, credential, id, .. } => {
                format!("user/{user}/{}/{id}", credential.label())
            }
            Kind::DeleteLoginProfile { user, .. } => format!("user/{user}/login-profile"),
            Kind::PublicAccess { bucket, .. } => format!("bucket/{bucket}/public-access"),
            Kind::SnapshotLock(lock) => lock.resource(),
            Kind::Finding(change) => change.resource(),
            Kind::Database(change) => change.resource(),
            Kind::Task(change) => change.resource(),
            Kind::Trust(change) => change.resource(),
            Kind::Function(function) => function.resource(),
            Kind::Tags { resource, .. } => format!("{}/tags", resource.path()),
        }
    }

    /// The instance, role, user, bucket or security group whose life it touches: what guards protect and count.
    /// The instance, role, user, bucket or database whose life it touches: what guards protect and count.
    /// The instance, role, user, bucket, database, task or service whose life it touches: what guards protect and count.
    /// The instance, role, user, bucket or function whose life it touches: what guards protect and count.
    #[must_use]
    pub fn subject(&self) -> Option<Taggable> {
        match &self.kind {
            Kind::InterfaceGroups { instance, .. }
            | Kind::ElasticAddress { instance, .. }
            | Kind::TerminationProtection { instance, .. }
            | Kind::ShutdownBehavior { instance, .. }
            | Kind::DeleteOnTermination { instance, .. }
            | Kind::GroupMinimum { instance, .. }
            | Kind::Standby { instance, .. }
            | Kind::CreateSnapshots { instance, .. } => Some(Taggable::Instance(instance.clone())),
            Kind::Balancer(change) => Some(change.subject()),
            Kind::InstanceProfile(change) => Some(change.subject()),
            Kind::RolePolicy { role, .. } => Some(Taggable::Role(role.clone())),
            Kind::UserPolicy { user, .. }
            | Kind::AccessKey { user, .. }
            | Kind::Credential { user, .. }
            | Kind::DeleteLoginProfile { user, .. } => Some(Taggable::User(user.clone())),
            Kind::PublicAccess { bucket, .. } => Some(Taggable::Bucket(bucket.clone())),
            Kind::GroupRules { group, owner: GroupOwner::Account, .. } => {
                Some(Taggable::SecurityGroup(group.clone()))
            }
            Kind::Database(change) => Some(Taggable::Database(change.subject())),
            Kind::Task(change) => Some(Taggable::Ecs(change.subject())),
            Kind::Trust(change) => Some(change.subject()),
            Kind::Function(function) => Some(function.subject()),
            Kind::CreateGroup { .. }
            | Kind::GroupRules { .. }
            | Kind::CopySnapshot { .. }
            | Kind::SnapshotSharing { .. }
            | Kind::SnapshotLock(_)
            | Kind::Finding(_)
            | Kind::Tags { .. } => None,
        }
    }

    /// What only one containment may work on at a time, as `type/id`: the subject, or, where a change has
    /// nothing to do with what else is done to that, its own resource.
    #[must_use]
    pub fn alone(&self) -> Option<String> {
        match &self.kind {
            Kind::InstanceProfile(change) => Some(change.resource()),
            _ => self.subject().map(|subject| subject.path()),
        }
    }
    /// How long AWS may take to show what it has taken; `None`: it shows at once.
    #[must_use]
    pub fn shown_within(&self) -> Option<Duration> {
        matches!(self.kind, Kind::Database(_)).then_some(SHOWN_WITHIN)
    }

    /// Whether the step that makes it has more to do than can be told before.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.creates() || matches!(self.kind, Kind::Task(TaskChange::DesiredCount { after: 0, .. }))
    }

    /// Whether the call makes something new and has no idempotency token: before it is sent again,
    /// the new thing is looked for by its tags (`ec2:CreateSnapshots`, `CopySnapshot`,
    /// `CreateSecurityGroup` take no client token).
    #[must_use]
    pub fn creates(&self) -> bool {
        matches!(
            self.kind,
            Kind::CreateGroup { .. } | Kind::CreateSnapshots { .. } | Kind::CopySnapshot { .. }
        )
    }
}
