//! Where the suite works, what an implementation makes for it, and what it may be unable to do.

use std::sync::Arc;

use async_trait::async_trait;

use crate::change::{CredentialKind, Tags};
use crate::cloud::Deed;
use crate::id::{
    AccessKeyId, AccountId, BalancerName, BucketName, ClusterName, CredentialId, DatabaseClusterId,
    DatabaseId, EventSourceId, FunctionName, GroupId, InstanceId, InterfaceId, Place, RoleName,
    ScalingGroupName, ServiceName, TargetGroupArn, TaskId, UserName, VpcId,
};

/// What a check or a fixture says when it goes wrong.
pub type Outcome<T = ()> = Result<T, String>;

/// What an emulator may be unable to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ability {
    /// An interface's groups are read back just as they were set.
    GroupsOfInterface,
    /// Groups that don't exist, or are of another VPC, are refused; so is an empty list.
    GroupsChecked,
    /// A group's name is taken whatever its case.
    NamesWithoutCase,
    /// A new group in a VPC with IPv6 also gets an egress rule to `::/0`.
    Ipv6Egress,
    /// Tagging something in EC2 that does not exist is refused.
    TagTargetsChecked,
    /// A snapshot is pending before it is completed.
    PendingSnapshots,
    /// A set of snapshots leaves out what it is told to.
    LeavingOut,
    /// A snapshot is seen by, and can be copied in, just the accounts that it is shared with.
    SharedSnapshots,
    /// A snapshot under the AWS managed key can't be shared.
    DefaultKeyKept,
    /// The AWS managed key is told from others by its ARN.
    DefaultKeyByArn,
    /// A copy under a key that is not there ends in error after the call has answered.
    LateKeyErrors,
    /// Service-linked roles can't be changed.
    ServiceRolesKept,
    /// Tags of buckets.
    BucketTags,
    /// GuardDuty findings can be put there and read.
    Findings,
    /// A session may do just what its permissions say.
    Permissions,
}

/// Makes things for checks, with the implementation's own means.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// What this emulator can't do, each with the reason.
    fn cannot(&self) -> &'static [(Ability, &'static str)];
    /// A new VPC.
    async fn vpc(&self, at: &Place, ip: Ip) -> Outcome<VpcId>;
    /// A new group in `vpc` as EC2 makes it: no inbound rule, everything out.
    async fn group(&self, at: &Place, vpc: &VpcId) -> Outcome<GroupId>;
    /// A new running instance.
    async fn instance(&self, at: &Place, wish: &InstanceWish) -> Outcome<InstanceId>;
    /// A new Elastic IP address that leads to the primary private address of `interface`.
    async fn elastic_ip(&self, at: &Place, interface: &InterfaceId) -> Outcome;
    /// A new Auto Scaling group with that instance in service: its least size is 1, its greatest 3.
    async fn scaling_group(&self, at: &Place, instance: &InstanceId) -> Outcome<ScalingGroupName>;
    /// A new target group, with that instance registered on port 80.
    async fn target_group(&self, at: &Place, instance: &InstanceId) -> Outcome<TargetGroupArn>;
    /// A new Classic Load Balancer, with that instance behind it.
    async fn classic_balancer(&self, at: &Place, instance: &InstanceId) -> Outcome<BalancerName>;
    /// Terminates it, and waits until it is.
    async fn terminate(&self, at: &Place, id: &InstanceId) -> Outcome;
    /// A new role under `path`.
    async fn role(&self, at: &Place, path: &str) -> Outcome<RoleName>;
    /// A new instance profile that holds `role`: its ARN.
    async fn profile(&self, at: &Place, role: &RoleName) -> Outcome<String>;
    /// Gives a running instance an instance profile, by its ARN.
    async fn carry(&self, at: &Place, instance: &InstanceId, profile: &str) -> Outcome;
    /// A new user with this many active access keys (0-2).
    async fn user(&self, at: &Place, keys: usize, console: Console) -> Outcome<UserName>;
    /// Something that a user did with a key, into CloudTrail's history. `at` of the deed is left out.
    async fn deed(&self, at: &Place, by: &(UserName, AccessKeyId), deed: &Deed) -> Outcome;
    /// A new active credential of a user.
    async fn credential(
        &self,
        at: &Place,
        user: &UserName,
        kind: CredentialKind,
    ) -> Outcome<CredentialId>;
    /// A new bucket: its name.
    async fn bucket(&self, at: &Place) -> Outcome<BucketName>;
    /// A new available DB instance with a public address.
    async fn database(&self, at: &Place, wish: &DatabaseWish) -> Outcome<DatabaseId>;
    /// A new DB cluster under that group: members come later.
    async fn database_cluster(&self, at: &Place, group: &GroupId) -> Outcome<DatabaseClusterId>;
    /// A new running task of no service, in a cluster of its own, with the roles `task-role` and
    /// `ecs-role`.
    async fn task(&self, at: &Place, wish: &TaskWish) -> Outcome<(ClusterName, TaskId)>;
    /// A new service that is to have this many tasks, in a cluster of its own.
    async fn service(&self, at: &Place, desired: u32) -> Outcome<(ClusterName, ServiceName)>;
    /// A new function without a reservation, and its one event source, which is read.
    async fn function(&self, at: &Place) -> Outcome<(FunctionName, EventSourceId)>;
    /// A new customer managed key that `usable_by` may use too: its ARN.
    async fn key(&self, at: &Place, usable_by: &AccountId) -> Outcome<String>;
    /// A finding with the id `id`, of any type, as GuardDuty would hold it.
    async fn finding(&self, at: &Place, id: &str) -> Outcome;
}

/// The address families of a VPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ip {
    /// IPv4 only.
    V4,
    /// IPv4 and IPv6.
    Dual,
}

/// Whether a user has a console password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Console {
    /// It has.
    Password,
    /// It has none.
    None,
}

/// A DB instance to make.
#[derive(Debug, Clone)]
pub struct DatabaseWish {
    /// The VPC of its subnets.
    pub vpc: VpcId,
    /// Its security group; of a member its cluster's.
    pub group: GroupId,
    /// The cluster that it is a member of.
    pub cluster: Option<DatabaseClusterId>,
}

/// A task to make.
#[derive(Debug, Clone)]
pub struct TaskWish {
    /// The VPC and the security group of its own interface; `None`: it has none.
    pub network: Option<(VpcId, GroupId)>,
}

/// An instance to make.
#[derive(Debug, Clone, Default)]
pub struct InstanceWish {
    /// Its interfaces: VPC and groups, the primary one first.
    pub interfaces: Vec<(VpcId, Vec<GroupId>)>,
    /// Its volumes, the root volume first; at least one.
    pub disks: Vec<Disk>,
    /// Its tags.
    pub tags: Tags,
}

/// A volume to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disk {
    /// Not encrypted.
    Plain,
    /// Encrypted under `alias/aws/ebs`.
    DefaultKey,
    /// Encrypted under this customer managed key (ARN).
    Key(String),
}

/// Where the suite works.
pub struct Lab {
    /// The account where things are made.
    pub workload: Place,
    /// The account that evidence goes to, in the same Region.
    pub forensics: Place,
    /// Makes things.
    pub fixture: Arc<dyn Fixture>,
    /// A text that no other run of the suite on the same server uses: part of names and tags.
    pub token: String,
}
