//! Every call of a session, on the way to which faults are met.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Calls, Fault, Road, error};
use crate::change::{Change, Document, EcsRef, Taggable, Tags, Target};
use crate::cloud::{
    Admitted, ClassicBalancer, Database, DatabaseCluster, Doer, Exposure, Function, GroupUser,
    HeldLock, Instance, Membership, Receipt, Result, Role, Safeguards, Scope, SecurityGroup,
    Session, Snapshot, TargetGroup, Task, TaskService, TrailPage, User, UserCredential,
};
use crate::id::{
    AccessKeyId, AccountId, BucketName, ClusterName, DatabaseClusterId, DatabaseId, FindingId,
    FunctionName, GroupId, InstanceId, Place, RoleName, ServiceName, SnapshotId, TargetGroupArn,
    TaskId, UserName, VpcId,
};

/// A session behind a bad connection.
pub(super) struct FaultySession {
    pub(super) inner: Arc<dyn Session>,
    pub(super) road: Arc<Road>,
    pub(super) scope: Scope,
}

#[async_trait]
impl Session for FaultySession {
    async fn instance(&self, at: &Place, id: &InstanceId) -> Result<Option<Instance>> {
        self.road
            .read(
                (&self.scope, at),
                &["ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces"],
                || Ok(None),
                self.inner.instance(at, id),
            )
            .await
    }

    async fn safeguards(&self, at: &Place, id: &InstanceId) -> Result<Option<Safeguards>> {
        let call = self.inner.safeguards(at, id);
        let operations = [
            "ec2:DescribeInstances",
            "ec2:DescribeInstanceAttribute",
            "ec2:DescribeInstanceAttribute",
        ];
        self.road.read((&self.scope, at), &operations, || Ok(None), call).await
    }

    async fn membership(&self, at: &Place, id: &InstanceId) -> Result<Option<Membership>> {
        let operations =
            ["autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeAutoScalingGroups"];
        let call = self.inner.membership(at, id);
        self.road.read((&self.scope, at), &operations, || Ok(None), call).await
    }

    async fn target_groups(&self, at: &Place) -> Result<Vec<TargetGroup>> {
        let operations = ["elasticloadbalancing:DescribeTargetGroups"];
        let call = self.inner.target_groups(at);
        self.road.read((&self.scope, at), &operations, || Ok(Vec::new()), call).await
    }

    async fn targets(&self, at: &Place, group: &TargetGroupArn) -> Result<Option<Vec<Target>>> {
        let operations = ["elasticloadbalancing:DescribeTargetHealth"];
        let call = self.inner.targets(at, group);
        self.road.read((&self.scope, at), &operations, || Ok(None), call).await
    }

    async fn classic_balancers(&self, at: &Place) -> Result<Vec<ClassicBalancer>> {
        let operations = ["elasticloadbalancing:DescribeLoadBalancers"];
        let call = self.inner.classic_balancers(at);
        self.road.read((&self.scope, at), &operations, || Ok(Vec::new()), call).await
    }

    async fn groups_for(
        &self,
        at: &Place,
        vpc: &VpcId,
        purpose: &str,
    ) -> Result<Vec<SecurityGroup>> {
        let call = self.inner.groups_for(at, vpc, purpose);
        // By tag, and by name.
        let operations = ["ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroups"];
        self.road.read((&self.scope, at), &operations, || Ok(Vec::new()), call).await
    }

    async fn groups(&self, at: &Place, ids: &[GroupId]) -> Result<Vec<SecurityGroup>> {
        self.road
            .read(
                (&self.scope, at),
                &["ec2:DescribeSecurityGroups"],
                || Ok(Vec::new()),
                self.inner.groups(at, ids),
            )
            .await
    }

    async fn group_users(&self, at: &Place, group: &GroupId) -> Result<Vec<GroupUser>> {
        let call = self.inner.group_users(at, group);
        let operations = ["ec2:DescribeNetworkInterfaces"];
        self.road.read((&self.scope, at), &operations, || Ok(Vec::new()), call).await
    }

    async fn snapshots_tagged(&self, at: &Place, key: &str, value: &str) -> Result<Vec<Snapshot>> {
        let call = self.inner.snapshots_tagged(at, key, value);
        self.road.read((&self.scope, at), &["ec2:DescribeSnapshots"], || Ok(Vec::new()), call).await
    }

    async fn snapshot(&self, at: &Place, id: &SnapshotId) -> Result<Option<Snapshot>> {
        self.road
            .read(
                (&self.scope, at),
                &["ec2:DescribeSnapshots"],
                || Ok(None),
                self.inner.snapshot(at, id),
            )
            .await
    }

    async fn snapshot_sharing(
        &self,
        at: &Place,
        id: &SnapshotId,
    ) -> Result<Option<BTreeSet<AccountId>>> {
        let call = self.inner.snapshot_sharing(at, id);
        self.road
            .read((&self.scope, at), &["ec2:DescribeSnapshotAttribute"], || Ok(None), call)
            .await
    }

    async fn snapshot_lock(&self, at: &Place, id: &SnapshotId) -> Result<Option<HeldLock>> {
        let call = self.inner.snapshot_lock(at, id);
        let operations = ["ec2:DescribeLockedSnapshots"];
        self.road.read((&self.scope, at), &operations, || Ok(None), call).await
    }

    async fn is_default_key(&self, at: &Place, key: &str) -> Result<bool> {
        self.road
            .read(
                (&self.scope, at),
                &["ec2:GetEbsDefaultKmsKeyId"],
                || Ok(false),
                self.inner.is_default_key(at, key),
            )
            .await
    }

    async fn role(&self, at: &Place, name: &RoleName) -> Result<Option<Role>> {
        self.road
            .read(
                (&self.scope, at),
                &["iam:GetRole", "iam:ListInstanceProfilesForRole"],
                || Ok(None),
                self.inner.role(at, name),
            )
            .await
    }

    async fn carriers(
        &self,
        at: &Place,
        profiles: &BTreeSet<String>,
    ) -> Result<BTreeSet<InstanceId>> {
        let call = self.inner.carriers(at, profiles);
        let operations = ["ec2:DescribeIamInstanceProfileAssociations"];
        self.road.read((&self.scope, at), &operations, || Ok(BTreeSet::new()), call).await
    }

    async fn profile_role(&self, at: &Place, profile_arn: &str) -> Result<Option<RoleName>> {
        let call = self.inner.profile_role(at, profile_arn);
        self.road.read((&self.scope, at), &["iam:GetInstanceProfile"], || Ok(None), call).await
    }

    async fn role_policy(
        &self,
        at: &Place,
        role: &RoleName,
        policy: &str,
    ) -> Result<Option<Document>> {
        self.road
            .read(
                (&self.scope, at),
                &["iam:GetRolePolicy"],
                || Ok(None),
                self.inner.role_policy(at, role, policy),
            )
            .await
    }

    async fn key_owner(&self, at: &Place, key: &AccessKeyId) -> Result<Option<UserName>> {
        self.road
            .read(
                (&self.scope, at),
                &["iam:GetAccessKeyLastUsed"],
                || Ok(None),
                self.inner.key_owner(at, key),
            )
            .await
    }

    async fn user(&self, at: &Place, name: &UserName) -> Result<Option<User>> {
        self.road
            .read(
                (&self.scope, at),
                &["iam:GetUser", "iam:ListAccessKeys", "iam:ListUserTags", "iam:GetLoginProfile"],
                || Ok(None),
                self.inner.user(at, name),
            )
            .await
    }

    async fn credentials(
        &self,
        at: &Place,
        user: &UserName,
    ) -> Result<Option<Vec<UserCredential>>> {
        let call = self.inner.credentials(at, user);
        let operations = [
            "iam:ListSSHPublicKeys",
            "iam:ListSigningCertificates",
            "iam:ListServiceSpecificCredentials",
        ];
        self.road.read((&self.scope, at), &operations, || Ok(None), call).await
    }

    async fn user_policy(
        &self,
        at: &Place,
        user: &UserName,
        policy: &str,
    ) -> Result<Option<Document>> {
        self.road
            .read(
                (&self.scope, at),
                &["iam:GetUserPolicy"],
                || Ok(None),
                self.inner.user_policy(at, user, policy),
            )
            .await
    }

    async fn tags(&self, at: &Place, resource: &Taggable) -> Result<Option<Tags>> {
        let (operation, then) = match resource {
            Taggable::Instance(_) => ("ec2:DescribeTags", Some("ec2:DescribeInstances")),
            Taggable::Volume(_) => ("ec2:DescribeTags", Some("ec2:DescribeVolumes")),
            Taggable::Snapshot(_) => ("ec2:DescribeTags", Some("ec2:DescribeSnapshots")),
            Taggable::Role(_) => ("iam:ListRoleTags", None),
            Taggable::User(_) => ("iam:ListUserTags", None),
            Taggable::Bucket(_) => ("s3:GetBucketTagging", None),
            Taggable::SecurityGroup(_) => ("ec2:DescribeTags", Some("ec2:DescribeSecurityGroups")),
            Taggable::Database(_) => ("rds:ListTagsForResource", None),
            Taggable::Ecs(EcsRef::Task { .. }) => ("ecs:DescribeTasks", None),
            Taggable::Ecs(EcsRef::Service { .. }) => ("ecs:DescribeServices", None),
            Taggable::Function(_) => ("lambda:ListTags", None),
        };
        let call = self.inner.tags(at, resource);
        let tags = self.road.read((&self.scope, at), &[operation], || Ok(None), call).await?;
        // Where there are no tags, the resource itself is asked for.
        match then.filter(|_| tags.as_ref().is_none_or(Tags::is_empty)) {
            Some(then) => self.road.limited((&self.scope, at), &[then]).await.map(|()| tags),
            None => Ok(tags),
        }
    }

    async fn exposure(&self, at: &Place, bucket: &BucketName) -> Result<Option<Exposure>> {
        let operations = ["s3:GetPublicAccessBlock", "s3:GetBucketPolicyStatus"];
        let call = self.inner.exposure(at, bucket);
        self.road.read((&self.scope, at), &operations, || Ok(None), call).await
    }

    async fn database(&self, at: &Place, id: &DatabaseId) -> Result<Option<Database>> {
        let call = self.inner.database(at, id);
        self.road.read((&self.scope, at), &["rds:DescribeDBInstances"], || Ok(None), call).await
    }

    async fn database_cluster(
        &self,
        at: &Place,
        id: &DatabaseClusterId,
    ) -> Result<Option<DatabaseCluster>> {
        let operations = ["rds:DescribeDBClusters", "rds:DescribeDBInstances"];
        let call = self.inner.database_cluster(at, id);
        self.road.read((&self.scope, at), &operations, || Ok(None), call).await
    }

    async fn task(&self, at: &Place, cluster: &ClusterName, id: &TaskId) -> Result<Option<Task>> {
        let operations =
            ["ecs:DescribeTasks", "ecs:DescribeTaskDefinition", "ec2:DescribeNetworkInterfaces"];
        let call = self.inner.task(at, cluster, id);
        self.road.read((&self.scope, at), &operations, || Ok(None), call).await
    }

    async fn task_service(
        &self,
        at: &Place,
        cluster: &ClusterName,
        name: &ServiceName,
    ) -> Result<Option<TaskService>> {
        let call = self.inner.task_service(at, cluster, name);
        self.road.read((&self.scope, at), &["ecs:DescribeServices"], || Ok(None), call).await
    }
    async fn trail(&self, at: &Place, by: &Doer, after: Option<&str>) -> Result<TrailPage> {
        let call = self.inner.trail(at, by, after);
        let operations = ["cloudtrail:LookupEvents"];
        self.road.read((&self.scope, at), &operations, || Ok(TrailPage::default()), call).await
    }

    async fn function(&self, at: &Place, name: &FunctionName) -> Result<Option<Function>> {
        let operations = [
            "lambda:GetFunctionConfiguration",
            "lambda:GetFunctionConcurrency",
            "lambda:GetPolicy",
            "lambda:ListEventSourceMappings",
        ];
        let call = self.inner.function(at, name);
        self.road.read((&self.scope, at), &operations, || Ok(None), call).await
    }

    async fn finding(&self, at: &Place, id: &FindingId) -> Result<Option<serde_json::Value>> {
        self.road
            .read(
                (&self.scope, at),
                &["guardduty:GetFindings", "guardduty:ListDetectors"],
                || Ok(None),
                self.inner.finding(at, id),
            )
            .await
    }

    async fn admit(&self, changes: &[Change]) -> Admitted {
        if let Some(event) = &self.road.plan.admitting {
            event();
        }
        if let Some((urgency, gate)) = &self.road.plan.held
            && *urgency == self.scope.urgency
        {
            _ = gate.acquire().await;
        }
        self.inner.admit(changes).await
    }

    async fn apply(&self, change: &Change) -> Result<Receipt> {
        let operation = change.operation();
        match self.road.meet((&self.scope, &change.at), &[operation], Calls::Changes).await {
            None => self.inner.apply(change).await,
            Some((_, Fault::LostAnswer)) => {
                // A refusal is an answer too, and is lost as well.
                let _lost = self.inner.apply(change).await;
                Err(error(operation, Fault::LostAnswer))
            }
            Some((_, fault)) => Err(error(operation, fault)),
        }
    }
}
