//! Every sentence in which a change is told to people: plans, timelines and the terminal.

use std::fmt::Display;

use super::{AddressUse, Change, Direction, Duty, Kind, Peer, PublicAccessBlock, Rule, RuleEffect};

pub(super) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

impl Rule {
    /// In a few words: what it lets through, and to or from whom.
    #[must_use]
    pub fn words(&self) -> String {
        let what = if self.protocol == "-1" { "everything" } else { &self.protocol };
        let ports = match (self.from_port, self.to_port) {
            (Some(from), Some(to)) if from == to => format!(" port {from}"),
            (Some(from), Some(to)) => format!(" ports {from}-{to}"),
            _ => String::new(),
        };
        let (Peer::Ipv4(peer) | Peer::Ipv6(peer) | Peer::PrefixList(peer) | Peer::Group(peer)) =
            &self.peer;
        // Somebody else wrote it, and it may say anything: quoted, it can't pass for our words.
        let says = self.description.as_ref().map(|text| format!(" {text:?}")).unwrap_or_default();
        format!("{what}{ports} {peer}{says}")
    }
}

impl Change {
    /// One sentence, without the account: what becomes what.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.kind {
            Kind::InterfaceGroups { interface, instance, before, after, .. } => format!(
                "{interface} of {instance}: security groups {} become {}",
                list(before),
                list(after)
            ),
            Kind::ElasticAddress { interface, instance, public_ip, private_ip, after, .. } => {
                let becomes = match after {
                    AddressUse::Associated => "associated with",
                    AddressUse::Free => "disassociated from",
                };
                format!(
                    "{interface} of {instance}: Elastic IP {public_ip} is {becomes} {private_ip}"
                )
            }
            Kind::TerminationProtection { instance, after, .. } => {
                let becomes = if *after { "on" } else { "off" };
                format!("{instance}: termination protection is turned {becomes}")
            }
            Kind::ShutdownBehavior { instance, before, after } => format!(
                "{instance}: a shutdown from inside becomes {} instead of {}",
                after.label(),
                before.label()
            ),
            Kind::DeleteOnTermination { instance, volume, after, .. } => {
                let becomes = if *after { "is deleted" } else { "stays" };
                format!("{instance}: {volume} {becomes} when the instance is terminated")
            }
            Kind::GroupMinimum { group, instance, before, after } => {
                let why = if after < before { ", so that it can stand by" } else { "" };
                format!(
                    "{instance}: the least size of its Auto Scaling group {group} becomes {after} instead of {before}{why}"
                )
            }
            Kind::Standby { group, instance, after, .. } => match after {
                Duty::Standby => format!(
                    "{instance}: it leaves the service of its Auto Scaling group {group} and stands by"
                ),
                Duty::InService => {
                    format!("{instance}: it is in service of its Auto Scaling group {group}")
                }
            },
            Kind::Balancer(change) => change.words(),
            Kind::InstanceProfile(change) => change.words(),
            Kind::CreateGroup { vpc, name, .. } => format!("new security group {name} in {vpc}"),
            Kind::GroupRules { group, direction, effect, rules, .. } => format!(
                "{group}: {} {} rules: {}",
                match effect {
                    RuleEffect::Authorize => "add",
                    RuleEffect::Revoke => "remove",
                },
                match direction {
                    Direction::Ingress => "inbound",
                    Direction::Egress => "outbound",
                },
                list(rules.iter().map(Rule::words))
            ),
            Kind::CreateSnapshots { instance, volumes, .. } => {
                format!("snapshots of {} of {instance}, at one moment", list(volumes))
            }
            Kind::CopySnapshot { source, source_at, kms_key, .. } => {
                format!("copy {source} of {source_at} to {}, encrypted with {kms_key}", self.at)
            }
            Kind::SnapshotSharing { snapshot, before, after } => {
                let gone: Vec<_> = before.difference(after).collect();
                let new: Vec<_> = after.difference(before).collect();
                if gone.is_empty() && new.is_empty() {
                    format!("sharing of {snapshot} is as it was before")
                } else if gone.is_empty() {
                    format!("share {snapshot} with account {}", list(new))
                } else {
                    format!("stop sharing {snapshot} with account {}", list(gone))
                }
            }
            Kind::RolePolicy { role, policy, before, after } => {
                format!(
                    "role {role}: inline policy {policy} is {}",
                    document(before.is_some(), after.is_some())
                )
            }
            Kind::UserPolicy { user, policy, before, after } => {
                format!(
                    "user {user}: inline policy {policy} is {}",
                    document(before.is_some(), after.is_some())
                )
            }
            Kind::AccessKey { user, key, before, after } => {
                format!(
                    "user {user}: access key {key} {} becomes {}",
                    before.label(),
                    after.label()
                )
            }
            Kind::Credential { user, credential, id, before, after } => {
                format!(
                    "user {user}: {} {id} {} becomes {}",
                    credential.words(),
                    before.label(),
                    after.label()
                )
            }
            Kind::DeleteLoginProfile { user, .. } => {
                format!("user {user}: console password removed")
            }
            Kind::PublicAccess { bucket, before, after } => {
                let words = |block: &Option<PublicAccessBlock>| match block {
                    Some(block) => block.words(),
                    None => "none".to_owned(),
                };
                let (before, after) = (words(before), words(after));
                format!("bucket {bucket}: Block Public Access {before} becomes {after}")
            }
            Kind::SnapshotLock(lock) => lock.words(),
            Kind::Finding(change) => change.words(),
            Kind::Database(change) => change.words(),
            Kind::Task(change) => change.words(),
            Kind::Trust(change) => change.words(),
            Kind::Function(function) => function.words(),
            Kind::Tags { resource, before, after } if after.is_empty() => {
                format!("{}: remove tags {}", resource.path(), list(before.keys()))
            }
            Kind::Tags { resource, after, .. } => format!(
                "{}: set tags {}",
                resource.path(),
                list(after.iter().map(|(key, value)| format!("{key}={value}")))
            ),
        }
    }
}

fn document(before: bool, after: bool) -> &'static str {
    match (before, after) {
        (false, true) => "put in place",
        (true, true) => "replaced",
        (_, false) => "removed",
    }
}
