//! What a run leaves: what was contained, what was given back, and what remains for a person. Pure.

use std::collections::BTreeSet;

use super::drive::Drive;
use super::outcome::{StepEnd, StepResult};
use super::outlived;
use super::step::StepLog;
use super::step_end::cut;
use crate::action;
use crate::change::{Change, Inverse, Urgency};
use crate::error::Code;

impl Drive<'_> {
    /// Whether an undo gave anything back. Where it did not, containment stands as it stood: the run is
    /// not released, and its case does not say so.
    pub(super) fn gave_back(&self) -> bool {
        let mut outputs =
            self.log.steps.iter().filter_map(|step| step.end.as_ref()?.output.as_ref());
        outputs.any(|output| output.get("restored").is_some() || output.get("gone").is_some())
    }

    /// What an undo gave back of what keeps stolen credentials out, in words: an older deny may be in place
    /// again, so that they still don't work.
    pub(super) fn revived(&self) -> Vec<String> {
        let restored = |step: &&StepLog| {
            let output = step.end.as_ref().and_then(|end| end.output.as_ref());
            output.is_some_and(|output| output.get("restored").is_some())
        };
        let revives = |step: &StepLog| {
            let from = outlived::of_args(&step.args);
            // What it kept out had expired when it was taken back.
            if from.is_some_and(|from| step.requested >= from) {
                return None;
            }
            let until = from.map(|from| format!(" (unsafe before {from})")).unwrap_or_default();
            let change = step.args.get("change").cloned().unwrap_or_default();
            match serde_json::from_value::<Change>(change).ok()?.inverse() {
                Inverse::Revives(back, _) => Some(format!("{}{until}", back.words())),
                _ => None,
            }
        };
        self.log.steps.iter().filter(restored).filter_map(revives).collect()
    }

    /// Whether nothing of an undo is left but what somebody else has changed since: it is not ours
    /// any more, and must not hold up the undo of an earlier run for ever. What another run holds is
    /// not that: whoever asks again must be stopped again.
    pub(super) fn only_drifted(&self) -> bool {
        let mut errors = self.log.steps.iter().filter_map(|step| step.end.as_ref()?.error.as_ref());
        errors.all(|error| error.code == Code::UNDO_DRIFT.number)
    }

    /// The held resources of what an undo left in place on purpose.
    pub(super) fn kept_holds(&self) -> BTreeSet<String> {
        let kept = self.log.steps.iter().filter(|step| {
            let output = step.end.as_ref().and_then(|end| end.output.as_ref());
            output.is_some_and(|output| output.get("revivable").is_some())
        });
        kept.filter_map(|step| {
            let change = step.args.get("change").cloned().unwrap_or_default();
            let subject = serde_json::from_value::<Change>(change).ok()?.subject()?;
            Some(self.run.resource(&subject.path()))
        })
        .collect()
    }

    /// Whether a containment was verified.
    pub(super) fn contained(&self) -> bool {
        self.acts(|urgency, end| urgency == Urgency::Containment && end.result == StepResult::Ok)
            .next()
            .is_some()
    }

    /// What remains for a person, caught by the script or not, each with its number: containment and
    /// evidence that did not succeed, looks that failed, questions that were not answered with a yes,
    /// what branches failed with, and changes of an undo that were not taken back. Descriptions and
    /// messages that failed are not: they never stop anything.
    pub(super) fn remains(&self) -> Vec<(String, String)> {
        let describes = |step: &&StepLog| {
            let action = action::find(&step.name);
            step.name == "notify"
                || action.is_some_and(|action| action.urgency() == Urgency::Description)
        };
        let failed = self.log.steps.iter().filter(|step| !describes(step)).filter_map(|step| {
            let error = step.end.as_ref()?.error.as_ref()?;
            let words = format!("{} {}: {}: {}", step.name, step.key, error.code, error.message);
            Some((error.code.clone(), words))
        });
        let number = Code::SCRIPT_FAILED.number;
        let kept = self.kept.iter().map(|error| {
            let words = format!("{number}: a branch of `parallel` failed: {}", cut(error));
            (number.to_owned(), words)
        });
        failed.chain(kept).chain(self.never_held()).collect()
    }

    fn acts(&self, keep: fn(Urgency, &StepEnd) -> bool) -> impl Iterator<Item = &StepLog> {
        self.log.steps.iter().filter(move |step| match (action::find(&step.name), &step.end) {
            (Some(action), Some(end)) => keep(action.urgency(), end),
            _ => false,
        })
    }
}
