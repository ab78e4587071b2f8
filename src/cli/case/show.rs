//! `case show`: what a responder wants to see first, then the timeline.

use serde_json::{Value, json};

use super::fetch::{Raw, fetch};
use crate::cli::client::{Client, text};
use crate::cli::outcome::{Failure, Outcome};
use crate::cli::{Common, draw, paint};
use crate::id::CaseId;

/// Characters of a title or a question on a line of its own.
const LINE_MAX: usize = 200;

/// Prints the case.
pub async fn show(common: &Common, client: &Client, id: &CaseId) -> Result<Outcome, Failure> {
    let mut case = client.get(&format!("/v1/cases/{id}")).await?;
    let fetched = fetch(client, id, 0).await?;
    if common.json {
        let entry = |raw: &Raw| {
            let value: Value = serde_json::from_str(raw.text()).unwrap_or_default();
            json!({"hash": raw.hash, "entry": value})
        };
        case["timeline"] = fetched.entries.iter().map(entry).collect();
        paint::line(&case.to_string());
        return Ok(Outcome::Done);
    }
    let status = paint::status(text(&case, "status"));
    paint::line(&format!("{}  {status}", paint::strong(id.as_str())));
    paint::line(&paint::short(text(&case, "title"), LINE_MAX));
    let parts = ["finding_type", "account", "region", "resource"].map(|name| text(&case, name));
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    paint::line(&paint::dim(&paint::short(&parts.join(" · "), LINE_MAX)));
    if let Some(seconds) = case.get("seconds_to_contain").and_then(Value::as_f64) {
        paint::line(&paint::good(&format!(
            "contained {seconds:.1} s after it was opened"
        )));
    }
    let runs = list(&case, "runs");
    if !runs.is_empty() {
        paint::line("");
        let titles = ["run", "runbook", "mode", "state", "asked by", "result"];
        let mut table = paint::Table::new(&titles);
        for run in runs {
            let cells = ["id", "runbook", "mode", "state", "requested_by", "summary"];
            table.row(cells.map(|name| text(run, name).to_owned()));
        }
        table.print();
    }
    for approval in list(&case, "approvals") {
        let question = paint::short(text(approval, "question"), LINE_MAX);
        paint::line("");
        paint::line(&paint::warn(&format!("waits for a person: {question}")));
        paint::line(&format!(
            "  tourniquet approve {} --reason …",
            text(approval, "id")
        ));
    }
    paint::line("");
    let entries: Vec<_> = fetched.entries.iter().filter_map(Raw::entry).collect();
    draw::timeline(&entries)
        .iter()
        .for_each(|line| paint::line(line));
    Ok(Outcome::Done)
}

fn list<'a>(case: &'a Value, name: &str) -> &'a [Value] {
    case.get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
