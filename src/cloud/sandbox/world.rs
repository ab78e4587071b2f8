//! The twin's state: accounts, Regions and everything in them, as plain data.
//!
//! Tests edit it and compare it, and it is what the world file holds, so everything is public, has
//! an order, and goes through serde. No rule of AWS is decided here, only what is where.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use super::balancer::TargetGroupState;
pub use super::bucket::BucketState;
pub use super::database::{DatabaseClusterState, DatabaseState};
pub use super::function::FunctionState;
pub use super::machine::Machine;
pub use super::principal::{CredentialState, Issued, Principal, RoleState, UserState};
use super::refusal::Refused;
pub use super::scaling::ScalingGroup;
pub use super::task::{ServiceState, TaskState};
use crate::change::{LockTerms, Tags};
use crate::cloud::{SecurityGroup, Snapshot};
use crate::id::{
    AccessKeyId, AccountId, AllocationId, BalancerName, BucketName, CaseId, DatabaseClusterId,
    DatabaseId, FindingId, FunctionName, GroupId, InstanceId, InterfaceId, Place, Region, RoleName,
    RunId, ScalingGroupName, SnapshotId, TargetGroupArn, UserName, VolumeId, VpcId,
};

/// Everything there is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct World {
    /// Whether calls outside a session's permissions are refused.
    pub enforce: bool,
    /// Seconds until a change of IAM is felt by a caller; reads of IAM show it at once.
    pub iam_delay: u32,
    /// How long snapshots stay pending.
    pub pace: Pace,
    /// Counts the calls of `apply` and what was made: the source of request ids and new ids.
    pub sequence: u64,
    /// How many ids were made for each thing; see [`World::fresh_for`].
    #[serde(default)]
    pub made: BTreeMap<String, u64>,
    /// The accounts.
    pub accounts: BTreeMap<AccountId, Account>,
    /// Every change that took effect, oldest first.
    pub mutations: Vec<Mutation>,
    /// How often each operation was called, with or without success.
    pub calls: BTreeMap<String, u64>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            enforce: true,
            iam_delay: 0,
            pace: Pace::default(),
            sequence: 0,
            made: BTreeMap::new(),
            accounts: BTreeMap::new(),
            mutations: Vec::new(),
            calls: BTreeMap::new(),
        }
    }
}

/// How long snapshots stay pending: until both have passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pace {
    /// Reads of the snapshot that still show it pending.
    pub looks: u32,
    /// Seconds.
    pub seconds: u32,
}

impl Default for Pace {
    /// One look shows it pending, so that no caller can skip the waiting.
    fn default() -> Self {
        Self { looks: 1, seconds: 0 }
    }
}

/// One change that took effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mutation {
    /// Its number, from 1.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// In which account.
    pub account: AccountId,
    /// In which Region.
    pub region: Region,
    /// `service:Operation`.
    pub operation: String,
    /// `type/id`, as [`crate::change::Change::resource`] says it.
    pub resource: String,
    /// For which case.
    pub case: CaseId,
    /// In which run.
    pub run: Option<RunId>,
    /// In which step.
    pub step: String,
    /// The request id of the answer.
    pub request_id: String,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// What is in each Region.
    pub regions: BTreeMap<Region, RegionState>,
    /// IAM roles.
    pub roles: BTreeMap<RoleName, RoleState>,
    /// Instance profiles by name, with the role each holds.
    pub profiles: BTreeMap<String, Option<RoleName>>,
    /// IAM users.
    pub users: BTreeMap<UserName, UserState>,
    /// Temporary credentials that were issued.
    pub sessions: BTreeMap<AccessKeyId, Issued>,
    /// What CloudTrail tells that its users did.
    pub trail: Vec<Logged>,
    /// S3 buckets.
    pub buckets: BTreeMap<BucketName, BucketState>,
}

/// What is in one Region of one account.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RegionState {
    /// VPCs.
    pub vpcs: BTreeMap<VpcId, Vpc>,
    /// Security groups.
    pub groups: BTreeMap<GroupId, SecurityGroup>,
    /// Instances with their interfaces.
    pub instances: BTreeMap<InstanceId, Machine>,
    /// Auto Scaling groups.
    pub scaling_groups: BTreeMap<ScalingGroupName, ScalingGroup>,
    /// Target groups of load balancers.
    pub target_groups: BTreeMap<TargetGroupArn, TargetGroupState>,
    /// Classic Load Balancers, each with the instances behind it.
    pub classic_balancers: BTreeMap<BalancerName, BTreeSet<InstanceId>>,
    /// Tasks of ECS, by their paths.
    pub tasks: BTreeMap<String, TaskState>,
    /// Services of ECS, by their paths.
    pub services: BTreeMap<String, ServiceState>,
    /// DB instances.
    pub databases: BTreeMap<DatabaseId, DatabaseState>,
    /// DB clusters.
    pub database_clusters: BTreeMap<DatabaseClusterId, DatabaseClusterState>,
    /// Elastic IP addresses of the account, associated or not.
    pub addresses: BTreeMap<AllocationId, String>,
    /// EBS volumes.
    pub volumes: BTreeMap<VolumeId, Volume>,
    /// Volumes whose snapshots end in error, with AWS's words.
    pub bad_volumes: BTreeMap<VolumeId, String>,
    /// EBS snapshots.
    pub snapshots: BTreeMap<SnapshotId, SnapshotRecord>,
    /// KMS keys by key id.
    pub keys: BTreeMap<String, Key>,
    /// Lambda functions.
    pub functions: BTreeMap<FunctionName, FunctionState>,
    /// GuardDuty findings, lower-camel JSON.
    pub findings: BTreeMap<FindingId, Value>,
}

/// A VPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Vpc {
    /// Whether it has an IPv6 range, so that new groups also get an egress rule to `::/0`.
    pub ipv6: bool,
}

/// An EBS volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its id.
    pub id: VolumeId,
    /// GiB.
    pub size: i32,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The KMS key's ARN or id.
    pub kms_key: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A snapshot, and how it will end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotRecord {
    /// As EC2 shows it once it is no longer pending; `state` says how it ends.
    pub snapshot: Snapshot,
    /// Who may create volumes from it.
    pub shared_with: BTreeSet<AccountId>,
    /// Whether everybody may.
    #[serde(default)]
    pub public: bool,
    /// What keeps it from being deleted.
    #[serde(default)]
    pub lock: Option<Locked>,
    /// Whether it is a copy.
    #[serde(default)]
    pub copy: bool,
    /// Reads that still show it pending.
    pub looks_left: u32,
    /// The time until which it is pending.
    pub pending_until: Timestamp,
}

/// A lock, and when it was put on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Locked {
    /// What it is.
    pub terms: LockTerms,
    /// When.
    pub at: Timestamp,
}

/// An event, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    /// Where it is kept.
    pub region: Region,
    /// Who did it.
    pub user: UserName,
    /// With which key.
    pub key: AccessKeyId,
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub event: String,
    /// What it was done to.
    pub about: String,
}

/// A KMS key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its ARN.
    pub arn: String,
    /// `alias/…`.
    pub alias: Option<String>,
    /// Whether AWS manages it: then it can't be used from another account.
    pub aws_managed: bool,
    /// Other accounts that its policy lets use it.
    pub usable_by: BTreeSet<AccountId>,
}

impl World {
    /// The delay after which a change of IAM is felt.
    #[must_use]
    pub fn iam_delay(&self) -> Duration {
        Duration::from_secs(self.iam_delay.into())
    }

    /// The account, or the refusal that a caller gets who can't assume its role.
    ///
    /// # Errors
    /// `AccessDenied` when there is no such account.
    pub fn account(&self, id: &AccountId) -> Result<&Account, Refused> {
        self.accounts.get(id).ok_or_else(|| no_account(id))
    }

    /// As [`World::account`], to change it.
    ///
    /// # Errors
    /// `AccessDenied` when there is no such account.
    pub fn account_mut(&mut self, id: &AccountId) -> Result<&mut Account, Refused> {
        self.accounts.get_mut(id).ok_or_else(|| no_account(id))
    }

    /// What is in a Region; `None`: nothing yet.
    ///
    /// # Errors
    /// `AccessDenied` when there is no such account.
    pub fn region(&self, at: &Place) -> Result<Option<&RegionState>, Refused> {
        Ok(self.account(&at.account)?.regions.get(&at.region))
    }

    /// What is in a Region, to change it.
    ///
    /// # Errors
    /// `AccessDenied` when there is no such account.
    pub fn region_mut(&mut self, at: &Place) -> Result<&mut RegionState, Refused> {
        Ok(self.account_mut(&at.account)?.regions.entry(at.region.clone()).or_default())
    }

    /// Ends an instance as EC2 does: it is still shown, without interfaces and volumes.
    #[cfg(test)]
    pub fn terminate(&mut self, at: &Place, id: &InstanceId) {
        let Ok(region) = self.region_mut(at) else {
            return;
        };
        if let Some(machine) = region.instances.get_mut(id) {
            machine.instance.state = "terminated".to_owned();
            machine.instance.vpc = None;
            machine.instance.interfaces.clear();
            machine.instance.volumes.clear();
            machine.tracked_open.clear();
        }
    }

    /// How many changes took effect, by (operation, resource).
    #[cfg(test)]
    #[must_use]
    pub fn effects(&self) -> BTreeMap<(String, String), usize> {
        self.mutations.iter().fold(BTreeMap::new(), |mut counts, m| {
            *counts.entry((m.operation.clone(), m.resource.clone())).or_default() += 1;
            counts
        })
    }
}

fn no_account(id: &AccountId) -> Refused {
    Refused::new(
        "AccessDenied",
        format!("not authorized to perform sts:AssumeRole: there is no account {id} with our role"),
    )
}

impl RegionState {
    /// The key that an id, ARN or alias means.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&Key> {
        // An alias ARN ends in `:alias/…`, a key ARN is stored as it is.
        let alias = name.split_once(":alias/").map(|(_, rest)| format!("alias/{rest}"));
        let alias = alias.as_deref().unwrap_or(name);
        self.keys.get(name).or_else(|| {
            self.keys.values().find(|key| key.arn == name || key.alias.as_deref() == Some(alias))
        })
    }

    /// The instance that has an interface.
    #[must_use]
    pub fn machine_of(&self, interface: &InterfaceId) -> Option<&Machine> {
        self.instances
            .values()
            .find(|machine| machine.instance.interfaces.iter().any(|i| i.id == *interface))
    }
}

impl SnapshotRecord {
    /// As EC2 shows it at `now`, without counting as a look.
    #[must_use]
    pub fn shown(&self, now: Timestamp) -> Snapshot {
        use crate::cloud::SnapshotState::Pending;
        let mut snapshot = self.snapshot.clone();
        if self.looks_left > 0 || now < self.pending_until {
            snapshot.state = Pending;
            snapshot.state_message = None;
        }
        snapshot
    }

    /// As EC2 shows it at `now`; counts as a look.
    pub fn look(&mut self, now: Timestamp) -> Snapshot {
        let shown = self.shown(now);
        self.looks_left = self.looks_left.saturating_sub(1);
        shown
    }
}
