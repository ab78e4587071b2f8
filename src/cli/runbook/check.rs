//! `runbook check`: lint, without a service and without a database.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::error::CliError;
use crate::cli::sanitise::{VALUE_MAX, sanitise};
use crate::cli::screen::Screen;
use crate::cli::table::Tone;
use crate::cli::{Common, config, input};
use crate::error::Code;
use crate::runbook::{Diagnostic, DiagnosticLevel, build_engine, lint};

/// A script's name and what is wrong with it.
type Checked = (String, Vec<Diagnostic>);

/// Checks `files`, or the configuration's runbooks.
pub(super) fn check(
    common: &Common,
    screen: &mut Screen,
    files: &[PathBuf],
) -> Result<u8, CliError> {
    let checked = if files.is_empty() { configured(common)? } else { given(files)? };
    for one in &checked {
        tell(screen, one)?;
    }
    screen.value(&Value::from_iter(checked.iter().map(|(name, diagnostics)| {
        let diagnostics: Vec<Value> = diagnostics.iter().map(view).collect();
        json!({"file": name, "diagnostics": diagnostics})
    })))?;
    let all = checked.iter().flat_map(|(_, diagnostics)| diagnostics);
    let errors = all.filter(|diagnostic| diagnostic.level == DiagnosticLevel::Error).count();
    let detail = match errors {
        0 => return Ok(0),
        1 => "1 error".to_owned(),
        n => format!("{n} errors"),
    };
    Err(CliError::new(Code::RUNBOOKS_LOAD, detail).with_remedy(
        "Correct the lines that are named above; until then the service does not start with them.",
    ))
}

fn configured(common: &Common) -> Result<Vec<Checked>, CliError> {
    let library = crate::web::library(&config::load(common)?)?;
    Ok(library.iter().map(|runbook| (runbook.name.to_string(), runbook.warnings.clone())).collect())
}

fn given(files: &[PathBuf]) -> Result<Vec<Checked>, CliError> {
    let engine = build_engine();
    let read = |file: &Path| {
        String::from_utf8(input::file(file)?)
            .map_err(|_| CliError::usage(format!("{}: not UTF-8", file.display())))
    };
    files.iter().map(|file| Ok((file.display().to_string(), lint(&engine, &read(file)?)))).collect()
}

fn tell(screen: &mut Screen, (name, diagnostics): &Checked) -> Result<(), CliError> {
    if diagnostics.is_empty() {
        let good = screen.paint(Tone::Good, "good");
        screen.line(&format!("{}: {good}", sanitise(name, VALUE_MAX)))?;
    }
    for diagnostic in diagnostics {
        let tone = match diagnostic.level {
            DiagnosticLevel::Error => Tone::Bad,
            DiagnosticLevel::Warning => Tone::Warn,
        };
        // Some messages have lines of their own, such as a hint.
        for line in format!("{name}:{diagnostic}").lines() {
            let line = screen.paint(tone, line);
            screen.line(&line)?;
        }
    }
    Ok(())
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
