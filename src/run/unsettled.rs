//! Intents without an outcome: what a crash, a silence of AWS or a failed database left is settled by
//! looks.
//!
//! Several changes of one resource may have been announced together, each beginning where the one
//! before it ends. What stands there now tells of all of them: the last that is seen has happened, and
//! so have those before it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::execute::Executor;
use super::outcome::{Outcome, OutcomeResult};
use super::settle::{is_for_later, settle};
use super::step::StepLog;
use crate::action::{Read, permissions_for};
use crate::change::{Change, Kind, Permission};
use crate::store::StoreError;
use crate::timeline::Draft;

impl Executor<'_> {
    /// Settles intents that were left without an outcome. `patient`: what can't be told now stays
    /// open, for a later look.
    pub(super) async fn settle_open(
        &self,
        step: &mut StepLog,
        patient: bool,
    ) -> Result<Vec<Draft>, StoreError> {
        let open = step.changes.iter().enumerate().filter(|(_, log)| log.outcome.is_none());
        let mut chains: Vec<Vec<usize>> = Vec::new();
        for (n, log) in open {
            let follows = |chain: &&mut Vec<usize>| {
                chain.last().is_some_and(|last| log.change.follows(&step.changes[*last].change))
            };
            match chains.iter_mut().find(follows) {
                Some(chain) => chain.push(n),
                None => chains.push(vec![n]),
            }
        }
        let mut drafts = Vec::new();
        for chain in chains {
            self.lease.hold(&self.env.store, self.env.clock.as_ref()).await?;
            for (n, outcome) in self.settle_chain(step, &chain, patient).await {
                tracing::info!(
                    case = %self.run.case, run = %self.run.id, step = %step.key, change = n + 1,
                    result = ?outcome.result, "an intent without an outcome was settled by a look"
                );
                let now = self.env.clock.now();
                drafts.push(self.writer.outcome(now, &step.key, n + 1, &outcome));
                step.changes[n].outcome = Some(outcome);
            }
        }
        Ok(drafts)
    }

    /// The outcomes of changes of which each follows the one before it; none: they are for later.
    async fn settle_chain(
        &self,
        step: &StepLog,
        chain: &[usize],
        patient: bool,
    ) -> Vec<(usize, Outcome)> {
        let mut seen: Option<(usize, Outcome)> = None;
        let mut unknown: Option<Outcome> = None;
        for n in chain.iter().rev() {
            let log = &step.changes[*n];
            let now = self.env.clock.now();
            let age = Duration::try_from(now.duration_since(log.intended)).unwrap_or_default();
            let session = self.session(step, settle_permissions(&log.change));
            let (clock, visible) = (self.env.clock.as_ref(), self.env.cloud.visible_within());
            let outcome = settle(session.as_ref(), clock, &log.change, age, visible).await;
            if patient && is_for_later(&outcome, age) {
                return Vec::new();
            }
            let found = outcome.result.happened();
            if outcome.result == OutcomeResult::Unknown {
                unknown = Some(outcome.clone());
            }
            seen = Some((*n, outcome));
            if found {
                unknown = None;
                break;
            }
        }
        // Where nobody could see whether a later one has happened, that an earlier one does not stand
        // tells nothing: the later one may have taken its place.
        if let Some(outcome) = unknown {
            return chain.iter().map(|n| (*n, outcome.clone())).collect();
        }
        let Some((last, outcome)) = seen else { return Vec::new() };
        let of = |n: &usize| match outcome.result {
            OutcomeResult::Observed if *n > last => OutcomeResult::NotHappened,
            result => result,
        };
        chain.iter().map(|n| (*n, Outcome { result: of(n), ..outcome.clone() })).collect()
    }
}

/// Every read that `standing` may need for `change`, and no other: the policy of a session is short, and what
/// takes the change back has to fit in, too.
pub fn settle_permissions(change: &Change) -> BTreeSet<Permission> {
    let reads: &[Read] = match &change.kind {
        // Of an interface its groups, too, before it goes back to them.
        Kind::InterfaceGroups { .. } | Kind::ElasticAddress { .. } => {
            &[Read::Instance, Read::Groups]
        }
        Kind::InstanceProfile(_) => &[Read::Instance],
        Kind::TerminationProtection { .. }
        | Kind::ShutdownBehavior { .. }
        | Kind::DeleteOnTermination { .. } => &[Read::Safeguards],
        Kind::GroupMinimum { .. } | Kind::Standby { .. } => &[Read::Membership],
        Kind::Balancer(_) => &[Read::Balancers],
        Kind::CreateGroup { .. } | Kind::GroupRules { .. } => &[Read::Groups],
        Kind::CreateSnapshots { .. } | Kind::CopySnapshot { .. } => &[Read::Snapshots],
        Kind::SnapshotSharing { .. } => &[Read::Snapshots, Read::SnapshotSharing],
        Kind::SnapshotLock(_) => &[Read::Snapshots, Read::SnapshotLock],
        Kind::RolePolicy { .. } | Kind::Trust(_) => &[Read::Role, Read::RolePolicy],
        Kind::UserPolicy { .. } => &[Read::User, Read::UserPolicy],
        Kind::AccessKey { .. } | Kind::DeleteLoginProfile { .. } => &[Read::User],
        Kind::Credential { .. } => &[Read::User, Read::Credentials],
        Kind::PublicAccess { .. } => &[Read::Exposure],
        Kind::Finding(_) => &[Read::Finding],
        Kind::Function(_) => &[Read::Function],
        Kind::Database(_) => &[Read::Database, Read::DatabaseCluster],
        Kind::Task(_) => &[Read::Task, Read::TaskService, Read::Groups],
        Kind::Tags { .. } => &[Read::Tags],
    };
    permissions_for(reads, &change.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{DatabaseChange, Taggable, Tags};
    use crate::id::Place;

    /// A look that settles a change, and what takes it back, go into one session.
    #[test]
    fn what_settles_a_change_fits_into_a_session() {
        let at = Place {
            account: "111122223333".parse().unwrap(),
            region: "ap-southeast-2".parse().unwrap(),
        };
        let role = Taggable::Role("a".repeat(64).parse().unwrap());
        let tags = |text: &str| Tags::from([(text.to_owned(), text.to_owned())]);
        for kind in [
            Kind::Tags { resource: role, before: tags("a"), after: tags("b") },
            Kind::Database(DatabaseChange::PublicAccess {
                instance: "a".repeat(63).parse().unwrap(),
                before: true,
                after: false,
            }),
        ] {
            let change = Change { at: at.clone(), kind };
            let mut permissions = settle_permissions(&change);
            permissions.extend(change.permissions());
            let policy = Permission::session_policy(&permissions, &at.account);
            assert!(policy.is_ok(), "{policy:?}");
        }
    }
}
