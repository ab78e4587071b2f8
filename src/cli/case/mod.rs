//! `tourniquet case …`: looking at cases, verifying them, writing into them.

pub mod chain;
mod export;
mod list;
pub mod show;
mod summary;
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
use crate::id::{CaseId, Digest};

/// What to do with cases.
#[derive(Debug, Clone, Subcommand)]
pub enum CaseCommand {
    /// List cases, newest first.
    List(list::ListArgs),
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
    /// Checked are the entries, their order, the head, the documents that they name (where the token
    /// may read them), and the summary in `case` as far as it follows from the entries; the rest of it
    /// is named, and proves nothing. Whoever can write
    /// the database can write a whole chain anew: that only a head kept elsewhere tells, with --head.
    Verify {
        /// The case.
        #[arg(required_unless_present_any = ["file", "all"])]
        case: Option<CaseId>,
        /// Every case: a line for each that is not valid, and a summary.
        #[arg(long, conflicts_with_all = ["case", "file", "head"])]
        all: bool,
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
        CaseCommand::List(args) => list::list(client, screen, &args).await,
        CaseCommand::Show { case } => show::show(client, screen, &case).await,
        CaseCommand::Watch { case, follow } => {
            let until = if follow { watch::Until::Interrupted } else { watch::Until::AllOver };
            watch::watch(client, screen, &case, until).await
        }
        CaseCommand::Verify { all: true, .. } => verify::all(client, screen).await,
        CaseCommand::Verify { case, file, head, all: false } => match (case, file) {
            (Some(case), _) => verify::case(client, screen, &case, head.as_ref()).await,
            (None, Some(path)) => verify::file(screen, &path, head.as_ref()),
            (None, None) => Err(CliError::usage("a case, --file or --all is needed")),
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
                Code::CONFLICT if error.detail.contains("not over yet") => error.with_remedy(format!(
                    "Nothing was written. Answer what is asked (--deny says no, and ends the run), or wait for the end \
                     of the run with `tourniquet case watch {case}`; then close the case."
                )),
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
