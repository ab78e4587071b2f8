//! `run`: start a runbook by hand.

use serde_json::json;

use super::client::{Client, text};
use super::outcome::{Failure, Outcome};
use super::{Common, input, paint};
use crate::id::{AccountId, CaseId, Region, RunbookName};
use crate::routing::Mode;

/// Arguments of `run`.
#[derive(clap::Args)]
pub struct Args {
    /// The runbook's name.
    #[arg(value_parser = input::id::<RunbookName>)]
    runbook: RunbookName,
    /// The case; without it, a new one is opened.
    #[arg(long, value_parser = input::id::<CaseId>)]
    case: Option<CaseId>,
    /// A parameter of the runbook; it may come several times.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// observe changes nothing, approve asks a person first, contain acts at once.
    #[arg(long, default_value = "observe", value_parser = mode)]
    mode: Mode,
    /// The account, where the case does not say it.
    #[arg(long, value_parser = input::id::<AccountId>)]
    account: Option<AccountId>,
    /// The Region, where the case does not say it.
    #[arg(long, value_parser = input::id::<Region>)]
    region: Option<Region>,
    /// Why; it stands in the timeline.
    #[arg(long)]
    reason: Option<String>,
}

fn mode(label: &str) -> Result<Mode, String> {
    Mode::from_label(label).ok_or_else(|| "expected observe, approve or contain".to_owned())
}

/// Starts the run.
pub async fn run(common: &Common, args: Args) -> Result<Outcome, Failure> {
    let mut body = json!({
        "runbook": args.runbook,
        "params": input::params(&args.params)?,
        "mode": args.mode.label(),
        "account": args.account,
        "region": args.region,
        "reason": args.reason,
    });
    let path = match args.case {
        Some(case) => format!("/v1/cases/{case}/runs"),
        None => {
            body["case"] = serde_json::Value::Null;
            "/v1/runs".to_owned()
        }
    };
    let run = Client::new(common)?.post(&path, &body).await?;
    if common.json {
        paint::line(&run.to_string());
        return Ok(Outcome::Done);
    }
    let case = text(&run, "case");
    paint::line(&format!(
        "{} in {case}: {}, mode {}",
        text(&run, "id"),
        text(&run, "runbook"),
        text(&run, "mode")
    ));
    if args.mode == Mode::Observe {
        paint::line("nothing is changed in mode observe; --mode approve or contain acts");
    }
    paint::line(&paint::dim(&format!("tourniquet case watch {case}")));
    Ok(Outcome::Done)
}
