//! The host API: what a script may call, and nothing else. One table for registration, lint and the
//! reference page; actions and queries come from their registries in one loop.

mod bind;
mod control;
mod parallel;
mod untyped;

use std::collections::BTreeSet;
use std::sync::Arc;

use rhai::{
    Dynamic, Engine, EvalAltResult, FuncRegistration, Map, Module, NativeCallContext, Position,
    RhaiFunc,
};
use serde_json::Value;

pub(super) use bind::bind;
pub(super) use control::unfit;

use super::context::{self, Answer};
use super::value::to_script;
use crate::action::{Action, ParamSpec, Query, Shape};
use crate::change::Urgency;
use crate::error::Code;

/// What a host function is.
#[derive(Clone, Copy)]
pub enum HostKind {
    /// Contains, preserves or describes.
    Action(&'static dyn Action),
    /// Reads from AWS.
    Query,
    /// Waits, asks, tells, or arranges other steps.
    Control,
}

/// A host function.
#[derive(Clone)]
pub struct HostFunction {
    /// With its namespace: `contain::isolate_instance`, `approve`.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// What it is.
    pub kind: HostKind,
    /// What it takes, positional in this order, for actions and queries.
    pub params: &'static [ParamSpec],
    /// The fewest and the most arguments of a call.
    pub arity: (usize, usize),
    /// The keys of its options, for what is neither action nor query.
    pub options: &'static [&'static str],
    /// The fields of what it gives.
    pub output: Shape,
}

impl HostFunction {
    /// How urgent its step is, for an action.
    #[must_use]
    pub fn urgency(&self) -> Option<Urgency> {
        match self.kind {
            HostKind::Action(action) => Some(action.urgency()),
            HostKind::Query | HostKind::Control => None,
        }
    }

    /// The keys that a map at the end of its arguments may have.
    pub fn options(&self) -> impl Iterator<Item = &'static str> {
        self.options.iter().copied().chain(self.params.iter().map(|spec| spec.name))
    }

    /// Whether a map at the end of its arguments may have this key.
    #[must_use]
    pub fn takes_option(&self, key: &str) -> bool {
        self.options().any(|known| known == key)
    }
}

/// All that a script may call.
#[derive(Clone, Default)]
pub struct Api {
    functions: Vec<HostFunction>,
    /// Names of the language's own functions, such as `len`.
    built_in: BTreeSet<String>,
}

impl Api {
    /// The host function with this name, namespace included.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&HostFunction> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// Whether the language itself has a function of this name.
    #[must_use]
    pub fn is_built_in(&self, name: &str) -> bool {
        self.built_in.contains(name)
    }

    /// Whether a script's own function may not be called this: it would silently take the place of
    /// a host function, or look as if it did.
    #[must_use]
    pub fn is_reserved(&self, name: &str) -> bool {
        matches!(name, "print" | "debug")
            || self.functions.iter().any(|function| function.name.rsplit("::").next() == Some(name))
    }

    /// Every name that a call may use.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.functions
            .iter()
            .map(|function| function.name)
            .chain(self.built_in.iter().map(String::as_str))
    }
}

/// Registers the host functions.
pub(super) fn register(
    engine: &mut Engine,
    actions: &[&'static dyn Action],
    queries: &[&'static dyn Query],
) -> Api {
    let mut functions = control::functions();
    functions.extend(actions.iter().map(|action| HostFunction {
        output: action.output(),
        ..step_function(action.name(), action.summary(), HostKind::Action(*action), action.params())
    }));
    functions.extend(queries.iter().map(|query| HostFunction {
        output: query.output(),
        ..step_function(query.name(), query.summary(), HostKind::Query, query.params())
    }));

    let mut modules = std::collections::BTreeMap::<&str, Module>::new();
    for function in &functions {
        let Some((namespace, short)) = function.name.split_once("::") else {
            continue;
        };
        let module = modules.entry(namespace).or_default();
        register_step(module, short, function);
    }
    for (namespace, module) in modules {
        engine.register_static_module(namespace, module.into());
    }
    control::register(engine);
    parallel::register(engine);
    Api { functions, built_in: built_in(engine) }
}

fn step_function(
    name: &'static str,
    summary: &'static str,
    kind: HostKind,
    params: &'static [ParamSpec],
) -> HostFunction {
    let required = params.iter().take_while(|spec| spec.required).count();
    // One more than the parameters: a trailing map may hold the optional ones by name.
    let arity = (required, params.len() + 1);
    HostFunction { name, summary, kind, params, arity, options: &[], output: Shape::Any }
}

/// Registers a step under every number of arguments, so that a wrong number is our error, with the
/// parameters' names, and not Rhai's about a missing function.
fn register_step(module: &mut Module, short: &'static str, function: &HostFunction) {
    for arity in 0..=function.arity.1 {
        let (name, params) = (function.name, function.params);
        let call = move |context: Option<NativeCallContext<'_>>, args: &mut [&mut Dynamic]| {
            let context =
                context.ok_or_else(|| Box::new(EvalAltResult::from("no call context")))?;
            let args = args.iter().map(|arg| arg.flatten_clone()).collect::<Vec<_>>();
            step(&context, name, || bind(params, args))
        };
        FuncRegistration::new(short).set_into_module_raw(
            module,
            vec![std::any::TypeId::of::<Dynamic>(); arity],
            RhaiFunc::Pure {
                func: Arc::new(call),
                has_context: true,
                is_pure: true,
                is_volatile: true,
            },
        );
    }
}

/// One step: halted, recorded, or wanted. Arguments that don't fit raise an error and take no key.
pub(super) fn step(
    context: &NativeCallContext<'_>,
    name: &str,
    arguments: impl FnOnce() -> Result<Value, String>,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let at = context.call_position();
    match context::with(|run| run.is_halted()) {
        None => {
            return Err(raise(
                Code::SCRIPT_FAILED.number,
                "script",
                &format!("{name} was called outside of a run"),
                None,
                at,
            ));
        }
        Some(true) => return Err(halt(at)),
        Some(false) => {}
    }
    let args = arguments().map_err(|reason| {
        raise(Code::SCRIPT_FAILED.number, "argument", &format!("{name}: {reason}"), None, at)
    })?;
    match context::with(|run| run.step(name, args, at)) {
        Some(Answer::Value(value)) => Ok(to_script(&value)),
        Some(Answer::Failure(key, failure)) => {
            Err(raise(&failure.code, &failure.class, &failure.message, Some(key.as_str()), at))
        }
        Some(Answer::Halt) | None => Err(halt(at)),
    }
}

/// The error that ends an evaluation which must not go on. Scripts may swallow it; the context
/// remembers.
pub(super) fn halt(at: Position) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, at))
}

/// An error that a script may catch, as a map.
pub(super) fn raise(
    code: &str,
    class: &str,
    message: &str,
    step: Option<&str>,
    at: Position,
) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(error_map(code, class, message, step).into(), at))
}

/// `#{code, class, message, step}`: the form of every error that the host raises.
pub(super) fn error_map(code: &str, class: &str, message: &str, step: Option<&str>) -> Map {
    Map::from_iter([
        ("code".into(), code.into()),
        ("class".into(), class.into()),
        ("message".into(), message.into()),
        ("step".into(), step.map_or(Dynamic::UNIT, |step| step.to_owned().into())),
    ])
}

/// The names of the functions that the chosen packages bring.
fn built_in(engine: &Engine) -> BTreeSet<String> {
    let listed = engine
        .gen_fn_metadata_to_json(true)
        .ok()
        .and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let mut names: BTreeSet<String> =
        ["print", "debug", "type_of", "is_shared"].map(str::to_owned).into();
    for function in
        listed.as_ref().and_then(|all| all["functions"].as_array()).into_iter().flatten()
    {
        names.extend(function["name"].as_str().map(str::to_owned));
    }
    names
}
