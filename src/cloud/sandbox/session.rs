//! The calls of one step: each counts, asks for permission, and answers from the world.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::allow::{self};
use super::apply::{apply, iam_arn, request_id};
pub use super::ask::SandboxSession;
use super::refusal::Refused;
use super::world::World;
use super::{
    EBS_DEFAULT_ALIAS, balancer, bucket, credential, database, function, guard, network, scaling,
    snapshot_lock, task, trail, view,
};
use crate::change::{
    Change, DatabaseRef, Document, EcsRef, TAG_PURPOSE, Taggable, Tags, Target, carried,
    group_name_prefix,
};
use crate::cloud::{
    ClassicBalancer, Database, DatabaseCluster, Doer, Exposure, Function, GroupUser, HeldLock,
    Instance, Membership, Receipt, Result, Role, Safeguards, SecurityGroup, Session, Snapshot,
    TargetGroup, Task, TaskService, TrailPage, User, UserCredential,
};
use crate::id::{
    AccessKeyId, AccountId, BucketName, ClusterName, DatabaseClusterId, DatabaseId, FindingId,
    FunctionName, GroupId, InstanceId, Place, RoleName, ServiceName, SnapshotId, TargetGroupArn,
    TaskId, UserName, VpcId,
};

#[async_trait]
impl Session for SandboxSession {
    async fn instance(&self, at: &Place, id: &InstanceId) -> Result<Option<Instance>> {
        self.look(
            at,
            view::any(&["ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces"]),
            |region| region.instances.get(id).map(|machine| machine.instance.clone()),
        )
    }

    async fn safeguards(&self, at: &Place, id: &InstanceId) -> Result<Option<Safeguards>> {
        let needs = vec![
            ("ec2:DescribeInstances", "*".to_owned()),
            ("ec2:DescribeInstanceAttribute", allow::ec2(at, "instance", id.as_str())),
        ];
        self.look(at, needs, |region| region.instances.get(id).map(guard::shown))
    }

    async fn membership(&self, at: &Place, id: &InstanceId) -> Result<Option<Membership>> {
        let needs = view::any(&[
            "autoscaling:DescribeAutoScalingInstances",
            "autoscaling:DescribeAutoScalingGroups",
        ]);
        self.look(at, needs, |region| scaling::membership(region, id))
    }

    async fn target_groups(&self, at: &Place) -> Result<Vec<TargetGroup>> {
        let needs = view::any(&["elasticloadbalancing:DescribeTargetGroups"]);
        self.look(at, needs, balancer::target_groups)
    }

    async fn targets(&self, at: &Place, group: &TargetGroupArn) -> Result<Option<Vec<Target>>> {
        let needs = view::any(&["elasticloadbalancing:DescribeTargetHealth"]);
        self.look(at, needs, |region| balancer::targets(region, group))
    }

    async fn classic_balancers(&self, at: &Place) -> Result<Vec<ClassicBalancer>> {
        let needs = view::any(&["elasticloadbalancing:DescribeLoadBalancers"]);
        self.look(at, needs, balancer::classic_balancers)
    }

    async fn groups_for(
        &self,
        at: &Place,
        vpc: &VpcId,
        purpose: &str,
    ) -> Result<Vec<SecurityGroup>> {
        self.look(at, view::any(&["ec2:DescribeSecurityGroups"]), |region| {
            let prefix = group_name_prefix(purpose);
            let wanted = |group: &&SecurityGroup| {
                let tagged = group.tags.get(TAG_PURPOSE).is_some_and(|have| have == purpose);
                group.vpc == *vpc && (tagged || group.name.starts_with(&prefix))
            };
            region.groups.values().filter(wanted).cloned().collect()
        })
    }

    async fn groups(&self, at: &Place, ids: &[GroupId]) -> Result<Vec<SecurityGroup>> {
        self.look(at, view::any(&["ec2:DescribeSecurityGroups"]), |region| {
            ids.iter().filter_map(|id| region.groups.get(id).cloned()).collect()
        })
    }

    async fn group_users(&self, at: &Place, group: &GroupId) -> Result<Vec<GroupUser>> {
        self.look(at, view::any(&["ec2:DescribeNetworkInterfaces"]), |region| {
            network::group_users(region, group)
        })
    }

    async fn snapshots_tagged(&self, at: &Place, key: &str, value: &str) -> Result<Vec<Snapshot>> {
        let now = self.sandbox.clock().now();
        self.read(
            at,
            |_| view::any(&["ec2:DescribeSnapshots"]),
            |world| Ok(view::tagged(world, at, key, value, now)),
        )
    }

    async fn snapshot(&self, at: &Place, id: &SnapshotId) -> Result<Option<Snapshot>> {
        let now = self.sandbox.clock().now();
        self.read(
            at,
            |_| view::any(&["ec2:DescribeSnapshots"]),
            |world| Ok(view::snapshot(world, at, id, now)),
        )
    }

    async fn snapshot_sharing(
        &self,
        at: &Place,
        id: &SnapshotId,
    ) -> Result<Option<BTreeSet<AccountId>>> {
        let need = ("ec2:DescribeSnapshotAttribute", allow::ec2(at, "snapshot", id.as_str()));
        self.read(
            at,
            |_| vec![need],
            |world| match world.region(at)?.and_then(|region| region.snapshots.get(id)) {
                // A list of accounts can't say "everybody".
                Some(record) if record.public => {
                    Err(Refused::new("SnapshotIsPublic", format!("{id} is shared with everybody")))
                }
                record => Ok(record.map(|record| record.shared_with.clone())),
            },
        )
    }

    async fn snapshot_lock(&self, at: &Place, id: &SnapshotId) -> Result<Option<HeldLock>> {
        let now = self.sandbox.clock().now();
        self.look(at, view::any(&["ec2:DescribeLockedSnapshots"]), |region| {
            snapshot_lock::held(region, id, now)
        })
    }

    async fn is_default_key(&self, at: &Place, key: &str) -> Result<bool> {
        // An alias under `alias/aws/` always names an AWS managed key, and no other alias does.
        if let Some(alias) = key.rsplit(':').next().unwrap_or(key).strip_prefix("alias/") {
            return Ok(alias.starts_with("aws/"));
        }
        self.look(at, view::any(&["ec2:GetEbsDefaultKmsKeyId"]), |region| {
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
                ["iam:GetRole", "iam:ListInstanceProfilesForRole"]
                    .map(|action| (action, arn.clone()))
                    .to_vec()
            },
            |world| Ok(view::role(world, at, name)),
        )
    }

    async fn profile_role(&self, at: &Place, profile_arn: &str) -> Result<Option<RoleName>> {
        self.read(
            at,
            |_| vec![("iam:GetInstanceProfile", profile_arn.to_owned())],
            |world| {
                let prefix = format!("arn:aws:iam::{}:instance-profile/", at.account);
                // The path is no part of a profile's name.
                let name =
                    profile_arn.strip_prefix(&prefix).and_then(|rest| rest.rsplit('/').next());
                let profiles = &world.account(&at.account)?.profiles;
                Ok(name.and_then(|name| profiles.get(name)).cloned().flatten())
            },
        )
    }

    async fn carriers(
        &self,
        at: &Place,
        profiles: &BTreeSet<String>,
    ) -> Result<BTreeSet<InstanceId>> {
        self.read(
            at,
            |_| view::any(&["ec2:DescribeIamInstanceProfileAssociations"]),
            |world| Ok(view::carriers(world, at, profiles)),
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
            |world| vec![("iam:GetRolePolicy", iam_arn(world, &at.account, "role", role.as_str()))],
            |world| {
                let found = world.account(&at.account)?.roles.get(role);
                Ok(found.and_then(|role| role.policies.get(policy)?.value.clone()).map(carried))
            },
        )
    }

    async fn key_owner(&self, at: &Place, key: &AccessKeyId) -> Result<Option<UserName>> {
        let owner = |world: &World| {
            let users = &world.accounts.get(&at.account)?.users;
            users.iter().find(|(_, user)| user.keys.contains_key(key)).map(|(name, _)| name.clone())
        };
        self.read(
            at,
            |world| {
                let name = owner(world).map_or_else(|| "*".to_owned(), |name| name.to_string());
                vec![("iam:GetAccessKeyLastUsed", iam_arn(world, &at.account, "user", &name))]
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
            |world| Ok(view::user(world, at, name)),
        )
    }

    async fn credentials(
        &self,
        at: &Place,
        user: &UserName,
    ) -> Result<Option<Vec<UserCredential>>> {
        self.read(
            at,
            |world| {
                let arn = iam_arn(world, &at.account, "user", user.as_str());
                credential::LISTS.map(|action| (action, arn.clone())).to_vec()
            },
            |world| Ok(credential::shown(world, at, user)),
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
            |world| vec![("iam:GetUserPolicy", iam_arn(world, &at.account, "user", user.as_str()))],
            |world| {
                let found = world.account(&at.account)?.users.get(user);
                Ok(found.and_then(|user| user.policies.get(policy)?.value.clone()).map(carried))
            },
        )
    }

    async fn tags(&self, at: &Place, resource: &Taggable) -> Result<Option<Tags>> {
        self.read(
            at,
            |world| view::tag_needs(world, at, resource),
            |world| Ok(view::tags(world, at, resource).cloned()),
        )
    }

    async fn exposure(&self, at: &Place, bucket: &BucketName) -> Result<Option<Exposure>> {
        let arn = format!("arn:aws:s3:::{bucket}");
        let actions = ["s3:GetBucketPublicAccessBlock", "s3:GetBucketPolicyStatus"];
        self.read(
            at,
            |_| actions.map(|action| (action, arn.clone())).to_vec(),
            |world| Ok(bucket::exposure(world, at, bucket)),
        )
    }

    async fn database(&self, at: &Place, id: &DatabaseId) -> Result<Option<Database>> {
        let arn = allow::rds(at, &DatabaseRef::Instance(id.clone()));
        self.read(
            at,
            |_| vec![("rds:DescribeDBInstances", arn)],
            |world| Ok(database::look(world, at, id)),
        )
    }

    async fn database_cluster(
        &self,
        at: &Place,
        id: &DatabaseClusterId,
    ) -> Result<Option<DatabaseCluster>> {
        let any = format!("arn:aws:rds:{}:{}:db:*", at.region, at.account);
        let arn = allow::rds(at, &DatabaseRef::Cluster(id.clone()));
        self.read(
            at,
            |_| vec![("rds:DescribeDBClusters", arn), ("rds:DescribeDBInstances", any)],
            |world| Ok(database::look_at_cluster(world, at, id)),
        )
    }

    async fn task(&self, at: &Place, cluster: &ClusterName, id: &TaskId) -> Result<Option<Task>> {
        let wanted = EcsRef::Task { cluster: cluster.clone(), task: id.clone() };
        let needs = vec![
            ("ecs:DescribeTasks", allow::ecs(at, &wanted)),
            ("ecs:DescribeTaskDefinition", "*".to_owned()),
            ("ec2:DescribeNetworkInterfaces", "*".to_owned()),
        ];
        self.read(at, |_| needs, |world| Ok(task::look(world, at, &wanted)))
    }

    async fn task_service(
        &self,
        at: &Place,
        cluster: &ClusterName,
        name: &ServiceName,
    ) -> Result<Option<TaskService>> {
        let wanted = EcsRef::Service { cluster: cluster.clone(), service: name.clone() };
        let needs = vec![("ecs:DescribeServices", allow::ecs(at, &wanted))];
        self.read(at, |_| needs, |world| Ok(task::look_at_service(world, at, &wanted)))
    }

    async fn trail(&self, at: &Place, by: &Doer, after: Option<&str>) -> Result<TrailPage> {
        let now = self.sandbox.clock().now();
        self.read(
            at,
            |_| view::any(&["cloudtrail:LookupEvents"]),
            |world| Ok(trail::page(world, at, by, after, now)),
        )
    }
    async fn function(&self, at: &Place, name: &FunctionName) -> Result<Option<Function>> {
        let arn = allow::lambda(at, name);
        let of_it = [
            "lambda:GetFunctionConfiguration",
            "lambda:GetFunctionConcurrency",
            "lambda:GetPolicy",
        ];
        let mut needs = of_it.map(|action| (action, arn.clone())).to_vec();
        // ListEventSourceMappings takes no resource (service authorization reference).
        needs.push(("lambda:ListEventSourceMappings", "*".to_owned()));
        self.read(at, |_| needs, |world| Ok(function::shown(world, at, name)))
    }

    async fn finding(&self, at: &Place, id: &FindingId) -> Result<Option<serde_json::Value>> {
        let needs = vec![
            // ListDetectors takes no resource (service authorization reference).
            ("guardduty:ListDetectors", "*".to_owned()),
            ("guardduty:GetFindings", allow::detector(at)),
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
