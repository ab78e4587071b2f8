//! What takes a change back, and where nothing may.

use std::mem::swap;

use super::{Change, GroupOwner, KeyStatus, Kind, RuleEffect, SnapshotLock};

/// How a change is taken back.
#[derive(Debug, Clone, PartialEq)]
pub enum Inverse {
    /// By this change.
    Change(Change),
    /// By this change, which gives an attacker back what was taken: only on explicit request.
    Revives(Change, &'static str),
    /// Not at all, and on purpose: evidence and shared quarantine groups stay.
    Kept(&'static str),
    /// Not by us; a person is told what to do.
    Lost(&'static str),
}

impl Change {
    /// The inverse: `before` and `after` swapped where that is possible.
    #[must_use]
    pub fn inverse(&self) -> Inverse {
        match &self.kind {
            Kind::CreateGroup { .. } => Inverse::Kept(
                "the quarantine group may hold other instances, and an unused group does no harm",
            ),
            Kind::GroupRules { owner: GroupOwner::Ours, .. } => Inverse::Kept(
                "the rules of a quarantine or transition group stay as containment needs them",
            ),
            Kind::CreateSnapshots { .. } | Kind::CopySnapshot { .. } => {
                Inverse::Kept("snapshots are evidence")
            }
            Kind::SnapshotSharing { before, after, .. } if after.len() <= before.len() => {
                Inverse::Kept("a snapshot is not shared again without a new reason")
            }
            Kind::RolePolicy { .. } => Inverse::Revives(
                self.swapped(),
                "sessions stolen before the cut-off work again until they expire (12 h, at most 36 h)",
            ),
            Kind::UserPolicy { .. } => Inverse::Revives(
                self.swapped(),
                "sessions made with the user's keys work again until they expire (36 h at most)",
            ),
            Kind::AccessKey { before: KeyStatus::Active, .. } => Inverse::Revives(
                self.swapped(),
                "a leaked key works again; AWS advises to delete it and issue a new one",
            ),
            Kind::Credential { before: KeyStatus::Active, .. } => Inverse::Revives(
                self.swapped(),
                "a credential that may be known to others works again; make a new one instead",
            ),
            Kind::SnapshotLock(_) => Inverse::Kept(SnapshotLock::KEPT),
            Kind::Finding(change) => match change.kept() {
                Some(why) => Inverse::Kept(why),
                None => Inverse::Change(self.swapped()),
            },
            Kind::Task(change) => match change.lost() {
                Some(why) => Inverse::Lost(why),
                None => Inverse::Change(self.swapped()),
            },
            Kind::DeleteLoginProfile { .. } => Inverse::Lost(
                "the password is gone: create a login profile with a new password and demand a reset",
            ),
            Kind::InterfaceGroups { .. }
            | Kind::GroupRules { owner: GroupOwner::Account, .. }
            | Kind::ElasticAddress { .. }
            | Kind::TerminationProtection { .. }
            | Kind::ShutdownBehavior { .. }
            | Kind::DeleteOnTermination { .. }
            | Kind::GroupMinimum { .. }
            | Kind::Standby { .. }
            | Kind::Balancer(_)
            | Kind::Trust(_)
            | Kind::InstanceProfile(_)
            | Kind::SnapshotSharing { .. }
            | Kind::AccessKey { .. }
            | Kind::Credential { .. }
            | Kind::PublicAccess { .. }
            | Kind::Database(_)
            | Kind::Function(_)
            | Kind::Tags { .. } => Inverse::Change(self.swapped()),
        }
    }

    /// The change the other way round; of what has no other way, the change itself.
    fn swapped(&self) -> Self {
        let mut back = self.clone();
        match &mut back.kind {
            Kind::InterfaceGroups { before, after, passing, .. } => {
                swap(before, after);
                *passing = false;
            }
            Kind::ElasticAddress { before, after, .. } => swap(before, after),
            Kind::TerminationProtection { before, after, .. }
            | Kind::DeleteOnTermination { before, after, .. } => swap(before, after),
            Kind::ShutdownBehavior { before, after, .. } => swap(before, after),
            Kind::GroupMinimum { before, after, .. } => swap(before, after),
            Kind::Standby { before, after, .. } => swap(before, after),
            Kind::Balancer(change) => change.swap(),
            Kind::InstanceProfile(change) => change.swap(),
            Kind::SnapshotSharing { before, after, .. } => swap(before, after),
            Kind::RolePolicy { before, after, .. } | Kind::UserPolicy { before, after, .. } => {
                swap(before, after);
            }
            Kind::AccessKey { before, after, .. } | Kind::Credential { before, after, .. } => {
                swap(before, after);
            }
            Kind::PublicAccess { before, after, .. } => swap(before, after),
            Kind::Database(change) => change.swap(),
            Kind::Task(change) => change.swap(),
            Kind::Trust(change) => change.swap(),
            Kind::Function(function) => function.swap(),
            Kind::Tags { before, after, .. } => swap(before, after),
            Kind::Finding(change) => change.swap(),
            Kind::GroupRules { effect, .. } => {
                *effect = match effect {
                    RuleEffect::Authorize => RuleEffect::Revoke,
                    RuleEffect::Revoke => RuleEffect::Authorize,
                };
            }
            Kind::CreateGroup { .. }
            | Kind::CreateSnapshots { .. }
            | Kind::CopySnapshot { .. }
            | Kind::SnapshotLock(_)
            | Kind::DeleteLoginProfile { .. } => {}
        }
        back
    }
}
