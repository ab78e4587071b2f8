//! What is wrong with a script, found without running it: compile errors, unknown calls with "did
//! you mean", arguments of the wrong form, and an order that costs time in an incident.

use rhai::{AST, Engine, Position, Stmt};

use super::calls::{Call, calls};
use super::diagnostic::{Diagnostic, DiagnosticLevel};
use super::header::{self, Header};
use super::host::{Api, HostFunction, HostKind, bind, unfit};
use super::limits::SOURCE_BYTES_MAX;
use super::literals::did_you_mean;
use super::value::from_script;
use crate::action::Params;
use crate::change::Urgency;
use crate::error::Code;

/// All that is wrong with a script; empty for a good one.
#[must_use]
pub fn lint(engine: &Engine, source: &str) -> Vec<Diagnostic> {
    match check(engine, source) {
        Ok(checked) => checked.warnings,
        Err(problems) => problems,
    }
}

/// A script without errors.
pub(super) struct Checked {
    pub(super) ast: AST,
    pub(super) header: Header,
    pub(super) warnings: Vec<Diagnostic>,
}

/// Compiles and checks a script.
pub(super) fn check(engine: &Engine, source: &str) -> Result<Checked, Vec<Diagnostic>> {
    if source.len() > SOURCE_BYTES_MAX {
        let message = format!(
            "the file has {} bytes; a runbook has at most {SOURCE_BYTES_MAX}",
            source.len()
        );
        return Err(vec![diagnostic(DiagnosticLevel::Error, message, Position::NONE, None)]);
    }
    let ast = engine.compile(source).map_err(|error| {
        vec![diagnostic(
            DiagnosticLevel::Error,
            error.err_type().to_string(),
            error.position(),
            None,
        )]
    })?;
    let api = super::engine::api(engine);
    let found = calls(&ast);
    let mut all = Vec::new();
    let header = header::read(&ast, source).map_err(|problems| all.extend(problems)).ok();
    all.extend(top_level(&ast));
    all.extend(functions(&ast, &api));
    all.extend(found.iter().flat_map(|call| unknown(call, &api, &ast)));
    all.extend(found.iter().flat_map(|call| arguments(call, &api)));
    all.extend(order(&found, &api));
    if let Some(header) = header.as_ref().filter(|header| header.summary.is_empty()) {
        let help = header
            .on
            .first()
            .map(|_| "begin the file with `//! What this runbook does.`".to_owned());
        all.push(diagnostic(
            DiagnosticLevel::Warning,
            "the runbook has no summary",
            Position::NONE,
            help,
        ));
    }
    all.sort_by_key(|one| (one.level, one.line, one.column));
    match header {
        Some(header) if all.iter().all(|one| one.level == DiagnosticLevel::Warning) => {
            Ok(Checked { ast, header, warnings: all })
        }
        _ => Err(all),
    }
}

fn diagnostic(
    level: DiagnosticLevel,
    message: impl Into<String>,
    at: Position,
    help: Option<String>,
) -> Diagnostic {
    let code = match level {
        DiagnosticLevel::Error => Code::RUNBOOK_SYNTAX,
        DiagnosticLevel::Warning => Code::RUNBOOK_WEAK,
    };
    Diagnostic {
        level,
        code,
        message: message.into(),
        line: at.line(),
        column: at.position(),
        help,
    }
}

/// Only constants stand outside of functions: the header is read without running anything.
fn top_level(ast: &AST) -> Vec<Diagnostic> {
    let literal: Vec<&str> =
        ast.iter_literal_variables(true, false).map(|(name, ..)| name).collect();
    ast.statements()
        .iter()
        .filter(|statement| match statement {
            Stmt::Noop(_) => false,
            Stmt::Var(var, ..) => {
                !literal.contains(&var.0.name.as_str()) && var.0.name != "RUNBOOK"
            }
            _ => true,
        })
        .map(|statement| {
            let help = Some("move it into `fn run(case, p)`".to_owned());
            diagnostic(
                DiagnosticLevel::Error,
                "only constants of literals may stand outside of functions",
                statement.position(),
                help,
            )
        })
        .collect()
}

fn functions(ast: &AST, api: &Api) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for function in ast.iter_functions().filter(|function| api.is_reserved(function.name)) {
        let message = format!(
            "`fn {}` has the name of a host function and would silently take its place",
            function.name
        );
        all.push(diagnostic(
            DiagnosticLevel::Error,
            message,
            Position::NONE,
            Some("choose another name".to_owned()),
        ));
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
        all.push(diagnostic(
            DiagnosticLevel::Error,
            message,
            Position::NONE,
            Some("fn run(case, p) { … }".to_owned()),
        ));
    }
    all
}

fn unknown(call: &Call, api: &Api, ast: &AST) -> Option<Diagnostic> {
    let own = |name: &str| ast.iter_functions().any(|function| function.name == name);
    if api.find(&call.name).is_some()
        || (!call.name.contains("::") && (api.is_built_in(&call.name) || own(&call.name)))
    {
        return None;
    }
    let help = did_you_mean(&call.name, api.names()).map(|near| format!("did you mean `{near}`?"));
    Some(diagnostic(
        DiagnosticLevel::Error,
        format!("there is no function `{}`", call.name),
        call.at,
        help,
    ))
}

fn arguments(call: &Call, api: &Api) -> Option<Diagnostic> {
    let function = api.find(&call.name)?;
    if call.method {
        return None;
    }
    let count = call.args.len();
    let named =
        call.args.last().is_some_and(|(value, _)| value.as_ref().is_none_or(rhai::Dynamic::is_map))
            && count > 0;
    if count > function.arity.1
        || (count < function.arity.0
            && !(named && matches!(function.kind, HostKind::Query | HostKind::Action(_))))
    {
        return Some(diagnostic(
            DiagnosticLevel::Error,
            format!("`{}` takes {}, not {count} arguments", call.name, takes(function)),
            call.at,
            Some(function.summary.to_owned()),
        ));
    }
    let wrong = |reason: String| {
        diagnostic(DiagnosticLevel::Error, format!("`{}`: {reason}", call.name), call.at, None)
    };
    let values: Vec<_> = call.args.iter().map(|(value, _)| value.clone()).collect();
    if matches!(function.kind, HostKind::Control) {
        return unfit(&call.name, &values).map(wrong);
    }
    if let Some(values) = values.into_iter().collect::<Option<Vec<_>>>() {
        let given = match bind(function.params, values) {
            Ok(given) => given.as_object().cloned().unwrap_or_default(),
            Err(reason) => return Some(wrong(reason)),
        };
        let HostKind::Action(action) = function.kind else { return None };
        let target = Params::check(action.params(), given).and_then(|given| action.target(&given));
        return target.err().map(|error| wrong(error.to_string()));
    }
    // Some arguments are only known when the script runs; the literal ones can be checked now.
    call.args.iter().zip(function.params).find_map(|((value, at), spec)| {
        let value = value.as_ref().filter(|value| !value.is_map() && !value.is_unit())?;
        let reason = from_script(value).and_then(|value| spec.kind.check(&value)).err()?;
        Some(diagnostic(
            DiagnosticLevel::Error,
            format!("`{}`: {}: {reason}", call.name, spec.name),
            *at,
            None,
        ))
    })
}

fn takes(function: &HostFunction) -> String {
    match function.kind {
        HostKind::Control => format!("{} to {}", function.arity.0, function.arity.1),
        HostKind::Action(_) | HostKind::Query => {
            let names: Vec<_> =
                function
                    .params
                    .iter()
                    .map(|spec| {
                        if spec.required { spec.name.to_owned() } else { format!("{}?", spec.name) }
                    })
                    .collect();
            names.join(", ")
        }
    }
}

/// Telling people and tagging come after containment: they can fail, and they cost time.
fn order(found: &[Call], api: &Api) -> Vec<Diagnostic> {
    let urgency = |call: &Call| api.find(&call.name).and_then(HostFunction::urgency);
    let Some(last) = found.iter().rposition(|call| urgency(call) == Some(Urgency::Containment))
    else {
        return Vec::new();
    };
    found[..last]
        .iter()
        .filter(|call| call.name == "notify" || urgency(call) == Some(Urgency::Description))
        .map(|call| {
            let help = Some("move it after the last `contain::…`".to_owned());
            diagnostic(
                DiagnosticLevel::Warning,
                format!("`{}` comes before containment", call.name),
                call.at,
                help,
            )
        })
        .collect()
}
