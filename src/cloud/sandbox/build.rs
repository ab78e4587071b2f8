//! From a scenario to a world: fills in what was left out, always in the same way.
//!
//! Derived ids depend on the account and on what the thing belongs to, never on chance, so that a
//! scenario gives the same world every time. References that lead nowhere are refused.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::network::default_egress;
use super::policy;
use super::scenario::{
    AccountSpec, FindingSpec, InstanceSpec, InterfaceSpec, KeySpec, Scenario, VolumeSpec,
};
use super::settle::Settling;
use super::world::{
    Account, Issued, Key, Machine, Principal, RegionState, RoleState, UserState, Vpc, World,
    derived, unique_id,
};
use crate::change::{Document, KeyStatus, LoginProfile, Peer, Rule};
use crate::cloud::{Instance, Interface, SecurityGroup, Volume};
use crate::id::{AccessKeyId, AccountId, FindingId, GroupId, IdError, Region, RoleName, VpcId};

/// How old the sessions of a scenario are.
const SESSION_AGE: Duration = Duration::from_secs(15 * 60);
/// How long sessions live (IAM: at most 12 hours for a role that is assumed).
pub const SESSION_LIFE: Duration = Duration::from_secs(12 * 60 * 60);
/// Users of a scenario were made this long before it.
const USER_AGE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The alias of the key that EBS uses by default.
pub const EBS_DEFAULT_ALIAS: &str = "alias/aws/ebs";

impl World {
    /// The world that a scenario describes, at `now`.
    ///
    /// # Errors
    /// The first thing that can't be, in words that name where it is.
    pub fn build(scenario: &Scenario, now: Timestamp) -> Result<Self, String> {
        let everyone: BTreeSet<AccountId> = scenario
            .account
            .iter()
            .map(|account| account.id.clone())
            .collect();
        if everyone.len() < scenario.account.len() {
            return Err("an account is there twice".to_owned());
        }
        let mut accounts = BTreeMap::new();
        for spec in &scenario.account {
            let built = build_account(spec, &everyone, now)
                .map_err(|why| format!("account {}: {why}", spec.id))?;
            accounts.insert(spec.id.clone(), built);
        }
        Ok(Self {
            enforce: scenario.enforce,
            iam_delay: scenario.iam_delay,
            pace: scenario.snapshots,
            accounts,
            ..Self::default()
        })
    }
}

fn build_account(
    spec: &AccountSpec,
    everyone: &BTreeSet<AccountId>,
    now: Timestamp,
) -> Result<Account, String> {
    let mut account = Account::default();
    for region in regions(spec) {
        let mut state = RegionState::default();
        let default_key = KeySpec {
            alias: EBS_DEFAULT_ALIAS.to_owned(),
            id: None,
            region: None,
            usable_by: Some(Vec::new()),
        };
        add_key(&mut state, spec, &region, &default_key, everyone);
        account.regions.insert(region, state);
    }
    for key in &spec.key {
        let region = key.region.as_ref().unwrap_or(&spec.region);
        add_key(state(&mut account, region), spec, region, key, everyone);
    }
    for vpc in &spec.vpc {
        let region = state(&mut account, vpc.region.as_ref().unwrap_or(&spec.region));
        region.vpcs.insert(vpc.id.clone(), Vpc { ipv6: vpc.ipv6 });
    }
    for group in &spec.group {
        let region = group.region.as_ref().unwrap_or(&spec.region);
        let vpc = group
            .vpc
            .clone()
            .map_or_else(|| default_vpc(spec, region), Ok)?;
        let region = state(&mut account, region);
        let ipv6 = region.vpcs.entry(vpc.clone()).or_default().ipv6;
        let built = SecurityGroup {
            name: group.name.clone().unwrap_or_else(|| group.id.to_string()),
            ingress: group.ingress.clone().unwrap_or_else(|| vec![https()]),
            egress: group.egress.clone().unwrap_or_else(|| default_egress(ipv6)),
            tags: group.tags.clone(),
            id: group.id.clone(),
            vpc,
        };
        region.groups.insert(group.id.clone(), built);
    }
    for instance in &spec.instance {
        let region = instance.region.as_ref().unwrap_or(&spec.region);
        let built = add_instance(state(&mut account, region), spec, region, instance)
            .map_err(|why| format!("instance {}: {why}", instance.id))?;
        state(&mut account, region)
            .instances
            .insert(instance.id.clone(), built);
    }
    add_roles(&mut account, spec, now)?;
    add_users(&mut account, spec, now)?;
    for bucket in &spec.bucket {
        account
            .buckets
            .insert(bucket.name.clone(), bucket.tags.clone());
    }
    for finding in &spec.finding {
        add_finding(&mut account, spec, finding).map_err(|why| format!("finding: {why}"))?;
    }
    Ok(account)
}

fn regions(spec: &AccountSpec) -> BTreeSet<Region> {
    let named = spec.vpc.iter().map(|s| &s.region);
    let named = named
        .chain(spec.group.iter().map(|s| &s.region))
        .chain(spec.instance.iter().map(|s| &s.region));
    let named = named
        .chain(spec.key.iter().map(|s| &s.region))
        .chain(spec.finding.iter().map(|s| &s.region));
    named.flatten().chain([&spec.region]).cloned().collect()
}

fn state<'a>(account: &'a mut Account, region: &Region) -> &'a mut RegionState {
    account.regions.entry(region.clone()).or_default()
}

fn default_vpc(spec: &AccountSpec, region: &Region) -> Result<VpcId, String> {
    // The first VPC that the scenario names for the Region is the default one.
    let named = spec
        .vpc
        .iter()
        .find(|vpc| vpc.region.as_ref().unwrap_or(&spec.region) == region);
    match named {
        Some(vpc) => Ok(vpc.id.clone()),
        None => derived("vpc-", &format!("{}/{region}", spec.id))
            .parse()
            .map_err(words),
    }
}

fn add_key(
    state: &mut RegionState,
    spec: &AccountSpec,
    region: &Region,
    key: &KeySpec,
    everyone: &BTreeSet<AccountId>,
) {
    let id = key.id.clone().unwrap_or_else(|| {
        let hex = derived("", &format!("key/{}/{region}/{}", spec.id, key.alias));
        format!(
            "{}-{}-4{}-8000-00000{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..15],
            &hex[..7]
        )
    });
    let aws_managed = key.alias.starts_with("alias/aws/");
    let usable_by = match &key.usable_by {
        Some(accounts) => accounts.iter().cloned().collect(),
        None => everyone
            .iter()
            .filter(|id| **id != spec.id)
            .cloned()
            .collect(),
    };
    let arn = format!("arn:aws:kms:{region}:{}:key/{id}", spec.id);
    state.keys.insert(
        id,
        Key {
            arn,
            alias: Some(key.alias.clone()),
            aws_managed,
            usable_by,
        },
    );
}

fn add_instance(
    state: &mut RegionState,
    spec: &AccountSpec,
    region: &Region,
    instance: &InstanceSpec,
) -> Result<Machine, String> {
    let one = vec![InterfaceSpec::default()];
    let mut interfaces = Vec::new();
    for (index, interface) in instance
        .interfaces
        .as_ref()
        .unwrap_or(&one)
        .iter()
        .enumerate()
    {
        let vpc = interface
            .vpc
            .clone()
            .map_or_else(|| default_vpc(spec, region), Ok)?;
        let ipv6 = state.vpcs.entry(vpc.clone()).or_default().ipv6;
        let groups = match interface.groups.as_slice() {
            [] => vec![
                derived("sg-", vpc.as_str())
                    .parse::<GroupId>()
                    .map_err(words)?,
            ],
            given => given.to_vec(),
        };
        for group in &groups {
            let found = state
                .groups
                .entry(group.clone())
                .or_insert_with(|| SecurityGroup {
                    id: group.clone(),
                    name: group.to_string(),
                    vpc: vpc.clone(),
                    ingress: vec![https()],
                    egress: default_egress(ipv6),
                    tags: BTreeMap::new(),
                });
            if found.vpc != vpc {
                return Err(format!(
                    "{group} is in {}, its interface is in {vpc}",
                    found.vpc
                ));
            }
        }
        let id = match &interface.id {
            Some(id) => id.clone(),
            None => derived("eni-", &format!("{}/{index}", instance.id))
                .parse()
                .map_err(words)?,
        };
        interfaces.push(Interface {
            id,
            vpc,
            groups,
            requester_managed: interface.requester_managed,
        });
    }
    let one = vec![VolumeSpec {
        id: None,
        size: 8,
        encrypted: false,
        key: None,
        snapshots_fail: None,
        device: None,
        tags: BTreeMap::new(),
    }];
    let mut volumes = Vec::new();
    for (index, volume) in instance.volumes.as_ref().unwrap_or(&one).iter().enumerate() {
        let id = match &volume.id {
            Some(id) => id.clone(),
            None => derived("vol-", &format!("{}/{index}", instance.id))
                .parse()
                .map_err(words)?,
        };
        let key = volume
            .key
            .as_deref()
            .or(volume.encrypted.then_some(EBS_DEFAULT_ALIAS));
        let kms_key = match key.map(|key| (key, state.key(key))) {
            None => None,
            Some((_, Some(found))) => Some(found.arn.clone()),
            Some((name, None)) => return Err(format!("volume {id}: there is no key {name}")),
        };
        let built = Volume {
            id: id.clone(),
            size: volume.size,
            encrypted: key.is_some(),
            kms_key,
            tags: volume.tags.clone(),
        };
        state.volumes.insert(id.clone(), built);
        if let Some(failure) = &volume.snapshots_fail {
            state.bad_volumes.insert(id.clone(), failure.clone());
        }
        volumes.push((volume.device.clone().unwrap_or_else(|| device(index)), id));
    }
    Ok(Machine {
        tracked_open: BTreeSet::new(),
        instance: Instance {
            id: instance.id.clone(),
            state: instance
                .state
                .clone()
                .unwrap_or_else(|| "running".to_owned()),
            vpc: interfaces.first().map(|interface| interface.vpc.clone()),
            interfaces,
            root_device: Some(
                volumes
                    .first()
                    .map_or_else(|| device(0), |(device, _)| device.clone()),
            ),
            volumes,
            profile_arn: instance
                .profile
                .as_ref()
                .map(|name| format!("arn:aws:iam::{}:instance-profile/{name}", spec.id)),
            tags: instance.tags.clone(),
        },
    })
}

/// `/dev/xvda` for the root volume, `/dev/sdf`, `/dev/sdg`, … for data (EC2 User Guide, device names).
fn device(index: usize) -> String {
    match u8::try_from(index) {
        Ok(0) => "/dev/xvda".to_owned(),
        Ok(n @ 1..=11) => format!("/dev/sd{}", char::from(b'e' + n)),
        _ => format!("/dev/xvdb{index}"),
    }
}

fn https() -> Rule {
    let peer = Peer::Ipv4("0.0.0.0/0".to_owned());
    Rule {
        protocol: "tcp".to_owned(),
        from_port: Some(443),
        to_port: Some(443),
        peer,
    }
}

fn add_roles(account: &mut Account, spec: &AccountSpec, now: Timestamp) -> Result<(), String> {
    for role in &spec.role {
        let built = RoleState {
            path: role.path.clone().unwrap_or_else(|| "/".to_owned()),
            unique_id: unique_id("AROA", &format!("{}/{}", spec.id, role.name)),
            trust: ec2_trust(),
            policies: inline(&role.policies).map_err(|why| format!("role {}: {why}", role.name))?,
            tags: role.tags.clone(),
        };
        account.roles.insert(role.name.clone(), built);
        for profile in &role.profiles {
            account
                .profiles
                .insert(profile.clone(), Some(role.name.clone()));
        }
        add_sessions(
            account,
            &role.sessions,
            &Principal::Role(role.name.clone()),
            now,
        )?;
    }
    for profile in spec
        .instance
        .iter()
        .filter_map(|instance| instance.profile.as_ref())
    {
        if account.profiles.contains_key(profile) {
            continue;
        }
        let name: RoleName = profile.parse().map_err(words)?;
        account
            .roles
            .entry(name.clone())
            .or_insert_with(|| RoleState {
                path: "/".to_owned(),
                unique_id: unique_id("AROA", &format!("{}/{name}", spec.id)),
                trust: ec2_trust(),
                policies: BTreeMap::new(),
                tags: BTreeMap::new(),
            });
        account.profiles.insert(profile.clone(), Some(name));
    }
    Ok(())
}

fn add_users(account: &mut Account, spec: &AccountSpec, now: Timestamp) -> Result<(), String> {
    for user in &spec.user {
        let keys = user.keys.iter().map(|key| (key, KeyStatus::Active));
        let keys = keys.chain(
            user.inactive_keys
                .iter()
                .map(|key| (key, KeyStatus::Inactive)),
        );
        let created = now.checked_sub(USER_AGE).unwrap_or(now).to_string();
        let built = UserState {
            path: user.path.clone().unwrap_or_else(|| "/".to_owned()),
            unique_id: unique_id("AIDA", &format!("{}/{}", spec.id, user.name)),
            keys: keys
                .map(|(key, status)| (key.clone(), Settling::settled(status)))
                .collect(),
            login_profile: user.console.then_some(LoginProfile {
                created,
                reset_required: false,
            }),
            policies: inline(&user.policies).map_err(|why| format!("user {}: {why}", user.name))?,
            tags: user.tags.clone(),
        };
        account.users.insert(user.name.clone(), built);
        add_sessions(
            account,
            &user.sessions,
            &Principal::User(user.name.clone()),
            now,
        )?;
    }
    Ok(())
}

fn add_sessions(
    account: &mut Account,
    keys: &[AccessKeyId],
    principal: &Principal,
    now: Timestamp,
) -> Result<(), String> {
    let issued_at = now.checked_sub(SESSION_AGE).unwrap_or(now);
    let expires_at = issued_at
        .checked_add(SESSION_LIFE)
        .unwrap_or(Timestamp::MAX);
    for key in keys {
        if !key.is_temporary() {
            return Err(format!(
                "{key} is no key of a session: those begin with ASIA"
            ));
        }
        account.sessions.insert(
            key.clone(),
            Issued {
                principal: principal.clone(),
                issued_at,
                expires_at,
            },
        );
    }
    Ok(())
}

fn inline(
    policies: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Settling<Option<Document>>>, String> {
    let mut built = BTreeMap::new();
    for (name, text) in policies {
        let document: Document =
            serde_json::from_str(text).map_err(|error| format!("policy {name}: {error}"))?;
        policy::check(&document).map_err(|why| format!("policy {name}: {why}"))?;
        built.insert(name.clone(), Settling::settled(Some(document)));
    }
    Ok(built)
}

fn add_finding(
    account: &mut Account,
    spec: &AccountSpec,
    finding: &FindingSpec,
) -> Result<(), String> {
    let json: serde_json::Value =
        serde_json::from_str(&finding.json).map_err(|error| error.to_string())?;
    let id: FindingId = json["id"]
        .as_str()
        .ok_or("it has no id")?
        .parse()
        .map_err(words)?;
    let region = match (&finding.region, json["region"].as_str()) {
        (Some(region), _) => region.clone(),
        (None, Some(region)) => region.parse().map_err(words)?,
        (None, None) => spec.region.clone(),
    };
    state(account, &region).findings.insert(id, json);
    Ok(())
}

fn ec2_trust() -> Document {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]})
}

fn words(error: IdError) -> String {
    error.to_string()
}
