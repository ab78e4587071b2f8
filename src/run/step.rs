//! A step of a run, as its timeline tells it, and what follows from that. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::outcome::{Outcome, StepEnd};
use crate::action::{self, Applied, Params};
use crate::change::{Change, Urgency};
use crate::cloud::ErrorClass;
use crate::runbook::StepKey;

/// A step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepLog {
    /// Its path.
    pub key: StepKey,
    /// What it is.
    pub name: String,
    /// What it takes.
    pub args: Value,
    /// When it was asked for.
    pub requested: Timestamp,
    /// The changes it set out to make, in order.
    pub changes: Vec<ChangeLog>,
    /// How it ended.
    pub end: Option<StepEnd>,
    /// Whether it took its target when it was asked for. The timeline does not know: a step that is
    /// gone on with asks again.
    pub taken: bool,
    /// What it goes on from, where it looks again.
    pub origin: Option<Origin>,
}

/// The containment that a step looks at again.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// When that was asked for: what it wants hangs on it.
    pub requested: Timestamp,
    /// What that, and each look since, has changed.
    pub applied: Vec<Applied>,
    /// Of each look since, whether it found that undone.
    pub looks: Vec<bool>,
}

/// A change that was intended.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeLog {
    /// The change.
    pub change: Change,
    /// When the intent was written.
    pub intended: Timestamp,
    /// What became of it; `None`: not known yet.
    pub outcome: Option<Outcome>,
}

impl StepLog {
    /// A step that was just asked for.
    #[must_use]
    pub fn asked(key: StepKey, name: String, args: Value, requested: Timestamp) -> Self {
        Self {
            key,
            name,
            args,
            requested,
            changes: Vec::new(),
            end: None,
            taken: false,
            origin: None,
        }
    }

    /// What the step's action is about, as the action calls it; `None`: it is no action, or its
    /// arguments don't fit.
    #[must_use]
    pub fn target(&self) -> Option<String> {
        let action = action::find(&self.name)?;
        let args = self.args.as_object().cloned().unwrap_or_default();
        action.target(&Params::check(action.params(), args).ok()?).ok()
    }

    /// Whether it takes its target before it looks.
    #[must_use]
    pub fn contains(&self) -> bool {
        action::find(&self.name).is_some_and(|action| action.urgency() == Urgency::Containment)
    }

    /// Whether it keeps evidence.
    #[must_use]
    pub fn preserves(&self) -> bool {
        action::find(&self.name).is_some_and(|action| action.urgency() == Urgency::Evidence)
    }

    /// Rounds of attempts that AWS throttled or failed until they were spent.
    #[must_use]
    pub fn spent_rounds(&self) -> usize {
        let spent = self.changes.iter().filter(|change| {
            change.outcome.as_ref().and_then(|outcome| outcome.error.as_ref()).is_some_and(
                |error| matches!(error.class, ErrorClass::Throttled | ErrorClass::Transient),
            )
        });
        // The intents of one round are written at one time.
        spent.map(|change| change.intended).collect::<BTreeSet<_>>().len()
    }

    /// How often the thing that was changed most often was changed.
    #[must_use]
    pub fn repeats(&self) -> usize {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for change in &self.changes {
            if change.outcome.as_ref().is_none_or(|outcome| outcome.result.happened()) {
                *counts.entry(change.change.resource()).or_default() += 1;
            }
        }
        counts.into_values().max().unwrap_or_default()
    }

    /// What this step has changed so far, for its next look: confirmed and not yet settled changes.
    #[must_use]
    pub fn applied(&self) -> Vec<Applied> {
        let before = self.origin.iter().flat_map(|origin| &origin.applied).cloned();
        before.chain(self.own()).collect()
    }

    /// When what it wants was asked for.
    #[must_use]
    pub fn wanted_at(&self) -> Timestamp {
        self.origin.as_ref().map_or(self.requested, |origin| origin.requested)
    }

    /// What this step itself has changed so far.
    #[must_use]
    pub fn own(&self) -> Vec<Applied> {
        self.changes
            .iter()
            .filter(|change| {
                change.outcome.as_ref().is_none_or(|outcome| outcome.result.happened())
            })
            .map(|change| Applied {
                at: change.intended,
                change: change.change.clone(),
                receipt: change.outcome.as_ref().and_then(|outcome| outcome.receipt.clone()),
            })
            .collect()
    }
}
