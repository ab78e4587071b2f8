//! `config check`: reads the configuration as `serve` does, and says what it means.

use std::collections::{BTreeMap, BTreeSet};

use clap::Subcommand;
use serde_json::json;

use super::error::CliError;
use super::runbook::check;
use super::screen::Screen;
use super::table::Tone;
use super::{Common, cloud, settings};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::runbook::{Library, Runbook, channels};
use crate::sanitise::{VALUE_MAX, sanitise};
use crate::store::Store;
use crate::web;

/// What to do with the configuration.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Check file, variables and runbooks; start nothing.
    Check,
}

/// Carries the command out; gives the exit code.
///
/// # Errors
/// When the configuration is not valid.
pub fn config(
    common: &Common,
    screen: &mut Screen,
    command: &ConfigCommand,
) -> Result<u8, CliError> {
    let ConfigCommand::Check = command;
    let config = settings::load(common)?;
    Store::check(&config.database)?;
    if let Some(folder) = &config.runbooks {
        check::loadable(screen, folder)?;
    }
    let library = web::library(&config)?;
    cloud::check(&config, SystemClock::new().now())?;
    for line in config.describe() {
        screen.line(&sanitise(&line, VALUE_MAX))?;
    }
    let valid = screen.paint(Tone::Good, "the configuration is valid");
    screen.line(&valid)?;
    let mut warnings = config.warnings();
    warnings.extend(unheard(&config, &library));
    warnings.extend(library.iter().flat_map(|runbook| of_runbook(runbook)));
    for warning in &warnings {
        screen.warn(&format!("WARNING: {warning}"));
    }
    if let Some(warning) = cloud::warning(&config) {
        screen.warn(&warning);
    }
    let file = config.origin.file.as_ref();
    screen.value(&json!({
        "valid": true,
        "file": file.map(|path| path.display().to_string()),
        "variables": config.origin.variables,
        "runbooks": library.iter().count(),
        "warnings": warnings,
        "config": config,
    }))?;
    Ok(0)
}

/// What lint says of a runbook, in its place: `runbook check` says the same.
fn of_runbook(runbook: &Runbook) -> impl Iterator<Item = String> {
    let file = format!("{}.rhai", runbook.name);
    runbook.warnings.iter().map(move |warning| warning.in_file(&file))
}

/// A sentence for each channel that runbooks tell and the configuration, which has others, does not have;
/// `runbook check` names the lines.
fn unheard(config: &Config, library: &Library) -> Vec<String> {
    let mut unheard: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for runbook in library.iter().filter(|_| !config.notify.is_empty()) {
        let told = channels(runbook).into_iter();
        for told in told.filter(|told| !config.notify.contains_key(&told.name)) {
            unheard.entry(told.name).or_default().insert(runbook.name.as_str());
        }
    }
    let words = |(channel, runbooks): (String, BTreeSet<&str>)| {
        let runbooks = runbooks.into_iter().collect::<Vec<_>>().join(", ");
        format!(
            "notify has no channel {channel}, which is told by {runbooks}: that is logged, and not sent"
        )
    };
    unheard.into_iter().map(words).collect()
}
