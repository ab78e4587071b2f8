//! The outline of a script: constants, `fn run(case, p)`, a summary.

use rhai::{AST, Position, Stmt};

use super::{error, warning};
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::header::Header;
use crate::runbook::host::Api;

/// Only constants stand outside of functions: the header is read without running anything.
pub(super) fn top_level(ast: &AST) -> Vec<Diagnostic> {
    let literal: Vec<&str> =
        ast.iter_literal_variables(true, false).map(|(name, ..)| name).collect();
    let others = ast.statements().iter().filter(|statement| match statement {
        Stmt::Noop(_) => false,
        Stmt::Var(var, ..) => !literal.contains(&var.0.name.as_str()) && var.0.name != "RUNBOOK",
        _ => true,
    });
    others
        .map(|statement| {
            let help = Some("move it into `fn run(case, p)`".to_owned());
            let message = "only constants of literals may stand outside of functions";
            error(message, statement.position(), help)
        })
        .collect()
}

/// There is one `run`, and no function takes the place of a host function.
pub(super) fn functions(ast: &AST, api: &Api) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for function in ast.iter_functions().filter(|function| api.is_reserved(function.name)) {
        let message = format!(
            "`fn {}` has the name of a host function and would silently take its place",
            function.name
        );
        all.push(error(message, Position::NONE, Some("choose another name".to_owned())));
    }
    let run: Vec<usize> = ast
        .iter_functions()
        .filter(|function| function.name == "run")
        .map(|function| function.params.len())
        .collect();
    if run != [2] {
        let message = if run.is_empty() {
            "`fn run(case, p)` is missing"
        } else {
            "`run` must take exactly two parameters, and there must be one `run`"
        };
        all.push(error(message, Position::NONE, Some("fn run(case, p) { … }".to_owned())));
    }
    all
}

/// A responder reads the summary before the script.
pub(super) fn summary(header: &Header) -> Option<Diagnostic> {
    let help = header.on.first().map(|_| "begin the file with `//! What this runbook does.`");
    header
        .summary
        .is_empty()
        .then(|| warning("the runbook has no summary", Position::NONE, help.map(str::to_owned)))
}
