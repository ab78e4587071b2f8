//! Which IAM actions a read needs, in one table, and how an action's whole need is put together.
//!
//! What changes need stands in `change::permission`; here the ids that are not known before a look
//! become `*`. Nothing here is async and nothing here calls AWS.

use std::collections::BTreeSet;

use crate::change::{Change, Kind, Permission};
use crate::id::Place;

/// A read of [`crate::cloud::Session`], by the method's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Read {
    /// `instance`.
    Instance,
    /// `safeguards`.
    Safeguards,
    /// `membership`.
    Membership,
    /// `target_groups`, `targets` and `classic_balancers`.
    Balancers,
    /// `groups_for` and `groups`.
    Groups,
    /// `group_users`.
    GroupUsers,
    /// `snapshots_tagged` and `snapshot`.
    Snapshots,
    /// `snapshot_sharing`.
    SnapshotSharing,
    /// `snapshot_lock`.
    SnapshotLock,
    /// `is_default_key`.
    DefaultKey,
    /// `role`.
    Role,
    /// `carriers`.
    Carriers,
    /// `profile_role`.
    ProfileRole,
    /// `role_policy`.
    RolePolicy,
    /// `key_owner`.
    KeyOwner,
    /// `user`.
    User,
    /// `credentials`.
    Credentials,
    /// `user_policy`.
    UserPolicy,
    /// `exposure`.
    Exposure,
    /// `finding`.
    Finding,
    /// `database`.
    Database,
    /// `database_cluster`.
    DatabaseCluster,
    /// `task`.
    Task,
    /// `task_service`.
    TaskService,
    /// `trail`.
    Trail,
    /// `function`.
    Function,
    /// `tags`, of anything.
    Tags,
}

impl Read {
    /// Its IAM actions, each with the type of resource it is limited to (IAM service authorization
    /// reference; `ec2:Describe…` mostly takes none).
    fn needs(self) -> &'static [(&'static str, Resource)] {
        use Resource::{
            Any, Bucket, Database, DatabaseCluster, Detector, Function, Instance, Profile, Role,
            Snapshot, Task, TaskService, User,
        };
        match self {
            Self::Instance => {
                &[("ec2:DescribeInstances", Any), ("ec2:DescribeNetworkInterfaces", Any)]
            }
            Self::Safeguards => {
                &[("ec2:DescribeInstances", Any), ("ec2:DescribeInstanceAttribute", Instance)]
            }
            Self::Membership => &[
                ("autoscaling:DescribeAutoScalingInstances", Any),
                ("autoscaling:DescribeAutoScalingGroups", Any),
            ],
            Self::Balancers => &[
                ("elasticloadbalancing:DescribeTargetGroups", Any),
                ("elasticloadbalancing:DescribeTargetHealth", Any),
                ("elasticloadbalancing:DescribeLoadBalancers", Any),
            ],
            Self::Groups => &[("ec2:DescribeSecurityGroups", Any)],
            Self::GroupUsers => &[("ec2:DescribeNetworkInterfaces", Any)],
            Self::Snapshots => &[("ec2:DescribeSnapshots", Any)],
            Self::SnapshotSharing => &[("ec2:DescribeSnapshotAttribute", Snapshot)],
            Self::SnapshotLock => &[("ec2:DescribeLockedSnapshots", Any)],
            Self::DefaultKey => &[("ec2:GetEbsDefaultKmsKeyId", Any)],
            Self::Role => &[("iam:GetRole", Role), ("iam:ListInstanceProfilesForRole", Role)],
            Self::Carriers => &[("ec2:DescribeIamInstanceProfileAssociations", Any)],
            Self::ProfileRole => &[("iam:GetInstanceProfile", Profile)],
            Self::RolePolicy => &[("iam:GetRolePolicy", Role)],
            Self::KeyOwner => &[("iam:GetAccessKeyLastUsed", User)],
            Self::User => &[
                ("iam:GetUser", User),
                ("iam:ListAccessKeys", User),
                ("iam:GetLoginProfile", User),
                ("iam:ListUserTags", User),
            ],
            Self::Credentials => &[
                ("iam:ListSSHPublicKeys", User),
                ("iam:ListSigningCertificates", User),
                ("iam:ListServiceSpecificCredentials", User),
            ],
            Self::UserPolicy => &[("iam:GetUserPolicy", User)],
            Self::Exposure => {
                &[("s3:GetBucketPublicAccessBlock", Bucket), ("s3:GetBucketPolicyStatus", Bucket)]
            }
            Self::Finding => {
                &[("guardduty:ListDetectors", Any), ("guardduty:GetFindings", Detector)]
            }
            Self::Database => &[("rds:DescribeDBInstances", Database)],
            Self::DatabaseCluster => &[
                ("rds:DescribeDBClusters", DatabaseCluster),
                ("rds:DescribeDBInstances", Database),
            ],
            Self::Task => &[
                ("ecs:DescribeTasks", Task),
                ("ecs:DescribeTaskDefinition", Any),
                ("ec2:DescribeNetworkInterfaces", Any),
            ],
            Self::TaskService => &[("ecs:DescribeServices", TaskService)],
            Self::Trail => &[("cloudtrail:LookupEvents", Any)],
            Self::Function => &[
                ("lambda:GetFunctionConfiguration", Function),
                ("lambda:GetFunctionConcurrency", Function),
                ("lambda:GetPolicy", Function),
                ("lambda:ListEventSourceMappings", Any),
            ],
            // DescribeTags says the same of no tags and of no resource, so the resource is asked for.
            Self::Tags => &[
                ("ec2:DescribeTags", Any),
                ("ec2:DescribeInstances", Any),
                ("ec2:DescribeVolumes", Any),
                ("ec2:DescribeSnapshots", Any),
                ("ec2:DescribeSecurityGroups", Any),
                ("iam:ListRoleTags", Role),
                ("iam:ListUserTags", User),
                ("s3:GetBucketTagging", Bucket),
                ("rds:ListTagsForResource", Database),
                ("rds:ListTagsForResource", DatabaseCluster),
                ("ecs:DescribeTasks", Task),
                ("ecs:DescribeServices", TaskService),
                ("lambda:ListTags", Function),
            ],
        }
    }
}

#[derive(Clone, Copy)]
enum Resource {
    Any,
    Instance,
    Snapshot,
    Role,
    Profile,
    User,
    Bucket,
    Detector,
    Database,
    DatabaseCluster,
    Task,
    TaskService,
    Function,
}

impl Resource {
    fn arn(self, at: &Place) -> String {
        let Place { account, region } = at;
        match self {
            Self::Any => "*".to_owned(),
            Self::Instance => format!("arn:aws:ec2:{region}:{account}:instance/*"),
            // A snapshot's ARN has no account.
            Self::Snapshot => format!("arn:aws:ec2:{region}::snapshot/*"),
            Self::Role => format!("arn:aws:iam::{account}:role/*"),
            Self::Profile => format!("arn:aws:iam::{account}:instance-profile/*"),
            Self::User => format!("arn:aws:iam::{account}:user/*"),
            Self::Bucket => "arn:aws:s3:::*".to_owned(),
            Self::Detector => format!("arn:aws:guardduty:{region}:{account}:detector/*"),
            Self::Database => format!("arn:aws:rds:{region}:{account}:db:*"),
            Self::DatabaseCluster => format!("arn:aws:rds:{region}:{account}:cluster:*"),
            Self::Task => format!("arn:aws:ecs:{region}:{account}:task/*"),
            Self::TaskService => format!("arn:aws:ecs:{region}:{account}:service/*"),
            Self::Function => format!("arn:aws:lambda:{region}:{account}:function:*"),
        }
    }
}

/// What `reads` need in `at`.
#[must_use]
pub fn permissions_for(reads: &[Read], at: &Place) -> BTreeSet<Permission> {
    reads
        .iter()
        .flat_map(|read| read.needs())
        .map(|(action, resource)| Permission::new(action, resource.arn(at)))
        .collect()
}

/// What reading the tags of one kind of resource needs in `at`: of `tags`, what asks for this kind.
pub(super) fn tag_reads(kind: &str, at: &Place) -> BTreeSet<Permission> {
    let actions: &[&str] = match kind {
        "instance" => &["ec2:DescribeTags", "ec2:DescribeInstances"],
        "volume" => &["ec2:DescribeTags", "ec2:DescribeVolumes"],
        "snapshot" => &["ec2:DescribeTags", "ec2:DescribeSnapshots"],
        "security-group" => &["ec2:DescribeTags", "ec2:DescribeSecurityGroups"],
        "role" => &["iam:ListRoleTags"],
        "user" => &["iam:ListUserTags"],
        "bucket" => &["s3:GetBucketTagging"],
        "ecs-task" => &["ecs:DescribeTasks"],
        "ecs-service" => &["ecs:DescribeServices"],
        "database" | "database-cluster" => &["rds:ListTagsForResource"],
        "function" => &["lambda:ListTags"],
        _ => &[],
    };
    let mut needed = permissions_for(&[Read::Tags], at);
    needed.retain(|one| actions.contains(&one.action.as_str()));
    needed
}

/// The stand-in for an id that is not known before a look: digits that every EC2 id and IAM name
/// may have.
const ANY: &str = "dddddddd";

/// The same for what has a UUID.
const ANY_UUID: &str = "dddddddd-dddd-dddd-dddd-dddddddddddd";

/// A UUID that stands for any.
pub(super) fn any_uuid<T: std::str::FromStr<Err = crate::id::IdError>>() -> T {
    ANY_UUID.parse().expect("the stand-in has the form of a UUID")
}

/// An id or name that stands for any of its kind, after `prefix`.
pub(super) fn any<T: std::str::FromStr<Err = crate::id::IdError>>(prefix: &str) -> T {
    format!("{prefix}{ANY}")
        .parse()
        .expect("the stand-in has the form of every EC2 id and IAM name")
}

/// What changes of these kinds need in `at`, whatever their ids: those made by [`any`] and
/// [`any_uuid`] become `*`.
pub(super) fn permissions_to(kinds: Vec<Kind>, at: &Place) -> BTreeSet<Permission> {
    kinds
        .into_iter()
        .flat_map(|kind| Change { at: at.clone(), kind }.permissions())
        .map(|needed| {
            // One in the middle, a cluster, leaves nothing known behind it.
            let stem = [ANY_UUID, ANY]
                .iter()
                .find_map(|any| needed.resource.split_once(any).map(|(stem, _)| stem));
            let resource = match stem {
                Some(stem) => format!("{}*", stem.trim_end_matches('*')),
                None => needed.resource,
            };
            Permission { action: needed.action, resource }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Document, Taggable, Tags};

    #[test]
    fn ids_that_are_not_known_become_a_star_and_nothing_else_does() {
        let at = Place {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let needed = permissions_to(
            vec![
                Kind::RolePolicy {
                    role: any(""),
                    policy: "p".to_owned(),
                    before: None,
                    after: Some(Document::Null),
                },
                Kind::Tags {
                    resource: Taggable::Instance(any("i-")),
                    before: Tags::new(),
                    after: [("k".to_owned(), "v".to_owned())].into(),
                },
            ],
            &at,
        );
        let expected: BTreeSet<Permission> = [
            Permission::new("iam:PutRolePolicy", "arn:aws:iam::111122223333:role/*"),
            Permission::new("ec2:CreateTags", "arn:aws:ec2:eu-west-1:111122223333:instance/i-*"),
        ]
        .into();
        assert_eq!(needed, expected);
    }
}
