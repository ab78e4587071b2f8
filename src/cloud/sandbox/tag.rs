//! Tags as EC2, IAM, S3 and Lambda treat them.

use super::identity::{editable, role_mut, user_mut};
use super::refusal::Refused;
use super::tag_form::{TAGS_MAX, check_tags};
use super::world::World;
use super::{bucket, database, function, task};
use crate::change::{Taggable, Tags};
use crate::id::Place;

/// Sets the tags of `after`, or, where that is empty, removes the keys of `before`: one API call
/// does one of the two. Only S3, which replaces the whole set, can do both.
pub fn apply(
    world: &mut World,
    at: &Place,
    resource: &Taggable,
    before: &Tags,
    after: &Tags,
) -> Result<(), Refused> {
    let removed: Vec<&String> = before.keys().filter(|key| !after.contains_key(*key)).collect();
    if after.is_empty() && removed.is_empty() {
        return Err(Refused::new("MissingParameter", "the request must contain at least one tag"));
    }
    if !after.is_empty() && !removed.is_empty() && !matches!(resource, Taggable::Bucket(_)) {
        return Err(Refused::new(
            "InvalidParameterCombination",
            "one call sets tags or removes them: make two changes",
        ));
    }
    check_tags(after)?;
    let tags = of(world, at, resource)?;
    let mut next = tags.clone();
    next.retain(|key, _| !removed.contains(&key));
    next.extend(after.clone());
    if next.len() > TAGS_MAX {
        let code = if is_ec2(resource) { "TagLimitExceeded" } else { "LimitExceeded" };
        return Err(Refused::new(code, format!("a resource has at most {TAGS_MAX} tags")));
    }
    *tags = next;
    Ok(())
}

fn is_ec2(resource: &Taggable) -> bool {
    matches!(
        resource,
        Taggable::Instance(_)
            | Taggable::Volume(_)
            | Taggable::Snapshot(_)
            | Taggable::SecurityGroup(_)
    )
}

fn of<'a>(world: &'a mut World, at: &Place, resource: &Taggable) -> Result<&'a mut Tags, Refused> {
    let gone = |code, what: &str, id: &str| {
        Refused::new(code, format!("The {what} '{id}' does not exist"))
    };
    match resource {
        Taggable::Role(name) => {
            let role = role_mut(world, &at.account, name)?;
            editable(role, name)?;
            Ok(&mut role.tags)
        }
        Taggable::User(name) => Ok(&mut user_mut(world, &at.account, name)?.tags),
        Taggable::Bucket(name) => Ok(&mut bucket::bucket_mut(world, at, name)?.tags),
        Taggable::Database(name) => database::tags_mut(world, at, name),
        Taggable::Ecs(resource) => task::tags_mut(world, at, resource),
        Taggable::Function(name) => Ok(&mut function::function_mut(world, at, name)?.tags),
        Taggable::Instance(id) => match world.region_mut(at)?.instances.get_mut(id) {
            Some(machine) => Ok(&mut machine.instance.tags),
            None => Err(gone("InvalidInstanceID.NotFound", "instance ID", id.as_str())),
        },
        Taggable::Volume(id) => match world.region_mut(at)?.volumes.get_mut(id) {
            Some(volume) => Ok(&mut volume.tags),
            None => Err(gone("InvalidVolume.NotFound", "volume", id.as_str())),
        },
        Taggable::Snapshot(id) => match world.region_mut(at)?.snapshots.get_mut(id) {
            Some(record) => Ok(&mut record.snapshot.tags),
            None => Err(gone("InvalidSnapshot.NotFound", "snapshot", id.as_str())),
        },
        Taggable::SecurityGroup(id) => match world.region_mut(at)?.groups.get_mut(id) {
            Some(group) => Ok(&mut group.tags),
            None => Err(gone("InvalidGroup.NotFound", "security group", id.as_str())),
        },
    }
}
