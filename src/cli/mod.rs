//! The command line: a menu, one file per subcommand. Commands that concern a running service talk
//! to it over HTTP; `serve`, `token`, `config`, `deploy`, `explain`, `runbook check` and `runbook policy`
//! work on their own, and so does `runbook list` where no address is given.
//!
//! ```text
//!  words ─► menu ─► subcommand ─► client ─► service
//!                       │            │
//!                       └─► screen ◄─┴── error: a number, what happened, what to do
//! ```
//!
//! There is one of each: [`error::CliError`] for what fails, [`screen::Screen`] for what is printed
//! (tables and lines for people, one JSON value for programs), [`sanitise`] for text that nobody may
//! trust, [`client::Client`] for HTTP. Nothing is decided here that the service could decide.
//!
//! Exit codes: 0 done; 1 failed; 2 the command was not understood; 3 done, and the answer is no
//! (a timeline that does not verify, a watched run that did not succeed).

mod answer;
mod approve;
mod asked;
mod begun;
mod came_to;
mod case;
mod client;
mod cloud;
mod config;
mod database;
mod demo;
mod deploy;
mod draw;
mod error;
mod explain;
mod finding;
mod grid;
mod input;
mod misunderstood;
mod plan;
mod quarantined;
mod run;
mod runbook;
mod screen;
mod serve;
mod settings;
mod table;
#[cfg(test)]
mod tests;
mod token;
mod undo;
mod wait;
mod wrap;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use error::CliError;
use screen::Screen;

/// Turns GuardDuty findings into contained, evidenced and auditable cases.
#[derive(Parser)]
#[command(name = "tourniquet", version, about, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed; 2 the command was not understood; \
    3 done, and the answer is no (not verified, or a watched run did not succeed).";

/// The options of every subcommand; they may stand before or after its name.
#[derive(Debug, Clone, Args)]
struct Common {
    /// Print one JSON value instead of tables.
    #[arg(long, global = true)]
    json: bool,
    /// The configuration file [default: tourniquet.toml, where it exists].
    #[arg(long, global = true, env = "TOURNIQUET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the service listens [default: http://127.0.0.1:8080].
    #[arg(long, global = true, env = "TOURNIQUET_URL", value_name = "URL")]
    url: Option<String>,
    /// A file that holds the API token; without it, TOURNIQUET_TOKEN does.
    #[arg(long, global = true, env = "TOURNIQUET_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Start the service.
    Serve(serve::ServeArgs),
    /// Show the whole way once, in sandbox accounts, with nothing else needed.
    Demo(demo::Args),
    /// Send findings to the service, and look at what it could not read.
    #[command(subcommand)]
    Finding(finding::FindingCommand),
    /// Look at cases, verify them, write notes.
    #[command(subcommand)]
    Case(case::CaseCommand),
    /// Start a runbook by hand, in a case or in a new one.
    Run(run::RunArgs),
    /// Decide what a run asks a person; without an id, list what is open.
    Approve(approve::ApproveArgs),
    /// Take a run's changes back, as a run of its own.
    Undo(undo::UndoArgs),
    /// List, check and plan runbooks, and print the IAM policies that they need.
    #[command(subcommand)]
    Runbook(runbook::RunbookCommand),
    /// Print templates for AWS: roles, and the way of findings to the service.
    #[command(subcommand)]
    Deploy(deploy::DeployCommand),
    /// Create, list and revoke API tokens, in the database itself.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Check the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Say what an error number means and what to do.
    Explain(explain::ExplainArgs),
}

/// The program: reads the arguments, does it, and says how it went by its exit code.
#[must_use]
pub fn main() -> ExitCode {
    crate::fault::arm();
    let Cli { common, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(misunderstood::misunderstood(&error)),
    };
    let json = common.json;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::system(&error));
    let ended = runtime.and_then(|runtime| {
        let mut screen = Screen::of_process(json);
        runtime.block_on(dispatch(&common, &mut screen, command))
    });
    ExitCode::from(ended.unwrap_or_else(|error| error.report(json)))
}

/// Carries a command out; gives the exit code.
async fn dispatch(common: &Common, screen: &mut Screen, command: Command) -> Result<u8, CliError> {
    settings::named(common)?;
    match command {
        Command::Serve(args) => Box::pin(serve::serve(common, screen, args)).await,
        Command::Demo(args) => Box::pin(demo::demo(screen, args)).await,
        Command::Finding(command) => finding::finding(common, screen, command).await,
        Command::Case(command) => case::case(common, screen, command).await,
        Command::Run(args) => run::run(common, screen, args).await,
        Command::Approve(args) => approve::approve(common, screen, args).await,
        Command::Undo(args) => undo::undo(common, screen, args).await,
        Command::Runbook(command) => runbook::runbook(common, screen, command).await,
        Command::Deploy(command) => deploy::deploy(common, screen, command),
        Command::Token(command) => token::token(common, screen, command).await,
        Command::Config(command) => config::config(common, screen, &command),
        Command::Explain(args) => explain::explain(screen, &args),
    }
}
