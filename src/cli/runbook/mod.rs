//! `runbook`: what there is, whether it is right, and what it would do.

mod check;
mod plan;

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::Value;

use super::outcome::{Failure, Outcome};
use super::{Common, config, paint};
use crate::routing::TypePattern;
use crate::runbook::Runbook;
use crate::web;

/// Subcommands of `runbook`.
#[derive(Subcommand)]
pub enum Command {
    /// List the runbooks of this configuration.
    List,
    /// Check scripts: file, line, column and what to write instead. Exit code 1 when one has an
    /// error.
    Check {
        /// The scripts; without them, those of the configuration.
        files: Vec<PathBuf>,
    },
    /// Ask the running service what a runbook would change now; it looks, and changes nothing.
    Plan(plan::Args),
}

/// Carries out a subcommand.
pub async fn runbook(common: &Common, command: Command) -> Result<Outcome, Failure> {
    match command {
        Command::List => list(common),
        Command::Check { files } => check::check(common, &files),
        Command::Plan(args) => plan::plan(common, args).await,
    }
}

fn list(common: &Common) -> Result<Outcome, Failure> {
    let library = web::library(&config::load(common)?)?;
    if common.json {
        let rows = library.iter().map(|runbook| web::runbook_view(runbook));
        paint::line(&Value::from_iter(rows).to_string());
        return Ok(Outcome::Done);
    }
    let mut table = paint::Table::new(&["name", "mode", "takes", "answers", "what it does"]);
    for runbook in library.iter() {
        table.row(row(runbook));
    }
    table.print();
    Ok(Outcome::Done)
}

fn row(runbook: &Runbook) -> [String; 5] {
    let header = &runbook.header;
    let name = |param: &crate::runbook::HeaderParam| match param.required {
        true => param.name.clone(),
        false => format!("[{}]", param.name),
    };
    let params: Vec<String> = header.params.iter().map(name).collect();
    let on: Vec<&str> = header.on.iter().map(TypePattern::as_str).collect();
    let on = if header.fallback {
        "what no other answers".to_owned()
    } else {
        on.join(" ")
    };
    [
        runbook.name.to_string(),
        header.mode.label().to_owned(),
        params.join(" "),
        on,
        header.summary.clone(),
    ]
}
