//! What each kind of change is about: the attribute, as it was and as it becomes. Only data: what follows
//! from a kind stands beside it, in `mod`, `inverse`, `permission` and `words`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    AddressUse, BalancerChange, CredentialKind, DatabaseChange, Direction, Document, Duty,
    FindingChange, FunctionChange, GroupOwner, KeyStatus, LoginProfile, OnShutdown, ProfileChange,
    PublicAccessBlock, Rule, RuleEffect, SnapshotLock, Taggable, Tags, TaskChange, TrustChange,
};
use crate::id::{
    AccessKeyId, AccountId, AllocationId, AssociationId, BucketName, CredentialId, GroupId,
    InstanceId, InterfaceId, Place, RoleName, ScalingGroupName, SnapshotId, UserName, VolumeId,
    VpcId,
};

/// What a change changes. Every variant is exactly one API call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Kind {
    /// The security groups of one network interface (`ec2:ModifyNetworkInterfaceAttribute`).
    InterfaceGroups {
        /// The interface.
        interface: InterfaceId,
        /// The instance it is attached to: what a person knows it by.
        instance: InstanceId,
        /// Its groups as they were looked up.
        before: Vec<GroupId>,
        /// Its groups afterwards; never empty.
        after: Vec<GroupId>,
        /// Whether it only passes there: an interface that AWS refuses to take further is put back,
        /// because where it passes it stands open.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        passing: bool,
    },
    /// An Elastic IP address on a private address of an interface (`ec2:DisassociateAddress`,
    /// `ec2:AssociateAddress`). It is never released, so that the same one can come back.
    ElasticAddress {
        /// The interface.
        interface: InterfaceId,
        /// The instance it is attached to.
        instance: InstanceId,
        /// What stays ours while the address is nowhere.
        allocation: AllocationId,
        /// The association that ends. One that is made anew has another id.
        association: AssociationId,
        /// The Elastic IP address.
        public_ip: String,
        /// The interface's address that it leads to.
        private_ip: String,
        /// As it was looked up.
        before: AddressUse,
        /// Afterwards.
        after: AddressUse,
    },
    /// Whether the API refuses to terminate an instance (`ec2:ModifyInstanceAttribute`,
    /// `disableApiTermination`).
    TerminationProtection {
        /// The instance.
        instance: InstanceId,
        /// As it was looked up.
        before: bool,
        /// Afterwards.
        after: bool,
    },
    /// What becomes of an instance that shuts itself down (`ec2:ModifyInstanceAttribute`,
    /// `instanceInitiatedShutdownBehavior`).
    ShutdownBehavior {
        /// The instance.
        instance: InstanceId,
        /// As it was looked up.
        before: OnShutdown,
        /// Afterwards.
        after: OnShutdown,
    },
    /// Whether a volume goes when its instance goes (`ec2:ModifyInstanceAttribute`,
    /// `blockDeviceMapping`). Never of an instance store, which has no such attribute.
    DeleteOnTermination {
        /// The instance.
        instance: InstanceId,
        /// The volume.
        volume: VolumeId,
        /// Under which name it is attached: the name by which EC2 takes the attribute.
        device: String,
        /// As it was looked up.
        before: bool,
        /// Afterwards.
        after: bool,
    },
    /// The least size of an instance's Auto Scaling group (`autoscaling:UpdateAutoScalingGroup`).
    GroupMinimum {
        /// The group.
        group: ScalingGroupName,
        /// The instance that is to leave service: what a person knows it by.
        instance: InstanceId,
        /// As it was looked up.
        before: u32,
        /// Afterwards.
        after: u32,
    },
    /// Whether an Auto Scaling group counts on one of its instances (`autoscaling:EnterStandby` with less
    /// desired capacity by one, `autoscaling:ExitStandby` with more by one).
    Standby {
        /// The group.
        group: ScalingGroupName,
        /// The instance.
        instance: InstanceId,
        /// As it was looked up.
        before: Duty,
        /// Afterwards.
        after: Duty,
    },
    /// What a load balancer sends requests to.
    Balancer(BalancerChange),
    /// Of which role an instance gets credentials.
    InstanceProfile(ProfileChange),
    /// A new security group (`ec2:CreateSecurityGroup`), tagged at creation. The world after it
    /// holds one more group with these tags; there is no `before`.
    CreateGroup {
        /// The VPC.
        vpc: VpcId,
        /// Its name, unique in the VPC.
        name: String,
        /// What it is for, shown in the console.
        description: String,
        /// Tags, [`TAG_PURPOSE`](super::TAG_PURPOSE) among them.
        tags: Tags,
    },
    /// Rules taken from or given to a security group
    /// (`ec2:{Authorize,Revoke}SecurityGroup{Ingress,Egress}`).
    GroupRules {
        /// The group.
        group: GroupId,
        /// Which side of it.
        direction: Direction,
        /// Added or taken away.
        effect: RuleEffect,
        /// The rules.
        rules: Vec<Rule>,
        /// Whose group it is; left out where it is ours.
        #[serde(default, skip_serializing_if = "GroupOwner::is_ours")]
        owner: GroupOwner,
    },
    /// Crash-consistent snapshots of an instance's volumes (`ec2:CreateSnapshots`), tagged at
    /// creation. Evidence: it has no inverse.
    CreateSnapshots {
        /// The instance.
        instance: InstanceId,
        /// The volumes that are to be in the set, for the record.
        volumes: Vec<VolumeId>,
        /// Whether the root volume stays out.
        exclude_boot: bool,
        /// Volumes to leave out besides.
        exclude: Vec<VolumeId>,
        /// Tags, [`TAG_STEP`](super::TAG_STEP) among them.
        tags: Tags,
    },
    /// A copy of a snapshot (`ec2:CopySnapshot`, called in `at`, always encrypted), tagged at
    /// creation. Evidence: it has no inverse.
    CopySnapshot {
        /// The snapshot that is copied.
        source: SnapshotId,
        /// Where it lives.
        source_at: Place,
        /// The key of the copy: id, ARN or alias of a KMS key in `at`.
        kms_key: String,
        /// Tags, [`TAG_STEP`](super::TAG_STEP) among them.
        tags: Tags,
    },
    /// Who may create volumes from a snapshot (`ec2:ModifySnapshotAttribute`). Exactly one account
    /// comes or goes with one change.
    SnapshotSharing {
        /// The snapshot.
        snapshot: SnapshotId,
        /// The accounts it was shared with.
        before: BTreeSet<AccountId>,
        /// The accounts it is shared with afterwards.
        after: BTreeSet<AccountId>,
    },
    /// An inline policy of a role (`iam:PutRolePolicy`, `iam:DeleteRolePolicy`).
    RolePolicy {
        /// The role.
        role: RoleName,
        /// The policy's name.
        policy: String,
        /// The document as it was; `None`: there was none.
        before: Option<Document>,
        /// The document afterwards; `None` deletes it.
        after: Option<Document>,
    },
    /// An inline policy of a user (`iam:PutUserPolicy`, `iam:DeleteUserPolicy`).
    UserPolicy {
        /// The user.
        user: UserName,
        /// The policy's name.
        policy: String,
        /// The document as it was; `None`: there was none.
        before: Option<Document>,
        /// The document afterwards; `None` deletes it.
        after: Option<Document>,
    },
    /// Whether another credential of a user works (`iam:UpdateSSHPublicKey`,
    /// `iam:UpdateSigningCertificate`, `iam:UpdateServiceSpecificCredential`).
    Credential {
        /// The user.
        user: UserName,
        /// What it is.
        credential: CredentialKind,
        /// Its id.
        id: CredentialId,
        /// Its status as it was looked up.
        before: KeyStatus,
        /// Its status afterwards.
        after: KeyStatus,
    },
    /// Whether an access key works (`iam:UpdateAccessKey`).
    AccessKey {
        /// Its user.
        user: UserName,
        /// The key.
        key: AccessKeyId,
        /// Its status as it was.
        before: KeyStatus,
        /// Its status afterwards.
        after: KeyStatus,
    },
    /// A user's console password, removed (`iam:DeleteLoginProfile`). The password is lost.
    DeleteLoginProfile {
        /// The user.
        user: UserName,
        /// What is known of it: creation date and whether a reset was demanded.
        before: LoginProfile,
    },
    /// What a bucket's public grants may not do (`s3:PutPublicAccessBlock`,
    /// `s3:DeletePublicAccessBlock`).
    PublicAccess {
        /// The bucket.
        bucket: BucketName,
        /// As it was configured; `None`: it was not.
        before: Option<PublicAccessBlock>,
        /// Afterwards; `None` deletes the configuration.
        after: Option<PublicAccessBlock>,
    },
    /// A lock on a snapshot.
    SnapshotLock(SnapshotLock),
    /// Of a finding in GuardDuty.
    Finding(FindingChange),
    /// An attribute of a database in RDS.
    Database(DatabaseChange),
    /// An attribute of a task or service in ECS.
    Task(TaskChange),
    /// Who may assume a role.
    Trust(TrustChange),
    /// An attribute of a Lambda function.
    Function(FunctionChange),
    /// Tags of a resource (`ec2:CreateTags`/`ec2:DeleteTags`, `iam:TagRole`, `iam:TagUser`, and
    /// their inverses). Only keys that differ between the two are touched.
    Tags {
        /// The resource.
        resource: Taggable,
        /// The touched keys as they were.
        before: Tags,
        /// The touched keys afterwards; a key missing here is removed.
        after: Tags,
    },
}
