//! `approve`: a person's decision. The question is shown, and the decision is bound to it.

use serde_json::json;

use super::client::{Client, items, text};
use super::outcome::{Failure, Outcome};
use super::{Common, input, paint};
use crate::error::Code;
use crate::id::{ApprovalId, Digest};

/// Arguments of `approve`.
#[derive(clap::Args)]
pub struct Args {
    /// The approval; without it, what waits is listed.
    #[arg(value_parser = input::id::<ApprovalId>, requires = "reason")]
    approval: Option<ApprovalId>,
    /// Say no instead.
    #[arg(long)]
    deny: bool,
    /// Why; it stands in the timeline.
    #[arg(long)]
    reason: Option<String>,
    /// The hash of the question that you read, where you read it elsewhere.
    #[arg(long, value_parser = input::id::<Digest>)]
    hash: Option<Digest>,
}

/// Decides, or lists what waits.
pub async fn approve(common: &Common, args: Args) -> Result<Outcome, Failure> {
    let client = Client::new(common)?;
    let answer = client.get("/v1/approvals").await?;
    let pending = items(&answer);
    let Some(id) = args.approval else {
        list(common, pending);
        return Ok(Outcome::Done);
    };
    let asked = pending
        .iter()
        .find(|approval| text(approval, "id") == id.as_str());
    let hash = match (args.hash, asked) {
        (Some(hash), _) => hash.to_string(),
        (None, Some(asked)) => text(asked, "hash").to_owned(),
        (None, None) => {
            return Err(Failure::new(
                Code::NOT_FOUND,
                format!("{id} does not wait for a decision"),
            ));
        }
    };
    if let Some(asked) = asked.filter(|_| !common.json) {
        paint::line(&paint::clean(text(asked, "question")));
    }
    let decision = if args.deny { "deny" } else { "approve" };
    let body = json!({"decision": decision, "reason": args.reason, "hash": hash});
    let decided = client.post(&format!("/v1/approvals/{id}"), &body).await?;
    if common.json {
        paint::line(&decided.to_string());
        return Ok(Outcome::Done);
    }
    let state = text(&decided, "state");
    paint::line(&format!("{id} is {}", paint::status(state)));
    if state == "pending" {
        paint::line("more people must say yes");
    }
    Ok(Outcome::Done)
}

fn list(common: &Common, pending: &[serde_json::Value]) {
    if common.json {
        paint::line(&serde_json::Value::from(pending.to_vec()).to_string());
        return;
    }
    let mut table = paint::Table::new(&["approval", "case", "asked for by", "until", "question"]);
    for approval in pending {
        table.row([
            text(approval, "id").to_owned(),
            text(approval, "case").to_owned(),
            text(approval, "requested_by").to_owned(),
            paint::moment(text(approval, "expires_at")),
            text(approval, "question").to_owned(),
        ]);
    }
    table.print();
    if pending.is_empty() {
        paint::error_line("nothing waits for a person");
    }
}
