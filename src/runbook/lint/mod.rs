//! What is wrong with a script, found without running it: compile errors, unknown calls, options and
//! fields with "did you mean", arguments of the wrong form, and an order that costs time in an
//! incident. Only what is certain is an error: a good script is never refused.

mod assigned;
mod call;
mod chain;
mod fields;
mod function;
mod known;
mod options;
mod order;
mod outline;

use rhai::{AST, Engine, Position};

#[cfg(test)]
pub(super) use known::{PLANNED, SPARED};

use super::calls::calls;
use super::diagnostic::{Diagnostic, DiagnosticLevel};
use super::header::{self, Header};
use super::limits::SOURCE_BYTES_MAX;
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

/// Compiles and checks a script. Only what does not compile hides other problems: each rule looks
/// for itself, whatever the others found.
pub(super) fn check(engine: &Engine, source: &str) -> Result<Checked, Vec<Diagnostic>> {
    let ast = parse(engine, source)?;
    let api = super::engine::api(engine);
    let found = calls(&ast);
    let mut all = Vec::new();
    let header = header::read(&ast, source).map_err(|problems| all.extend(problems)).ok();
    let params = match &header {
        Some(header) => Some(header.params.iter().map(|param| param.name.clone()).collect()),
        None => header::declared(&ast),
    };
    all.extend(outline::top_level(&ast));
    all.extend(outline::functions(&ast, &api));
    all.extend(found.iter().filter_map(|call| call::unknown(call, &api, &ast)));
    all.extend(found.iter().flat_map(|call| call::arguments(call, &api, source)));
    all.extend(fields::fields(&ast, &api, params));
    all.extend(order::order(&found, &api));
    all.extend(header.as_ref().and_then(outline::summary));
    all.sort_by_key(|one| (one.level, one.line, one.column));
    match header {
        Some(header) if all.iter().all(|one| one.level == DiagnosticLevel::Warning) => {
            Ok(Checked { ast, header, warnings: all })
        }
        _ => Err(all),
    }
}

/// Compiles a script that was checked when its run was started. What lint has learnt since stops no
/// run that is under way; what would make the script another one does.
pub(super) fn check_pinned(engine: &Engine, source: &str) -> Result<Checked, Vec<Diagnostic>> {
    let ast = parse(engine, source)?;
    let header = header::read(&ast, source)?;
    let wrong = outline::functions(&ast, &super::engine::api(engine));
    if wrong.is_empty() { Ok(Checked { ast, header, warnings: Vec::new() }) } else { Err(wrong) }
}

fn parse(engine: &Engine, source: &str) -> Result<AST, Vec<Diagnostic>> {
    if source.len() > SOURCE_BYTES_MAX {
        let message = format!(
            "the file has {} bytes; a runbook has at most {SOURCE_BYTES_MAX}",
            source.len()
        );
        return Err(vec![error(message, Position::NONE, None)]);
    }
    engine
        .compile(source)
        .map_err(|wrong| vec![error(wrong.err_type().to_string(), wrong.position(), None)])
}

fn error(message: impl Into<String>, at: Position, help: Option<String>) -> Diagnostic {
    Diagnostic {
        level: DiagnosticLevel::Error,
        code: Code::RUNBOOK_SYNTAX,
        message: message.into(),
        line: at.line(),
        column: at.position(),
        help,
    }
}

fn warning(message: impl Into<String>, at: Position, help: Option<String>) -> Diagnostic {
    Diagnostic {
        level: DiagnosticLevel::Warning,
        code: Code::RUNBOOK_WEAK,
        ..error(message, at, help)
    }
}
