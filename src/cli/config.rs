//! `config check`: reads the configuration as `serve` does, and says what it means.

use clap::Subcommand;
use serde_json::json;

use super::error::CliError;
use super::sanitise::{VALUE_MAX, sanitise};
use super::screen::Screen;
use super::table::Tone;
use super::{Common, cloud};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, ConfigError};
use crate::{telemetry, web};

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
    let config = load(common)?;
    let library = web::library(&config)?;
    cloud::check(&config, SystemClock::new().now())?;
    for line in config.describe() {
        screen.line(&sanitise(&line, VALUE_MAX))?;
    }
    let valid = screen.paint(Tone::Good, "the configuration is valid");
    screen.line(&valid)?;
    let warnings = config.warnings();
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

/// Whether a configuration file that is named is there, also for commands that read nothing in it:
/// whoever mistypes its name must not believe that it was used.
///
/// # Errors
/// When it can't be opened.
pub fn named(common: &Common) -> Result<(), CliError> {
    let Some(path) = &common.config else { return Ok(()) };
    let unreadable = |error: std::io::Error| ConfigError::Unreadable {
        path: path.clone(),
        reason: error.to_string(),
    };
    Ok(std::fs::File::open(path).map(drop).map_err(unreadable)?)
}

/// The configuration that the options name, checked.
///
/// # Errors
/// When it is not valid.
pub fn load(common: &Common) -> Result<Config, CliError> {
    let config = Config::load(common.config.as_deref())?;
    telemetry::check(&config.log)?;
    Ok(config)
}
