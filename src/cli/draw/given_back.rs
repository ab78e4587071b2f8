//! A change that was taken back, told by what is so again, and the sort of a change that stays.

use crate::change::{AddressUse, Change, GroupOwner, Kind};

/// What sort of thing stays in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Quarantine groups and their rules.
    Groups,
    /// Snapshots, their copies and with whom they are shared.
    Evidence,
    /// Policies that deny.
    Deny,
    /// Keys and other credentials that are disabled.
    Credential,
    /// Anything else.
    Other,
}

impl Sort {
    /// The sort of what `change` changed.
    pub(super) fn of(change: &Change) -> Self {
        match change.kind {
            Kind::CreateGroup { .. } | Kind::GroupRules { owner: GroupOwner::Ours, .. } => {
                Self::Groups
            }
            Kind::CreateSnapshots { .. }
            | Kind::CopySnapshot { .. }
            | Kind::SnapshotLock(_)
            | Kind::SnapshotSharing { .. } => Self::Evidence,
            Kind::RolePolicy { .. } | Kind::UserPolicy { .. } | Kind::Trust(_) => Self::Deny,
            Kind::AccessKey { .. } | Kind::Credential { .. } | Kind::DeleteLoginProfile { .. } => {
                Self::Credential
            }
            _ => Self::Other,
        }
    }

    /// In words, of `count` of them.
    pub(super) fn words(self, count: usize) -> &'static str {
        match (self, count) {
            (Self::Groups, _) => "groups and rules",
            (Self::Evidence, _) => "evidence",
            (Self::Deny, 1) => "deny",
            (Self::Deny, _) => "denies",
            (Self::Credential, 1) => "disabled credential",
            (Self::Credential, _) => "disabled credentials",
            (Self::Other, 1) => "other",
            (Self::Other, _) => "others",
        }
    }
}

/// What is so again now that `change` was taken back.
pub(super) fn given_back(change: &Change) -> String {
    let switch = |on: bool| if on { "on" } else { "off" };
    match &change.kind {
        Kind::InterfaceGroups { interface, instance, before, .. } => {
            let groups: Vec<&str> = before.iter().map(|group| group.as_str()).collect();
            format!("{interface} of {instance} has its groups {} again", groups.join(", "))
        }
        Kind::ElasticAddress { interface, instance, public_ip, before, .. } => match before {
            AddressUse::Associated => {
                format!("{interface} of {instance} has its Elastic IP {public_ip} again")
            }
            AddressUse::Free => format!("Elastic IP {public_ip} is free again"),
        },
        Kind::TerminationProtection { instance, before, .. } => {
            format!("{instance}: termination protection is {} again", switch(*before))
        }
        Kind::ShutdownBehavior { instance, before, .. } => {
            format!("{instance}: a shutdown from inside is a {} again", before.label())
        }
        Kind::DeleteOnTermination { instance, volume, before, .. } => {
            let becomes = if *before { "is deleted" } else { "stays" };
            format!("{instance}: {volume} {becomes} again when the instance is terminated")
        }
        Kind::GroupMinimum { group, before, .. } => {
            format!("the least size of Auto Scaling group {group} is {before} again")
        }
        Kind::Standby { group, instance, before, .. } => {
            format!("{instance} is {} in its Auto Scaling group {group} again", before.label())
        }
        Kind::Balancer(change) => change.given_back(),
        Kind::InstanceProfile(change) => change.given_back(),
        Kind::RolePolicy { role, policy, before, .. } => {
            format!("role {role}: inline policy {policy} is {}", document(before.is_some()))
        }
        Kind::UserPolicy { user, policy, before, .. } => {
            format!("user {user}: inline policy {policy} is {}", document(before.is_some()))
        }
        Kind::AccessKey { user, key, before, .. } => {
            format!("user {user}: access key {key} is {} again", before.label())
        }
        Kind::Credential { user, credential, id, before, .. } => {
            format!("user {user}: {} {id} is {} again", credential.words(), before.label())
        }
        Kind::PublicAccess { bucket, before, .. } => match before {
            Some(before) => {
                format!("bucket {bucket}: Block Public Access is {} again", before.words())
            }
            None => format!("bucket {bucket}: Block Public Access is not configured, as before"),
        },
        Kind::Finding(change) => change.given_back(),
        Kind::Database(change) => change.given_back(),
        Kind::Task(change) => change.given_back(),
        Kind::Trust(change) => change.given_back(),
        Kind::Function(function) => function.given_back(),
        Kind::Tags { resource, before, after } => {
            let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
            let keys: Vec<&str> = keys.map(String::as_str).collect();
            format!("{}: the tags {} are as they were", resource.path(), keys.join(", "))
        }
        Kind::GroupRules { group, owner: GroupOwner::Account, rules, .. } => {
            let rules =
                if rules.len() == 1 { "rule".to_owned() } else { format!("{} rules", rules.len()) };
            format!("{group} has the {rules} again")
        }
        Kind::CreateGroup { .. }
        | Kind::GroupRules { .. }
        | Kind::CreateSnapshots { .. }
        | Kind::CopySnapshot { .. }
        | Kind::SnapshotLock(_)
        | Kind::SnapshotSharing { .. }
        | Kind::DeleteLoginProfile { .. } => format!("no longer so: {}", change.words()),
    }
}

fn document(before: bool) -> &'static str {
    if before { "as it was" } else { "gone" }
}
