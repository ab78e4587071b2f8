//! One evaluation of a script: a pure function of (script, facts, recorded steps).
//!
//! A host call looks its step up by its key. Recorded with an outcome: it returns or raises it.
//! Recorded without: it halts. Not recorded: it is wanted, and halts. The caller performs what is
//! wanted, records it, and evaluates again from the top.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rhai::{CallFnOptions, Dynamic, Engine, EvalAltResult, Position, Scope};
use serde_json::Value;

use super::context::{self, Ended, Stop};
use super::key::StepKey;
use super::library::Runbook;
use super::step::{Facts, Recorded, Wanted};
use super::value::{describe, from_script, to_script};
use crate::error::Code;

/// The host API's version: stored with a run, raised whenever a script could see a difference.
pub const HOST_API: u32 = 1;

/// What a script wants next.
#[derive(Debug, Clone, PartialEq)]
pub enum Advance {
    /// New steps, in the order of the script. Others may be under way.
    Steps(Vec<Wanted>),
    /// Nothing new: something recorded has no outcome yet.
    Waiting,
    /// It ended with this value.
    Done(Value),
    /// It failed.
    Failed(ScriptError),
    /// It asked for another step than the one recorded, or left a recorded one out
    /// (`requested` is null).
    Diverged {
        /// Where.
        key: StepKey,
        /// `{name, args}` of the recorded step.
        recorded: Value,
        /// `{name, args}` of what it asks for now.
        requested: Value,
    },
}

/// One evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// What the script wants next.
    pub next: Advance,
    /// What it logged after its last step: there is no further step that could carry the lines.
    /// Empty unless the script ended or failed.
    pub log: Vec<String>,
    /// What branches of `parallel` failed with, not by a step but by themselves, where the script kept
    /// the errors as values. Empty unless the script ended or failed.
    pub kept: Vec<String>,
}

impl From<Advance> for Evaluated {
    fn from(next: Advance) -> Self {
        Self { next, log: Vec::new(), kept: Vec::new() }
    }
}

/// Why a script failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// [`Code::SCRIPT_FAILED`] or [`Code::SCRIPT_LIMIT`].
    pub code: Code,
    /// A sentence for people.
    pub message: String,
    /// The line in the script, from 1.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// The step whose failure was not caught.
    pub step: Option<StepKey>,
}

impl ScriptError {
    /// Where in the script, to follow a verb; empty: not known.
    #[must_use]
    pub fn place(&self) -> String {
        match (self.line, self.column) {
            (Some(line), Some(column)) => format!(" at line {line}, column {column}"),
            _ => String::new(),
        }
    }
}

/// Evaluates a script once. Must be called on a thread with [`super::limits::STACK_BYTES`] of stack
/// for scripts that are not trusted; [`super::Evaluator`] has such threads.
#[must_use]
pub fn evaluate(
    engine: &Engine,
    runbook: &Runbook,
    facts: &Facts,
    recorded: &Recorded,
) -> Evaluated {
    let evaluate = || {
        let (result, run) = context::around(recorded, || call(engine, runbook, facts));
        let mut ended = run.end();
        let log = std::mem::take(&mut ended.log);
        let kept = std::mem::take(&mut ended.kept);
        // A result nested thousands deep is converted and dropped here, on this thread's stack.
        match verdict(result, ended) {
            next @ (Advance::Done(_) | Advance::Failed(_)) => Evaluated { next, log, kept },
            next => next.into(),
        }
    };
    catch_unwind(AssertUnwindSafe(evaluate)).unwrap_or_else(|_| {
        let text = "the script made the evaluator panic; this is a defect of Tourniquet";
        failed(Code::SCRIPT_FAILED, text.to_owned(), Position::NONE, None).into()
    })
}

/// As [`evaluate`], without what was logged at the end.
#[must_use]
pub fn advance(engine: &Engine, runbook: &Runbook, facts: &Facts, recorded: &Recorded) -> Advance {
    evaluate(engine, runbook, facts, recorded).next
}

fn call(engine: &Engine, runbook: &Runbook, facts: &Facts) -> Result<Dynamic, Box<EvalAltResult>> {
    let case = to_script(&facts.case);
    let params: rhai::Map =
        facts.params.iter().map(|(name, value)| (name.as_str().into(), to_script(value))).collect();
    // The top level holds only constants; evaluating it makes `global::NAME` work in functions.
    let options = CallFnOptions::new().eval_ast(true);
    engine.call_fn_with_options(
        options,
        &mut Scope::new(),
        &runbook.ast,
        "run",
        (case, Dynamic::from(params)),
    )
}

fn verdict(result: Result<Dynamic, Box<EvalAltResult>>, ended: Ended) -> Advance {
    // The context decides first: what `result` says may be a halt that the script swallowed.
    match ended.stop {
        Some(Stop::Diverged { key, recorded, requested }) => {
            return Advance::Diverged { key, recorded, requested };
        }
        Some(Stop::Limit(what)) => {
            let position = result.as_ref().err().map_or(Position::NONE, |error| position(error));
            return failed(Code::SCRIPT_LIMIT, format!("the runbook used {what}"), position, None);
        }
        None => {}
    }
    if !ended.wanted.is_empty() {
        return Advance::Steps(ended.wanted);
    }
    if ended.halted {
        return Advance::Waiting;
    }
    match result {
        Ok(value) => match (ended.unasked, from_script(&value)) {
            (Some((key, recorded)), _) => {
                Advance::Diverged { key, recorded, requested: Value::Null }
            }
            (None, Ok(value)) => Advance::Done(value),
            (None, Err(reason)) => failed(
                Code::SCRIPT_FAILED,
                format!("the runbook's result: {reason}"),
                Position::NONE,
                None,
            ),
        },
        Err(error) => {
            let (code, message, step) = explain(&error);
            failed(code, message, position(&error), step)
        }
    }
}

fn failed(code: Code, message: String, position: Position, step: Option<StepKey>) -> Advance {
    Advance::Failed(ScriptError {
        code,
        message,
        line: position.line(),
        column: position.position(),
        step,
    })
}

/// Where an error was raised: the innermost place that is known.
fn position(error: &EvalAltResult) -> Position {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, outer)
        | EvalAltResult::ErrorInModule(_, inner, outer) => match position(inner) {
            found if found.is_none() => *outer,
            found => found,
        },
        other => other.position(),
    }
}

fn explain(error: &EvalAltResult) -> (Code, String, Option<StepKey>) {
    match error.unwrap_inner() {
        EvalAltResult::ErrorRuntime(value, _) => {
            let step = value
                .as_map_ref()
                .ok()
                .and_then(|map| map.get("step").and_then(|step| step.clone().into_string().ok()))
                .and_then(|step| step.parse().ok());
            (Code::SCRIPT_FAILED, describe(value), step)
        }
        inner if inner.is_system_exception() => (Code::SCRIPT_LIMIT, words(inner), None),
        inner => (Code::SCRIPT_FAILED, words(inner), None),
    }
}

/// Rhai's own sentence, without the position that it appends: ours is separate.
fn words(error: &EvalAltResult) -> String {
    let text = error.to_string();
    match text.rfind(" (line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}
