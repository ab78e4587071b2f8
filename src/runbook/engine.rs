//! The one engine: production, tests and lint all evaluate with [`build_engine`].
//!
//! It starts from nothing and gets chosen packages. Not among them: `LanguageCorePackage` (`sleep`
//! that blocks the thread, `exit`), `BasicTimePackage` (a clock), anything that reads files.

use std::sync::Arc;

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage,
    BasicStringPackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine, OptimizationLevel, Token};

use super::host::{self, Api};
use super::limits;
use super::{context, operators, value};
use crate::action::{Action, Query, queries, registry};

/// Keywords that would let a script reach code by a computed name or from elsewhere. With them
/// off, walking the syntax tree sees every host call.
const DISABLED: [&str; 8] =
    ["eval", "import", "export", "Fn", "call", "curry", "is_def_fn", "is_def_var"];

/// The engine with the actions and queries of this build. About a millisecond: build once, share.
#[must_use]
pub fn build_engine() -> Engine {
    build_engine_with(registry(), queries())
}

/// The engine with these actions and queries.
#[must_use]
pub fn build_engine_with(
    actions: &[&'static dyn Action],
    queries: &[&'static dyn Query],
) -> Engine {
    #[expect(clippy::disallowed_methods, reason = "the one engine")]
    let mut engine = Engine::new_raw();
    for package in [
        ArithmeticPackage::new().as_shared_module(),
        LogicPackage::new().as_shared_module(),
        BasicStringPackage::new().as_shared_module(),
        MoreStringPackage::new().as_shared_module(),
        BasicIteratorPackage::new().as_shared_module(),
        BasicArrayPackage::new().as_shared_module(),
        BasicMapPackage::new().as_shared_module(),
    ] {
        engine.register_global_module(package);
    }
    for keyword in DISABLED {
        engine.disable_symbol(keyword);
    }
    operators::register(&mut engine);
    free_case(&mut engine);
    set_limits(&mut engine);
    engine.set_optimization_level(OptimizationLevel::Simple);
    // Undefined variables are found when the script is loaded, not at 3 a.m.
    engine.set_strict_variables(true);
    engine.on_progress(|_| {
        context::with(context::Run::tick).unwrap_or(false).then_some(Dynamic::UNIT)
    });
    engine.on_print(|text| {
        context::with(|run| run.line(text));
    });
    engine.on_debug(|text, _, _| {
        context::with(|run| run.line(text));
    });
    // Replaces the package's, whose serialiser follows a closure that captures itself for ever.
    engine.register_fn("to_json", |map: rhai::Map| match value::from_script(&Dynamic::from(map)) {
        Ok(json) => Ok(json.to_string()),
        Err(reason) => Err(Box::new(rhai::EvalAltResult::from(reason))),
    });
    let api = host::register(&mut engine, actions, queries);
    engine.set_default_tag(Dynamic::from(Arc::new(api)));
    engine
}

/// `case` is reserved in Rhai and means nothing there; in a runbook it is the case.
fn free_case(engine: &mut Engine) {
    #[expect(deprecated, reason = "marked as volatile, not as going away; the version is pinned")]
    engine.on_parse_token(|token, _, _| match token {
        Token::Reserved(word) if word.as_str() == "case" => Token::Identifier(word),
        other => other,
    });
}

/// The host API that an engine was built with.
pub(super) fn api(engine: &Engine) -> Arc<Api> {
    engine.default_tag().clone().try_cast::<Arc<Api>>().unwrap_or_default()
}

fn set_limits(engine: &mut Engine) {
    engine
        .set_max_string_size(limits::STRING_BYTES_MAX)
        .set_max_array_size(limits::ARRAY_ELEMENTS_MAX)
        .set_max_map_size(limits::MAP_ENTRIES_MAX)
        .set_max_variables(limits::VARIABLES_MAX)
        .set_max_functions(limits::FUNCTIONS_MAX)
        .set_max_modules(limits::MODULES_MAX)
        .set_max_call_levels(limits::CALL_LEVELS_MAX)
        .set_max_expr_depths(limits::EXPRESSION_DEPTH_MAX, limits::FUNCTION_EXPRESSION_DEPTH_MAX)
        .set_max_operations(limits::OPERATIONS_MAX)
        // With `sync`, interning strings takes a lock on every string.
        .set_max_strings_interned(0);
}
