//! `runbook`: what there is, whether it is right, what it would do, and what it needs to be allowed.

mod check;
mod list;
mod plan;
mod policy;

use std::path::PathBuf;

use clap::Subcommand;

use super::Common;
use super::error::CliError;
use super::screen::Screen;

/// What to do with runbooks.
#[derive(Debug, Clone, Subcommand)]
pub enum RunbookCommand {
    /// List the runbooks of the service, where --url or TOURNIQUET_URL names one; else those of the
    /// local configuration.
    List,
    /// Check scripts: file, line, column and what to write instead. Exit code 1 when one has an
    /// error.
    Check {
        /// The scripts, or folders of scripts; without them, those of the configuration.
        #[arg(value_name = "FILE|DIR")]
        files: Vec<PathBuf>,
    },
    /// Ask the running service what a runbook would change now; it looks, and changes nothing.
    Plan(plan::PlanArgs),
    /// Print the IAM policies that a runbook of the local configuration needs: one for the account in
    /// which it acts, and one for the forensics account where it preserves evidence.
    Policy(policy::PolicyArgs),
}

/// Carries the command out; gives the exit code.
///
/// # Errors
/// When the configuration is not valid, a script has an error, or the service refuses.
pub(super) async fn runbook(
    common: &Common,
    screen: &mut Screen,
    command: RunbookCommand,
) -> Result<u8, CliError> {
    match command {
        RunbookCommand::List => list::list(common, screen).await,
        RunbookCommand::Check { files } => check::check(common, screen, &files),
        RunbookCommand::Plan(args) => plan::plan(common, screen, args).await,
        RunbookCommand::Policy(args) => policy::policy(common, screen, args),
    }
}
