//! `runbook plan`: what a run would change now.

use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::cli::client::{Client, text};
use crate::cli::outcome::{Failure, Outcome};
use crate::cli::{Common, input, paint};
use crate::id::{AccountId, CaseId, Region, RunbookName};

/// The time between two pictures of the spinner.
const TICK: Duration = Duration::from_millis(100);

/// Arguments of `runbook plan`.
#[derive(clap::Args)]
pub struct Args {
    /// The runbook's name.
    #[arg(value_parser = input::id::<RunbookName>)]
    runbook: RunbookName,
    /// A parameter of the runbook; it may come several times.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// The case whose finding gives the parameters that are not named.
    #[arg(long, value_parser = input::id::<CaseId>)]
    case: Option<CaseId>,
    /// The account, where the case does not say it.
    #[arg(long, value_parser = input::id::<AccountId>)]
    account: Option<AccountId>,
    /// The Region, where the case does not say it.
    #[arg(long, value_parser = input::id::<Region>)]
    region: Option<Region>,
}

/// Asks for the plan and prints it.
pub async fn plan(common: &Common, args: Args) -> Result<Outcome, Failure> {
    let client = Client::new(common)?;
    let body = json!({
        "params": input::params(&args.params)?,
        "case": args.case,
        "account": args.account,
        "region": args.region,
    });
    let spinner = paint::watched().then(|| {
        let bar = ProgressBar::new_spinner().with_message("looking");
        bar.enable_steady_tick(TICK);
        bar
    });
    let answer = client
        .post(&format!("/v1/runbooks/{}/plan", args.runbook), &body)
        .await;
    if let Some(bar) = spinner {
        bar.finish_and_clear();
    }
    let plan = answer?;
    if common.json {
        paint::line(&plan.to_string());
        return Ok(Outcome::Done);
    }
    let changes = plan
        .get("changes")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let place = format!("{} {}", text(&plan, "account"), text(&plan, "region"));
    paint::line(&paint::strong(&format!(
        "{} in {place} would change:",
        args.runbook
    )));
    for change in changes {
        paint::line(&format!(
            "  → {}",
            paint::clean(change.as_str().unwrap_or_default())
        ));
    }
    if changes.is_empty() {
        paint::line("  nothing");
    }
    Ok(Outcome::Done)
}
