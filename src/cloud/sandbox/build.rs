//! From a scenario to a world: fills in what was left out, always in the same way.
//!
//! Derived ids depend on the account and on what the thing belongs to, never on chance, so that a
//! scenario gives the same world every time. References that lead nowhere are refused.

mod balancers;
mod databases;
mod functions;
mod machines;
mod principals;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::naming::derived;
use super::network::default_egress;
use super::scenario::{AccountSpec, FindingSpec, KeySpec, Scenario};
use super::world::{Account, BucketState, Key, RegionState, ScalingGroup, Vpc, World};
use crate::change::Duty;
use crate::cloud::SecurityGroup;
use crate::id::{AccountId, FindingId, IdError, InstanceId, Region};
use functions::add_functions;
use machines::{add_instance, default_vpc, https};
pub use principals::SESSION_LIFE;
use principals::{add_roles, add_users};

/// The alias of the key that EBS uses by default.
pub const EBS_DEFAULT_ALIAS: &str = "alias/aws/ebs";

impl World {
    /// The world that a scenario describes, at `now`.
    ///
    /// # Errors
    /// The first thing that can't be, in words that name where it is.
    pub fn build(scenario: &Scenario, now: Timestamp) -> Result<Self, String> {
        let everyone: BTreeSet<AccountId> =
            scenario.account.iter().map(|account| account.id.clone()).collect();
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
    account.trail = spec.deed.iter().map(|deed| deed.logged(&spec.region, now)).collect();
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
        let vpc = group.vpc.clone().map_or_else(|| default_vpc(spec, region), Ok)?;
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
        state(&mut account, region).instances.insert(instance.id.clone(), built);
    }
    for group in &spec.scaling_group {
        let region = state(&mut account, group.region.as_ref().unwrap_or(&spec.region));
        if let Some(id) = group.instances.iter().find(|id| !region.instances.contains_key(*id)) {
            return Err(format!("Auto Scaling group {}: there is no instance {id}", group.name));
        }
        let desired = u32::try_from(group.instances.len()).unwrap_or(u32::MAX);
        let in_service = |id: &InstanceId| (id.clone(), Duty::InService.label().to_owned());
        let built = ScalingGroup {
            minimum: group.minimum,
            desired,
            maximum: group.maximum.unwrap_or(desired),
            members: group.instances.iter().map(in_service).collect(),
            target_groups: Vec::new(),
        };
        region.scaling_groups.insert(group.name.clone(), built);
    }
    balancers::add_balancers(&mut account, spec)?;
    databases::add_databases(&mut account, spec)?;
    tasks::add_tasks(&mut account, spec)?;
    add_roles(&mut account, spec, now)?;
    add_users(&mut account, spec, now)?;
    add_functions(&mut account, spec)?;
    for bucket in &spec.bucket {
        let state = BucketState {
            tags: bucket.tags.clone(),
            block: bucket.block,
            public_policy: bucket.public_policy,
            public_acl: bucket.public_acl,
        };
        account.buckets.insert(bucket.name.clone(), state);
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
        .chain(spec.instance.iter().map(|s| &s.region))
        .chain(spec.scaling_group.iter().map(|s| &s.region))
        .chain(spec.target_group.iter().map(|s| &s.region))
        .chain(spec.classic_balancer.iter().map(|s| &s.region))
        .chain(spec.database.iter().map(|s| &s.region))
        .chain(spec.database_cluster.iter().map(|s| &s.region))
        .chain(spec.function.iter().map(|s| &s.region));
    let named = named
        .chain(spec.key.iter().map(|s| &s.region))
        .chain(spec.finding.iter().map(|s| &s.region));
    named.flatten().chain([&spec.region]).cloned().collect()
}

fn state<'a>(account: &'a mut Account, region: &Region) -> &'a mut RegionState {
    account.regions.entry(region.clone()).or_default()
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
        format!("{}-{}-4{}-8000-00000{}", &hex[..8], &hex[8..12], &hex[12..15], &hex[..7])
    });
    let aws_managed = key.alias.starts_with("alias/aws/");
    let usable_by = match &key.usable_by {
        Some(accounts) => accounts.iter().cloned().collect(),
        None => everyone.iter().filter(|id| **id != spec.id).cloned().collect(),
    };
    let arn = format!("arn:aws:kms:{region}:{}:key/{id}", spec.id);
    state.keys.insert(id, Key { arn, alias: Some(key.alias.clone()), aws_managed, usable_by });
}

fn add_finding(
    account: &mut Account,
    spec: &AccountSpec,
    finding: &FindingSpec,
) -> Result<(), String> {
    let json: serde_json::Value =
        serde_json::from_str(&finding.json).map_err(|error| error.to_string())?;
    let id: FindingId = json["id"].as_str().ok_or("it has no id")?.parse().map_err(words)?;
    let region = match (&finding.region, json["region"].as_str()) {
        (Some(region), _) => region.clone(),
        (None, Some(region)) => region.parse().map_err(words)?,
        (None, None) => spec.region.clone(),
    };
    state(account, &region).findings.insert(id, json);
    Ok(())
}

fn words(error: IdError) -> String {
    error.to_string()
}
