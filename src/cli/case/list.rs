//! `case list`: the cases, a page at a time, as one table.

use jiff::Timestamp;
use serde_json::Value;

use crate::case::Status;
use crate::cli::answer::{ago, items, severity, shown, text};
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::grid::Column;
use crate::cli::screen::Screen;
use crate::cli::table::{Tone, tone_of};
use crate::id::AccountId;

/// Cases in one answer: the service gives at most 200.
const PAGE: u32 = 200;

/// Cases that are listed at most.
const LIMIT_MAX: u32 = 10_000;

/// What is copied or decided by is always there, at 80 columns and below; the rest makes room.
const COLUMNS: [Column; 7] = [
    Column::whole("case"),
    Column::whole("status"),
    Column::whole("sev"),
    Column::whole("account"),
    Column::middle("resource"),
    Column::cut("type").spare(2),
    Column::whole("newest").spare(1),
];

/// How many cases are asked for, for clap.
pub(super) fn limit(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    number.ok_or_else(|| format!("expected a number from 1 to {LIMIT_MAX}"))
}

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
        let now = client.clock.now();
        let rows = cases.iter().map(|case| row(case, now)).collect();
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

fn row(case: &Value, now: Timestamp) -> Vec<(Tone, String)> {
    // The number alone: `case show` has the word for it.
    let severity = severity(case);
    let severity = severity.split(' ').next().unwrap_or_default();
    vec![
        (Tone::Plain, shown(case, "id")),
        (tone_of(text(case, "status")), shown(case, "status")),
        (Tone::Plain, severity.to_owned()),
        (Tone::Plain, shown(case, "account")),
        (Tone::Plain, shown(case, "resource")),
        (Tone::Plain, kind(case)),
        (Tone::Dim, ago(case, "last_finding_at", now)),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::table::tests::PLAIN;

    #[test]
    fn the_resource_is_there_at_80_columns_and_ids_are_whole() {
        let now = "2026-01-03T13:00:30Z".parse().unwrap();
        let case = |id: &str, status: &str, resource: &str| {
            json!({"id": id, "status": status, "severity": 9.2, "account": "111122223333",
                "finding_type": "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
                "resource": resource, "last_finding_at": "2026-01-03T10:00:00Z"})
        };
        let rows = || {
            let cases = [
                case("case-20261122-d700b06180", "attention", "instance/i-0a1b2c3d4e5f60718"),
                case("case-20261122-cefcdcc615", "open", "role/batch-worker"),
            ];
            cases.iter().map(|case| row(case, now)).collect()
        };
        let at = |width| crate::cli::table::Style { width: Some(width), unicode: true, ..PLAIN };
        insta::assert_snapshot!(at(80).table(&COLUMNS, rows()), @r"
        case                      status     sev  account       resource
        case-20261122-d700b06180  attention  9.2  111122223333  instance/i-…c3d4e5f60718
        case-20261122-cefcdcc615  open       9.2  111122223333  role/batch-worker
        ");
        insta::assert_snapshot!(at(110).table(&COLUMNS, rows()), @r"
        case                      status     sev  account       resource                type                    newest
        case-20261122-d700b06180  attention  9.2  111122223333  instance/i…3d4e5f60718  UnauthorizedAccess:IA…  3h ago
        case-20261122-cefcdcc615  open       9.2  111122223333  role/batch-worker       UnauthorizedAccess:IA…  3h ago
        ");
    }

    #[test]
    fn a_limit_that_is_none_is_answered_with_the_range() {
        for (text, expected) in [("1", Some(1)), ("10000", Some(10_000))] {
            assert_eq!(limit(text).ok(), expected);
        }
        for text in ["0", "10001", "x", "", "-1", "1.5", "99999999999999999999"] {
            assert_eq!(limit(text).unwrap_err(), "expected a number from 1 to 10000", "{text}");
        }
    }

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
