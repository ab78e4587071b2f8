//! How a change and how a step ended, as the timeline tells it. Pure data: written by `journal`, read
//! again by `replay`; a field is added, never renamed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::{CloudError, Receipt};
use crate::id::Digest;
use crate::runbook::StepFailure;

/// `change.outcome`, without run and step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What became of it.
    pub result: OutcomeResult,
    /// AWS's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// AWS's refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<CloudError>,
    /// Calls made.
    pub attempts: u32,
    /// From the first call to the last answer, in milliseconds.
    pub millis: u64,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeResult {
    /// AWS confirmed it.
    Ok,
    /// A look after a lost answer showed that it happened.
    Observed,
    /// A look after a lost answer showed that it did not happen.
    NotHappened,
    /// AWS refused it.
    Failed,
    /// Neither: a person must look.
    Unknown,
}

impl OutcomeResult {
    /// Whether the world has changed.
    #[must_use]
    pub fn happened(self) -> bool {
        matches!(self, Self::Ok | Self::Observed)
    }

    /// Whether the world may have changed, for all that is known.
    #[must_use]
    pub fn may_have_happened(self) -> bool {
        self.happened() || self == Self::Unknown
    }
}

/// How a step ended, as the timeline tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// It did what it should, and a look verified it.
    Ok,
    /// It looked and changed nothing: the mode is `observe`.
    Planned,
    /// It failed.
    Failed,
}

/// What a line of a plan is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// A change, in its words.
    Change,
    /// More would follow, and what it is can be told only once something new exists.
    Later,
    /// Nothing: everything is as the step wants it.
    Already,
    /// Nothing: the action can't or may not.
    Refused,
    /// The step would wait for something first.
    Wait,
    /// The step, or the runbook, would fail.
    Fail,
    /// Nothing: what whoever agrees is to bear in mind.
    Mind,
    /// A message.
    Say,
    /// A question to a person.
    Ask,
    /// A sleep.
    Sleep,
}

/// `step.finished`, without run and step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepEnd {
    /// The step's name.
    pub name: String,
    /// How it ended.
    pub result: StepResult,
    /// What the script sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// What the script sees, where it is too large for an entry: a blob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_blob: Option<Digest>,
    /// What is raised in the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StepFailure>,
    /// What was planned, in words, for mode `observe`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub planned: Vec<String>,
    /// What each line of `planned` is about; an earlier version did not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub does: Vec<Does>,
}
