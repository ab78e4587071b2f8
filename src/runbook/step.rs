//! What goes into an evaluation and what comes out of it: facts, recorded steps, wanted steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::key::StepKey;
use crate::action::Shape;
use crate::routing::Mode;

/// The fields of [`Facts::case`], for lint. Of the finding everything is possible: it has the field
/// names of GuardDuty, and tomorrow's finding has more of them.
pub const CASE: Shape = Shape::Fields(&[
    ("id", Shape::Any),
    ("title", Shape::Any),
    ("type", Shape::Any),
    ("severity", Shape::Any),
    ("account", Shape::Any),
    ("region", Shape::Any),
    ("finding", Shape::Any),
]);

/// What a script knows from the start. The same for every evaluation of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The case, with the fields of [`CASE`]; severity is text (`8.0`), finding the whole document.
    pub case: Value,
    /// The checked parameters, by name.
    pub params: Map<String, Value>,
    /// The run's mode. Scripts don't see it: they must ask for the same steps in every mode.
    pub mode: Mode,
}

/// A step that was asked for before.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedStep {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub args: Value,
    /// What became of it; `None`: requested, no result yet.
    pub outcome: Option<Result<Value, StepFailure>>,
}

/// A step that failed: raised into the script as a map `#{code, class, message, step}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFailure {
    /// The numbered error, such as `E0505`.
    pub code: String,
    /// Its class, such as `denied`.
    pub class: String,
    /// A sentence for people.
    pub message: String,
}

/// All steps recorded so far. Cloning is cheap: an evaluation holds a clone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded {
    steps: Arc<BTreeMap<StepKey, RecordedStep>>,
}

impl Recorded {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The step at `key`.
    #[must_use]
    pub fn get(&self, key: &StepKey) -> Option<&RecordedStep> {
        self.steps.get(key)
    }

    /// Adds or replaces the step at `key`.
    pub fn insert(&mut self, key: StepKey, step: RecordedStep) {
        Arc::make_mut(&mut self.steps).insert(key, step);
    }

    /// Every step, in the order of the keys' text.
    pub fn iter(&self) -> impl Iterator<Item = (&StepKey, &RecordedStep)> {
        self.steps.iter()
    }
}

impl FromIterator<(StepKey, RecordedStep)> for Recorded {
    fn from_iter<I: IntoIterator<Item = (StepKey, RecordedStep)>>(steps: I) -> Self {
        Self { steps: Arc::new(steps.into_iter().collect()) }
    }
}

/// A step that the script asks for and that was not requested before.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Where it stands in the run.
    pub key: StepKey,
    /// `contain::isolate_instance`, `look::instance`, `approve`, `sleep`, `notify`.
    pub name: String,
    /// A JSON object: named parameters for actions and looks; `{question, quorum, within_seconds}`,
    /// `{seconds}` or `{channel, message}`.
    pub args: Value,
    /// The line of the call in the script, from 1.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// What the script logged since the step before.
    pub log: Vec<String>,
}
