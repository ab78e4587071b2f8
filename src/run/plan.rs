//! A dry run: the script is followed to its end, every action looks, and nothing is changed or
//! written.

use serde_json::{Value, json};

use super::execute::{Executor, StepRun};
use super::perform::perform;
use super::replay::{RunLog, StepLog};
use super::script::Script;
use crate::id::Digest;
use crate::routing::Mode;
use crate::runbook::{Advance, ScriptError};
use crate::store::RunRow;

/// Evaluations of one plan: a run has at most 1,000 steps.
const ROUNDS_MAX: usize = 1_001;

/// Follows the script and collects what it would change, in words.
///
/// # Errors
/// What the script would fail with.
pub async fn pass(executor: &Executor<'_>, script: &Script) -> Result<Vec<String>, ScriptError> {
    let mut log = RunLog::default();
    for _ in 0..ROUNDS_MAX {
        match script.advance(&executor.env.evaluator, &log).await.next {
            Advance::Steps(wanted) => {
                for want in wanted {
                    let requested = executor.env.clock.now();
                    let (key, name, args) = (want.key, want.name, want.args);
                    let mut step =
                        StepLog { key, name, args, requested, changes: vec![], end: None };
                    match perform(executor, step.clone(), Mode::Observe).await {
                        Ok(StepRun::Ended { end, .. }) => step.end = Some(end),
                        Ok(StepRun::Parked { .. }) => {}
                        Err(error) => return Err(broken(&error.to_string())),
                    }
                    log.steps.push(step);
                }
            }
            Advance::Done(_) => {
                let ends =
                    log.steps.iter().filter_map(|step| step.end.as_ref().map(|end| (step, end)));
                return Ok(ends.flat_map(|(step, end)| words(step, end)).collect());
            }
            Advance::Failed(error) => return Err(error),
            Advance::Waiting => return Err(broken("a step has no plan")),
            Advance::Diverged { key, .. } => {
                return Err(broken(&format!("step {key} is not stable")));
            }
        }
    }
    Err(broken("the plan does not end"))
}

fn words(step: &StepLog, end: &super::journal::StepEnd) -> Vec<String> {
    match &end.error {
        Some(error) => vec![format!("{}: would fail: {}", step.name, error.message)],
        None => end.planned.clone(),
    }
}

fn broken(message: &str) -> ScriptError {
    ScriptError {
        code: crate::error::Code::SCRIPT_FAILED,
        message: message.to_owned(),
        line: None,
        column: None,
        step: None,
    }
}

/// What an approval of the plan is bound to: the runbook's source, its parameters, the account and
/// the changes.
#[must_use]
pub fn hash(run: &RunRow, changes: &[String]) -> Digest {
    let bound: Value = json!({
        "runbook": run.hash,
        "params": run.params,
        "account": run.account,
        "region": run.region,
        "changes": changes,
    });
    Digest::of(bound.to_string().as_bytes())
}
