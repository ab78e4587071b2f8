//! Our words for AWS: only the reads and changes that actions need.
//!
//! [`Cloud::open`] gives a [`Session`] for one step; every call names the account and Region it goes
//! to. Implementations: `sandbox` (the in-process twin), `aws` (the SDK, the only place that names
//! an SDK type). Two wrap any of them: `paced` keeps to AWS's limits, with containment first, and
//! `faulty` is a bad connection. One contract suite, `contract`, runs on all of them; where they
//! disagree, the AWS documentation decides. No policy is decided here, and no store is known.

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(test)]
pub mod contract;
mod error;
#[cfg(test)]
pub mod faulty;
mod function;
mod model;
mod origin;
#[cfg(any(test, feature = "aws"))]
pub mod paced;
pub mod sandbox;
mod standing;
mod trail;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use error::{CloudError, ErrorClass};
pub use function::{EventSource, Function};
pub use model::{
    Address, ClassicBalancer, Created, Database, DatabaseCluster, DatabaseGroup, Exposure,
    GROUP_ACTIVE, GROUP_REMOVING, GroupUser, HeldLock, Instance, Interface, Membership, Receipt,
    Role, Safeguards, SecurityGroup, Snapshot, SnapshotState, TASK_STOPPED, TargetGroup, Task,
    TaskService, User, UserCredential, UserKey, copy_description, settled_groups,
};
pub use origin::unlike;
pub use standing::{Standing, feedback, is_archived, standing};
pub use trail::{ASSUMES, Deed, Doer, GLOBAL_REGION, TRAIL_WINDOW, TrailPage, is_told};

use crate::change::{Change, Document, Permission, Taggable, Tags, Target, Urgency};
use crate::id::{
    AccessKeyId, AccountId, BucketName, CaseId, ClusterName, DatabaseClusterId, DatabaseId,
    FindingId, FunctionName, GroupId, InstanceId, Place, RoleName, RunId, ServiceName, SnapshotId,
    TargetGroupArn, TaskId, UserName, VpcId,
};

/// The result of a call.
pub type Result<T> = std::result::Result<T, CloudError>;

/// On whose behalf calls are made, and what they may do. It becomes the STS session: SourceIdentity
/// is the case, RoleSessionName is run and step, the session policy is `permissions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The case.
    pub case: CaseId,
    /// The run; `None` for a look that belongs to no run, such as confirming a finding.
    pub run: Option<RunId>,
    /// The step's key, such as `2[17]/3`.
    pub step: String,
    /// All that the session may do.
    pub permissions: BTreeSet<Permission>,
    /// Which calls go first when AWS's limits make them wait.
    pub urgency: Urgency,
}

/// A cloud with accounts in it.
pub trait Cloud: Send + Sync {
    /// A session. Cheap and without a call; credentials are fetched at the first call to an account.
    fn open(&self, scope: Scope) -> Arc<dyn Session>;
    /// What `/readyz` calls it: `sandbox` or `aws`.
    fn name(&self) -> &'static str;
    /// How long what was created may stay invisible to a look by tag: what is not seen by then was
    /// not created.
    fn visible_within(&self) -> Duration;
    /// After how long a change of IAM is known at each endpoint: as a rule, and for certain. Until then a
    /// principal that was denied everything may still take that back.
    fn spreads_within(&self) -> [Duration; 2];
}

/// Whether changes may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Admitted {
    /// At once.
    Now,
    /// Somebody else has just made what they would make.
    LookAgain,
}

/// Calls on behalf of one step. A resource that does not exist is `None` or absent from the list,
/// never an error of a read.
#[async_trait]
pub trait Session: Send + Sync {
    /// An instance with its interfaces (`ec2:DescribeInstances`, `ec2:DescribeNetworkInterfaces` by
    /// attachment). Terminated instances are still returned while EC2 shows them.
    async fn instance(&self, at: &Place, id: &InstanceId) -> Result<Option<Instance>>;
    /// What keeps an instance and its disks from being destroyed (`ec2:DescribeInstances`,
    /// `ec2:DescribeInstanceAttribute`).
    async fn safeguards(&self, at: &Place, id: &InstanceId) -> Result<Option<Safeguards>>;
    /// The Auto Scaling group of an instance, and what that makes of it; `None`: it is in none
    /// (`autoscaling:DescribeAutoScalingInstances`, `autoscaling:DescribeAutoScalingGroups`).
    async fn membership(&self, at: &Place, id: &InstanceId) -> Result<Option<Membership>>;
    /// The target groups in `at` whose targets are instances or addresses, in order
    /// (`elasticloadbalancing:DescribeTargetGroups`).
    async fn target_groups(&self, at: &Place) -> Result<Vec<TargetGroup>>;
    /// What is registered with a target group; what is draining is not any more. `None`: there is no such
    /// group (`elasticloadbalancing:DescribeTargetHealth`).
    async fn targets(&self, at: &Place, group: &TargetGroupArn) -> Result<Option<Vec<Target>>>;
    /// The Classic Load Balancers in `at` (`elasticloadbalancing:DescribeLoadBalancers`).
    async fn classic_balancers(&self, at: &Place) -> Result<Vec<ClassicBalancer>>;
    /// The groups of a VPC that carry the tag [`crate::change::TAG_PURPOSE`] = `purpose`, or the name
    /// that ours have, which nobody can take off them (`ec2:DescribeSecurityGroups`).
    async fn groups_for(
        &self,
        at: &Place,
        vpc: &VpcId,
        purpose: &str,
    ) -> Result<Vec<SecurityGroup>>;
    /// Groups by id; unknown ids are left out (`ec2:DescribeSecurityGroups`).
    async fn groups(&self, at: &Place, ids: &[GroupId]) -> Result<Vec<SecurityGroup>>;
    /// The interfaces that a group is on, whoever owns them (`ec2:DescribeNetworkInterfaces` by group, to the
    /// last page: an account has some 5,000 interfaces in a Region at most, Amazon VPC quotas).
    async fn group_users(&self, at: &Place, group: &GroupId) -> Result<Vec<GroupUser>>;
    /// Our own snapshots in `at` that carry the tag `key` = `value` (`ec2:DescribeSnapshots`).
    async fn snapshots_tagged(&self, at: &Place, key: &str, value: &str) -> Result<Vec<Snapshot>>;
    /// A snapshot that we own or that is shared with us (`ec2:DescribeSnapshots`).
    async fn snapshot(&self, at: &Place, id: &SnapshotId) -> Result<Option<Snapshot>>;
    /// The accounts a snapshot of ours is shared with; `None` when it does not exist
    /// (`ec2:DescribeSnapshotAttribute`).
    async fn snapshot_sharing(
        &self,
        at: &Place,
        id: &SnapshotId,
    ) -> Result<Option<BTreeSet<AccountId>>>;
    /// The lock of a snapshot of ours; `None`: there is none, or it has expired
    /// (`ec2:DescribeLockedSnapshots`).
    async fn snapshot_lock(&self, at: &Place, id: &SnapshotId) -> Result<Option<HeldLock>>;
    /// Whether `key` (id, ARN or alias) is an AWS managed key, which can't be shared (`kms:DescribeKey`
    /// is not needed: the default key is known by its alias; for an id or ARN the account's EBS
    /// default is asked, `ec2:GetEbsDefaultKmsKeyId`).
    async fn is_default_key(&self, at: &Place, key: &str) -> Result<bool>;
    /// A role with the instance profiles that use it (`iam:GetRole`,
    /// `iam:ListInstanceProfilesForRole`).
    async fn role(&self, at: &Place, name: &RoleName) -> Result<Option<Role>>;
    /// The instances in `at` that carry one of these instance profiles, by the profiles' names
    /// (`ec2:DescribeIamInstanceProfileAssociations` to the last page).
    async fn carriers(
        &self,
        at: &Place,
        profiles: &BTreeSet<String>,
    ) -> Result<BTreeSet<InstanceId>>;
    /// The role of an instance profile, by the profile's ARN (`iam:GetInstanceProfile`).
    async fn profile_role(&self, at: &Place, profile_arn: &str) -> Result<Option<RoleName>>;
    /// An inline policy of a role; `None` when role or policy is absent (`iam:GetRolePolicy`).
    async fn role_policy(
        &self,
        at: &Place,
        role: &RoleName,
        policy: &str,
    ) -> Result<Option<Document>>;
    /// The user an access key belongs to (`iam:GetAccessKeyLastUsed`).
    async fn key_owner(&self, at: &Place, key: &AccessKeyId) -> Result<Option<UserName>>;
    /// A user with keys and login profile (`iam:GetUser`, `iam:ListAccessKeys` to the last page,
    /// `iam:GetLoginProfile`).
    async fn user(&self, at: &Place, name: &UserName) -> Result<Option<User>>;
    /// What else a user signs in or signs with; `None` when there is no such user
    /// (`iam:ListSSHPublicKeys`, `iam:ListSigningCertificates`,
    /// `iam:ListServiceSpecificCredentials`, each to the last page).
    async fn credentials(&self, at: &Place, user: &UserName)
    -> Result<Option<Vec<UserCredential>>>;
    /// An inline policy of a user; `None` when user or policy is absent (`iam:GetUserPolicy`).
    async fn user_policy(
        &self,
        at: &Place,
        user: &UserName,
        policy: &str,
    ) -> Result<Option<Document>>;
    /// How far a bucket of this account is open to everybody; `None` when there is none in `at`
    /// (`s3:GetPublicAccessBlock`, `s3:GetBucketPolicyStatus`).
    async fn exposure(&self, at: &Place, bucket: &BucketName) -> Result<Option<Exposure>>;
    /// A DB instance (`rds:DescribeDBInstances`).
    async fn database(&self, at: &Place, id: &DatabaseId) -> Result<Option<Database>>;
    /// A DB cluster with its DB instances (`rds:DescribeDBClusters`, `rds:DescribeDBInstances`).
    async fn database_cluster(
        &self,
        at: &Place,
        id: &DatabaseClusterId,
    ) -> Result<Option<DatabaseCluster>>;
    /// A task of ECS with its own interfaces and its roles (`ecs:DescribeTasks`,
    /// `ecs:DescribeTaskDefinition`, `ec2:DescribeNetworkInterfaces`). Stopped tasks are still returned
    /// while ECS shows them.
    async fn task(&self, at: &Place, cluster: &ClusterName, id: &TaskId) -> Result<Option<Task>>;
    /// A service of ECS (`ecs:DescribeServices`).
    async fn task_service(
        &self,
        at: &Place,
        cluster: &ClusterName,
        name: &ServiceName,
    ) -> Result<Option<TaskService>>;
    /// The tags of a resource; `None` when it does not exist (`ec2:DescribeTags` and, where that is
    /// empty, the describe call of its kind; `iam:ListRoleTags`, `iam:ListUserTags`,
    /// `s3:GetBucketTagging`, `rds:ListTagsForResource`, `ecs:DescribeTasks`, `ecs:DescribeServices`).
    /// A Lambda function with what calls it; `None` when there is none (`lambda:GetFunctionConfiguration`,
    /// `lambda:GetFunctionConcurrency`, `lambda:GetPolicy`, `lambda:ListEventSourceMappings` to the last page).
    async fn function(&self, at: &Place, name: &FunctionName) -> Result<Option<Function>>;
    /// The tags of a resource; `None` when it does not exist (`ec2:DescribeTags` and, where that is
    /// empty, the describe call of its kind; `iam:ListRoleTags`, `iam:ListUserTags`,
    /// `s3:GetBucketTagging`, `lambda:ListTags`).
    async fn tags(&self, at: &Place, resource: &Taggable) -> Result<Option<Tags>>;
    /// A page of what somebody did in `at` within [`TRAIL_WINDOW`], of the events that [`is_told`] knows;
    /// `after` is the `next` of the page before (`cloudtrail:LookupEvents`). CloudTrail tells of a call
    /// some minutes after it was made.
    async fn trail(&self, at: &Place, by: &Doer, after: Option<&str>) -> Result<TrailPage>;
    /// A finding as GuardDuty holds it now, lower-camel JSON (`guardduty:ListDetectors`,
    /// `guardduty:GetFindings`).
    async fn finding(&self, at: &Place, id: &FindingId) -> Result<Option<serde_json::Value>>;

    /// Waits until all of `changes` may be made without running into AWS's limits, where the cloud
    /// keeps to them: each is then made without waiting again, and none is left half done meanwhile.
    /// No call is made, and nothing is promised of AWS.
    async fn admit(&self, _changes: &[Change]) -> Admitted {
        Admitted::Now
    }

    /// Makes one change: exactly one mutating API call. It is called only by the executor, after the
    /// intent is durable. Creates are never retried inside.
    async fn apply(&self, change: &Change) -> Result<Receipt>;
}
