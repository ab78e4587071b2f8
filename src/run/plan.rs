//! A dry run: the script is followed to its end, every action looks, and nothing is changed or
//! written.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::execute::{Executor, StepRun};
use super::journal::Plan;
use super::line::{self, Line};
use super::outcome::Does;
use super::outcome::StepEnd;
use super::perform::perform;
use super::replay::RunLog;
use super::script::Script;
use super::step::StepLog;
use super::step_end::{Reason, cut, failed};
use crate::action;
use crate::change::Urgency;
use crate::id::{Digest, Place};
use crate::routing::Mode;
use crate::runbook::{Advance, ScriptError};
use crate::store::RunRow;

/// Evaluations of one plan: a run has at most 1,000 steps.
const ROUNDS_MAX: usize = 1_001;

/// Why there is no plan.
#[derive(Debug)]
pub enum Unplanned {
    /// AWS can't be read now.
    Later,
    /// What the script would fail with.
    Script(ScriptError),
}

/// Follows the script and collects what it would do.
///
/// # Errors
/// When AWS can't be read now, or with what the script would fail with.
pub async fn pass(executor: &Executor<'_>, script: &Script) -> Result<Plan, Unplanned> {
    let mut log = RunLog::default();
    let mut plan = Plan::default();
    let mut stopped = BTreeSet::new();
    for _ in 0..ROUNDS_MAX {
        match script.advance(&executor.env.evaluator, &log).await.next {
            Advance::Steps(wanted) => {
                for want in wanted {
                    let requested = executor.env.clock.now();
                    let (key, name, args) = (want.key, want.name, want.args);
                    let mut step = StepLog::asked(key, name, args, requested);
                    match perform(executor, step.clone(), Mode::Observe).await {
                        Ok(StepRun::Ended { end, .. }) => {
                            add(&mut plan, &step, &end, &executor.place());
                            // The script goes on as it will: without what it would not get.
                            let refused = refused(&step, &end);
                            if refused.is_some() {
                                stopped.insert(step.key.clone());
                            }
                            step.end = Some(refused.unwrap_or(end));
                        }
                        Ok(StepRun::Parked { .. }) => return Err(Unplanned::Later),
                        Err(error) => return Err(broken(&error.to_string())),
                    }
                    log.steps.push(step);
                }
            }
            Advance::Done(_) => return Ok(plan),
            // What it does before it says so itself is done all the same, and a person decides.
            Advance::Failed(error) if error.step.is_none() && !plan.scope.is_empty() => {
                let words =
                    cut(&format!("then the runbook fails{}: {}", error.place(), error.message));
                plan.lines.push(Line::new(Does::Fail, words));
                return Ok(plan);
            }
            Advance::Failed(error)
                if error.step.as_ref().is_some_and(|key| stopped.contains(key)) =>
            {
                let words =
                    format!("then the runbook stops{}, because of what is refused", error.place());
                plan.lines.push(Line::new(Does::Fail, words));
                return Ok(plan);
            }
            Advance::Failed(error) => return Err(Unplanned::Script(error)),
            Advance::Waiting => return Err(broken("a step has no plan")),
            Advance::Diverged { key, .. } => {
                return Err(broken(&format!("step {key} is not stable")));
            }
        }
    }
    Err(broken("the plan does not end"))
}

/// How a step that is refused ends when the runbook is carried out, so that a plan does not go on as if it
/// were done; `None`: it is not refused, or is a description, which never stops anything.
fn refused(step: &StepLog, end: &StepEnd) -> Option<StepEnd> {
    let action = action::find(&step.name)?;
    let line = end.does.iter().position(|does| *does == Does::Refused)?;
    if action.urgency() == Urgency::Description {
        return None;
    }
    let words = end.planned.get(line).map_or("", String::as_str);
    let reason = Reason::refused(line::reason(step, words));
    Some(failed(step, reason.code, reason.class, &reason.text))
}

/// The lines of a run that only observed. Its script was never told of a refusal: what it did after that
/// is planned as if there had been none, and the line says so.
pub fn observed(mut lines: Vec<Line>) -> Vec<Line> {
    let last = lines.len().saturating_sub(1);
    for line in lines.iter_mut().take(last).filter(|line| line.does == Does::Refused) {
        line.words.push_str(" (what follows is planned as if it were done)");
    }
    lines
}

/// Adds what one step would do.
fn add(plan: &mut Plan, step: &StepLog, end: &StepEnd, at: &Place) {
    let lines = lines(step, end);
    // What has nothing left to do is not done; what fails may do something once it does not.
    let done = lines.iter().any(|line| line.does != Does::Already);
    if action::find(&step.name).is_some() && done {
        plan.scope.insert(call(step));
        plan.scope.extend(target(step, at));
    }
    plan.lines.extend(lines);
    let touched = end.output.as_ref().and_then(|output| output.get("touches")?.as_array());
    let touched = touched.into_iter().flatten().filter_map(Value::as_str);
    plan.scope.extend(touched.map(str::to_owned));
}

/// What one step would do, for people.
pub fn lines(step: &StepLog, end: &StepEnd) -> Vec<Line> {
    match &end.error {
        Some(error) => {
            let words = format!("{}: would fail: {}", line::name(step), error.message);
            vec![Line::new(Does::Fail, words)]
        }
        None => Line::all(&end.planned, &end.does),
    }
}

/// What a containment step is about, as a plan's scope names what is touched. Its first changes may touch
/// something else only, such as a group that is to be made first.
pub fn target(step: &StepLog, at: &Place) -> Option<String> {
    let target = step.contains().then(|| step.target()).flatten()?;
    Some(format!("{target} in {at}"))
}

/// A step's call, as a plan's scope names it.
pub fn call(step: &StepLog) -> String {
    format!("{} {}", step.name, step.args)
}

fn broken(message: &str) -> Unplanned {
    Unplanned::Script(ScriptError {
        code: crate::error::Code::SCRIPT_FAILED,
        message: message.to_owned(),
        line: None,
        column: None,
        step: None,
    })
}

/// What an approval of the plan is bound to: the runbook's source, its parameters, the account and
/// the plan.
#[must_use]
pub fn hash(run: &RunRow, plan: &Plan) -> Digest {
    let bound: Value = json!({
        "runbook": run.hash,
        "params": run.params,
        "account": run.account,
        "region": run.region,
        "changes": plan.lines.iter().map(|line| &line.words).collect::<Vec<_>>(),
        "scope": plan.scope,
    });
    Digest::of(bound.to_string().as_bytes())
}
