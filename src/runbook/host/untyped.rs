//! Registering a function whose arguments may be of any type: the function itself says what is wrong
//! with them, with the place of its call.

use std::any::TypeId;

use rhai::{Dynamic, Engine, EvalAltResult, NativeCallContext};

/// Registers a function of `arity` arguments of any type.
pub(super) fn each(
    engine: &mut Engine,
    name: &'static str,
    arity: usize,
    act: impl Fn(&NativeCallContext<'_>, &[Dynamic]) -> Result<Dynamic, Box<EvalAltResult>>
    + Send
    + Sync
    + 'static,
) {
    engine.register_raw_fn(name, vec![TypeId::of::<Dynamic>(); arity], move |context, args| {
        // Copies: the first argument is a reference to the script's own variable.
        let args: Vec<Dynamic> = args.iter().map(|arg| arg.flatten_clone()).collect();
        act(&context, &args)
    });
}
