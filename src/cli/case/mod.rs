//! `tourniquet case …`: looking at cases, verifying them, writing into them.

pub mod chain;
mod export;
mod list;
pub mod show;
#[cfg(test)]
mod tests;
mod verify;
pub mod watch;

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::Common;
use super::answer::shown;
use super::client::Client;
use super::error::CliError;
use super::screen::Screen;
use crate::error::Code;
use crate::id::{AccountId, CaseId, Digest};

/// What to do with cases.
#[derive(Debug, Clone, Subcommand)]
pub enum CaseCommand {
    /// List cases, newest first.
    List {
        /// Only cases with this status; several with commas, or given more than once.
        #[arg(long, value_name = "STATUS", value_parser = list::status, value_delimiter = ',')]
        status: Vec<String>,
        /// Only cases of this account.
        #[arg(long)]
        account: Option<AccountId>,
        /// How many at most: a number from 1 to 10000.
        #[arg(long, default_value_t = 50, value_parser = list::limit, allow_hyphen_values = true)]
        limit: u32,
    },
    /// Show one case: facts, runs, open questions, and its timeline.
    Show {
        /// The case.
        case: CaseId,
    },
    /// Follow a case's timeline until all of its runs are over.
    Watch {
        /// The case.
        case: CaseId,
        /// Go on after that, until Ctrl-C.
        #[arg(long)]
        follow: bool,
    },
    /// Verify a case's timeline here, over the exact bytes. Exit code 3: it is not valid.
    ///
    /// Checked are the entries, their order, the head, and in an export the blobs. What stands
    /// beside them, such as the title in `case`, is a summary and proves nothing. Whoever can write
    /// the database can write a whole chain anew: that only a head kept elsewhere tells, with --head.
    Verify {
        /// The case.
        #[arg(required_unless_present = "file")]
        case: Option<CaseId>,
        /// An export to verify, without a service; `-` is standard input.
        #[arg(long, value_name = "EXPORT", conflicts_with = "case")]
        file: Option<PathBuf>,
        /// A head that was kept elsewhere: the chain must have it, as its head or from an earlier day.
        #[arg(long, value_name = "HASH", value_parser = verify::head)]
        head: Option<Digest>,
    },
    /// Print everything that is needed to verify and read a case elsewhere, as JSON.
    Export {
        /// The case.
        case: CaseId,
        /// Print it even if it does not verify.
        #[arg(long)]
        force: bool,
    },
    /// Write a note into a case's timeline.
    Note {
        /// The case.
        case: CaseId,
        /// The note.
        text: String,
    },
    /// Close a case.
    Close {
        /// The case.
        case: CaseId,
        /// Why: it stands in the timeline.
        #[arg(long)]
        reason: String,
    },
}

/// Carries the command out; gives the exit code.
///
/// # Errors
/// When the service does not answer, refuses, or something local fails.
pub(super) async fn case(
    common: &Common,
    screen: &mut Screen,
    command: CaseCommand,
) -> Result<u8, CliError> {
    if let CaseCommand::Verify { file: Some(path), head, .. } = &command {
        return verify::file(screen, path, head.as_ref());
    }
    let client = Client::open(common, screen)?;
    dispatch(&client, screen, command).await
}

async fn dispatch(
    client: &Client,
    screen: &mut Screen,
    command: CaseCommand,
) -> Result<u8, CliError> {
    match command {
        CaseCommand::List { status, account, limit } => {
            list::list(client, screen, &status, account.as_ref(), limit).await
        }
        CaseCommand::Show { case } => show::show(client, screen, &case).await,
        CaseCommand::Watch { case, follow } => {
            let until = if follow { watch::Until::Interrupted } else { watch::Until::AllOver };
            watch::watch(client, screen, &case, until).await
        }
        CaseCommand::Verify { case, file, head } => match (case, file) {
            (Some(case), _) => verify::case(client, screen, &case, head.as_ref()).await,
            (None, Some(path)) => verify::file(screen, &path, head.as_ref()),
            (None, None) => Err(CliError::usage("a case or --file is needed")),
        },
        CaseCommand::Export { case, force } => export::export(client, screen, &case, force).await,
        CaseCommand::Note { case, text } => {
            let answer: Value = client
                .post(&["v1", "cases", case.as_str(), "notes"], &json!({"text": text}))
                .await?;
            screen.line(&format!("noted in {case}"))?;
            screen.value(&answer)?;
            Ok(0)
        }
        CaseCommand::Close { case, reason } => {
            let path = ["v1", "cases", case.as_str(), "close"];
            let answer = client.post(&path, &json!({"reason": reason})).await;
            let row: Value = answer.map_err(|error: CliError| match error.code {
                // The service's words; of a run that is not over the sentence itself says enough.
                Code::CONFLICT if error.detail.contains("closed already") => {
                    error.with_remedy(format!(
                        "Nothing was written. `tourniquet case note {case} TEXT` adds to a closed case, and \
                         `tourniquet case show {case}` shows who closed it, and why."
                    ))
                }
                _ => error,
            })?;
            screen.line(&format!("{case} is {}", shown(&row, "status")))?;
            screen.value(&row)?;
            Ok(0)
        }
    }
}

/// `1 fault`, `2 faults`.
fn faults(count: usize) -> String {
    match count {
        1 => "1 fault".to_owned(),
        n => format!("{n} faults"),
    }
}
