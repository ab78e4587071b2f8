//! `undo`: take a run's changes back, as a run of its own.

use serde_json::json;

use super::client::{Client, text};
use super::outcome::{Failure, Outcome};
use super::{Common, input, paint};
use crate::id::RunId;

/// Arguments of `undo`.
#[derive(clap::Args)]
pub struct Args {
    /// The run.
    #[arg(value_parser = input::id::<RunId>)]
    run: RunId,
    /// Also take back what keeps stolen credentials out: keys and sessions work again.
    #[arg(long)]
    revive: bool,
}

/// Starts the undo.
pub async fn undo(common: &Common, args: Args) -> Result<Outcome, Failure> {
    let path = format!("/v1/runs/{}/undo", args.run);
    let run = Client::new(common)?
        .post(&path, &json!({"revive": args.revive}))
        .await?;
    if common.json {
        paint::line(&run.to_string());
    } else {
        paint::line(&format!("{} takes {} back", text(&run, "id"), args.run));
        paint::line(&paint::dim(&format!(
            "tourniquet case watch {}",
            text(&run, "case")
        )));
    }
    Ok(Outcome::Done)
}
