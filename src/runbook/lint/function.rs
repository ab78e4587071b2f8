//! The functions of a script with their bodies, closures among them, and how a closure is written.
//!
//! Rhai makes of a closure a function of its own. What it captures stands first among its parameters,
//! and where it is written stands a call of `curry` with the captured variables.

use rhai::{AST, ASTNode, Dynamic, Expr, FnPtr, Stmt};

/// How the names of closures begin.
const CLOSURE: &str = "anon$";

/// A function.
pub(super) struct Function {
    pub(super) name: String,
    pub(super) params: Vec<String>,
    pub(super) body: Vec<Stmt>,
}

impl Function {
    /// Whether it is a closure.
    pub(super) fn is_closure(&self) -> bool {
        self.name.starts_with(CLOSURE)
    }
}

/// Every function of a script.
pub(super) struct Functions(Vec<Function>);

impl Functions {
    /// Reads them from the syntax tree, whose own list of them is not open.
    pub(super) fn of(ast: &AST) -> Self {
        let functions = ast.iter_functions().map(|function| {
            // `clone_functions_only_filtered` of this version of Rhai does not filter.
            let mut only = ast.clone_functions_only();
            only.retain_functions(|_, _, name, params| {
                name == function.name && params == function.params.len()
            });
            let mut body = Vec::new();
            only.walk(&mut |path: &[ASTNode<'_>]| {
                if let [ASTNode::Stmt(statement)] = path {
                    body.push((*statement).clone());
                }
                true
            });
            let params = function.params.iter().map(ToString::to_string).collect();
            Function { name: function.name.to_owned(), params, body }
        });
        Self(functions.collect())
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Function> {
        self.0.iter()
    }

    /// The closure with this name.
    pub(super) fn closure(&self, name: &str) -> Option<&Function> {
        self.0.iter().find(|function| function.is_closure() && function.name == name)
    }

    /// Whether the script has a function of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|function| function.name == name)
    }
}

/// A closure where it is written: its name, and what it captures.
pub(super) fn closure(expr: &Expr) -> Option<(String, &[Expr])> {
    match expr {
        Expr::DynamicConstant(value, _) => Some((pointed(value)?, &[])),
        Expr::FnCall(call, _) => curried(call),
        Expr::Stmt(block) => match block.statements().last()? {
            Stmt::Expr(expr) => closure(expr),
            Stmt::FnCall(call, _) => curried(call),
            _ => None,
        },
        _ => None,
    }
}

fn curried(call: &rhai::FnCallExpr) -> Option<(String, &[Expr])> {
    let (first, captured) = call.args.split_first().filter(|_| call.name == "curry")?;
    let Expr::DynamicConstant(value, _) = first else { return None };
    Some((pointed(value)?, captured))
}

fn pointed(value: &Dynamic) -> Option<String> {
    Some(value.read_lock::<FnPtr>()?.fn_name().to_owned())
}

/// The closures in a constant: in a list that captures nothing, Rhai folds them into one value.
pub(super) fn folded(value: &Dynamic) -> Vec<String> {
    if let Ok(list) = value.as_array_ref() {
        return list.iter().flat_map(folded).collect();
    }
    if let Ok(map) = value.as_map_ref() {
        return map.values().flat_map(folded).collect();
    }
    pointed(value).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_its_own_body() {
        let engine = crate::runbook::build_engine();
        let ast = engine
            .compile("fn a() { x(); y(); z() } fn a(x) { x(); y() } fn b() { || z() }")
            .unwrap();
        let functions = Functions::of(&ast);
        let mut found: Vec<(bool, usize, usize)> = functions
            .iter()
            .map(|one| (one.is_closure(), one.params.len(), one.body.len()))
            .collect();
        found.sort_unstable();
        assert_eq!(found, [(false, 0, 1), (false, 0, 3), (false, 1, 2), (true, 0, 1)]);
        assert!(functions.has("b") && !functions.has("c") && functions.closure("b").is_none());
    }
}
