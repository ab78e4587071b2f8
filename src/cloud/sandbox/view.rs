//! What a caller sees of the world: resources as the API shows them.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::allow::{self, Need};
use super::apply::iam_arn;
use super::world::World;
use super::{database, task};
use crate::change::{EcsRef, Taggable, Tags, carried};
use crate::cloud::{Role, Snapshot, User, UserKey};
use crate::id::{InstanceId, Place, RoleName, SnapshotId, UserName};

/// A role with the instance profiles that hold it.
pub fn role(world: &World, at: &Place, name: &RoleName) -> Option<Role> {
    let account = world.accounts.get(&at.account)?;
    let role = account.roles.get(name)?;
    let profiles = account.profiles.iter().filter(|(_, held)| held.as_ref() == Some(name));
    Some(Role {
        name: name.clone(),
        arn: iam_arn(world, &at.account, "role", name.as_str()),
        path: role.path.clone(),
        unique_id: role.unique_id.clone(),
        trust: carried(role.trust.clone()),
        instance_profiles: profiles.map(|(profile, _)| profile.clone()).collect(),
        tags: role.tags.clone(),
    })
}

/// The instances that carry one of these profiles.
pub fn carriers(world: &World, at: &Place, profiles: &BTreeSet<String>) -> BTreeSet<InstanceId> {
    let region = world.accounts.get(&at.account).and_then(|own| own.regions.get(&at.region));
    let machines = region.into_iter().flat_map(|region| &region.instances);
    let carries = machines.filter(|(_, machine)| {
        let arn = machine.instance.profile_arn.as_deref();
        let name = arn.and_then(|arn| arn.rsplit('/').next());
        machine.instance.state != "terminated" && name.is_some_and(|name| profiles.contains(name))
    });
    carries.map(|(id, _)| id.clone()).collect()
}

/// A user with its keys and its password.
pub fn user(world: &World, at: &Place, name: &UserName) -> Option<User> {
    let user = world.accounts.get(&at.account)?.users.get(name)?;
    let keys =
        user.keys.iter().map(|(id, status)| UserKey { id: id.clone(), status: status.value });
    Some(User {
        name: name.clone(),
        arn: iam_arn(world, &at.account, "user", name.as_str()),
        unique_id: user.unique_id.clone(),
        keys: keys.collect(),
        login_profile: user.login_profile.clone(),
        tags: user.tags.clone(),
    })
}

/// Our own snapshots with a tag; counts as a look at each.
pub fn tagged(
    world: &mut World,
    at: &Place,
    key: &str,
    value: &str,
    now: Timestamp,
) -> Vec<Snapshot> {
    let account = world.accounts.get_mut(&at.account);
    let region = account.and_then(|account| account.regions.get_mut(&at.region));
    region
        .into_iter()
        .flat_map(|region| region.snapshots.values_mut())
        .filter(|record| record.snapshot.tags.get(key).is_some_and(|have| have == value))
        .map(|record| record.look(now))
        .collect()
}

/// A snapshot that the caller owns or that is shared with it; counts as a look.
pub fn snapshot(
    world: &mut World,
    at: &Place,
    id: &SnapshotId,
    now: Timestamp,
) -> Option<Snapshot> {
    let caller = &at.account;
    let record = world
        .accounts
        .values_mut()
        .filter_map(|account| account.regions.get_mut(&at.region)?.snapshots.get_mut(id))
        .find(|record| record.snapshot.owner == *caller || record.shared_with.contains(caller))?;
    let mut shown = record.look(now);
    // Tags of a shared snapshot are its owner's alone (EC2 User Guide, tags).
    if shown.owner != *caller {
        shown.tags.clear();
    }
    Some(shown)
}

/// The tags of a resource.
pub fn tags<'a>(world: &'a World, at: &Place, resource: &Taggable) -> Option<&'a Tags> {
    let account = world.accounts.get(&at.account)?;
    let region = account.regions.get(&at.region);
    match resource {
        Taggable::Instance(id) => Some(&region?.instances.get(id)?.instance.tags),
        Taggable::Volume(id) => Some(&region?.volumes.get(id)?.tags),
        Taggable::Snapshot(id) => Some(&region?.snapshots.get(id)?.snapshot.tags),
        Taggable::Role(name) => Some(&account.roles.get(name)?.tags),
        Taggable::User(name) => Some(&account.users.get(name)?.tags),
        Taggable::Bucket(name) => Some(&account.buckets.get(name)?.tags),
        Taggable::SecurityGroup(id) => Some(&region?.groups.get(id)?.tags),
        Taggable::Database(database) => database::tags(region?, database),
        Taggable::Ecs(resource) => task::tags(region?, resource),
        Taggable::Function(name) => Some(&region?.functions.get(name)?.tags),
    }
}

/// What reading tags needs. `ec2:DescribeTags` answers the same for an untagged resource and for
/// none, so that an empty answer is followed by the describe call of its kind.
pub fn tag_needs(world: &World, at: &Place, resource: &Taggable) -> Vec<Need> {
    let arn = |kind, name| iam_arn(world, &at.account, kind, name);
    let describe = match resource {
        Taggable::Role(name) => return vec![("iam:ListRoleTags", arn("role", name.as_str()))],
        Taggable::User(name) => return vec![("iam:ListUserTags", arn("user", name.as_str()))],
        Taggable::Bucket(name) => {
            return vec![("s3:GetBucketTagging", format!("arn:aws:s3:::{name}"))];
        }
        Taggable::Database(database) => {
            return vec![("rds:ListTagsForResource", allow::rds(at, database))];
        }
        Taggable::Ecs(resource) => {
            let action = match resource {
                EcsRef::Task { .. } => "ecs:DescribeTasks",
                EcsRef::Service { .. } => "ecs:DescribeServices",
            };
            return vec![(action, allow::ecs(at, resource))];
        }
        Taggable::Function(name) => return vec![("lambda:ListTags", allow::lambda(at, name))],
        Taggable::Instance(_) => "ec2:DescribeInstances",
        Taggable::Volume(_) => "ec2:DescribeVolumes",
        Taggable::Snapshot(_) => "ec2:DescribeSnapshots",
        Taggable::SecurityGroup(_) => "ec2:DescribeSecurityGroups",
    };
    match tags(world, at, resource) {
        Some(tags) if !tags.is_empty() => any(&["ec2:DescribeTags"]),
        _ => any(&["ec2:DescribeTags", describe]),
    }
}

/// Actions that take no resource.
pub fn any(actions: &[&'static str]) -> Vec<Need> {
    actions.iter().map(|action| (*action, "*".to_owned())).collect()
}
