//! How a step ends, in the words that the timeline keeps and the script sees.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::journal::{StepEnd, StepResult};
use super::step::StepLog;
use crate::action::{Action, LookError, Settings, Verdict};
use crate::change::Change;
use crate::cloud::CloudError;
use crate::error::Code;
use crate::runbook::StepFailure;

/// Characters of a message in an entry: AWS and scripts can write more.
const MESSAGE_MAX: usize = 2_000;

/// The end of a step that did what it should.
pub fn succeeded(step: &StepLog, output: Value) -> StepEnd {
    StepEnd {
        name: step.name.clone(),
        result: StepResult::Ok,
        output: Some(output),
        output_blob: None,
        error: None,
        planned: vec![],
    }
}

/// The end of a step that failed.
pub fn failed(step: &StepLog, code: Code, class: &str, message: &str) -> StepEnd {
    StepEnd {
        name: step.name.clone(),
        result: StepResult::Failed,
        output: None,
        output_blob: None,
        error: Some(StepFailure {
            code: code.number.to_owned(),
            class: class.to_owned(),
            message: message.to_owned(),
        }),
        planned: vec![],
    }
}

/// Why a step is given up.
pub struct Reason {
    /// Its number.
    pub code: Code,
    /// The class that a script sees.
    pub class: &'static str,
    /// For people.
    pub text: String,
    /// Resources that were changed and then refused further changes.
    pub half: BTreeSet<String>,
}

impl Reason {
    pub fn new(code: Code, class: &'static str, text: impl Into<String>) -> Self {
        Self { code, class, text: text.into(), half: BTreeSet::new() }
    }
}

/// The end of a step that AWS refused.
pub fn cloud_failed(step: &StepLog, error: &CloudError) -> StepEnd {
    failed(step, Code::ACTION_FAILED, error.class.label(), &error.to_string())
}

/// The end of a step whose look failed.
pub fn look_failed(step: &StepLog, error: &LookError) -> StepEnd {
    let Reason { code, class, text, .. } = look_refused(error);
    failed(step, code, class, &text)
}

/// Why a step whose look failed is given up.
pub fn look_refused(error: &LookError) -> Reason {
    match error {
        LookError::Cloud(error) => {
            Reason::new(Code::ACTION_FAILED, error.class.label(), error.to_string())
        }
        LookError::Param { .. } => Reason::new(Code::RUNBOOK_PARAMS, "invalid", error.to_string()),
    }
}

/// The end of a step in mode `observe`: what it would do, in words. What can only be told once
/// something new exists is told by what the action is for.
pub fn plan_of(
    action: &dyn Action,
    settings: &Settings,
    step: &StepLog,
    verdict: &Verdict,
) -> StepEnd {
    let planned: Vec<String> = match verdict {
        Verdict::Change(stages) => {
            let mut words: Vec<String> = stages.iter().flatten().map(Change::words).collect();
            if stages.iter().flatten().any(Change::creates) {
                words.push(format!("{}, then on: {}", step.name, action.purpose(settings)));
            }
            words
        }
        Verdict::Refuse(reason) | Verdict::Short { reason, .. } => {
            vec![format!("{}: would be refused: {reason}", step.name)]
        }
        Verdict::Wait(_, reason) => vec![format!("{}: would wait: {reason}", step.name)],
        Verdict::Done(_) => vec![],
    };
    let touches = match verdict {
        Verdict::Change(stages) => touches(stages),
        _ => BTreeSet::new(),
    };
    StepEnd {
        name: step.name.clone(),
        result: StepResult::Planned,
        output: Some(json!({"planned": planned.len(), "touches": touches})),
        output_blob: None,
        error: None,
        planned,
    }
}

/// The instances, roles and users that the changes touch, as a plan's scope names them.
pub fn touches(stages: &[Vec<Change>]) -> BTreeSet<String> {
    let changes = stages.iter().flatten();
    changes
        .filter_map(|change| Some(format!("{} in {}", change.subject()?.path(), change.at)))
        .collect()
}

/// A message of at most [`MESSAGE_MAX`] characters.
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
