//! `case`: look at cases, follow them, verify and export them, write into them.

mod export;
mod fetch;
mod list;
mod show;
mod verify;
mod watch;

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::Client;
use super::outcome::{Failure, Outcome};
use super::{Common, input, paint};
use crate::id::CaseId;

/// Subcommands of `case`.
#[derive(Subcommand)]
pub enum Command {
    /// List cases, newest first.
    List(list::Args),
    /// Show a case: its runs, what waits for a person, its timeline.
    Show {
        /// The case.
        #[arg(value_parser = input::id::<CaseId>)]
        case: CaseId,
    },
    /// Follow a case until nothing is under way any more. Exit code 3 when it needs attention.
    Watch {
        /// The case.
        #[arg(value_parser = input::id::<CaseId>)]
        case: CaseId,
    },
    /// Fetch a timeline and verify its chain on this machine, or verify an export offline. Exit code
    /// 3 when it does not verify.
    Verify {
        /// The case.
        #[arg(value_parser = input::id::<CaseId>, required_unless_present = "file")]
        case: Option<CaseId>,
        /// An export, instead of a running service; - is standard input.
        #[arg(long, conflicts_with = "case", value_name = "EXPORT")]
        file: Option<PathBuf>,
    },
    /// Print everything that is needed to verify a case without us, as one JSON object.
    Export {
        /// The case.
        #[arg(value_parser = input::id::<CaseId>)]
        case: CaseId,
    },
    /// Write a note into a case's timeline.
    Note {
        /// The case.
        #[arg(value_parser = input::id::<CaseId>)]
        case: CaseId,
        /// The note.
        text: String,
    },
    /// Close a case.
    Close {
        /// The case.
        #[arg(value_parser = input::id::<CaseId>)]
        case: CaseId,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// Carries out a subcommand.
pub async fn case(common: &Common, command: Command) -> Result<Outcome, Failure> {
    match command {
        Command::Verify {
            file: Some(file), ..
        } => verify::offline(common, &file),
        Command::Verify { case, file: None } => {
            let case = case.ok_or_else(|| Failure::usage("a case or --file is needed"))?;
            verify::online(common, &Client::new(common)?, &case).await
        }
        Command::List(args) => list::list(common, &Client::new(common)?, &args).await,
        Command::Show { case } => show::show(common, &Client::new(common)?, &case).await,
        Command::Watch { case } => watch::watch(common, &Client::new(common)?, &case).await,
        Command::Export { case } => export::export(&Client::new(common)?, &case).await,
        Command::Note { case, text } => {
            let path = format!("/v1/cases/{case}/notes");
            let answer = Client::new(common)?
                .post(&path, &json!({"text": text}))
                .await?;
            Ok(done(common, &answer, "the note is in the timeline"))
        }
        Command::Close { case, reason } => {
            let path = format!("/v1/cases/{case}/close");
            let answer = Client::new(common)?
                .post(&path, &json!({"reason": reason}))
                .await?;
            Ok(done(common, &answer, &format!("{case} is closed")))
        }
    }
}

fn done(common: &Common, answer: &Value, words: &str) -> Outcome {
    paint::line(&if common.json {
        answer.to_string()
    } else {
        words.to_owned()
    });
    Outcome::Done
}
