//! What a `catch (e)` may get: an error of the host, one of the language, or what the script throws.

use std::collections::BTreeSet;

use rhai::{ASTFlags, ASTNode, Expr, Map, Stmt};

use super::assigned::Assigned;
use super::chain::variable;
use super::function::Functions;

/// The fields that an error of the language may have (Rhai Book, "Catch exceptions").
const OF_LANGUAGE: &[&str] = &[
    "actual",
    "error",
    "function",
    "index",
    "length",
    "line",
    "module",
    "position",
    "property",
    "requested",
    "source",
    "token",
    "tokens",
    "type",
    "variable",
];

/// The fields that a caught error may have besides those of the host's errors; `None` where the script
/// throws something that lint does not know.
pub(super) fn besides(functions: &Functions) -> Option<Vec<String>> {
    let mut reader = Reader { again: BTreeSet::new(), caught: BTreeSet::new(), fields: Vec::new() };
    for function in functions.iter() {
        // A name that also stands for something else is not known to hold an error.
        reader.again.extend(function.params.iter().cloned());
        read(&function.body, &mut |statement| reader.variables(statement));
    }
    let assigned: Vec<Assigned> =
        functions.iter().map(|function| Assigned::of(function, functions)).collect();
    reader.caught.retain(|name| {
        !reader.again.contains(name) && assigned.iter().all(|function| function.is_once(name))
    });
    let mut known = true;
    for function in functions.iter() {
        read(&function.body, &mut |statement| known &= reader.thrown(statement));
    }
    reader.fields.extend(OF_LANGUAGE.iter().map(|name| (*name).to_owned()));
    known.then_some(reader.fields)
}

struct Reader {
    /// The names of parameters and of variables that begin otherwise than by `catch`.
    again: BTreeSet<String>,
    /// The names of variables that hold a caught error.
    caught: BTreeSet<String>,
    fields: Vec<String>,
}

impl Reader {
    fn variables(&mut self, statement: &Stmt) {
        match statement {
            Stmt::TryCatch(flow, _) => self.caught.extend(variable(&flow.expr).map(str::to_owned)),
            Stmt::Var(var, ..) => self.again.extend([var.0.name.to_string()]),
            Stmt::For(parts, _) => self.again.extend([parts.0.name.to_string()]),
            _ => {}
        }
    }

    /// Whether it is known what this statement throws.
    fn thrown(&mut self, statement: &Stmt) -> bool {
        let Stmt::Return(value, flags, _) = statement else { return true };
        if !flags.contains(ASTFlags::BREAK) {
            return true;
        }
        match value.as_deref() {
            None | Some(Expr::StringConstant(..) | Expr::InterpolatedString(..)) => true,
            Some(Expr::IntegerConstant(..)) => true,
            Some(Expr::Map(map, _)) => {
                self.fields.extend(map.0.iter().map(|(key, _)| key.name.to_string()));
                true
            }
            Some(Expr::DynamicConstant(value, _)) => {
                let map = value.read_lock::<Map>();
                let keys = map.iter().flat_map(|map| map.keys());
                self.fields.extend(keys.map(ToString::to_string));
                map.is_some()
            }
            Some(other) => variable(other).is_some_and(|name| self.caught.contains(name)),
        }
    }
}

fn read(body: &[Stmt], act: &mut dyn FnMut(&Stmt)) {
    for statement in body {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            if let Some(ASTNode::Stmt(statement)) = path.last() {
                act(statement);
            }
            true
        });
    }
}
