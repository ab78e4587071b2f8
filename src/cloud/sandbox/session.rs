//! The calls of one step: each counts, asks for permission, and answers from the world.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::allow::{self, Need};
use super::apply::{apply, iam_arn, request_id};
use super::refusal::Refused;
use super::world::{RegionState, World};
use super::{EBS_DEFAULT_ALIAS, Sandbox};
use crate::change::{Change, Document, TAG_PURPOSE, Taggable, Tags};
use crate::cloud::{
    Identity, Instance, Receipt, Result, Role, Scope, SecurityGroup, Session, Snapshot, User,
    UserKey, Volume,
};
use crate::id::{
    AccessKeyId, AccountId, FindingId, GroupId, InstanceId, Place, RoleName, SnapshotId, UserName,
    VolumeId, VpcId,
};

/// A session on the twin.
pub struct SandboxSession {
    sandbox: Sandbox,
    scope: Scope,
}

/// The role whose session the twin says we are.
const RESPONDER_ROLE: &str = "TourniquetResponder";

impl SandboxSession {
    /// A session for `scope`.
    #[must_use]
    pub fn new(sandbox: Sandbox, scope: Scope) -> Self {
        Self { sandbox, scope }
    }

    /// One read: counted under the action of every call it stands for, permitted, answered.
    fn read<T>(
        &self,
        at: &Place,
        needs: impl FnOnce(&World) -> Vec<Need>,
        answer: impl FnOnce(&mut World) -> std::result::Result<T, Refused>,
    ) -> Result<T> {
        self.sandbox.with(|world| {
            let needs = needs(world);
            for (action, _) in &needs {
                *world.calls.entry((*action).to_owned()).or_default() += 1;
            }
            let operation = needs
                .first()
                .map_or("sts:GetCallerIdentity", |(action, _)| *action);
            let permitted = world.account(&at.account).map(drop).and_then(|()| {
                if world.enforce {
                    allow::check(&self.scope.permissions, &needs)
                } else {
                    Ok(())
                }
            });
            permitted
                .and_then(|()| answer(world))
                .map_err(|refused| refused.error(operation, None))
        })
    }

    /// One read of what is in a Region; `answer` is not asked when nothing is there.
    fn look<T: Default>(
        &self,
        at: &Place,
        needs: Vec<Need>,
        answer: impl FnOnce(&RegionState) -> T,
    ) -> Result<T> {
        self.read(
            at,
            |_| needs,
            |world| Ok(world.region(at)?.map(answer).unwrap_or_default()),
        )
    }
}

fn tags_of<'a>(
    world: &'a World,
    at: &Place,
    resource: &Taggable,
) -> std::result::Result<Option<&'a Tags>, Refused> {
    let account = world.account(&at.account)?;
    let region = account.regions.get(&at.region);
    Ok(match resource {
        Taggable::Instance(id) => region
            .and_then(|r| r.instances.get(id))
            .map(|m| &m.instance.tags),
        Taggable::Volume(id) => region
            .and_then(|r| r.volumes.get(id))
            .map(|volume| &volume.tags),
        Taggable::Snapshot(id) => region
            .and_then(|r| r.snapshots.get(id))
            .map(|record| &record.snapshot.tags),
        Taggable::Role(name) => account.roles.get(name).map(|role| &role.tags),
        Taggable::User(name) => account.users.get(name).map(|user| &user.tags),
        Taggable::Bucket(name) => account.buckets.get(name),
    })
}

/// `ec2:DescribeTags` answers the same for an untagged resource and for none, so that an empty
/// answer is followed by the describe call of its kind.
fn tag_needs(world: &World, at: &Place, resource: &Taggable) -> Vec<Need> {
    let arn = |kind, name| iam_arn(world, &at.account, kind, name);
    let describe = match resource {
        Taggable::Role(name) => return vec![("iam:ListRoleTags", arn("role", name.as_str()))],
        Taggable::User(name) => return vec![("iam:ListUserTags", arn("user", name.as_str()))],
        Taggable::Bucket(name) => {
            return vec![("s3:GetBucketTagging", format!("arn:aws:s3:::{name}"))];
        }
        Taggable::Instance(_) => "ec2:DescribeInstances",
        Taggable::Volume(_) => "ec2:DescribeVolumes",
        Taggable::Snapshot(_) => "ec2:DescribeSnapshots",
    };
    match tags_of(world, at, resource) {
        Ok(Some(tags)) if !tags.is_empty() => any(&["ec2:DescribeTags"]),
        _ => any(&["ec2:DescribeTags", describe]),
    }
}

fn any(actions: &[&'static str]) -> Vec<Need> {
    actions
        .iter()
        .map(|action| (*action, "*".to_owned()))
        .collect()
}

#[async_trait]
impl Session for SandboxSession {
    async fn identity(&self, at: &Place) -> Result<Identity> {
        // GetCallerIdentity needs no permission (STS API reference).
        self.read(at, |_| Vec::new(), |_| Ok(()))?;
        let run = self.scope.run.as_ref().map_or("no-run", |run| run.as_str());
        Ok(Identity {
            account: at.account.clone(),
            arn: format!(
                "arn:aws:sts::{}:assumed-role/{RESPONDER_ROLE}/{run}",
                at.account
            ),
        })
    }

    async fn instance(&self, at: &Place, id: &InstanceId) -> Result<Option<Instance>> {
        self.look(
            at,
            any(&["ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces"]),
            |region| {
                region
                    .instances
                    .get(id)
                    .map(|machine| machine.instance.clone())
            },
        )
    }

    async fn groups_for(
        &self,
        at: &Place,
        vpc: &VpcId,
        purpose: &str,
    ) -> Result<Vec<SecurityGroup>> {
        self.look(at, any(&["ec2:DescribeSecurityGroups"]), |region| {
            let wanted = |group: &&SecurityGroup| {
                group.vpc == *vpc
                    && group
                        .tags
                        .get(TAG_PURPOSE)
                        .is_some_and(|have| have == purpose)
            };
            region.groups.values().filter(wanted).cloned().collect()
        })
    }

    async fn groups(&self, at: &Place, ids: &[GroupId]) -> Result<Vec<SecurityGroup>> {
        self.look(at, any(&["ec2:DescribeSecurityGroups"]), |region| {
            ids.iter()
                .filter_map(|id| region.groups.get(id).cloned())
                .collect()
        })
    }

    async fn volumes(&self, at: &Place, ids: &[VolumeId]) -> Result<Vec<Volume>> {
        self.look(at, any(&["ec2:DescribeVolumes"]), |region| {
            ids.iter()
                .filter_map(|id| region.volumes.get(id).cloned())
                .collect()
        })
    }

    async fn snapshots_tagged(&self, at: &Place, key: &str, value: &str) -> Result<Vec<Snapshot>> {
        let now = self.sandbox.clock().now();
        self.read(
            at,
            |_| any(&["ec2:DescribeSnapshots"]),
            |world| {
                let region = world.region_mut(at)?;
                let tagged = region.snapshots.values_mut().filter(|record| {
                    record
                        .snapshot
                        .tags
                        .get(key)
                        .is_some_and(|have| have == value)
                });
                Ok(tagged.map(|record| record.look(now)).collect())
            },
        )
    }

    async fn snapshot(&self, at: &Place, id: &SnapshotId) -> Result<Option<Snapshot>> {
        let now = self.sandbox.clock().now();
        self.read(
            at,
            |_| any(&["ec2:DescribeSnapshots"]),
            |world| {
                let (caller, region) = (&at.account, &at.region);
                let found = world
                    .accounts
                    .values_mut()
                    .filter_map(|account| account.regions.get_mut(region)?.snapshots.get_mut(id))
                    .find(|record| {
                        record.snapshot.owner == *caller || record.shared_with.contains(caller)
                    });
                Ok(found.map(|record| {
                    let mut shown = record.look(now);
                    // Tags of a shared snapshot are its owner's alone (EC2 User Guide, tags).
                    if shown.owner != *caller {
                        shown.tags.clear();
                    }
                    shown
                }))
            },
        )
    }

    async fn snapshot_sharing(
        &self,
        at: &Place,
        id: &SnapshotId,
    ) -> Result<Option<BTreeSet<AccountId>>> {
        let need = (
            "ec2:DescribeSnapshotAttribute",
            allow::ec2(at, "snapshot", id.as_str()),
        );
        self.look(at, vec![need], |region| {
            region
                .snapshots
                .get(id)
                .map(|record| record.shared_with.clone())
        })
    }

    async fn is_default_key(&self, at: &Place, key: &str) -> Result<bool> {
        // An alias under `alias/aws/` always names an AWS managed key, and no other alias does.
        if let Some(alias) = key.rsplit(':').next().unwrap_or(key).strip_prefix("alias/") {
            return Ok(alias.starts_with("aws/"));
        }
        self.look(at, any(&["ec2:GetEbsDefaultKmsKeyId"]), |region| {
            let named = region.key(key);
            named.is_some_and(|key| {
                key.aws_managed && key.alias.as_deref() == Some(EBS_DEFAULT_ALIAS)
            })
        })
    }

    async fn role(&self, at: &Place, name: &RoleName) -> Result<Option<Role>> {
        self.read(
            at,
            |world| {
                let arn = iam_arn(world, &at.account, "role", name.as_str());
                [
                    "iam:GetRole",
                    "iam:ListInstanceProfilesForRole",
                    "iam:ListRolePolicies",
                ]
                .map(|action| (action, arn.clone()))
                .to_vec()
            },
            |world| {
                let arn = iam_arn(world, &at.account, "role", name.as_str());
                let account = world.account(&at.account)?;
                let profiles = account
                    .profiles
                    .iter()
                    .filter(|(_, role)| role.as_ref() == Some(name));
                Ok(account.roles.get(name).map(|role| Role {
                    name: name.clone(),
                    arn,
                    path: role.path.clone(),
                    unique_id: role.unique_id.clone(),
                    instance_profiles: profiles.map(|(profile, _)| profile.clone()).collect(),
                    tags: role.tags.clone(),
                }))
            },
        )
    }

    async fn profile_role(&self, at: &Place, profile_arn: &str) -> Result<Option<RoleName>> {
        self.read(
            at,
            |_| vec![("iam:GetInstanceProfile", profile_arn.to_owned())],
            |world| {
                let prefix = format!("arn:aws:iam::{}:instance-profile/", at.account);
                // The path is no part of a profile's name.
                let name = profile_arn
                    .strip_prefix(&prefix)
                    .and_then(|rest| rest.rsplit('/').next());
                let profiles = &world.account(&at.account)?.profiles;
                Ok(name.and_then(|name| profiles.get(name)).cloned().flatten())
            },
        )
    }

    async fn role_policy(
        &self,
        at: &Place,
        role: &RoleName,
        policy: &str,
    ) -> Result<Option<Document>> {
        self.read(
            at,
            |world| {
                vec![(
                    "iam:GetRolePolicy",
                    iam_arn(world, &at.account, "role", role.as_str()),
                )]
            },
            |world| {
                let found = world.account(&at.account)?.roles.get(role);
                Ok(found.and_then(|role| role.policies.get(policy)?.value.clone()))
            },
        )
    }

    async fn key_owner(&self, at: &Place, key: &AccessKeyId) -> Result<Option<UserName>> {
        let owner = |world: &World| {
            let users = &world.accounts.get(&at.account)?.users;
            users
                .iter()
                .find(|(_, user)| user.keys.contains_key(key))
                .map(|(name, _)| name.clone())
        };
        self.read(
            at,
            |world| {
                let name = owner(world).map_or_else(|| "*".to_owned(), |name| name.to_string());
                vec![(
                    "iam:GetAccessKeyLastUsed",
                    iam_arn(world, &at.account, "user", &name),
                )]
            },
            |world| Ok(owner(world)),
        )
    }

    async fn user(&self, at: &Place, name: &UserName) -> Result<Option<User>> {
        self.read(
            at,
            |world| {
                let arn = iam_arn(world, &at.account, "user", name.as_str());
                ["iam:GetUser", "iam:ListAccessKeys", "iam:GetLoginProfile"]
                    .map(|action| (action, arn.clone()))
                    .to_vec()
            },
            |world| {
                let arn = iam_arn(world, &at.account, "user", name.as_str());
                Ok(world
                    .account(&at.account)?
                    .users
                    .get(name)
                    .map(|user| User {
                        name: name.clone(),
                        arn,
                        unique_id: user.unique_id.clone(),
                        keys: user
                            .keys
                            .iter()
                            .map(|(id, status)| UserKey {
                                id: id.clone(),
                                status: status.value,
                            })
                            .collect(),
                        login_profile: user.login_profile.clone(),
                        tags: user.tags.clone(),
                    }))
            },
        )
    }

    async fn user_policy(
        &self,
        at: &Place,
        user: &UserName,
        policy: &str,
    ) -> Result<Option<Document>> {
        self.read(
            at,
            |world| {
                vec![(
                    "iam:GetUserPolicy",
                    iam_arn(world, &at.account, "user", user.as_str()),
                )]
            },
            |world| {
                let found = world.account(&at.account)?.users.get(user);
                Ok(found.and_then(|user| user.policies.get(policy)?.value.clone()))
            },
        )
    }

    async fn tags(&self, at: &Place, resource: &Taggable) -> Result<Option<Tags>> {
        self.read(
            at,
            |world| tag_needs(world, at, resource),
            |world| Ok(tags_of(world, at, resource)?.cloned()),
        )
    }

    async fn finding(&self, at: &Place, id: &FindingId) -> Result<Option<serde_json::Value>> {
        let detector = format!("arn:aws:guardduty:{}:{}:detector/", at.region, at.account);
        let needs = vec![
            // ListDetectors takes no resource (service authorization reference).
            ("guardduty:ListDetectors", "*".to_owned()),
            (
                "guardduty:GetFindings",
                format!(
                    "{detector}{}",
                    super::world::derived("", at.account.as_str())
                ),
            ),
        ];
        self.look(at, needs, |region| region.findings.get(id).cloned())
    }

    async fn apply(&self, change: &Change) -> Result<Receipt> {
        let now = self.sandbox.clock().now();
        let operation = change.operation();
        // The call counts and gets its number whether or not it succeeds.
        let n = self.sandbox.with(|world| {
            *world.calls.entry(operation.to_owned()).or_default() += 1;
            world.next()
        });
        self.sandbox
            .mutate(|world| apply(world, &self.scope, change, request_id(n), now))
            .map_err(|refused| refused.error(operation, Some(request_id(n))))
    }
}
