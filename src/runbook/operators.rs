//! Text stands in no order with numbers. Rhai answers `false` to `"8.0" >= 7.0`, and a script would go
//! on as if it had been told something; here it is an error of the script.
//!
//! `==` and `!=` stay as they are: lists and maps are compared and searched with them, and there two
//! things of different kinds are simply not the same. Lint finds those that are written out.

use std::any::TypeId;

use rhai::{Engine, FLOAT, INT, ImmutableString};

use super::host::raise;
use crate::error::Code;

/// The operators that ask for an order.
const ORDER: [&str; 4] = ["<", "<=", ">", ">="];

/// Makes an order between a text and a number an error.
pub(super) fn register(engine: &mut Engine) {
    // A short cut that Rhai takes for its own kinds of values, past every function of ours.
    engine.set_fast_operators(false);
    let text = TypeId::of::<ImmutableString>();
    let numbers = [TypeId::of::<INT>(), TypeId::of::<FLOAT>()];
    for (operator, number) in ORDER.iter().flat_map(|one| numbers.map(|number| (*one, number))) {
        for kinds in [[text, number], [number, text]] {
            engine.register_raw_fn::<bool>(operator, kinds, move |context, _| {
                let message = format!("`{operator}` can't compare a text with a number");
                let code = Code::SCRIPT_FAILED.number;
                Err(raise(code, "argument", &message, None, context.call_position()))
            });
        }
    }
}
