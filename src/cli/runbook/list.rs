//! `runbook list`: the runbooks of the configuration, with what each takes and answers.

use serde_json::Value;

use crate::cli::error::CliError;
use crate::cli::screen::Screen;
use crate::cli::table::Tone;
use crate::cli::{Common, config};
use crate::routing::TypePattern;
use crate::runbook::{HeaderParam, Runbook};
use crate::web;

pub(super) fn list(common: &Common, screen: &mut Screen) -> Result<u8, CliError> {
    let library = web::library(&config::load(common)?)?;
    let header = ["runbook", "mode", "takes", "answers", "what it does"];
    let rows = library.iter().map(|runbook| row(runbook)).collect();
    let table = screen.style.table(&header, rows);
    screen.line(&table)?;
    let values = library.iter().map(|runbook| web::runbook_view(runbook));
    screen.value(&Value::from_iter(values))?;
    Ok(0)
}

fn row(runbook: &Runbook) -> Vec<(Tone, String)> {
    let header = &runbook.header;
    // As in a synopsis: what may be left out stands in brackets.
    let name = |param: &HeaderParam| match param.required {
        true => param.name.clone(),
        false => format!("[{}]", param.name),
    };
    let params: Vec<String> = header.params.iter().map(name).collect();
    let on: Vec<&str> = header.on.iter().map(TypePattern::as_str).collect();
    let on = match (header.fallback, on.is_empty()) {
        (true, _) => "what no other answers".to_owned(),
        (false, true) => "by hand only".to_owned(),
        (false, false) => on.join(" "),
    };
    vec![
        (Tone::Strong, runbook.name.to_string()),
        (Tone::Plain, header.mode.label().to_owned()),
        (Tone::Plain, params.join(" ")),
        (Tone::Plain, on),
        (Tone::Plain, header.summary.clone()),
    ]
}
