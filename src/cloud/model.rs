//! What reads return: the fields that actions look at, and no more.

mod database;
mod task;

use std::collections::{BTreeMap, BTreeSet};

pub use database::{
    Database, DatabaseCluster, DatabaseGroup, GROUP_ACTIVE, GROUP_REMOVING, settled_groups,
};
use serde::{Deserialize, Serialize};
pub use task::{TASK_STOPPED, Task, TaskService};

use crate::change::{
    AddressUse, CredentialKind, Document, Duty, KeyStatus, Kind, LockMode, LoginProfile,
    OnShutdown, PublicAccessBlock, Rule, Tags,
};
use crate::id::{
    AccessKeyId, AccountId, AllocationId, AssociationId, BalancerName, CredentialId, GroupId,
    InstanceId, InterfaceId, RoleName, ScalingGroupName, SnapshotId, TargetGroupArn, UserName,
    VolumeId, VpcId,
};

/// An EC2 instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// `pending`, `running`, `shutting-down`, `terminated`, `stopping` or `stopped`.
    pub state: String,
    /// The VPC of its primary interface; `None` when terminated.
    pub vpc: Option<VpcId>,
    /// All its interfaces, in any VPC.
    pub interfaces: Vec<Interface>,
    /// Attached EBS volumes: device name and volume.
    pub volumes: Vec<(String, VolumeId)>,
    /// The device name of the root volume.
    pub root_device: Option<String>,
    /// The ARN of its instance profile.
    pub profile_arn: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What keeps an instance and its disks from being destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Safeguards {
    /// As [`Instance::state`].
    pub state: String,
    /// Whether it is a Spot Instance: AWS may end it at any time, and it can't be protected.
    pub spot: bool,
    /// Whether its root volume is in EBS; one in an instance store can't be stopped.
    pub ebs_root: bool,
    /// Whether the API refuses to terminate it.
    pub termination_protection: bool,
    /// What becomes of it when it shuts itself down.
    pub on_shutdown: OnShutdown,
    /// Its EBS volumes by device name, and whether each goes when the instance goes.
    pub disks: BTreeMap<String, (VolumeId, bool)>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its id.
    pub id: InterfaceId,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its security groups, in AWS's order.
    pub groups: Vec<GroupId>,
    /// Whether an AWS service owns it, so that its attributes can't be changed by us.
    pub requester_managed: bool,
    /// Its private addresses, the primary one first, then those of IPv6.
    #[serde(default)]
    pub ips: Vec<String>,
    /// The Elastic IP addresses that lead to it. A public address that AWS only lends is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
}

/// An Elastic IP address that leads to an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// What stays the account's while the address leads nowhere.
    pub allocation: AllocationId,
    /// By what EC2 knows that it leads here.
    pub association: AssociationId,
    /// The address.
    pub public_ip: String,
    /// The interface's address that it leads to.
    pub private_ip: String,
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// Its VPC.
    pub vpc: VpcId,
    /// Inbound rules, one peer each.
    pub ingress: Vec<Rule>,
    /// Outbound rules, one peer each.
    pub egress: Vec<Rule>,
    /// Its tags.
    pub tags: Tags,
}

/// An interface that a security group is on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupUser {
    /// The interface.
    pub interface: InterfaceId,
    /// The instance it is attached to; `None`: to none, or to something else than an instance.
    pub instance: Option<InstanceId>,
}

/// How far a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotState {
    /// Being made.
    Pending,
    /// Usable.
    Completed,
    /// Failed; it will never be usable.
    Error,
}

/// An EBS snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// Who owns it.
    pub owner: AccountId,
    /// The volume it was made of; arbitrary for a copy.
    pub volume: Option<VolumeId>,
    /// How far it is.
    pub state: SnapshotState,
    /// AWS's words on an error.
    pub state_message: Option<String>,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The KMS key's ARN or id.
    pub kms_key: Option<String>,
    /// GiB.
    pub size: i32,
    /// Start, RFC 3339.
    pub started: Option<String>,
    /// What its maker wrote on it; nobody can change it later.
    #[serde(default)]
    pub description: String,
    /// Its tags.
    pub tags: Tags,
}

/// What keeps a snapshot from being deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLock {
    /// How it is locked.
    pub mode: LockMode,
    /// Whether a lock in compliance mode can still be lifted.
    pub cooling_off: bool,
    /// For how long from when the snapshot is completed.
    pub days: u32,
    /// For how many hours a lock in compliance mode can be lifted.
    pub cool_off_hours: Option<u32>,
    /// Until when it can be, RFC 3339.
    pub cool_off_expires: Option<String>,
    /// Until when it holds, RFC 3339; `None` while the snapshot is pending.
    pub expires: Option<String>,
}

/// What is written on the copies that we make: they show their source nowhere else.
#[must_use]
pub fn copy_description(source: &SnapshotId) -> String {
    format!("Evidence: copy of {source}")
}

/// An IAM role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// Its ARN.
    pub arn: String,
    /// `/…/`: tells service-linked roles and Identity Center's.
    pub path: String,
    /// `AROA…`.
    pub unique_id: String,
    /// Its trust policy: who may assume it.
    pub trust: Document,
    /// Names of instance profiles that use it.
    pub instance_profiles: BTreeSet<String>,
    /// Its tags.
    pub tags: Tags,
}

/// An IAM user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its name.
    pub name: UserName,
    /// Its ARN.
    pub arn: String,
    /// `AIDA…`.
    pub unique_id: String,
    /// All its access keys.
    pub keys: Vec<UserKey>,
    /// Its console password, if it has one.
    pub login_profile: Option<LoginProfile>,
    /// Its tags.
    pub tags: Tags,
}

/// An access key of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserKey {
    /// Its id.
    pub id: AccessKeyId,
    /// Whether it works.
    pub status: KeyStatus,
}

impl Address {
    /// The change of where it leads, from one use to the other.
    #[must_use]
    pub fn switched(
        &self,
        interface: &InterfaceId,
        instance: &InstanceId,
        (before, after): (AddressUse, AddressUse),
    ) -> Kind {
        Kind::ElasticAddress {
            interface: interface.clone(),
            instance: instance.clone(),
            allocation: self.allocation.clone(),
            association: self.association.clone(),
            public_ip: self.public_ip.clone(),
            private_ip: self.private_ip.clone(),
            before,
            after,
        }
    }
}

/// A credential of a user that is neither access key nor password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserCredential {
    /// What it is.
    pub kind: CredentialKind,
    /// Its id.
    pub id: CredentialId,
    /// The service that takes it, such as `bedrock.amazonaws.com`; of those of one service only.
    pub service: Option<String>,
    /// Whether it works.
    pub status: KeyStatus,
}

/// What a change made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "created", content = "ids", rename_all = "snake_case")]
pub enum Created {
    /// A security group.
    Group(GroupId),
    /// Snapshots, each with the volume it was made of.
    Snapshots(Vec<(SnapshotId, Option<VolumeId>)>),
}

/// AWS's answer to a change that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The AWS request id: joins with CloudTrail.
    pub request_id: String,
    /// What was created, for creates.
    pub created: Option<Created>,
}

/// How far a bucket is open to everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposure {
    /// What its public grants may not do; `None`: it is not configured, which blocks nothing.
    pub block: Option<PublicAccessBlock>,
    /// Whether its policy grants something to everybody, as S3 judges it. What the block above does
    /// against that is not taken into account.
    pub public_policy: bool,
}

/// A target group of a load balancer, whose targets are instances or addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: TargetGroupArn,
    /// The VPC of its targets.
    pub vpc: Option<VpcId>,
}

/// A Classic Load Balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicBalancer {
    /// Its name.
    pub name: BalancerName,
    /// The instances that it sends requests to.
    pub instances: BTreeSet<InstanceId>,
}

/// An instance in its Auto Scaling group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The group.
    pub group: ScalingGroupName,
    /// What the group makes of the instance (Auto Scaling API, `LifecycleState`).
    pub lifecycle: String,
    /// The least size of the group.
    pub minimum: u32,
    /// The size that it is to have; instances that stand by don't count.
    pub desired: u32,
    /// The greatest.
    pub maximum: u32,
}

impl Membership {
    /// Whether the group counts on the instance, as far as it is one of the two: what enters or leaves
    /// standby is there already.
    #[must_use]
    pub fn duty(&self) -> Option<Duty> {
        match self.lifecycle.as_str() {
            "Standby" | "EnteringStandby" => Some(Duty::Standby),
            // What leaves standby is pending until it is in service.
            "InService" | "Pending" | "Pending:Wait" | "Pending:Proceed" => Some(Duty::InService),
            _ => None,
        }
    }
}
