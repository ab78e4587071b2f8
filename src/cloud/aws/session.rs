//! A session: which client a call goes to. What the calls do is in the files named after services.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::access::Clients;
use super::assume::Assumer;
use super::{
    balancer, ec2_apply, ec2_carriers, ec2_guard, ec2_profile, ec2_read, ecs, function, guardduty,
    iam, iam_credential, rds, s3, scaling, snapshot_lock, trail, trust,
};
use crate::change::{Change, Document, Kind, Taggable, Tags, Target, function_arn};
use crate::cloud::{
    ClassicBalancer, Database, DatabaseCluster, Doer, Exposure, Function, GroupUser, HeldLock,
    Instance, Membership, Receipt, Result, Role, Safeguards, Scope, SecurityGroup, Session,
    Snapshot, TargetGroup, Task, TaskService, TrailPage, User, UserCredential,
};
use crate::id::{
    AccessKeyId, AccountId, BucketName, ClusterName, DatabaseClusterId, DatabaseId, FindingId,
    FunctionName, GroupId, InstanceId, Place, RoleName, ServiceName, SnapshotId, TargetGroupArn,
    TaskId, UserName, VpcId,
};

/// Calls on behalf of one step.
pub(super) struct AwsSession {
    assumer: Arc<Assumer>,
    scope: Scope,
}

impl AwsSession {
    pub(super) fn new(assumer: Arc<Assumer>, scope: Scope) -> Self {
        Self { assumer, scope }
    }

    async fn clients(&self, at: &Place) -> Result<Arc<Clients>> {
        let access = self.assumer.access(&at.account, &self.scope).await?;
        Ok(access.in_region(&at.region))
    }
}

#[async_trait]
impl Session for AwsSession {
    async fn instance(&self, at: &Place, id: &InstanceId) -> Result<Option<Instance>> {
        ec2_read::instance(self.clients(at).await?.ec2(), id).await
    }

    async fn safeguards(&self, at: &Place, id: &InstanceId) -> Result<Option<Safeguards>> {
        ec2_guard::safeguards(self.clients(at).await?.ec2(), id).await
    }

    async fn membership(&self, at: &Place, id: &InstanceId) -> Result<Option<Membership>> {
        scaling::membership(self.clients(at).await?.autoscaling(), id).await
    }

    async fn target_groups(&self, at: &Place) -> Result<Vec<TargetGroup>> {
        balancer::target_groups(self.clients(at).await?.balancing()).await
    }

    async fn targets(&self, at: &Place, group: &TargetGroupArn) -> Result<Option<Vec<Target>>> {
        balancer::targets(self.clients(at).await?.balancing(), group).await
    }

    async fn classic_balancers(&self, at: &Place) -> Result<Vec<ClassicBalancer>> {
        balancer::classic_balancers(self.clients(at).await?.classic_balancing()).await
    }

    async fn groups_for(
        &self,
        at: &Place,
        vpc: &VpcId,
        purpose: &str,
    ) -> Result<Vec<SecurityGroup>> {
        ec2_read::groups_for(self.clients(at).await?.ec2(), vpc, purpose).await
    }

    async fn groups(&self, at: &Place, ids: &[GroupId]) -> Result<Vec<SecurityGroup>> {
        ec2_read::groups(self.clients(at).await?.ec2(), ids).await
    }

    async fn group_users(&self, at: &Place, group: &GroupId) -> Result<Vec<GroupUser>> {
        ec2_read::group_users(self.clients(at).await?.ec2(), group).await
    }

    async fn snapshots_tagged(&self, at: &Place, key: &str, value: &str) -> Result<Vec<Snapshot>> {
        ec2_read::snapshots_tagged(self.clients(at).await?.ec2(), key, value).await
    }

    async fn snapshot(&self, at: &Place, id: &SnapshotId) -> Result<Option<Snapshot>> {
        ec2_read::snapshot(self.clients(at).await?.ec2(), id).await
    }

    async fn snapshot_sharing(
        &self,
        at: &Place,
        id: &SnapshotId,
    ) -> Result<Option<BTreeSet<AccountId>>> {
        ec2_read::snapshot_sharing(self.clients(at).await?.ec2(), id).await
    }

    async fn snapshot_lock(&self, at: &Place, id: &SnapshotId) -> Result<Option<HeldLock>> {
        snapshot_lock::held(self.clients(at).await?.ec2(), id).await
    }

    async fn is_default_key(&self, at: &Place, key: &str) -> Result<bool> {
        // An alias under `alias/aws/` always names an AWS managed key, and no other alias does.
        match key.rsplit(':').next().unwrap_or(key).strip_prefix("alias/") {
            Some(alias) => Ok(alias.starts_with("aws/")),
            None => ec2_read::is_default_key(self.clients(at).await?.ec2(), key).await,
        }
    }

    async fn role(&self, at: &Place, name: &RoleName) -> Result<Option<Role>> {
        iam::role(self.clients(at).await?.iam(), name).await
    }

    async fn carriers(
        &self,
        at: &Place,
        profiles: &BTreeSet<String>,
    ) -> Result<BTreeSet<InstanceId>> {
        ec2_carriers::carriers(self.clients(at).await?.ec2(), profiles).await
    }

    async fn profile_role(&self, at: &Place, profile_arn: &str) -> Result<Option<RoleName>> {
        iam::profile_role(self.clients(at).await?.iam(), profile_arn).await
    }

    async fn role_policy(
        &self,
        at: &Place,
        role: &RoleName,
        policy: &str,
    ) -> Result<Option<Document>> {
        iam::role_policy(self.clients(at).await?.iam(), role, policy).await
    }

    async fn key_owner(&self, at: &Place, key: &AccessKeyId) -> Result<Option<UserName>> {
        iam::key_owner(self.clients(at).await?.iam(), key).await
    }

    async fn user(&self, at: &Place, name: &UserName) -> Result<Option<User>> {
        iam::user(self.clients(at).await?.iam(), name).await
    }

    async fn credentials(
        &self,
        at: &Place,
        user: &UserName,
    ) -> Result<Option<Vec<UserCredential>>> {
        iam_credential::credentials(self.clients(at).await?.iam(), user).await
    }

    async fn user_policy(
        &self,
        at: &Place,
        user: &UserName,
        policy: &str,
    ) -> Result<Option<Document>> {
        iam::user_policy(self.clients(at).await?.iam(), user, policy).await
    }

    async fn tags(&self, at: &Place, resource: &Taggable) -> Result<Option<Tags>> {
        match resource {
            Taggable::Instance(_)
            | Taggable::Volume(_)
            | Taggable::Snapshot(_)
            | Taggable::SecurityGroup(_) => {
                ec2_read::tags(self.clients(at).await?.ec2(), resource).await
            }
            Taggable::Role(name) => iam::role_tags(self.clients(at).await?.iam(), name).await,
            Taggable::User(name) => iam::user_tags(self.clients(at).await?.iam(), name).await,
            Taggable::Bucket(name) => s3::tags(self.clients(at).await?.s3(), name.as_str()).await,
            Taggable::Ecs(resource) => ecs::tags(self.clients(at).await?.ecs(), resource).await,
            Taggable::Database(database) => {
                rds::tags(self.clients(at).await?.rds(), &database.arn(at)).await
            }
            Taggable::Function(name) => {
                function::tags(self.clients(at).await?.lambda(), at, name).await
            }
        }
    }

    async fn exposure(&self, at: &Place, bucket: &BucketName) -> Result<Option<Exposure>> {
        s3::exposure(self.clients(at).await?.s3(), at, bucket).await
    }

    async fn database(&self, at: &Place, id: &DatabaseId) -> Result<Option<Database>> {
        rds::database(self.clients(at).await?.rds(), id).await
    }

    async fn database_cluster(
        &self,
        at: &Place,
        id: &DatabaseClusterId,
    ) -> Result<Option<DatabaseCluster>> {
        rds::cluster(self.clients(at).await?.rds(), id).await
    }

    async fn task(&self, at: &Place, cluster: &ClusterName, id: &TaskId) -> Result<Option<Task>> {
        ecs::task(&*self.clients(at).await?, cluster, id).await
    }

    async fn task_service(
        &self,
        at: &Place,
        cluster: &ClusterName,
        name: &ServiceName,
    ) -> Result<Option<TaskService>> {
        ecs::service(self.clients(at).await?.ecs(), cluster, name).await
    }
    async fn trail(&self, at: &Place, by: &Doer, after: Option<&str>) -> Result<TrailPage> {
        let clients = self.clients(at).await?;
        trail::trail(clients.cloudtrail(), by, after, self.assumer.now()).await
    }
    async fn function(&self, at: &Place, name: &FunctionName) -> Result<Option<Function>> {
        function::function(self.clients(at).await?.lambda(), at, name).await
    }

    async fn finding(&self, at: &Place, id: &FindingId) -> Result<Option<serde_json::Value>> {
        guardduty::finding(self.clients(at).await?.guardduty(), id).await
    }

    async fn apply(&self, change: &Change) -> Result<Receipt> {
        let at = &change.at;
        match &change.kind {
            Kind::CopySnapshot { .. } => {
                let clients = self.clients(at).await?;
                ec2_apply::copy_snapshot(&clients, change, self.assumer.now()).await
            }
            Kind::TerminationProtection { .. }
            | Kind::ShutdownBehavior { .. }
            | Kind::DeleteOnTermination { .. } => {
                ec2_guard::apply(self.clients(at).await?.ec2(), change).await
            }
            Kind::GroupMinimum { .. } | Kind::Standby { .. } => {
                scaling::apply(self.clients(at).await?.autoscaling(), change).await
            }
            Kind::InstanceProfile(what) => {
                let client = self.clients(at).await?;
                ec2_profile::apply(client.ec2(), change.operation(), what).await
            }
            Kind::Balancer(what) => {
                balancer::apply(self.clients(at).await?.as_ref(), change, what).await
            }
            Kind::InterfaceGroups { .. }
            | Kind::ElasticAddress { .. }
            | Kind::CreateGroup { .. }
            | Kind::GroupRules { .. }
            | Kind::CreateSnapshots { .. }
            | Kind::SnapshotSharing { .. } => {
                ec2_apply::apply(self.clients(at).await?.ec2(), change).await
            }
            Kind::RolePolicy { .. }
            | Kind::UserPolicy { .. }
            | Kind::AccessKey { .. }
            | Kind::DeleteLoginProfile { .. } => {
                iam::apply(self.clients(at).await?.iam(), change).await
            }
            Kind::Credential { user, credential, id, after, .. } => {
                let client = self.clients(at).await?;
                let own = (user, *credential, id);
                iam_credential::apply(client.iam(), change.operation(), own, *after).await
            }
            Kind::PublicAccess { bucket, after, .. } => {
                s3::block(self.clients(at).await?.s3(), at, bucket, *after).await
            }
            Kind::SnapshotLock(lock) => {
                snapshot_lock::apply(self.clients(at).await?.ec2(), lock).await
            }
            Kind::Finding(finding) => {
                guardduty::apply(self.clients(at).await?.guardduty(), finding).await
            }
            Kind::Database(database) => {
                rds::apply(self.clients(at).await?.rds(), change.operation(), database).await
            }
            Kind::Task(task) => {
                ecs::apply(&*self.clients(at).await?, change.operation(), task).await
            }
            Kind::Trust(change) => trust::apply(self.clients(at).await?.iam(), change).await,
            Kind::Function(made) => {
                function::apply(self.clients(at).await?.lambda(), change.operation(), made).await
            }
            Kind::Tags { resource, before, after } => match resource {
                Taggable::Instance(_)
                | Taggable::Volume(_)
                | Taggable::Snapshot(_)
                | Taggable::SecurityGroup(_) => {
                    ec2_apply::tags(self.clients(at).await?.ec2(), change, resource, before, after)
                        .await
                }
                Taggable::Role(_) | Taggable::User(_) => {
                    iam::tags(self.clients(at).await?.iam(), change, resource, before, after).await
                }
                Taggable::Function(name) => {
                    let (client, arn) = (self.clients(at).await?, function_arn(at, name));
                    function::retag(client.lambda(), change.operation(), &arn, before, after).await
                }
                Taggable::Bucket(name) => {
                    s3::apply(self.clients(at).await?.s3(), name.as_str(), before, after).await
                }
                Taggable::Ecs(resource) => {
                    let (client, arn) = (self.clients(at).await?, resource.arn(at));
                    ecs::retag(client.ecs(), change.operation(), &arn, before, after).await
                }
                Taggable::Database(database) => {
                    let (client, arn) = (self.clients(at).await?, database.arn(at));
                    rds::retag(client.rds(), change.operation(), &arn, before, after).await
                }
            },
        }
    }
}
