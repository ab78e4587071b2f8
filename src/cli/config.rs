//! `config check`: reads the configuration as `serve` does, and says what it means.

use serde_json::json;

use super::outcome::{Failure, Outcome};
use super::{Common, paint};
use crate::config::Config;
use crate::{telemetry, web};

/// Subcommands of `config`.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Check file, variables and runbooks; start nothing.
    Check,
}

/// Carries out a subcommand.
pub fn config(common: &Common, command: &Command) -> Result<Outcome, Failure> {
    let Command::Check = command;
    let config = load(common)?;
    let library = web::library(&config)?;
    if common.json {
        let file = config
            .origin
            .file
            .as_ref()
            .map(|path| path.display().to_string());
        let value = json!({
            "valid": true,
            "file": file,
            "variables": config.origin.variables,
            "runbooks": library.iter().count(),
            "config": config,
        });
        paint::line(&value.to_string());
    } else {
        config.describe().iter().for_each(|line| paint::line(line));
        paint::line(&paint::good("the configuration is valid"));
    }
    Ok(Outcome::Done)
}

/// The configuration that the arguments name, checked.
///
/// # Errors
/// When it is not valid.
pub fn load(common: &Common) -> Result<Config, Failure> {
    let config = Config::load(common.config.as_deref())?;
    telemetry::check(&config.log)?;
    Ok(config)
}
