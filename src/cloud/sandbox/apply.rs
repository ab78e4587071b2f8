//! One change, made: permission, rule, journal. The order is AWS's: a caller who may not make the
//! call learns nothing about the resource.

use jiff::Timestamp;

use super::disk::{self, Caller, LeaveOut};
use super::identity::{self, Inline};
use super::refusal::Refused;
use super::world::{Mutation, World};
use super::{
    address, allow, balancer, bucket, database, finding, function, guard, network, profile,
    scaling, snapshot_lock, tag, task, trust,
};
use crate::change::{AddressUse, Change, Kind};
use crate::cloud::{Created, Receipt, Scope};
use crate::id::AccountId;

/// Makes `change` on behalf of `scope`, and writes it down.
pub fn apply(
    world: &mut World,
    scope: &Scope,
    change: &Change,
    request_id: String,
    now: Timestamp,
) -> Result<Receipt, Refused> {
    world.account(&change.at.account)?;
    if world.enforce {
        let needs =
            allow::needs(change, |kind, name| iam_arn(world, &change.at.account, kind, name));
        allow::check(&scope.permissions, &needs)?;
    }
    let known = world.region(&change.at)?.is_some();
    let made = make(world, scope, change, now);
    if made.is_err() && !known {
        // A refused call leaves no trace, not even an empty Region.
        world.account_mut(&change.at.account)?.regions.remove(&change.at.region);
    }
    let created = made?;
    world.mutations.push(Mutation {
        n: u64::try_from(world.mutations.len()).unwrap_or(u64::MAX).saturating_add(1),
        at: now,
        account: change.at.account.clone(),
        region: change.at.region.clone(),
        operation: change.operation().to_owned(),
        resource: change.resource(),
        case: scope.case.clone(),
        run: scope.run.clone(),
        step: scope.step.clone(),
        request_id: request_id.clone(),
    });
    Ok(Receipt { request_id, created })
}

fn make(
    world: &mut World,
    scope: &Scope,
    change: &Change,
    now: Timestamp,
) -> Result<Option<Created>, Refused> {
    let at = &change.at;
    match &change.kind {
        Kind::InterfaceGroups { interface, after, .. } => {
            network::set_groups(world, at, interface, after)?;
        }
        Kind::ElasticAddress { interface, allocation, private_ip, after, .. }
            if *after == AddressUse::Associated =>
        {
            address::associate(world, at, interface, allocation, private_ip)?;
        }
        Kind::ElasticAddress { association, .. } => address::disassociate(world, at, association)?,
        Kind::TerminationProtection { instance, after, .. } => {
            guard::protect(world, at, instance, *after)?;
        }
        Kind::ShutdownBehavior { instance, after, .. } => {
            guard::on_shutdown(world, at, instance, *after)?;
        }
        Kind::DeleteOnTermination { instance, device, after, .. } => {
            guard::delete_on_termination(world, at, instance, device, *after)?;
        }
        Kind::GroupMinimum { group, after, .. } => scaling::minimum(world, at, group, *after)?,
        Kind::Standby { group, instance, after, .. } => {
            scaling::stand_by(world, at, group, instance, *after)?;
        }
        Kind::Balancer(change) => balancer::apply(world, at, change)?,
        Kind::InstanceProfile(change) => profile::apply(world, at, change)?,
        Kind::CreateGroup { vpc, name, description, tags } => {
            return network::create_group(world, at, vpc, name, description, tags)
                .map(|id| Some(Created::Group(id)));
        }
        Kind::GroupRules { group, direction, effect, rules, .. } => {
            network::change_rules(world, at, group, *direction, *effect, rules)?;
        }
        Kind::CreateSnapshots { instance, exclude_boot, exclude, tags, .. } => {
            let leave_out = LeaveOut { boot: *exclude_boot, volumes: exclude };
            let made = disk::create(world, at, instance, &leave_out, tags, now)?;
            return Ok(Some(Created::Snapshots(made)));
        }
        Kind::CopySnapshot { source, source_at, kms_key, tags } => {
            let who = Caller { permissions: world.enforce.then_some(&scope.permissions), now };
            let id = disk::copy(world, at, source, source_at, kms_key, tags, &who)?;
            return Ok(Some(Created::Snapshots(vec![(id, None)])));
        }
        Kind::SnapshotSharing { snapshot, before, after } => {
            disk::share(world, at, snapshot, before, after)?
        }
        Kind::RolePolicy { role, policy, after, .. } => {
            let inline = Inline { name: policy, document: after.as_ref() };
            identity::role_policy(world, &at.account, role, inline, now)?;
        }
        Kind::UserPolicy { user, policy, after, .. } => {
            let inline = Inline { name: policy, document: after.as_ref() };
            identity::user_policy(world, &at.account, user, inline, now)?;
        }
        Kind::AccessKey { user, key, after, .. } => {
            identity::access_key(world, &at.account, user, key, *after, now)?;
        }
        Kind::Credential { user, credential, id, after, .. } => {
            super::credential::set(world, &at.account, (user, *credential, id), *after, now)?;
        }
        Kind::DeleteLoginProfile { user, .. } => {
            identity::delete_login_profile(world, &at.account, user)?
        }
        Kind::PublicAccess { bucket, after, .. } => bucket::block(world, at, bucket, *after)?,
        Kind::SnapshotLock(lock) => snapshot_lock::lock(world, at, lock, now)?,
        Kind::Finding(change) => finding::apply(world, at, change)?,
        Kind::Database(change) => database::modify(world, at, change)?,
        Kind::Task(change) => task::change(world, at, change)?,
        Kind::Trust(change) => trust::apply(world, &at.account, change, now)?,
        Kind::Function(change) => function::apply(world, at, change)?,
        Kind::Tags { resource, before, after } => tag::apply(world, at, resource, before, after)?,
    }
    Ok(None)
}

/// The ARN of a role or user with its path; without one where it does not exist.
#[must_use]
pub fn iam_arn(world: &World, account: &AccountId, kind: &str, name: &str) -> String {
    let found = world.accounts.get(account);
    let path = match kind {
        "role" => found
            .and_then(|a| a.roles.iter().find(|(n, _)| n.as_str() == name))
            .map(|(_, role)| &role.path),
        _ => found
            .and_then(|a| a.users.iter().find(|(n, _)| n.as_str() == name))
            .map(|(_, user)| &user.path),
    };
    format!("arn:aws:iam::{account}:{kind}{}{name}", path.map_or("/", String::as_str))
}

/// A request id in AWS's form that depends on the sequence alone.
#[must_use]
pub fn request_id(n: u64) -> String {
    format!("5a5a5a5a-0000-4000-8000-{n:012x}")
}
