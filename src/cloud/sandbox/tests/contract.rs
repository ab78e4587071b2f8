//! The contract suite on the twin, and whether the suite would notice.

mod balancers;
mod databases;
mod ecs;
mod functions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use serde_json::json;

use crate::change::{CredentialKind, KeyStatus, LoginProfile, Rule};
use crate::clock::ManualClock;
use crate::cloud::contract::{
    Ability, Console, DatabaseWish, Disk, Fixture, InstanceWish, Ip, Lab, Outcome, TaskWish, names,
    report, suite,
};
use crate::cloud::faulty::{Fault, Faulty, Plan};
use crate::cloud::sandbox::world::{BucketState, Logged, ScalingGroup};
use crate::cloud::sandbox::{
    CredentialState, EBS_DEFAULT_ALIAS, Key, Machine, RoleState, Sandbox, Scenario, Settling,
    UserState, Volume, Vpc, World,
};
use crate::cloud::{Address, Deed, Instance, Interface, SecurityGroup};
use crate::id::{
    AccessKeyId, AccountId, AllocationId, BalancerName, BucketName, ClusterName, CredentialId,
    DatabaseClusterId, DatabaseId, EventSourceId, FunctionName, GroupId, InstanceId, InterfaceId,
    Place, RoleName, ScalingGroupName, ServiceName, TargetGroupArn, TaskId, UserName, VolumeId,
    VpcId,
};

struct OnSandbox {
    sandbox: Sandbox,
    cannot: &'static [(Ability, &'static str)],
    count: AtomicU64,
}

impl OnSandbox {
    fn n(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    fn id<T: std::str::FromStr>(&self, prefix: &str) -> T
    where
        T::Err: std::fmt::Debug,
    {
        format!("{prefix}{:017x}", self.n()).parse().unwrap()
    }

    fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> Outcome<T> {
        self.sandbox.edit(change).map_err(|error| error.to_string())
    }
}

#[async_trait]
impl Fixture for OnSandbox {
    fn cannot(&self) -> &'static [(Ability, &'static str)] {
        self.cannot
    }

    async fn vpc(&self, at: &Place, ip: Ip) -> Outcome<VpcId> {
        let id: VpcId = self.id("vpc-");
        self.edit(|world| {
            let region = world.region_mut(at).unwrap();
            region.vpcs.insert(id.clone(), Vpc { ipv6: ip == Ip::Dual });
        })?;
        Ok(id)
    }

    async fn group(&self, at: &Place, vpc: &VpcId) -> Outcome<GroupId> {
        let id: GroupId = self.id("sg-");
        let group = SecurityGroup {
            id: id.clone(),
            name: id.to_string(),
            vpc: vpc.clone(),
            ingress: Vec::new(),
            egress: vec![Rule::everything_ipv4()],
            tags: BTreeMap::new(),
        };
        self.edit(|world| world.region_mut(at).unwrap().groups.insert(id.clone(), group))?;
        Ok(id)
    }

    async fn instance(&self, at: &Place, wish: &InstanceWish) -> Outcome<InstanceId> {
        let id: InstanceId = self.id("i-");
        let interfaces: Vec<Interface> = wish
            .interfaces
            .iter()
            .map(|(vpc, groups)| Interface {
                id: self.id("eni-"),
                vpc: vpc.clone(),
                groups: groups.clone(),
                requester_managed: false,
                ips: vec![format!("10.0.0.{}", self.n() % 256)],
                addresses: Vec::new(),
            })
            .collect();
        let devices: Vec<(String, VolumeId)> =
            (0..wish.disks.len()).map(|n| (format!("/dev/sd{n}"), self.id("vol-"))).collect();
        self.edit(|world| {
            let region = world.region_mut(at).unwrap();
            for ((_, volume), disk) in devices.iter().zip(&wish.disks) {
                let kms_key = match disk {
                    Disk::Plain => None,
                    Disk::DefaultKey => Some(region.key(EBS_DEFAULT_ALIAS).unwrap().arn.clone()),
                    Disk::Key(arn) => Some(arn.clone()),
                };
                let encrypted = kms_key.is_some();
                let built = Volume {
                    id: volume.clone(),
                    size: 8,
                    encrypted,
                    kms_key,
                    tags: BTreeMap::new(),
                };
                region.volumes.insert(volume.clone(), built);
            }
            let instance = Instance {
                id: id.clone(),
                state: "running".to_owned(),
                vpc: interfaces.first().map(|i| i.vpc.clone()),
                interfaces,
                root_device: devices.first().map(|(device, _)| device.clone()),
                volumes: devices,
                profile_arn: None,
                tags: wish.tags.clone(),
            };
            region.instances.insert(
                id.clone(),
                Machine { instance, tracked_open: BTreeSet::new(), ending: Default::default() },
            );
        })?;
        Ok(id)
    }

    async fn elastic_ip(&self, at: &Place, interface: &InterfaceId) -> Outcome {
        let (allocation, public_ip) = (self.id::<AllocationId>("eipalloc-"), "203.0.113.1");
        let address = Address {
            allocation: allocation.clone(),
            association: self.id("eipassoc-"),
            public_ip: public_ip.to_owned(),
            private_ip: "10.0.0.10".to_owned(),
        };
        self.edit(|world| {
            let region = world.region_mut(at).unwrap();
            region.addresses.insert(allocation, public_ip.to_owned());
            let all = region.instances.values_mut().flat_map(|m| &mut m.instance.interfaces);
            all.filter(|found| found.id == *interface)
                .for_each(|found| found.addresses.push(address.clone()));
        })
    }

    async fn scaling_group(&self, at: &Place, instance: &InstanceId) -> Outcome<ScalingGroupName> {
        let name: ScalingGroupName = format!("group-{}", self.n()).parse().unwrap();
        let members = BTreeMap::from([(instance.clone(), "InService".to_owned())]);
        let target_groups = Vec::new();
        let group = ScalingGroup { minimum: 1, desired: 1, maximum: 3, target_groups, members };
        self.edit(|world| {
            world.region_mut(at).unwrap().scaling_groups.insert(name.clone(), group);
        })?;
        Ok(name)
    }

    async fn target_group(&self, at: &Place, instance: &InstanceId) -> Outcome<TargetGroupArn> {
        balancers::target_group(self, at, instance)
    }

    async fn classic_balancer(&self, at: &Place, instance: &InstanceId) -> Outcome<BalancerName> {
        balancers::classic(self, at, instance)
    }

    async fn terminate(&self, at: &Place, id: &InstanceId) -> Outcome {
        self.edit(|world| world.terminate(at, id))
    }

    async fn role(&self, at: &Place, path: &str) -> Outcome<RoleName> {
        let name: RoleName = format!("role-{}", self.n()).parse().unwrap();
        let role = RoleState {
            path: path.to_owned(),
            unique_id: format!("AROA{:017}", self.n()),
            trust: json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}),
            trust_was: None,
            policies: BTreeMap::new(),
            tags: BTreeMap::new(),
        };
        self.edit(|world| {
            world.account_mut(&at.account).unwrap().roles.insert(name.clone(), role)
        })?;
        Ok(name)
    }

    async fn profile(&self, at: &Place, role: &RoleName) -> Outcome<String> {
        let name = format!("profile-{}", self.n());
        let arn = format!("arn:aws:iam::{}:instance-profile/{name}", at.account);
        self.edit(|world| {
            world.account_mut(&at.account).unwrap().profiles.insert(name, Some(role.clone()));
        })?;
        Ok(arn)
    }

    async fn carry(&self, at: &Place, instance: &InstanceId, profile: &str) -> Outcome {
        self.edit(|world| {
            let region = world.region_mut(at).unwrap();
            let machine = region.instances.get_mut(instance).unwrap();
            machine.instance.profile_arn = Some(profile.to_owned());
        })
    }

    async fn user(&self, at: &Place, keys: usize, console: Console) -> Outcome<UserName> {
        let name: UserName = format!("user-{}", self.n()).parse().unwrap();
        let keys = (0..keys)
            .map(|_| {
                (
                    format!("AKIA{:016}", 1 + self.n()).parse().unwrap(),
                    Settling::settled(KeyStatus::Active),
                )
            })
            .collect();
        let created = "2026-01-01T00:00:00Z".to_owned();
        let user = UserState {
            path: "/".to_owned(),
            unique_id: format!("AIDA{:017}", self.n()),
            keys,
            credentials: BTreeMap::new(),
            login_profile: (console == Console::Password)
                .then_some(LoginProfile { created, reset_required: false }),
            policies: BTreeMap::new(),
            tags: BTreeMap::new(),
        };
        self.edit(|world| {
            world.account_mut(&at.account).unwrap().users.insert(name.clone(), user)
        })?;
        Ok(name)
    }

    async fn deed(&self, at: &Place, by: &(UserName, AccessKeyId), deed: &Deed) -> Outcome {
        let logged = Logged {
            region: at.region.clone(),
            user: by.0.clone(),
            key: by.1.clone(),
            at: self.sandbox.clock().now(),
            event: deed.event.clone(),
            about: deed.about.clone(),
        };
        self.edit(|world| world.account_mut(&at.account).unwrap().trail.push(logged))
    }

    async fn credential(
        &self,
        at: &Place,
        user: &UserName,
        kind: CredentialKind,
    ) -> Outcome<CredentialId> {
        let id: CredentialId = format!("CRED{:016}", self.n()).parse().unwrap();
        let service = (kind == CredentialKind::ServiceSpecific).then_some("bedrock.amazonaws.com");
        let made = CredentialState {
            kind,
            service: service.map(str::to_owned),
            status: Settling::settled(KeyStatus::Active),
        };
        self.edit(|world| {
            let users = &mut world.account_mut(&at.account).unwrap().users;
            users.get_mut(user).unwrap().credentials.insert(id.clone(), made);
        })?;
        Ok(id)
    }

    async fn bucket(&self, at: &Place) -> Outcome<BucketName> {
        let name: BucketName = format!("bucket-{}", self.n()).parse().unwrap();
        self.edit(|world| {
            let buckets = &mut world.account_mut(&at.account).unwrap().buckets;
            buckets.insert(name.clone(), BucketState::default());
        })?;
        Ok(name)
    }

    async fn database(&self, at: &Place, wish: &DatabaseWish) -> Outcome<DatabaseId> {
        databases::instance(self, at, wish)
    }

    async fn database_cluster(&self, at: &Place, group: &GroupId) -> Outcome<DatabaseClusterId> {
        databases::cluster(self, at, group)
    }

    async fn task(&self, at: &Place, wish: &TaskWish) -> Outcome<(ClusterName, TaskId)> {
        ecs::task(self, at, wish)
    }

    async fn service(&self, at: &Place, desired: u32) -> Outcome<(ClusterName, ServiceName)> {
        ecs::service(self, at, desired)
    }
    async fn function(&self, at: &Place) -> Outcome<(FunctionName, EventSourceId)> {
        functions::function(self, at)
    }

    async fn key(&self, at: &Place, usable_by: &AccountId) -> Outcome<String> {
        let id = format!("00000000-0000-4000-8000-1{:011x}", self.n());
        let arn = format!("arn:aws:kms:{}:{}:key/{id}", at.region, at.account);
        let usable_by = BTreeSet::from([usable_by.clone()]);
        let key = Key { arn: arn.clone(), alias: None, aws_managed: false, usable_by };
        self.edit(|world| world.region_mut(at).unwrap().keys.insert(id, key))?;
        Ok(arn)
    }

    async fn finding(&self, at: &Place, id: &str) -> Outcome {
        let json = json!({
            "schemaVersion": "2.0", "id": id, "accountId": at.account, "region": at.region, "severity": 8,
            "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS",
        });
        self.edit(|world| {
            world.region_mut(at).unwrap().findings.insert(id.parse().unwrap(), json);
        })
    }
}

fn lab(cannot: &'static [(Ability, &'static str)]) -> (Sandbox, Lab) {
    let text = "
        [[account]]
        id = '111122223333'
        [[account]]
        id = '444455556666'
    ";
    let now = "2026-01-02T03:04:05Z".parse().unwrap();
    let world = World::build(&Scenario::parse(text).unwrap(), now).unwrap();
    let sandbox = Sandbox::new(world, Arc::new(ManualClock::at(now)));
    let fixture = OnSandbox { sandbox: sandbox.clone(), cannot, count: AtomicU64::new(0) };
    let lab = Lab {
        workload: super::place(super::HOME),
        forensics: super::place(super::FORENSICS),
        fixture: Arc::new(fixture),
        token: "t".to_owned(),
    };
    (sandbox, lab)
}

#[tokio::test]
async fn the_sandbox_keeps_the_contract() {
    let (sandbox, lab) = lab(&[]);
    suite(&sandbox, &lab).await;
}

/// Checks that only look for what is not there: a cloud that never finds anything passes them.
const OF_THE_UNKNOWN: [&str; 22] = [
    "balancing::finds_nothing_registered_with_the_unknown",
    "bucket::finds_no_exposure_of_the_unknown",
    "credential::refuses_credentials_that_are_not_there",
    "database::finds_no_database_of_that_name",
    "disk::knows_unknown_snapshots",
    "disk::refuses_snapshots_of_an_unknown_instance",
    "finding::changes_nothing_of_an_unknown_finding",
    "function::finds_no_function_that_is_not_there",
    "general::finds_no_unknown_finding",
    "group::refuses_a_group_in_an_unknown_vpc",
    "group::refuses_rules_of_an_unknown_group",
    "guard::finds_no_safeguards_of_the_unknown",
    "identity::refuses_keys_that_are_not_there",
    "identity::refuses_policies_of_an_unknown_role",
    "locking::locks_no_unknown_snapshot",
    "network::refuses_an_unknown_interface",
    "profile::finds_no_profile_of_an_unknown_instance",
    "scaling::finds_no_group_of_an_instance_that_is_in_none",
    "tagging::finds_no_tags_of_the_unknown",
    "tagging::refuses_to_tag_the_unknown_in_ec2",
    "tagging::refuses_to_tag_unknown_roles_and_users",
    "task::finds_no_task_and_no_service_of_that_name",
];

#[tokio::test]
async fn every_check_notices_a_cloud_that_refuses_and_one_that_finds_nothing() {
    for (fault, content) in
        [(Fault::Denied, &[][..]), (Fault::Transient, &[][..]), (Fault::Gone, &OF_THE_UNKNOWN[..])]
    {
        let (sandbox, lab) = lab(&[]);
        let plan = Plan::none().seeded(1, 1000, &[fault], u64::MAX);
        let wrong = report(&Faulty::new(Arc::new(sandbox), plan), &lab).await;
        let wrong: BTreeSet<_> = wrong.iter().filter_map(|line| line.split(": ").next()).collect();
        let passed: BTreeSet<_> = names().filter(|name| !wrong.contains(name)).collect();
        let content: BTreeSet<_> = content.iter().copied().collect();
        assert_eq!(passed, content, "{}", fault.label());
    }
}

#[tokio::test]
async fn a_limit_that_is_none_is_noticed() {
    let (sandbox, lab) = lab(&[(Ability::BucketTags, "said without a look")]);
    let wrong = report(&sandbox, &lab).await;
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(
        wrong[0].starts_with("tagging::tags_buckets_and_keeps_other_tags: passes"),
        "{wrong:?}"
    );
}
