//! The readable form of a world: what a security engineer writes in a playbook's test.
//!
//! Every section is a table of TOML; whatever is left out gets a sensible value in `build`. Unknown
//! keys are refused, so that a misspelt key is never a silent default. Nothing is decided here.
//!
//! ```toml
//! [[account]]
//! id = "111122223333"
//! region = "eu-west-1"
//!
//! [[account.instance]]
//! id = "i-0a1b2c3d4e5f60718"
//! profile = "web-server"
//! volumes = [{ size = 8 }, { size = 100, encrypted = true }]
//!
//! [[account.role]]
//! name = "web-server"
//! sessions = ["ASIAIOSFODNN7EXAMPLE"]
//!
//! [[account.user]]
//! name = "deploy"
//! keys = ["AKIAIOSFODNN7EXAMPLE"]
//! console = true
//! ```

mod database;
mod function;
mod task;

mod balancing;

use std::collections::BTreeMap;

pub use database::{DatabaseClusterSpec, DatabaseSpec};
pub use function::{FunctionSpec, SourceSpec};
use serde::Deserialize;
pub use task::{ServiceSpec, TaskSpec};

use super::world::Pace;
use crate::change::{PublicAccessBlock, Rule, Tags};
use crate::id::{
    AccessKeyId, AccountId, BucketName, CredentialId, GroupId, InstanceId, InterfaceId, Region,
    RoleName, UserName, VolumeId, VpcId,
};
pub use balancing::{ClassicBalancerSpec, ScalingGroupSpec, TargetGroupSpec};

/// A world in a few lines.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Whether calls outside a session's permissions are refused; on when left out.
    #[serde(default = "yes")]
    pub enforce: bool,
    /// Seconds until a change of IAM is felt.
    #[serde(default)]
    pub iam_delay: u32,
    /// How long snapshots stay pending.
    #[serde(default)]
    pub snapshots: Pace,
    /// The accounts.
    #[serde(default)]
    pub account: Vec<AccountSpec>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSpec {
    /// 12 digits.
    pub id: AccountId,
    /// Where everything below is, unless it says otherwise.
    #[serde(default = "home")]
    pub region: Region,
    /// VPCs; those that instances and groups name come by themselves.
    #[serde(default)]
    pub vpc: Vec<VpcSpec>,
    /// Security groups; those that instances name come by themselves: HTTPS in, everything out.
    #[serde(default)]
    pub group: Vec<GroupSpec>,
    /// Instances.
    #[serde(default)]
    pub instance: Vec<InstanceSpec>,
    /// Roles; those that instances' profiles name come by themselves.
    #[serde(default)]
    pub role: Vec<RoleSpec>,
    /// Users.
    #[serde(default)]
    pub user: Vec<UserSpec>,
    /// Customer managed KMS keys; the AWS managed one (`alias/aws/ebs`) is always there.
    #[serde(default)]
    pub key: Vec<KeySpec>,
    /// Buckets.
    #[serde(default)]
    pub bucket: Vec<BucketSpec>,
    /// Lambda functions.
    #[serde(default)]
    pub function: Vec<FunctionSpec>,
    /// Auto Scaling groups.
    #[serde(default)]
    pub scaling_group: Vec<ScalingGroupSpec>,
    /// Target groups of load balancers.
    #[serde(default)]
    pub target_group: Vec<TargetGroupSpec>,
    /// Classic Load Balancers.
    #[serde(default)]
    pub classic_balancer: Vec<ClassicBalancerSpec>,
    /// DB instances.
    #[serde(default)]
    pub database: Vec<DatabaseSpec>,
    /// DB clusters.
    #[serde(default)]
    pub database_cluster: Vec<DatabaseClusterSpec>,
    /// Services of ECS.
    #[serde(default)]
    pub service: Vec<ServiceSpec>,
    /// Tasks of ECS.
    #[serde(default)]
    pub task: Vec<TaskSpec>,
    /// What its users did before, as CloudTrail tells it.
    #[serde(default)]
    pub deed: Vec<super::trail::DeedSpec>,
    /// GuardDuty findings.
    #[serde(default)]
    pub finding: Vec<FindingSpec>,
}

/// A VPC.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VpcSpec {
    /// Its id.
    pub id: VpcId,
    /// Its Region.
    pub region: Option<Region>,
    /// Whether it has an IPv6 range.
    #[serde(default)]
    pub ipv6: bool,
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// Its id.
    pub id: GroupId,
    /// Its Region.
    pub region: Option<Region>,
    /// Its VPC; the account's default VPC when left out.
    pub vpc: Option<VpcId>,
    /// Its name; its id when left out.
    pub name: Option<String>,
    /// Inbound rules; HTTPS from everywhere when left out. `[]` is none.
    pub ingress: Option<Vec<Rule>>,
    /// Outbound rules; everything when left out. `[]` is none.
    pub egress: Option<Vec<Rule>>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceSpec {
    /// Its id.
    pub id: InstanceId,
    /// Its Region.
    pub region: Option<Region>,
    /// `running` when left out.
    pub state: Option<String>,
    /// Whether it is a Spot Instance.
    #[serde(default)]
    pub spot: bool,
    /// Whether it has termination protection.
    #[serde(default)]
    pub protected: bool,
    /// Whether a shutdown from inside terminates it; it stops when left out.
    #[serde(default)]
    pub terminates_itself: bool,
    /// Its instance profile; a role of the same name comes with it when none holds the profile.
    pub profile: Option<String>,
    /// Its interfaces; one in the default VPC when left out.
    pub interfaces: Option<Vec<InterfaceSpec>>,
    /// Its volumes, the root volume first; one of 8 GiB when left out. `[]`: an instance-store root.
    pub volumes: Option<Vec<VolumeSpec>>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// An interface of an instance.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InterfaceSpec {
    /// Its id.
    pub id: Option<InterfaceId>,
    /// Its VPC; the account's default VPC when left out.
    pub vpc: Option<VpcId>,
    /// Its security groups; one when left out.
    pub groups: Vec<GroupId>,
    /// Whether an AWS service owns it.
    pub requester_managed: bool,
    /// The Elastic IP addresses that lead to it.
    pub elastic_ips: Vec<String>,
}

/// A volume of an instance.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeSpec {
    /// Its id.
    pub id: Option<VolumeId>,
    /// GiB; 8 when left out.
    #[serde(default = "eight")]
    pub size: i32,
    /// Whether it is encrypted; with a key it is.
    #[serde(default)]
    pub encrypted: bool,
    /// The alias, id or ARN of its key; `alias/aws/ebs` when encrypted and left out.
    pub key: Option<String>,
    /// AWS's words with which its snapshots end in error.
    pub snapshots_fail: Option<String>,
    /// Its device name.
    pub device: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleSpec {
    /// Its name.
    pub name: RoleName,
    /// `/` when left out; `/aws-service-role/…` and `/aws-reserved/…` belong to AWS.
    pub path: Option<String>,
    /// The instance profiles that hold it.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// Access keys of sessions that were issued a while ago.
    #[serde(default)]
    pub sessions: Vec<AccessKeyId>,
    /// Its trust policy, JSON; EC2 may assume it when left out.
    pub trust: Option<String>,
    /// Inline policies: name and JSON.
    #[serde(default)]
    pub policies: BTreeMap<String, String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSpec {
    /// Its name.
    pub name: UserName,
    /// `/` when left out.
    pub path: Option<String>,
    /// Its active access keys.
    #[serde(default)]
    pub keys: Vec<AccessKeyId>,
    /// Its inactive access keys.
    #[serde(default)]
    pub inactive_keys: Vec<AccessKeyId>,
    /// Its active SSH public keys.
    #[serde(default)]
    pub ssh_keys: Vec<CredentialId>,
    /// Its active signing certificates.
    #[serde(default)]
    pub certificates: Vec<CredentialId>,
    /// Its active service-specific credentials, each with its service.
    #[serde(default)]
    pub service_credentials: BTreeMap<CredentialId, String>,
    /// Whether it has a console password.
    #[serde(default)]
    pub console: bool,
    /// Access keys of sessions that it got a while ago.
    #[serde(default)]
    pub sessions: Vec<AccessKeyId>,
    /// Inline policies: name and JSON.
    #[serde(default)]
    pub policies: BTreeMap<String, String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A customer managed KMS key.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySpec {
    /// `alias/…`.
    pub alias: String,
    /// Its key id; made from the alias when left out.
    pub id: Option<String>,
    /// Its Region.
    pub region: Option<Region>,
    /// Other accounts that may use it; all accounts of the scenario when left out.
    pub usable_by: Option<Vec<AccountId>>,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketSpec {
    /// Its name.
    pub name: BucketName,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// What its public grants may not do; not configured when left out.
    pub block: Option<PublicAccessBlock>,
    /// Whether its policy grants reading to everybody.
    #[serde(default)]
    pub public_policy: bool,
    /// Whether its ACL does.
    #[serde(default)]
    pub public_acl: bool,
}

/// A GuardDuty finding.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingSpec {
    /// The finding as GuardDuty gives it, with lower-camel keys, `id` among them.
    pub json: String,
    /// Its Region; that of the JSON, or else the account's, when left out.
    pub region: Option<Region>,
}

impl Scenario {
    /// Reads the TOML form.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| match error.span() {
            Some(span) => {
                let before = text.get(..span.start).unwrap_or(text);
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
                format!("line {line}, column {column}: {}", error.message())
            }
            None => error.message().to_owned(),
        })
    }
}

fn yes() -> bool {
    true
}

fn eight() -> i32 {
    8
}

fn home() -> Region {
    #[expect(clippy::expect_used, reason = "a constant in the right form")]
    "eu-west-1".parse().expect("a Region")
}
