//! Whether a session's permissions allow a call: what an STS session policy decides at AWS.
//!
//! What each operation needs is written down here from the service authorization reference, not
//! taken from `change::permission`: the twin is the test of derived policies, so it must not ask
//! them what is right.

use std::collections::BTreeSet;

use super::refusal::Refused;
use crate::change::{
    BalancerChange, Change, CredentialKind, DatabaseChange, DatabaseRef, Direction, EcsRef,
    FunctionChange, Kind, Permission, RuleEffect, Taggable, TaskChange, TrustChange,
};
use crate::id::{FunctionName, Place};

/// One action on one resource that a call needs.
pub type Need = (&'static str, String);

/// Refuses what `permissions` does not allow.
///
/// # Errors
/// The code that the service uses, with the missing action in the message.
pub fn check(permissions: &BTreeSet<Permission>, needs: &[Need]) -> Result<(), Refused> {
    match missing(permissions, needs) {
        None => Ok(()),
        Some((action, resource)) => {
            let code = match action.split(':').next() {
                Some("ec2") => "UnauthorizedOperation",
                Some("guardduty" | "lambda") => "AccessDeniedException",
                _ => "AccessDenied",
            };
            Err(Refused::new(
                code,
                format!(
                    "not authorized to perform {action} on resource {resource}: no session policy allows it"
                ),
            ))
        }
    }
}

/// The first need that `permissions` does not cover.
#[must_use]
pub fn missing<'a>(permissions: &BTreeSet<Permission>, needs: &'a [Need]) -> Option<&'a Need> {
    needs.iter().find(|(action, resource)| {
        !permissions.iter().any(|permission| {
            // Actions are compared without case, ARNs with (IAM User Guide, policy elements).
            matches(&permission.action.to_lowercase(), &action.to_lowercase())
                && matches(&permission.resource, resource)
        })
    })
}

/// Whether `text` matches `pattern`, in which `*` is any text and `?` any one character.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on when a character does not fit: the last star takes one character more.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// The ARN of an EC2 resource. A snapshot's has no account.
#[must_use]
pub fn ec2(at: &Place, kind: &str, id: &str) -> String {
    let account = if kind == "snapshot" { "" } else { at.account.as_str() };
    format!("arn:aws:ec2:{}:{account}:{kind}/{id}", at.region)
}

/// The ARN of the one detector of an account and Region.
#[must_use]
pub fn detector(at: &Place) -> String {
    let id = super::naming::derived("", at.account.as_str());
    format!("arn:aws:guardduty:{}:{}:detector/{id}", at.region, at.account)
}
/// The ARN of a DB instance or cluster.
#[must_use]
pub fn rds(at: &Place, database: &DatabaseRef) -> String {
    let (kind, id) = match database {
        DatabaseRef::Instance(id) => ("db", id.as_str()),
        DatabaseRef::Cluster(id) => ("cluster", id.as_str()),
    };
    format!("arn:aws:rds:{}:{}:{kind}:{id}", at.region, at.account)
}

/// The ARN of a task or service.
#[must_use]
pub fn ecs(at: &Place, resource: &EcsRef) -> String {
    let (kind, cluster, id) = match resource {
        EcsRef::Task { cluster, task } => ("task", cluster, task.as_str()),
        EcsRef::Service { cluster, service } => ("service", cluster, service.as_str()),
    };
    format!("arn:aws:ecs:{}:{}:{kind}/{cluster}/{id}", at.region, at.account)
}
/// The ARN of a function.
#[must_use]
pub fn lambda(at: &Place, name: &FunctionName) -> String {
    format!("arn:aws:lambda:{}:{}:function:{name}", at.region, at.account)
}

/// What a change needs besides KMS, which `CopySnapshot` asks later. `arn` gives the ARN of a role
/// or user with its path: `("role", name)`.
#[must_use]
pub fn needs(change: &Change, arn: impl Fn(&str, &str) -> String) -> Vec<Need> {
    let at = &change.at;
    match &change.kind {
        Kind::InterfaceGroups { interface, after, .. } => {
            let action = "ec2:ModifyNetworkInterfaceAttribute";
            let groups =
                after.iter().map(|group| (action, ec2(at, "security-group", group.as_str())));
            std::iter::once((action, ec2(at, "network-interface", interface.as_str())))
                .chain(groups)
                .collect()
        }
        Kind::ElasticAddress { interface, allocation, .. } => {
            let action = change.operation();
            vec![
                (action, ec2(at, "elastic-ip", allocation.as_str())),
                (action, ec2(at, "network-interface", interface.as_str())),
            ]
        }
        Kind::TerminationProtection { instance, .. } | Kind::ShutdownBehavior { instance, .. } => {
            vec![(change.operation(), ec2(at, "instance", instance.as_str()))]
        }
        Kind::DeleteOnTermination { instance, volume, .. } => vec![
            (change.operation(), ec2(at, "instance", instance.as_str())),
            (change.operation(), ec2(at, "volume", volume.as_str())),
        ],
        Kind::GroupMinimum { group, .. } | Kind::Standby { group, .. } => {
            let Place { account, region } = at;
            vec![(
                change.operation(),
                format!(
                    "arn:aws:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{group}"
                ),
            )]
        }
        Kind::InstanceProfile(what) => {
            let mut needs = vec![(change.operation(), ec2(at, "instance", what.instance.as_str()))];
            if what.before.is_some() {
                needs.push(("ec2:DescribeIamInstanceProfileAssociations", "*".to_owned()));
            }
            let role = what.after.as_ref().and_then(|after| after.role.as_ref());
            needs.extend(role.map(|role| ("iam:PassRole", arn("role", role.as_str()))));
            needs
        }
        Kind::Balancer(what) => {
            let Place { account, region } = at;
            let resource = match what {
                BalancerChange::Target { group, .. } => group.to_string(),
                BalancerChange::Classic { balancer, .. } => format!(
                    "arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/{balancer}"
                ),
            };
            vec![(change.operation(), resource)]
        }
        Kind::CreateGroup { vpc, tags, .. } => {
            let group = ec2(at, "security-group", "*");
            let mut needs = vec![
                ("ec2:CreateSecurityGroup", group.clone()),
                ("ec2:CreateSecurityGroup", ec2(at, "vpc", vpc.as_str())),
            ];
            needs.extend((!tags.is_empty()).then_some(("ec2:CreateTags", group)));
            needs
        }
        Kind::GroupRules { group, direction, effect, .. } => {
            let action = match (direction, effect) {
                (Direction::Ingress, RuleEffect::Authorize) => "ec2:AuthorizeSecurityGroupIngress",
                (Direction::Ingress, RuleEffect::Revoke) => "ec2:RevokeSecurityGroupIngress",
                (Direction::Egress, RuleEffect::Authorize) => "ec2:AuthorizeSecurityGroupEgress",
                (Direction::Egress, RuleEffect::Revoke) => "ec2:RevokeSecurityGroupEgress",
            };
            vec![(action, ec2(at, "security-group", group.as_str()))]
        }
        Kind::CreateSnapshots { instance, volumes, tags, .. } => {
            let action = "ec2:CreateSnapshots";
            let snapshot = ec2(at, "snapshot", "*");
            let mut needs =
                vec![(action, ec2(at, "instance", instance.as_str())), (action, snapshot.clone())];
            needs.extend(volumes.iter().map(|volume| (action, ec2(at, "volume", volume.as_str()))));
            needs.extend((!tags.is_empty()).then_some(("ec2:CreateTags", snapshot)));
            needs
        }
        Kind::CopySnapshot { tags, .. } => {
            let snapshot = ec2(at, "snapshot", "*");
            let mut needs = vec![("ec2:CopySnapshot", snapshot.clone())];
            needs.extend((!tags.is_empty()).then_some(("ec2:CreateTags", snapshot)));
            needs
        }
        Kind::SnapshotSharing { snapshot, .. } => {
            vec![("ec2:ModifySnapshotAttribute", ec2(at, "snapshot", snapshot.as_str()))]
        }
        Kind::RolePolicy { role, after, .. } => {
            let action = if after.is_some() { "iam:PutRolePolicy" } else { "iam:DeleteRolePolicy" };
            vec![(action, arn("role", role.as_str()))]
        }
        Kind::UserPolicy { user, after, .. } => {
            let action = if after.is_some() { "iam:PutUserPolicy" } else { "iam:DeleteUserPolicy" };
            vec![(action, arn("user", user.as_str()))]
        }
        Kind::AccessKey { user, .. } => vec![("iam:UpdateAccessKey", arn("user", user.as_str()))],
        Kind::Credential { user, credential, .. } => {
            let action = match credential {
                CredentialKind::SshPublicKey => "iam:UpdateSSHPublicKey",
                CredentialKind::SigningCertificate => "iam:UpdateSigningCertificate",
                CredentialKind::ServiceSpecific => "iam:UpdateServiceSpecificCredential",
            };
            vec![(action, arn("user", user.as_str()))]
        }
        Kind::DeleteLoginProfile { user, .. } => {
            vec![("iam:DeleteLoginProfile", arn("user", user.as_str()))]
        }
        Kind::PublicAccess { bucket, .. } => {
            vec![("s3:PutBucketPublicAccessBlock", format!("arn:aws:s3:::{bucket}"))]
        }
        Kind::SnapshotLock(lock) => {
            vec![("ec2:LockSnapshot", ec2(at, "snapshot", lock.snapshot.as_str()))]
        }
        Kind::Finding(change) => {
            vec![("guardduty:ListDetectors", "*".to_owned()), (change.operation(), detector(at))]
        }
        Kind::Database(change) => vec![match change {
            DatabaseChange::Groups { database: database @ DatabaseRef::Cluster(_), .. } => {
                ("rds:ModifyDBCluster", rds(at, database))
            }
            DatabaseChange::Groups { database, .. } => ("rds:ModifyDBInstance", rds(at, database)),
            DatabaseChange::PublicAccess { instance, .. } => {
                ("rds:ModifyDBInstance", rds(at, &DatabaseRef::Instance(instance.clone())))
            }
        }],
        Kind::Task(TaskChange::Groups { interface, after, .. }) => {
            let action = "ec2:ModifyNetworkInterfaceAttribute";
            let groups =
                after.iter().map(|group| (action, ec2(at, "security-group", group.as_str())));
            std::iter::once((action, ec2(at, "network-interface", interface.as_str())))
                .chain(groups)
                .collect()
        }
        Kind::Task(change @ TaskChange::DesiredCount { .. }) => {
            vec![("ecs:UpdateService", ecs(at, &change.subject()))]
        }
        Kind::Task(change @ TaskChange::Stop { .. }) => {
            vec![("ecs:StopTask", ecs(at, &change.subject()))]
        }
        Kind::Trust(TrustChange { role, .. }) => {
            vec![("iam:UpdateAssumeRolePolicy", arn("role", role.as_str()))]
        }
        Kind::Function(FunctionChange::Concurrency { function, after, .. }) => {
            let action = match after {
                Some(_) => "lambda:PutFunctionConcurrency",
                None => "lambda:DeleteFunctionConcurrency",
            };
            vec![(action, lambda(at, function))]
        }
        Kind::Function(FunctionChange::EventSource { mapping, .. }) => {
            let Place { account, region } = at;
            let arn = format!("arn:aws:lambda:{region}:{account}:event-source-mapping:{mapping}");
            vec![("lambda:UpdateEventSourceMapping", arn)]
        }
        Kind::Tags { resource, after, .. } => {
            let pick = |set, unset| if after.is_empty() { unset } else { set };
            let of_ec2 = pick("ec2:CreateTags", "ec2:DeleteTags");
            match resource {
                Taggable::Instance(id) => vec![(of_ec2, ec2(at, "instance", id.as_str()))],
                Taggable::Volume(id) => vec![(of_ec2, ec2(at, "volume", id.as_str()))],
                Taggable::Snapshot(id) => vec![(of_ec2, ec2(at, "snapshot", id.as_str()))],
                Taggable::SecurityGroup(id) => {
                    vec![(of_ec2, ec2(at, "security-group", id.as_str()))]
                }
                Taggable::Role(name) => {
                    vec![(pick("iam:TagRole", "iam:UntagRole"), arn("role", name.as_str()))]
                }
                Taggable::User(name) => {
                    vec![(pick("iam:TagUser", "iam:UntagUser"), arn("user", name.as_str()))]
                }
                Taggable::Function(name) => {
                    vec![(pick("lambda:TagResource", "lambda:UntagResource"), lambda(at, name))]
                }
                // The set is replaced as a whole, so it is read first.
                Taggable::Bucket(name) => ["s3:GetBucketTagging", "s3:PutBucketTagging"]
                    .map(|action| (action, format!("arn:aws:s3:::{name}")))
                    .to_vec(),
                Taggable::Ecs(resource) => {
                    vec![(pick("ecs:TagResource", "ecs:UntagResource"), ecs(at, resource))]
                }
                Taggable::Database(database) => {
                    let action = pick("rds:AddTagsToResource", "rds:RemoveTagsFromResource");
                    vec![(action, rds(at, database))]
                }
            }
        }
    }
}

/// What a key is asked for when a snapshot is copied: `source` for the key of the source snapshot,
/// the others for the key of the copy (EBS User Guide, "Copy an Amazon EBS snapshot", permissions).
#[must_use]
pub fn kms_needs(arn: &str, source: KeyUse) -> Vec<Need> {
    let actions: &[&'static str] = match source {
        KeyUse::Source => {
            &["kms:DescribeKey", "kms:CreateGrant", "kms:Decrypt", "kms:ReEncryptFrom"]
        }
        KeyUse::Target => &[
            "kms:DescribeKey",
            "kms:CreateGrant",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:ReEncryptTo",
        ],
    };
    actions.iter().map(|action| (*action, arn.to_owned())).collect()
}

/// What a key does in a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// It encrypts the source.
    Source,
    /// It will encrypt the copy.
    Target,
}
