//! The command line: a menu, one file per subcommand. Commands that concern a running service talk
//! to it over HTTP; `serve`, `token`, `config`, `explain` and `runbook check` work on their own.
//!
//! Exit codes: 0 done; 1 failed; 2 the command was not understood; 3 done, and the answer is no
//! (a timeline that does not verify, a case that is not contained).

mod approve;
mod case;
mod client;
mod cloud;
mod config;
pub mod draw;
mod explain;
mod finding;
mod input;
mod outcome;
pub mod paint;
mod run;
mod runbook;
mod serve;
#[cfg(test)]
mod tests;
mod token;
mod undo;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use outcome::{Failure, Outcome};

/// Turns GuardDuty findings into contained, evidenced and auditable cases.
#[derive(Parser)]
#[command(name = "tourniquet", version, about, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    json: bool,
    /// The configuration file [default: tourniquet.toml, where it exists].
    #[arg(long, global = true, env = "TOURNIQUET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the service listens.
    #[arg(long, global = true, env = "TOURNIQUET_URL", default_value = client::URL, value_name = "URL")]
    url: String,
    /// A file that holds the API token; without it, TOURNIQUET_TOKEN does.
    #[arg(
        long,
        global = true,
        env = "TOURNIQUET_TOKEN_FILE",
        value_name = "FILE"
    )]
    token_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed; 2 the command was not understood; \
    3 done, and the answer is no (not verified, not contained).";

#[derive(Subcommand)]
enum Command {
    /// Start the service.
    Serve(serve::Args),
    /// Send findings to the service.
    #[command(subcommand)]
    Finding(finding::Command),
    /// Look at cases, verify them, write notes.
    #[command(subcommand)]
    Case(case::Command),
    /// Start a runbook by hand.
    Run(run::Args),
    /// Decide what a run asks a person.
    Approve(approve::Args),
    /// Take a run's changes back.
    Undo(undo::Args),
    /// List, check and plan runbooks.
    #[command(subcommand)]
    Runbook(runbook::Command),
    /// Create, list and revoke API tokens, in the database itself.
    #[command(subcommand)]
    Token(token::Command),
    /// Check the configuration.
    #[command(subcommand)]
    Config(config::Command),
    /// Say what an error number means and what to do.
    Explain(explain::Args),
}

/// What every subcommand gets from before its name.
struct Common {
    /// Whether to print JSON.
    json: bool,
    /// The configuration file that was named.
    config: Option<PathBuf>,
    /// Where the service listens.
    url: String,
    /// The file that holds the token.
    token_file: Option<PathBuf>,
}

/// The program: reads the arguments, does it, and says how it went by its exit code.
#[must_use]
pub fn main() -> ExitCode {
    crate::fault::arm();
    let Cli {
        json,
        config,
        url,
        token_file,
        command,
    } = Cli::parse();
    let common = Common {
        json,
        config,
        url,
        token_file,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return outcome::report(&Failure::system(&error), json),
    };
    match runtime.block_on(dispatch(&common, command)) {
        Ok(outcome) => outcome.code(),
        Err(failure) => outcome::report(&failure, json),
    }
}

async fn dispatch(common: &Common, command: Command) -> Result<Outcome, Failure> {
    match command {
        Command::Serve(args) => Box::pin(serve::serve(common, args)).await,
        Command::Finding(command) => finding::finding(common, command).await,
        Command::Case(command) => case::case(common, command).await,
        Command::Run(args) => run::run(common, args).await,
        Command::Approve(args) => approve::approve(common, args).await,
        Command::Undo(args) => undo::undo(common, args).await,
        Command::Runbook(command) => runbook::runbook(common, command).await,
        Command::Token(command) => token::token(common, command).await,
        Command::Config(command) => config::config(common, &command),
        Command::Explain(args) => explain::explain(common, &args),
    }
}
