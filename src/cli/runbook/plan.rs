//! `runbook plan`: what a run would change now.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::Common;
use crate::cli::answer::{items, shown};
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::input::Params;
use crate::cli::sanitise::{VALUE_MAX, sanitise};
use crate::cli::screen::Screen;
use crate::cli::table::Tone;
use crate::id::{AccountId, CaseId, Region, RunbookName};

/// Arguments of `runbook plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The runbook.
    #[arg(value_name = "NAME")]
    runbook: RunbookName,
    /// Its parameters; what the case's finding says fills in the others.
    #[command(flatten)]
    params: Params,
    /// The case whose finding gives the parameters that are not named.
    #[arg(long)]
    case: Option<CaseId>,
    /// The account; the case's, if it has one.
    #[arg(long)]
    account: Option<AccountId>,
    /// The Region; the case's, if it has one.
    #[arg(long)]
    region: Option<Region>,
}

/// Asks for the plan and prints it.
pub(super) async fn plan(
    common: &Common,
    screen: &mut Screen,
    args: PlanArgs,
) -> Result<u8, CliError> {
    let client = Client::open(common, screen)?;
    let name = args.runbook.as_str();
    let body = json!({
        "params": args.params.merged()?,
        "case": args.case,
        "account": args.account,
        "region": args.region,
    });
    let plan: Value = client.post(&["v1", "runbooks", name, "plan"], &body).await?;
    let changes = items(&mut plan.clone(), "changes");
    let place = format!("{}/{}", shown(&plan, "account"), shown(&plan, "region"));
    // Not all of it is a change: a message or a question stands in it, too.
    let words = match changes.len() {
        0 => "nothing would be changed".to_owned(),
        1 => "1 thing would be done".to_owned(),
        n => format!("{n} things would be done"),
    };
    let head = screen.paint(Tone::Strong, &format!("{name} in {place}: {words}"));
    screen.line(&head)?;
    let arrow = if screen.style.unicode { "→" } else { ">" };
    for change in &changes {
        let words = sanitise(change.as_str().unwrap_or_default(), VALUE_MAX);
        screen.line(&format!("  {arrow} {words}"))?;
    }
    screen.value(&plan)?;
    Ok(0)
}
