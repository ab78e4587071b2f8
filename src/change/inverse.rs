//! What takes a change back, and where nothing may.

use super::{Change, KeyStatus, Kind};

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
        let swapped = |kind: Kind| Change { at: self.at.clone(), kind };
        match self.kind.clone() {
            Kind::InterfaceGroups { interface, instance, before, after } => {
                Inverse::Change(swapped(Kind::InterfaceGroups {
                    interface,
                    instance,
                    before: after,
                    after: before,
                }))
            }
            Kind::ElasticAddress {
                interface,
                instance,
                allocation,
                association,
                public_ip,
                private_ip,
                before,
                after,
            } => Inverse::Change(swapped(Kind::ElasticAddress {
                interface,
                instance,
                allocation,
                association,
                public_ip,
                private_ip,
                before: after,
                after: before,
            })),
            Kind::TerminationProtection { instance, before, after } => {
                Inverse::Change(swapped(Kind::TerminationProtection {
                    instance,
                    before: after,
                    after: before,
                }))
            }
            Kind::ShutdownBehavior { instance, before, after } => {
                Inverse::Change(swapped(Kind::ShutdownBehavior {
                    instance,
                    before: after,
                    after: before,
                }))
            }
            Kind::DeleteOnTermination { instance, volume, device, before, after } => {
                Inverse::Change(swapped(Kind::DeleteOnTermination {
                    instance,
                    volume,
                    device,
                    before: after,
                    after: before,
                }))
            }
            Kind::CreateGroup { .. } => Inverse::Kept(
                "the quarantine group may hold other instances, and an unused group does no harm",
            ),
            Kind::GroupRules { group, direction, effect, rules } => {
                let _ = (group, direction, effect, rules);
                Inverse::Kept(
                    "the rules of a quarantine or transition group stay as containment needs them",
                )
            }
            Kind::CreateSnapshots { .. } | Kind::CopySnapshot { .. } => {
                Inverse::Kept("snapshots are evidence")
            }
            Kind::SnapshotSharing { snapshot, before, after } if after.len() > before.len() => {
                Inverse::Change(swapped(Kind::SnapshotSharing {
                    snapshot,
                    before: after,
                    after: before,
                }))
            }
            Kind::SnapshotSharing { .. } => {
                Inverse::Kept("a snapshot is not shared again without a new reason")
            }
            Kind::RolePolicy { role, policy, before, after } => Inverse::Revives(
                swapped(Kind::RolePolicy { role, policy, before: after, after: before }),
                "sessions stolen before the cut-off work again until they expire (12 h, at most 36 h)",
            ),
            Kind::UserPolicy { user, policy, before, after } => Inverse::Revives(
                swapped(Kind::UserPolicy { user, policy, before: after, after: before }),
                "sessions made with the user's keys work again until they expire (36 h at most)",
            ),
            Kind::AccessKey { user, key, before: before @ KeyStatus::Active, after } => {
                Inverse::Revives(
                    swapped(Kind::AccessKey { user, key, before: after, after: before }),
                    "a leaked key works again; AWS advises to delete it and issue a new one",
                )
            }
            Kind::AccessKey { user, key, before, after } => {
                Inverse::Change(swapped(Kind::AccessKey {
                    user,
                    key,
                    before: after,
                    after: before,
                }))
            }
            Kind::DeleteLoginProfile { .. } => Inverse::Lost(
                "the password is gone: create a login profile with a new password and demand a reset",
            ),
            Kind::Tags { resource, before, after } => {
                Inverse::Change(swapped(Kind::Tags { resource, before: after, after: before }))
            }
        }
    }
}
