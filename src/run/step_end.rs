//! How a step ends, in the words that the timeline keeps and the script sees.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::line::{self, Line};
use super::outcome::{Does, StepEnd, StepResult};
use super::shared;
use super::step::StepLog;
use crate::action::{Action, LookError, Settings, Verdict};
use crate::change::Change;
use crate::cloud::CloudError;
use crate::error::Code;
use crate::runbook::StepFailure;

/// Characters of a message in an entry: AWS and scripts can write more.
pub(super) const MESSAGE_MAX: usize = 2_000;

/// In the output of a step that looked again: whether it had to contain once more.
pub const UNDONE: &str = "undone_meanwhile";

/// The end of a step that did what it should.
pub fn succeeded(step: &StepLog, output: Value) -> StepEnd {
    StepEnd {
        name: step.name.clone(),
        result: StepResult::Ok,
        output: Some(output),
        output_blob: None,
        error: None,
        planned: vec![],
        does: vec![],
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
        does: vec![],
    }
}

/// The output of a step, with what it found where it looked again.
pub fn looked_again(step: &StepLog, mut output: Value) -> Value {
    if let (Some(_), Some(fields)) = (step.key.looks_again(), output.as_object_mut()) {
        fields.insert(UNDONE.to_owned(), json!(!step.changes.is_empty()));
    }
    output
}

/// The end of a step that did not look again. It is no failure of anything.
pub fn not_looked(step: &StepLog, why: &str) -> StepEnd {
    let output = json!({"failed": format!("not looked at again: {why}")});
    StepEnd { result: StepResult::Failed, ..succeeded(step, output) }
}

/// Whether a step that ended verified what was not verified before.
pub fn contains_anew(step: &StepLog, end: &StepEnd) -> bool {
    end.result == StepResult::Ok && (step.key.looks_again().is_none() || undone(end))
}

/// Whether a look at what was contained had to contain it once more.
pub fn undone(end: &StepEnd) -> bool {
    end.output.as_ref().is_some_and(|output| output[UNDONE] == true)
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

    /// Why a look refused: what it acts on is gone, or may not or can't be contained.
    pub fn refused(text: impl Into<String>) -> Self {
        let text = text.into();
        match text.starts_with("gone:") {
            true => Self::new(Code::TARGET_GONE, "gone", text),
            false => Self::new(Code::ACTION_REFUSED, "refused", text),
        }
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

/// The end of a step in mode `observe`: what it would do, in words, or why it would do nothing. What
/// can only be told once something new exists is told by what the action is for.
pub fn plan_of(
    action: &dyn Action,
    settings: &Settings,
    step: &StepLog,
    verdict: &Verdict,
) -> StepEnd {
    let name = line::name(step);
    let lines: Vec<Line> = match verdict {
        Verdict::Change(stages) | Verdict::Shared { stages, .. } => {
            let changes = stages.iter().flatten();
            let mut lines: Vec<Line> =
                changes.map(|change| Line::new(Does::Change, change.words())).collect();
            if stages.iter().flatten().any(Change::goes_on) {
                let words = format!(
                    "more of {} follows, which can't be listed before the lines above are done; what it is for: {}",
                    step.name,
                    action.purpose(settings)
                );
                lines.push(Line::new(Does::Later, words));
            }
            if let Verdict::Shared { users, .. } = verdict {
                lines.extend(shared::line(users));
            }
            lines
        }
        Verdict::Refuse(reason) | Verdict::Short { reason, .. } => {
            vec![line::refused(step, reason)]
        }
        Verdict::Wait(_, reason) => {
            vec![Line::new(Does::Wait, format!("{name}: would wait: {reason}"))]
        }
        Verdict::Done(_) => {
            vec![Line::new(Does::Already, format!("{name}: already so, nothing to change"))]
        }
    };
    let touches = match verdict {
        Verdict::Change(stages) | Verdict::Shared { stages, .. } => touches(stages),
        _ => BTreeSet::new(),
    };
    // What the script sees: how much would be done.
    let planned = lines.iter().filter(|line| line.does != Does::Already).count();
    planned_end(step, json!({"planned": planned, "touches": touches}), lines)
}

/// The end of a step that was only planned.
pub fn planned_end(step: &StepLog, output: Value, lines: Vec<Line>) -> StepEnd {
    let (does, planned) = lines.into_iter().map(|line| (line.does, line.words)).unzip();
    StepEnd { result: StepResult::Planned, planned, does, ..succeeded(step, output) }
}

/// The instances, roles and users that the changes touch, as a plan's scope names them.
pub fn touches(stages: &[Vec<Change>]) -> BTreeSet<String> {
    let changes = stages.iter().flatten();
    changes
        .filter_map(|change| Some(format!("{} in {}", change.subject()?.path(), change.at)))
        .collect()
}

/// The instance, role or user in an element of a plan's scope; `None`: it is a call, whose name and
/// arguments stand apart.
pub fn touched(scope: &str) -> Option<&str> {
    let (path, _) = scope.split_once(" in ")?;
    (!path.contains(' ')).then_some(path)
}

/// A message of at most [`MESSAGE_MAX`] characters.
pub fn cut(text: &str) -> String {
    cut_at(text, MESSAGE_MAX)
}

/// The first `max` characters.
pub fn cut_at(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
