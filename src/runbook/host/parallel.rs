//! `parallel([|| …, || …])`: branches whose steps come out together.
//!
//! A branch that halts does not stop its siblings: its halt is caught here and the next branch is
//! evaluated, so that all branches' wanted steps come out of one evaluation. A branch that fails
//! does not stop them either: its error is raised only when every branch is complete.

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, Map, NativeCallContext};

use super::untyped::each;
use super::{error_map, halt, raise};
use crate::error::Code;
use crate::runbook::context;
use crate::runbook::value::{describe, detached, kind};

/// Its options.
pub(super) const OPTIONS: &[&str] = &["keep_errors"];

pub(super) fn register(engine: &mut Engine) {
    each(engine, "parallel", 1, |context, args| parallel(context, &args[0], OnError::Raise));
    each(engine, "parallel", 2, |context, args| match on_error(&args[1]) {
        Ok(on_error) => parallel(context, &args[0], on_error),
        Err(reason) => Err(wrong(context, &reason)),
    });
}

/// What becomes of a branch's error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnError {
    /// After every branch, raise the first error.
    Raise,
    /// Leave errors in the list of results.
    Keep,
}

/// Reads the options.
pub(super) fn on_error(options: &Dynamic) -> Result<OnError, String> {
    let map = options
        .as_map_ref()
        .map_err(|_| format!("options: expected a map, not a {}", kind(options)))?;
    if let Some(unknown) = map.keys().find(|name| !OPTIONS.contains(&name.as_str())) {
        let known = OPTIONS.join(", ");
        return Err(format!("options: {unknown} is unknown; known is {known}"));
    }
    match map.get("keep_errors").map(Dynamic::as_bool) {
        None | Some(Ok(false)) => Ok(OnError::Raise),
        Some(Ok(true)) => Ok(OnError::Keep),
        Some(Err(_)) => Err("keep_errors: expected true or false".to_owned()),
    }
}

fn wrong(context: &NativeCallContext<'_>, reason: &str) -> Box<EvalAltResult> {
    raise(
        Code::SCRIPT_FAILED.number,
        "argument",
        &format!("parallel: {reason}"),
        None,
        context.call_position(),
    )
}

fn branches(list: &Dynamic) -> Result<Vec<FnPtr>, String> {
    let list = list
        .as_array_ref()
        .map_err(|_| format!("expected a list of closures, not a {}", kind(list)))?;
    list.iter()
        .enumerate()
        .map(|(index, item)| {
            let closure = item.flatten_clone().try_cast::<FnPtr>().ok_or_else(|| {
                format!("element {index} is a {}, not a closure: write `|| contain::…`", kind(item))
            })?;
            detached(&closure).map_err(|reason| format!("element {index}: {reason}"))
        })
        .collect()
}

fn parallel(
    context: &NativeCallContext<'_>,
    list: &Dynamic,
    on_error: OnError,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let at = context.call_position();
    if context::with(|run| run.is_halted()).unwrap_or(true) {
        return Err(halt(at));
    }
    let branches = branches(list).map_err(|reason| wrong(context, &reason))?;
    let Some(key) = context::with(|run| run.fork(branches.len())).flatten() else {
        return Err(halt(at));
    };

    let mut results = Array::with_capacity(branches.len());
    let mut first_error = None;
    let mut waits = false;
    // Lines that a branch logged after its last step. They go out with the step after `parallel`:
    // attached to a sibling's, they would depend on what finished first.
    let mut trailing = Vec::new();
    for (index, branch) in branches.iter().enumerate() {
        context::with(|run| run.enter(&key, index));
        let result = branch.call_within_context::<Dynamic>(context, ());
        let (halted, stopped) = context::with(|run| {
            trailing.extend(run.take_log());
            (run.leave(), run.is_stopped())
        })
        .unwrap_or((true, true));
        if stopped {
            return Err(halt(at));
        }
        match result {
            // Whatever the branch made of its halt: it waits.
            _ if halted => waits = true,
            Ok(value) => results.push(value.flatten()),
            Err(error) => {
                if on_error == OnError::Keep
                    && let Some(words) = own(&error)
                {
                    context::with(|run| run.keep(words));
                }
                results.push(Map::from_iter([("error".into(), error_value(&error))]).into());
                first_error.get_or_insert(error);
            }
        }
    }
    if waits {
        context::with(context::Run::halt);
        return Err(halt(at));
    }
    context::with(|run| run.put_log(trailing));
    match first_error {
        Some(error) if on_error == OnError::Raise => Err(error),
        _ => Ok(results.into()),
    }
}

/// What a branch itself failed with; `None` where a step of it did, which the timeline shows. What
/// the branch throws may look like a step's failure: only the record tells.
fn own(error: &EvalAltResult) -> Option<String> {
    match error.unwrap_inner() {
        EvalAltResult::ErrorRuntime(value, _) => {
            let step = value.as_map_ref().ok().and_then(|map| {
                map.get("step").and_then(|step| step.clone().into_string().ok()?.parse().ok())
            });
            let failed = |key| context::with(|run| run.has_failed(&key)).unwrap_or(false);
            (!step.is_some_and(failed)).then(|| describe(value))
        }
        other => Some(other.to_string()),
    }
}

/// The value that `catch (e)` would see for this error.
fn error_value(error: &EvalAltResult) -> Dynamic {
    match error.unwrap_inner() {
        EvalAltResult::ErrorRuntime(value, _) if value.is_map() => value.clone(),
        EvalAltResult::ErrorRuntime(value, _) => {
            error_map(Code::SCRIPT_FAILED.number, "script", &describe(value), None).into()
        }
        other => error_map(Code::SCRIPT_FAILED.number, "script", &other.to_string(), None).into(),
    }
}
