//! What a run follows: a runbook's script, or the list of changes that an undo takes back. Both are
//! pure functions of the outcomes so far.

use std::sync::Arc;

use serde_json::{Value, json};

use super::replay::RunLog;
use super::undo::{self, Restore};
use crate::runbook::{Advance, Evaluated, Evaluator, Facts, Runbook, StepKey, Wanted};

/// What a run follows.
pub enum Script {
    /// A runbook at its pinned version, with its pinned facts.
    Runbook(Arc<Runbook>, Arc<Facts>),
    /// An undo, last change first.
    Undo(Vec<Restore>),
}

impl Script {
    /// What is wanted next, given what was recorded.
    pub async fn advance(&self, evaluator: &Evaluator, log: &RunLog) -> Evaluated {
        match self {
            Self::Runbook(runbook, facts) => {
                evaluator
                    .advance(Arc::clone(runbook), Arc::clone(facts), Arc::new(log.recorded()))
                    .await
            }
            Self::Undo(restores) => advance_undo(restores, log).into(),
        }
    }
}

/// One after the other; one that fails does not keep the others from being taken back.
fn advance_undo(restores: &[Restore], log: &RunLog) -> Advance {
    for (n, restore) in restores.iter().enumerate() {
        let key: StepKey = match (n + 1).to_string().parse() {
            Ok(key) => key,
            Err(_) => return Advance::Waiting,
        };
        match log.step(&key) {
            None => {
                return Advance::Steps(vec![Wanted {
                    key,
                    name: undo::RESTORE.to_owned(),
                    args: restore.args(),
                    line: None,
                    column: None,
                    log: vec![],
                }]);
            }
            Some(step) if !restore.is_asked_by(&step.args) => {
                return Advance::Diverged {
                    key,
                    recorded: step.args.clone(),
                    requested: restore.args(),
                };
            }
            Some(step) if step.end.is_none() => return Advance::Waiting,
            Some(_) => {}
        }
    }
    let open: Vec<Value> = log
        .steps
        .iter()
        .filter_map(|step| step.end.as_ref()?.error.as_ref())
        .map(|e| json!(e.message))
        .collect();
    Advance::Done(json!({"restored": log.steps.len() - open.len(), "open": open}))
}
