//! Where the world stands towards a change: what recovery and undo ask before they act.
//!
//! The kinds of one service stand in a file of their own, named after it.

mod balancer;
mod database;
mod finding;
mod function;
mod profile;
mod snapshot_lock;
mod task;
mod trust;

use std::collections::BTreeSet;

pub use finding::{feedback, is_archived};

use super::{Address, Interface, Result, Safeguards, Session, unlike};
use crate::change::{AddressUse, Change, Kind, TAG_STEP, Tags};
use crate::id::{AllocationId, GroupId, InstanceId, Place};

/// How the world compares with a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// As before the change: it has not happened, or was taken back.
    Before,
    /// As after the change: it has happened.
    After,
    /// Neither: somebody else changed it. In words, for people.
    Other(String),
    /// The resource is gone.
    Gone,
    /// No read shows whether it has happened: nothing but AWS's answer told.
    Unseen,
}

/// Looks at the one attribute that `change` is about.
///
/// # Errors
/// When a read fails.
pub async fn standing(session: &dyn Session, change: &Change) -> Result<Standing> {
    let at = &change.at;
    Ok(match &change.kind {
        Kind::InterfaceGroups { interface, instance, before, after, .. } => {
            let found = session.instance(at, instance).await?;
            match found.and_then(|i| i.interfaces.into_iter().find(|i| i.id == *interface)) {
                None => Standing::Gone,
                Some(now) => compare(&set(&now.groups), &set(before), &set(after)),
            }
        }
        Kind::ElasticAddress {
            interface, instance, allocation, private_ip, before, after, ..
        } => {
            let found = session.instance(at, instance).await?;
            match found.and_then(|i| i.interfaces.into_iter().find(|i| i.id == *interface)) {
                None => Standing::Gone,
                Some(now) => address(&now, allocation, private_ip, *before, *after),
            }
        }
        Kind::TerminationProtection { instance, before, after } => {
            match safeguards(session, at, instance).await? {
                None => Standing::Gone,
                Some(now) => compare(&now.termination_protection, before, after),
            }
        }
        Kind::ShutdownBehavior { instance, before, after } => {
            match safeguards(session, at, instance).await? {
                None => Standing::Gone,
                Some(now) => compare(&now.on_shutdown, before, after),
            }
        }
        Kind::DeleteOnTermination { instance, volume, device, before, after } => {
            let found = safeguards(session, at, instance).await?;
            // Another volume under that name is not ours to decide about.
            match found.and_then(|mut now| now.disks.remove(device)) {
                Some((found, goes)) if found == *volume => compare(&goes, before, after),
                _ => Standing::Gone,
            }
        }
        Kind::GroupMinimum { group, instance, before, after } => {
            match session.membership(at, instance).await? {
                Some(now) if now.group == *group => compare(&now.minimum, before, after),
                _ => Standing::Gone,
            }
        }
        Kind::Standby { group, instance, before, after } => {
            match session.membership(at, instance).await? {
                Some(now) if now.group == *group => match now.duty() {
                    Some(duty) => compare(&duty, before, after),
                    None => Standing::Other(now.lifecycle),
                },
                _ => Standing::Gone,
            }
        }
        Kind::Balancer(change) => balancer::standing(session, at, change).await?,
        Kind::InstanceProfile(change) => profile::standing(session, at, change).await?,
        Kind::CreateGroup { vpc, name, tags, .. } => {
            let purpose = tags.get(crate::change::TAG_PURPOSE).map_or("", String::as_str);
            // Anybody may put the tag on a group of theirs; nobody can give it our name.
            match session.groups_for(at, vpc, purpose).await?.iter().any(|g| g.name == *name) {
                true => Standing::After,
                false => Standing::Before,
            }
        }
        Kind::GroupRules { group, direction, effect, rules, .. } => {
            let found = session.groups(at, std::slice::from_ref(group)).await?;
            let Some(found) = found.first() else {
                return Ok(Standing::Gone);
            };
            let present: Vec<_> = match direction {
                crate::change::Direction::Ingress => found.ingress.iter(),
                crate::change::Direction::Egress => found.egress.iter(),
            }
            .collect();
            let there =
                rules.iter().filter(|rule| present.iter().any(|have| have.same(rule))).count();
            let (none, full) = match effect {
                crate::change::RuleEffect::Authorize => (Standing::Before, Standing::After),
                crate::change::RuleEffect::Revoke => (Standing::After, Standing::Before),
            };
            match there {
                0 => none,
                n if n == rules.len() => full,
                n => Standing::Other(format!("{n} of {} rules are there", rules.len())),
            }
        }
        Kind::CreateSnapshots { tags, .. } | Kind::CopySnapshot { tags, .. } => {
            let step = tags.get(TAG_STEP).map_or("", String::as_str);
            let found = session.snapshots_tagged(at, TAG_STEP, step).await?;
            match found.iter().any(|snapshot| unlike(change, snapshot).is_none()) {
                true => Standing::After,
                false => Standing::Before,
            }
        }
        Kind::SnapshotSharing { snapshot, before, after } => {
            match session.snapshot_sharing(at, snapshot).await? {
                None => Standing::Gone,
                Some(now) => compare(&now, before, after),
            }
        }
        Kind::RolePolicy { role, policy, before, after } => {
            if session.role(at, role).await?.is_none() {
                return Ok(Standing::Gone);
            }
            compare(&session.role_policy(at, role, policy).await?, before, after)
        }
        Kind::UserPolicy { user, policy, before, after } => {
            if session.user(at, user).await?.is_none() {
                return Ok(Standing::Gone);
            }
            compare(&session.user_policy(at, user, policy).await?, before, after)
        }
        Kind::AccessKey { user, key, before, after } => {
            let found = session.user(at, user).await?;
            match found.and_then(|user| user.keys.into_iter().find(|k| k.id == *key)) {
                None => Standing::Gone,
                Some(now) => compare(&now.status, before, after),
            }
        }
        Kind::Credential { user, id, before, after, .. } => {
            let found = session.credentials(at, user).await?;
            match found.and_then(|all| all.into_iter().find(|one| one.id == *id)) {
                None => Standing::Gone,
                Some(now) => compare(&now.status, before, after),
            }
        }
        Kind::DeleteLoginProfile { user, before } => match session.user(at, user).await? {
            None => Standing::Gone,
            Some(now) => compare(&now.login_profile, &Some(before.clone()), &None),
        },
        Kind::PublicAccess { bucket, before, after } => match session.exposure(at, bucket).await? {
            None => Standing::Gone,
            Some(now) => compare(&now.block, before, after),
        },
        Kind::SnapshotLock(lock) => snapshot_lock::standing(session, at, lock).await?,
        Kind::Finding(change) => finding::standing(session, at, change).await?,
        Kind::Database(change) => database::standing(session, at, change).await?,
        Kind::Task(change) => task::standing(session, at, change).await?,
        Kind::Trust(change) => trust::standing(session, at, change).await?,
        Kind::Function(change) => function::standing(session, at, change).await?,
        Kind::Tags { resource, before, after } => match session.tags(at, resource).await? {
            None => Standing::Gone,
            Some(now) => {
                let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
                let touched: Tags = now.into_iter().filter(|(key, _)| keys.contains(key)).collect();
                compare(&touched, before, after)
            }
        },
    })
}

/// A terminated instance has nothing left to guard.
async fn safeguards(
    session: &dyn Session,
    at: &Place,
    id: &InstanceId,
) -> Result<Option<Safeguards>> {
    Ok(session.safeguards(at, id).await?.filter(|now| now.state != "terminated"))
}

/// The same address on another private one, or another on the same, is somebody else's doing: to
/// associate ours then would throw theirs off.
fn address(
    now: &Interface,
    allocation: &AllocationId,
    private_ip: &str,
    before: AddressUse,
    after: AddressUse,
) -> Standing {
    let related =
        |found: &&Address| found.allocation == *allocation || found.private_ip == private_ip;
    match now.addresses.iter().find(related) {
        None => compare(&AddressUse::Free, &before, &after),
        Some(found) if found.allocation == *allocation && found.private_ip == private_ip => {
            compare(&AddressUse::Associated, &before, &after)
        }
        Some(found) => Standing::Other(format!("{} on {}", found.public_ip, found.private_ip)),
    }
}

fn set(groups: &[GroupId]) -> BTreeSet<GroupId> {
    groups.iter().cloned().collect()
}

/// `after` wins when both are equal: nothing is left to do.
fn compare<T: PartialEq + std::fmt::Debug>(now: &T, before: &T, after: &T) -> Standing {
    if now == after {
        Standing::After
    } else if now == before {
        Standing::Before
    } else {
        Standing::Other(format!("{now:?}"))
    }
}
