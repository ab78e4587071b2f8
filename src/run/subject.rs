//! What a step is about to touch, with its tags as they are now, put before the guards.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use super::attempt::{Passing, Patience, READ_PATIENCE};
use super::execute::Executor;
use super::guard::{self, Barred, Situation};
use super::step::StepLog;
use crate::action::{Read, permissions_for};
use crate::change::{Change, DatabaseRef, EcsRef, Taggable, Tags};
use crate::cloud::CloudError;
use crate::error::Code;
use crate::routing::Mode;

impl Executor<'_> {
    /// The guards, with the target's tags as they are now.
    pub(super) async fn guard(
        &self,
        step: &StepLog,
        target: &str,
        stages: &[Vec<Change>],
    ) -> Result<(), Barred> {
        let changes: Vec<Change> = stages.concat();
        let tags = self.tagged(step, target, &changes).await?;
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let none = BTreeSet::new();
        for (target, tags) in &tags {
            let situation = Situation {
                account: &self.run.account,
                mode: self.run.mode,
                target,
                tags,
                changes: &changes,
                // What is looked at again was counted when it was contained.
                changed: if step.origin.is_some() { &none } else { &changed },
            };
            guard::check(&self.env.limits, &self.env.settings, &situation)?;
            changed.insert(target.clone());
        }
        Ok(())
    }

    /// The guards before one attribute is given back. The person who asked for the undo has decided,
    /// so that an account in mode `approve` allows it; and what was changed under the limit of targets
    /// may all be given back.
    pub(super) async fn guard_restore(
        &self,
        step: &StepLog,
        inverse: &Change,
    ) -> Result<(), Barred> {
        let changes = std::slice::from_ref(inverse);
        for (target, tags) in &self.tagged(step, &inverse.resource(), changes).await? {
            let situation = Situation {
                account: &self.run.account,
                mode: self.run.mode.min(Mode::Approve),
                target,
                tags,
                changes,
                changed: &BTreeSet::new(),
            };
            guard::check(&self.env.limits, &self.env.settings, &situation)?;
        }
        Ok(())
    }

    /// What the changes touch, each with its tags; the step's target where they touch nothing that
    /// has any.
    async fn tagged(
        &self,
        step: &StepLog,
        target: &str,
        changes: &[Change],
    ) -> Result<Vec<(String, Tags)>, Barred> {
        // What the changes touch decides, not what the step was called with: a key names its user.
        let mut subjects: BTreeSet<Taggable> = changes.iter().filter_map(Change::subject).collect();
        subjects.extend(match target.split_once('/') {
            Some(("instance", id)) => id.parse().ok().map(Taggable::Instance),
            Some(("role", name)) => name.parse().ok().map(Taggable::Role),
            Some(("user", name)) => name.parse().ok().map(Taggable::User),
            Some((kind @ ("ecs-task" | "ecs-service"), rest)) => {
                EcsRef::from_path(kind, rest).map(Taggable::Ecs)
            }
            Some(("database", id)) => {
                id.parse().ok().map(|id| Taggable::Database(DatabaseRef::Instance(id)))
            }
            _ => None,
        });
        let mut tags: Vec<(String, Tags)> = Vec::new();
        for subject in subjects {
            let path = subject.path();
            let found = self.tags_of(step, &subject).await;
            match found {
                Ok(found) => tags.push((path, found)),
                Err(error) if error.may_pass() && self.age(step) < READ_PATIENCE => {
                    return Err(Barred::Later);
                }
                Err(CloudError { operation, code, .. }) => {
                    let reason = format!(
                        "the tags of {path} can't be read, so it may be protected: {operation}: {code}"
                    );
                    return Err(guard::Trip { code: Code::GUARD_PROTECTED, reason }.into());
                }
            }
        }
        if tags.is_empty() {
            tags.push((target.to_owned(), Tags::new()));
        }
        Ok(tags)
    }

    async fn tags_of(&self, step: &StepLog, resource: &Taggable) -> Result<Tags, CloudError> {
        let at = self.place();
        let session = self.session(step, permissions_for(&[Read::Tags], &at));
        let mut patience = Patience::default();
        loop {
            match session.tags(&at, resource).await {
                Err(error) if patience.again(self.env.clock.as_ref(), &error).await => {}
                other => return Ok(other?.unwrap_or_default()),
            }
        }
    }
}
