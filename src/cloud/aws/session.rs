//! A session: which client a call goes to. What the calls do is in the files named after services.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use aws_config::{Region as SdkRegion, SdkConfig};

use super::assume::Assumer;
use super::{ec2_apply, ec2_read, errors, guardduty, iam, s3};
use crate::change::{Change, Document, Kind, Taggable, Tags};
use crate::cloud::{
    Identity, Instance, Receipt, Result, Role, Scope, SecurityGroup, Session, Snapshot, User,
    Volume,
};
use crate::id::{
    AccessKeyId, AccountId, FindingId, GroupId, InstanceId, Place, RoleName, SnapshotId, UserName,
    VolumeId, VpcId,
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

    async fn config(&self, at: &Place) -> Result<SdkConfig> {
        let config = self.assumer.access(&at.account, &self.scope).await?;
        Ok(config
            .to_builder()
            .region(SdkRegion::new(at.region.as_str().to_owned()))
            .build())
    }

    async fn ec2(&self, at: &Place) -> Result<aws_sdk_ec2::Client> {
        Ok(aws_sdk_ec2::Client::new(&self.config(at).await?))
    }

    async fn iam(&self, at: &Place) -> Result<aws_sdk_iam::Client> {
        Ok(aws_sdk_iam::Client::new(&self.config(at).await?))
    }

    async fn s3(&self, at: &Place) -> Result<aws_sdk_s3::Client> {
        Ok(aws_sdk_s3::Client::new(&self.config(at).await?))
    }
}

#[async_trait]
impl Session for AwsSession {
    async fn identity(&self, at: &Place) -> Result<Identity> {
        const OPERATION: &str = "sts:GetCallerIdentity";
        let client = aws_sdk_sts::Client::new(&self.config(at).await?);
        let answer = client
            .get_caller_identity()
            .send()
            .await
            .map_err(|e| errors::read(OPERATION, e))?;
        Ok(Identity {
            account: super::convert::parsed(OPERATION, answer.account())?,
            arn: answer.arn().unwrap_or_default().to_owned(),
        })
    }

    async fn instance(&self, at: &Place, id: &InstanceId) -> Result<Option<Instance>> {
        ec2_read::instance(&self.ec2(at).await?, id).await
    }

    async fn groups_for(
        &self,
        at: &Place,
        vpc: &VpcId,
        purpose: &str,
    ) -> Result<Vec<SecurityGroup>> {
        ec2_read::groups_for(&self.ec2(at).await?, vpc, purpose).await
    }

    async fn groups(&self, at: &Place, ids: &[GroupId]) -> Result<Vec<SecurityGroup>> {
        ec2_read::groups(&self.ec2(at).await?, ids).await
    }

    async fn volumes(&self, at: &Place, ids: &[VolumeId]) -> Result<Vec<Volume>> {
        ec2_read::volumes(&self.ec2(at).await?, ids).await
    }

    async fn snapshots_tagged(&self, at: &Place, key: &str, value: &str) -> Result<Vec<Snapshot>> {
        ec2_read::snapshots_tagged(&self.ec2(at).await?, key, value).await
    }

    async fn snapshot(&self, at: &Place, id: &SnapshotId) -> Result<Option<Snapshot>> {
        ec2_read::snapshot(&self.ec2(at).await?, id).await
    }

    async fn snapshot_sharing(
        &self,
        at: &Place,
        id: &SnapshotId,
    ) -> Result<Option<BTreeSet<AccountId>>> {
        ec2_read::snapshot_sharing(&self.ec2(at).await?, id).await
    }

    async fn is_default_key(&self, at: &Place, key: &str) -> Result<bool> {
        // An alias under `alias/aws/` always names an AWS managed key, and no other alias does.
        match key.rsplit(':').next().unwrap_or(key).strip_prefix("alias/") {
            Some(alias) => Ok(alias.starts_with("aws/")),
            None => ec2_read::is_default_key(&self.ec2(at).await?, key).await,
        }
    }

    async fn role(&self, at: &Place, name: &RoleName) -> Result<Option<Role>> {
        iam::role(&self.iam(at).await?, name).await
    }

    async fn profile_role(&self, at: &Place, profile_arn: &str) -> Result<Option<RoleName>> {
        iam::profile_role(&self.iam(at).await?, profile_arn).await
    }

    async fn role_policy(
        &self,
        at: &Place,
        role: &RoleName,
        policy: &str,
    ) -> Result<Option<Document>> {
        iam::role_policy(&self.iam(at).await?, role, policy).await
    }

    async fn key_owner(&self, at: &Place, key: &AccessKeyId) -> Result<Option<UserName>> {
        iam::key_owner(&self.iam(at).await?, key).await
    }

    async fn user(&self, at: &Place, name: &UserName) -> Result<Option<User>> {
        iam::user(&self.iam(at).await?, name).await
    }

    async fn user_policy(
        &self,
        at: &Place,
        user: &UserName,
        policy: &str,
    ) -> Result<Option<Document>> {
        iam::user_policy(&self.iam(at).await?, user, policy).await
    }

    async fn tags(&self, at: &Place, resource: &Taggable) -> Result<Option<Tags>> {
        match resource {
            Taggable::Instance(_) | Taggable::Volume(_) | Taggable::Snapshot(_) => {
                ec2_read::tags(&self.ec2(at).await?, resource).await
            }
            Taggable::Role(name) => iam::role_tags(&self.iam(at).await?, name).await,
            Taggable::User(name) => iam::user_tags(&self.iam(at).await?, name).await,
            Taggable::Bucket(name) => s3::tags(&self.s3(at).await?, name).await,
        }
    }

    async fn finding(&self, at: &Place, id: &FindingId) -> Result<Option<serde_json::Value>> {
        let client = aws_sdk_guardduty::Client::new(&self.config(at).await?);
        guardduty::finding(&client, id).await
    }

    async fn apply(&self, change: &Change) -> Result<Receipt> {
        let at = &change.at;
        match &change.kind {
            Kind::CopySnapshot { .. } => {
                let config = self.config(at).await?;
                ec2_apply::copy_snapshot(&config, change, self.assumer.now()).await
            }
            Kind::InterfaceGroups { .. }
            | Kind::CreateGroup { .. }
            | Kind::GroupRules { .. }
            | Kind::CreateSnapshots { .. }
            | Kind::SnapshotSharing { .. } => ec2_apply::apply(&self.ec2(at).await?, change).await,
            Kind::RolePolicy { .. }
            | Kind::UserPolicy { .. }
            | Kind::AccessKey { .. }
            | Kind::DeleteLoginProfile { .. } => iam::apply(&self.iam(at).await?, change).await,
            Kind::Tags {
                resource,
                before,
                after,
            } => match resource {
                Taggable::Instance(_) | Taggable::Volume(_) | Taggable::Snapshot(_) => {
                    ec2_apply::tags(&self.ec2(at).await?, change, resource, before, after).await
                }
                Taggable::Role(_) | Taggable::User(_) => {
                    iam::tags(&self.iam(at).await?, change, resource, before, after).await
                }
                Taggable::Bucket(name) => s3::apply(&self.s3(at).await?, name, before, after).await,
            },
        }
    }
}
