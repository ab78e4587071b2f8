//! `runbook check`: lint, without a service and without a database.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::outcome::{Failure, Outcome};
use crate::cli::{Common, config, input, paint};
use crate::error::Code;
use crate::runbook::{Diagnostic, DiagnosticLevel, build_engine, lint};

/// A script's name and what is wrong with it.
type Checked = (String, Vec<Diagnostic>);

/// Checks `files`, or the configuration's runbooks.
pub fn check(common: &Common, files: &[PathBuf]) -> Result<Outcome, Failure> {
    let checked = if files.is_empty() {
        configured(common)?
    } else {
        given(files)?
    };
    if common.json {
        let rows = checked.iter().map(|(name, diagnostics)| {
            json!({"file": name, "diagnostics": diagnostics.iter().map(view).collect::<Vec<_>>()})
        });
        paint::line(&Value::from_iter(rows).to_string());
    } else {
        checked.iter().for_each(print);
    }
    let all = checked.iter().flat_map(|(_, diagnostics)| diagnostics);
    match all
        .filter(|diagnostic| diagnostic.level == DiagnosticLevel::Error)
        .count()
    {
        0 => Ok(Outcome::Done),
        1 => Err(Failure::new(Code::RUNBOOKS_LOAD, "1 error")),
        n => Err(Failure::new(Code::RUNBOOKS_LOAD, format!("{n} errors"))),
    }
}

fn configured(common: &Common) -> Result<Vec<Checked>, Failure> {
    let library = crate::web::library(&config::load(common)?)?;
    Ok(library
        .iter()
        .map(|runbook| (runbook.name.to_string(), runbook.warnings.clone()))
        .collect())
}

fn given(files: &[PathBuf]) -> Result<Vec<Checked>, Failure> {
    let engine = build_engine();
    let read = |file: &Path| {
        String::from_utf8(input::file(file)?)
            .map_err(|_| Failure::usage(format!("{} is not UTF-8", file.display())))
    };
    files
        .iter()
        .map(|file| Ok((file.display().to_string(), lint(&engine, &read(file)?))))
        .collect()
}

fn print((name, diagnostics): &Checked) {
    if diagnostics.is_empty() {
        paint::line(&format!("{}: {}", paint::clean(name), paint::good("good")));
    }
    for diagnostic in diagnostics {
        let words = paint::clean(&format!("{name}:{diagnostic}"));
        paint::line(&match diagnostic.level {
            DiagnosticLevel::Error => paint::bad(&words),
            DiagnosticLevel::Warning => paint::warn(&words),
        });
    }
}

fn view(diagnostic: &Diagnostic) -> Value {
    json!({
        "level": diagnostic.level.label(),
        "code": diagnostic.code.number,
        "message": diagnostic.message,
        "line": diagnostic.line,
        "column": diagnostic.column,
        "help": diagnostic.help,
    })
}
