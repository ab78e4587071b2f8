//! Every call of a session, on the way to which faults are met.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Calls, Fault, Road, error};
use crate::change::{Change, Document, Taggable, Tags};
use crate::cloud::{
    Instance, Receipt, Result, Role, Safeguards, SecurityGroup, Session, Snapshot, User,
    UserCredential,
};
use crate::id::{
    AccessKeyId, AccountId, FindingId, GroupId, InstanceId, Place, RoleName, SnapshotId, UserName,
    VpcId,
};

/// A session behind a bad connection.
pub(super) struct FaultySession {
    pub(super) inner: Arc<dyn Session>,
    pub(super) road: Arc<Road>,
}

#[async_trait]
impl Session for FaultySession {
    async fn instance(&self, at: &Place, id: &InstanceId) -> Result<Option<Instance>> {
        self.road.read("ec2:DescribeInstances", || Ok(None), self.inner.instance(at, id)).await
    }

    async fn safeguards(&self, at: &Place, id: &InstanceId) -> Result<Option<Safeguards>> {
        let call = self.inner.safeguards(at, id);
        self.road.read("ec2:DescribeInstanceAttribute", || Ok(None), call).await
    }

    async fn groups_for(
        &self,
        at: &Place,
        vpc: &VpcId,
        purpose: &str,
    ) -> Result<Vec<SecurityGroup>> {
        let call = self.inner.groups_for(at, vpc, purpose);
        self.road.read("ec2:DescribeSecurityGroups", || Ok(Vec::new()), call).await
    }

    async fn groups(&self, at: &Place, ids: &[GroupId]) -> Result<Vec<SecurityGroup>> {
        self.road
            .read("ec2:DescribeSecurityGroups", || Ok(Vec::new()), self.inner.groups(at, ids))
            .await
    }

    async fn snapshots_tagged(&self, at: &Place, key: &str, value: &str) -> Result<Vec<Snapshot>> {
        let call = self.inner.snapshots_tagged(at, key, value);
        self.road.read("ec2:DescribeSnapshots", || Ok(Vec::new()), call).await
    }

    async fn snapshot(&self, at: &Place, id: &SnapshotId) -> Result<Option<Snapshot>> {
        self.road.read("ec2:DescribeSnapshots", || Ok(None), self.inner.snapshot(at, id)).await
    }

    async fn snapshot_sharing(
        &self,
        at: &Place,
        id: &SnapshotId,
    ) -> Result<Option<BTreeSet<AccountId>>> {
        let call = self.inner.snapshot_sharing(at, id);
        self.road.read("ec2:DescribeSnapshotAttribute", || Ok(None), call).await
    }

    async fn is_default_key(&self, at: &Place, key: &str) -> Result<bool> {
        self.road
            .read("ec2:GetEbsDefaultKmsKeyId", || Ok(false), self.inner.is_default_key(at, key))
            .await
    }

    async fn role(&self, at: &Place, name: &RoleName) -> Result<Option<Role>> {
        self.road.read("iam:GetRole", || Ok(None), self.inner.role(at, name)).await
    }

    async fn profile_role(&self, at: &Place, profile_arn: &str) -> Result<Option<RoleName>> {
        let call = self.inner.profile_role(at, profile_arn);
        self.road.read("iam:GetInstanceProfile", || Ok(None), call).await
    }

    async fn role_policy(
        &self,
        at: &Place,
        role: &RoleName,
        policy: &str,
    ) -> Result<Option<Document>> {
        self.road
            .read("iam:GetRolePolicy", || Ok(None), self.inner.role_policy(at, role, policy))
            .await
    }

    async fn key_owner(&self, at: &Place, key: &AccessKeyId) -> Result<Option<UserName>> {
        self.road.read("iam:GetAccessKeyLastUsed", || Ok(None), self.inner.key_owner(at, key)).await
    }

    async fn user(&self, at: &Place, name: &UserName) -> Result<Option<User>> {
        self.road.read("iam:GetUser", || Ok(None), self.inner.user(at, name)).await
    }

    async fn credentials(
        &self,
        at: &Place,
        user: &UserName,
    ) -> Result<Option<Vec<UserCredential>>> {
        let call = self.inner.credentials(at, user);
        self.road.read("iam:ListSSHPublicKeys", || Ok(None), call).await
    }

    async fn user_policy(
        &self,
        at: &Place,
        user: &UserName,
        policy: &str,
    ) -> Result<Option<Document>> {
        self.road
            .read("iam:GetUserPolicy", || Ok(None), self.inner.user_policy(at, user, policy))
            .await
    }

    async fn tags(&self, at: &Place, resource: &Taggable) -> Result<Option<Tags>> {
        self.road.read("ec2:DescribeTags", || Ok(None), self.inner.tags(at, resource)).await
    }

    async fn finding(&self, at: &Place, id: &FindingId) -> Result<Option<serde_json::Value>> {
        self.road.read("guardduty:GetFindings", || Ok(None), self.inner.finding(at, id)).await
    }

    async fn apply(&self, change: &Change) -> Result<Receipt> {
        let operation = change.operation();
        match self.road.meet(operation, Calls::Changes) {
            None => self.inner.apply(change).await,
            Some(Fault::LostAnswer) => {
                // A refusal is an answer too, and is lost as well.
                let _lost = self.inner.apply(change).await;
                Err(error(operation, Fault::LostAnswer))
            }
            Some(fault) => Err(error(operation, fault)),
        }
    }
}
