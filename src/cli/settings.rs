//! The configuration that a command's options name.

use super::Common;
use super::error::CliError;
use crate::config::{Config, ConfigError};
use crate::telemetry;

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
