//! `case list`: the cases, a page at a time, as one table.

use serde_json::Value;

use crate::case::Status;
use crate::cli::answer::{items, severity, shown, text, time};
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::grid::Column;
use crate::cli::screen::Screen;
use crate::cli::table::{Tone, tone_of};
use crate::id::AccountId;

/// Cases in one answer: the service gives at most 200.
const PAGE: u32 = 200;

/// What is copied or decided by comes first; the rest makes room.
const COLUMNS: [Column; 7] = [
    Column::whole("case"),
    Column::whole("status"),
    Column::whole("sev"),
    Column::whole("account"),
    Column::cut("type").spare(1),
    Column::cut("resource").spare(2),
    Column::whole("last finding").spare(3),
];

/// A status that exists.
pub(super) fn status(label: &str) -> Result<String, String> {
    if Status::from_label(label).is_some() {
        return Ok(label.to_owned());
    }
    let known: Vec<&str> = Status::ALL.iter().map(|status| status.label()).collect();
    Err(format!("expected one of {}", known.join(", ")))
}

pub(super) async fn list(
    client: &Client,
    screen: &mut Screen,
    status: &[String],
    account: Option<&AccountId>,
    limit: u32,
) -> Result<u8, CliError> {
    let mut cases: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    let limit = limit as usize;
    while cases.len() < limit {
        let mut query = vec![("limit", (limit - cases.len()).min(PAGE as usize).to_string())];
        if !status.is_empty() {
            query.push(("status", status.join(",")));
        }
        query.extend(account.map(|account| ("account", account.to_string())));
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let mut answer: Value = client.get(&["v1", "cases"], &query).await?;
        cursor = answer.get("next").and_then(Value::as_str).map(str::to_owned);
        let page = items(&mut answer, "items");
        let empty = page.is_empty();
        cases.extend(page);
        if empty || cursor.is_none() {
            break;
        }
    }
    cases.truncate(limit);
    if cases.is_empty() {
        screen.line("no cases")?;
    } else {
        let rows = cases.iter().map(row).collect();
        let table = screen.style.table(&COLUMNS, rows);
        screen.line(&table)?;
        if cursor.is_some() {
            screen.note(&format!("there are more than {limit}; --limit shows more"));
        }
    }
    screen.value(&Value::Array(cases))?;
    Ok(0)
}

/// The finding's type; of a case that a person opened, the runbook, which its title begins with.
fn kind(case: &Value) -> String {
    let kind = shown(case, "finding_type");
    match text(case, "title").strip_suffix(" started by hand") {
        Some(runbook) if kind == "manual" => format!("manual: {runbook}"),
        _ => kind,
    }
}

fn row(case: &Value) -> Vec<(Tone, String)> {
    vec![
        (Tone::Plain, shown(case, "id")),
        (tone_of(text(case, "status")), shown(case, "status")),
        (Tone::Plain, severity(case)),
        (Tone::Plain, shown(case, "account")),
        (Tone::Plain, kind(case)),
        (Tone::Plain, shown(case, "resource")),
        (Tone::Dim, time(case, "last_finding_at")),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_case_that_a_person_opened_names_its_runbook() {
        let by_hand = "observe started by hand";
        for (kind_given, title, expected) in [
            ("manual", by_hand, "manual: observe"),
            ("manual", "renamed", "manual"),
            ("Recon:EC2/Portscan", by_hand, "Recon:EC2/Portscan"),
        ] {
            assert_eq!(kind(&json!({"finding_type": kind_given, "title": title})), expected);
        }
    }
}
