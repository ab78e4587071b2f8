//! Every call of a session, behind the buckets of the operations that it makes.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::pacer::Pacer;
use super::question::{Asking, Questions};
use crate::change::{Change, Document, EcsRef, Permission, Taggable, Tags, Target};
use crate::cloud::{
    Admitted, ClassicBalancer, CloudError, Database, DatabaseCluster, Doer, ErrorClass, Exposure,
    Function, GroupUser, HeldLock, Instance, Membership, Receipt, Result, Role, Safeguards, Scope,
    SecurityGroup, Session, Snapshot, TargetGroup, Task, TaskService, TrailPage, User,
    UserCredential,
};
use crate::id::{
    AccessKeyId, AccountId, BucketName, ClusterName, DatabaseClusterId, DatabaseId, FindingId,
    FunctionName, GroupId, InstanceId, Place, RoleName, ServiceName, SnapshotId, TargetGroupArn,
    TaskId, UserName, VpcId,
};

/// The code of a change that was not sent, because its bucket is empty.
pub const NO_ROOM: &str = "NoRoom";

/// Which groups a VPC has is the same question for every instance in it.
pub(super) type GroupQuestions = Questions<GroupQuestion, Vec<SecurityGroup>>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GroupQuestion {
    at: Place,
    vpc: VpcId,
    purpose: String,
    permissions: BTreeSet<Permission>,
}

/// A session whose calls wait for their tokens.
pub(super) struct PacedSession {
    inner: Arc<dyn Session>,
    pacer: Arc<Pacer>,
    groups: Arc<GroupQuestions>,
    scope: Scope,
    /// Accounts that it was in: the first call to one may assume its role.
    entered: Mutex<BTreeSet<AccountId>>,
}

impl PacedSession {
    pub(super) fn new(
        inner: Arc<dyn Session>,
        pacer: Arc<Pacer>,
        groups: Arc<GroupQuestions>,
        scope: Scope,
    ) -> Self {
        Self { inner, pacer, groups, scope, entered: Mutex::default() }
    }

    async fn enter(&self, at: &Place) {
        let first = {
            let mut entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
            entered.insert(at.account.clone())
        };
        if first {
            self.pacer.pass(&self.scope, "sts:AssumeRole", at).await;
        }
    }

    /// Waits until there was a token for each of `operations`: last for the first of them, which is
    /// called at once then. The others follow it.
    async fn pass(&self, at: &Place, operations: &[&str]) {
        self.enter(at).await;
        for operation in operations.iter().rev() {
            self.pacer.pass(&self.scope, operation, at).await;
        }
    }

    /// `call`, once there is a token for each of the operations it makes.
    async fn paced<T>(
        &self,
        at: &Place,
        operations: &[&str],
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        self.pass(at, operations).await;
        self.heeded(at, call).await
    }

    async fn heeded<T>(
        &self,
        at: &Place,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let answer = call.await;
        if let Err(error) = &answer {
            self.pacer.heed(at, error);
        }
        answer
    }
}

#[async_trait]
impl Session for PacedSession {
    async fn instance(&self, at: &Place, id: &InstanceId) -> Result<Option<Instance>> {
        let operations = ["ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces"];
        self.paced(at, &operations, self.inner.instance(at, id)).await
    }

    async fn safeguards(&self, at: &Place, id: &InstanceId) -> Result<Option<Safeguards>> {
        let operations = [
            "ec2:DescribeInstances",
            "ec2:DescribeInstanceAttribute",
            "ec2:DescribeInstanceAttribute",
        ];
        self.paced(at, &operations, self.inner.safeguards(at, id)).await
    }

    async fn membership(&self, at: &Place, id: &InstanceId) -> Result<Option<Membership>> {
        let operations =
            ["autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeAutoScalingGroups"];
        self.paced(at, &operations, self.inner.membership(at, id)).await
    }

    async fn target_groups(&self, at: &Place) -> Result<Vec<TargetGroup>> {
        let operations = ["elasticloadbalancing:DescribeTargetGroups"];
        self.paced(at, &operations, self.inner.target_groups(at)).await
    }

    async fn targets(&self, at: &Place, group: &TargetGroupArn) -> Result<Option<Vec<Target>>> {
        let operations = ["elasticloadbalancing:DescribeTargetHealth"];
        self.paced(at, &operations, self.inner.targets(at, group)).await
    }

    async fn classic_balancers(&self, at: &Place) -> Result<Vec<ClassicBalancer>> {
        let operations = ["elasticloadbalancing:DescribeLoadBalancers"];
        self.paced(at, &operations, self.inner.classic_balancers(at)).await
    }

    async fn groups_for(
        &self,
        at: &Place,
        vpc: &VpcId,
        purpose: &str,
    ) -> Result<Vec<SecurityGroup>> {
        let question = GroupQuestion {
            at: at.clone(),
            vpc: vpc.clone(),
            purpose: purpose.to_owned(),
            permissions: self.scope.permissions.clone(),
        };
        loop {
            match self.groups.ask(&question, self.scope.urgency) {
                Asking::Joined(joined) => {
                    if let Some(groups) = joined.answer().await {
                        return Ok(groups);
                    }
                }
                Asking::First(first) => {
                    // By tag, and by name.
                    let operations = ["ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroups"];
                    self.pass(at, &operations).await;
                    first.leaves();
                    let call = self.inner.groups_for(at, vpc, purpose);
                    let groups = self.heeded(at, call).await?;
                    first.tell(groups.clone());
                    return Ok(groups);
                }
            }
        }
    }

    async fn groups(&self, at: &Place, ids: &[GroupId]) -> Result<Vec<SecurityGroup>> {
        self.paced(at, &["ec2:DescribeSecurityGroups"], self.inner.groups(at, ids)).await
    }

    async fn group_users(&self, at: &Place, group: &GroupId) -> Result<Vec<GroupUser>> {
        let call = self.inner.group_users(at, group);
        self.paced(at, &["ec2:DescribeNetworkInterfaces"], call).await
    }

    async fn snapshots_tagged(&self, at: &Place, key: &str, value: &str) -> Result<Vec<Snapshot>> {
        let call = self.inner.snapshots_tagged(at, key, value);
        self.paced(at, &["ec2:DescribeSnapshots"], call).await
    }

    async fn snapshot(&self, at: &Place, id: &SnapshotId) -> Result<Option<Snapshot>> {
        self.paced(at, &["ec2:DescribeSnapshots"], self.inner.snapshot(at, id)).await
    }

    async fn snapshot_sharing(
        &self,
        at: &Place,
        id: &SnapshotId,
    ) -> Result<Option<BTreeSet<AccountId>>> {
        let call = self.inner.snapshot_sharing(at, id);
        self.paced(at, &["ec2:DescribeSnapshotAttribute"], call).await
    }

    async fn snapshot_lock(&self, at: &Place, id: &SnapshotId) -> Result<Option<HeldLock>> {
        let call = self.inner.snapshot_lock(at, id);
        self.paced(at, &["ec2:DescribeLockedSnapshots"], call).await
    }

    async fn is_default_key(&self, at: &Place, key: &str) -> Result<bool> {
        self.paced(at, &["ec2:GetEbsDefaultKmsKeyId"], self.inner.is_default_key(at, key)).await
    }

    async fn role(&self, at: &Place, name: &RoleName) -> Result<Option<Role>> {
        let operations = ["iam:GetRole", "iam:ListInstanceProfilesForRole"];
        self.paced(at, &operations, self.inner.role(at, name)).await
    }

    async fn carriers(
        &self,
        at: &Place,
        profiles: &BTreeSet<String>,
    ) -> Result<BTreeSet<InstanceId>> {
        let call = self.inner.carriers(at, profiles);
        self.paced(at, &["ec2:DescribeIamInstanceProfileAssociations"], call).await
    }

    async fn profile_role(&self, at: &Place, profile_arn: &str) -> Result<Option<RoleName>> {
        let call = self.inner.profile_role(at, profile_arn);
        self.paced(at, &["iam:GetInstanceProfile"], call).await
    }

    async fn role_policy(
        &self,
        at: &Place,
        role: &RoleName,
        policy: &str,
    ) -> Result<Option<Document>> {
        let call = self.inner.role_policy(at, role, policy);
        self.paced(at, &["iam:GetRolePolicy"], call).await
    }

    async fn key_owner(&self, at: &Place, key: &AccessKeyId) -> Result<Option<UserName>> {
        self.paced(at, &["iam:GetAccessKeyLastUsed"], self.inner.key_owner(at, key)).await
    }

    async fn user(&self, at: &Place, name: &UserName) -> Result<Option<User>> {
        let operations =
            ["iam:GetUser", "iam:ListAccessKeys", "iam:ListUserTags", "iam:GetLoginProfile"];
        self.paced(at, &operations, self.inner.user(at, name)).await
    }

    async fn credentials(
        &self,
        at: &Place,
        user: &UserName,
    ) -> Result<Option<Vec<UserCredential>>> {
        let operations = [
            "iam:ListSSHPublicKeys",
            "iam:ListSigningCertificates",
            "iam:ListServiceSpecificCredentials",
        ];
        self.paced(at, &operations, self.inner.credentials(at, user)).await
    }

    async fn user_policy(
        &self,
        at: &Place,
        user: &UserName,
        policy: &str,
    ) -> Result<Option<Document>> {
        let call = self.inner.user_policy(at, user, policy);
        self.paced(at, &["iam:GetUserPolicy"], call).await
    }

    async fn tags(&self, at: &Place, resource: &Taggable) -> Result<Option<Tags>> {
        // Where there are no tags the resource itself is asked for, which nobody knows before.
        let operations: &[&str] = match resource {
            Taggable::Instance(_) => &["ec2:DescribeTags", "ec2:DescribeInstances"],
            Taggable::Volume(_) => &["ec2:DescribeTags", "ec2:DescribeVolumes"],
            Taggable::Snapshot(_) => &["ec2:DescribeTags", "ec2:DescribeSnapshots"],
            Taggable::Role(_) => &["iam:ListRoleTags"],
            Taggable::User(_) => &["iam:ListUserTags"],
            Taggable::Bucket(_) => &["s3:GetBucketTagging"],
            Taggable::SecurityGroup(_) => &["ec2:DescribeTags", "ec2:DescribeSecurityGroups"],
            Taggable::Database(_) => &["rds:ListTagsForResource"],
            Taggable::Ecs(EcsRef::Task { .. }) => &["ecs:DescribeTasks"],
            Taggable::Ecs(EcsRef::Service { .. }) => &["ecs:DescribeServices"],
            Taggable::Function(_) => &["lambda:ListTags"],
        };
        self.paced(at, operations, self.inner.tags(at, resource)).await
    }

    async fn exposure(&self, at: &Place, bucket: &BucketName) -> Result<Option<Exposure>> {
        let operations = ["s3:GetPublicAccessBlock", "s3:GetBucketPolicyStatus"];
        self.paced(at, &operations, self.inner.exposure(at, bucket)).await
    }

    async fn database(&self, at: &Place, id: &DatabaseId) -> Result<Option<Database>> {
        self.paced(at, &["rds:DescribeDBInstances"], self.inner.database(at, id)).await
    }

    async fn database_cluster(
        &self,
        at: &Place,
        id: &DatabaseClusterId,
    ) -> Result<Option<DatabaseCluster>> {
        let operations = ["rds:DescribeDBClusters", "rds:DescribeDBInstances"];
        self.paced(at, &operations, self.inner.database_cluster(at, id)).await
    }

    async fn task(&self, at: &Place, cluster: &ClusterName, id: &TaskId) -> Result<Option<Task>> {
        let operations =
            ["ecs:DescribeTasks", "ecs:DescribeTaskDefinition", "ec2:DescribeNetworkInterfaces"];
        self.paced(at, &operations, self.inner.task(at, cluster, id)).await
    }

    async fn task_service(
        &self,
        at: &Place,
        cluster: &ClusterName,
        name: &ServiceName,
    ) -> Result<Option<TaskService>> {
        let call = self.inner.task_service(at, cluster, name);
        self.paced(at, &["ecs:DescribeServices"], call).await
    }
    async fn trail(&self, at: &Place, by: &Doer, after: Option<&str>) -> Result<TrailPage> {
        let call = self.inner.trail(at, by, after);
        self.paced(at, &["cloudtrail:LookupEvents"], call).await
    }
    async fn function(&self, at: &Place, name: &FunctionName) -> Result<Option<Function>> {
        let operations = [
            "lambda:GetFunctionConfiguration",
            "lambda:GetFunctionConcurrency",
            "lambda:GetPolicy",
            "lambda:ListEventSourceMappings",
        ];
        self.paced(at, &operations, self.inner.function(at, name)).await
    }

    async fn finding(&self, at: &Place, id: &FindingId) -> Result<Option<serde_json::Value>> {
        let operations = ["guardduty:ListDetectors", "guardduty:GetFindings"];
        self.paced(at, &operations, self.inner.finding(at, id)).await
    }

    async fn admit(&self, changes: &[Change]) -> Admitted {
        match self.pacer.admit(&self.scope, changes).await {
            Admitted::Now => self.inner.admit(changes).await,
            other @ Admitted::LookAgain => other,
        }
    }

    /// Never waits for a token: its intent is written and its lease is checked by now. Where the
    /// step was not admitted, and there is none, nothing is sent.
    async fn apply(&self, change: &Change) -> Result<Receipt> {
        let operation = change.operation();
        self.enter(&change.at).await;
        if !self.pacer.try_pass(&self.scope, operation, &change.at) {
            let reason = "AWS's limit for such calls is used up; nothing was sent";
            return Err(CloudError::new(ErrorClass::Throttled, operation, NO_ROOM, reason));
        }
        let answer = self.heeded(&change.at, self.inner.apply(change)).await;
        if let Err(ErrorClass::Throttled | ErrorClass::Transient) =
            answer.as_ref().map_err(|error| error.class)
        {
            self.pacer.refused(&self.scope, operation, &change.at);
        }
        self.pacer.made(&self.scope, change);
        answer
    }
}
