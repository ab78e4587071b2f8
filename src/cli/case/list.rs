//! `case list`: the cases, a page at a time, as one table.

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::case::Status;
use crate::cli::answer::{ago, items, severity, shown, text};
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::grid::Column;
use crate::cli::screen::Screen;
use crate::cli::table::{Style, Tone, tone_of};
use crate::finding::{NoSeverity, Severity};
use crate::id::AccountId;
use crate::store::CaseSort;

/// Cases in one answer: the service gives at most 200.
const PAGE: u32 = 200;

/// Cases that are listed at most.
const LIMIT_MAX: u32 = 10_000;

/// Columns of a terminal that has room for a case on one line, and for one on two.
const ONE_LINE_MIN: u16 = 100;
const TWO_LINES_MIN: u16 = 76;

/// What is copied or decided by is always there; the rest makes room.
const COLUMNS: [Column; 7] = [
    Column::whole("case"),
    Column::whole("status"),
    Column::whole("sev"),
    Column::whole("account"),
    Column::middle("resource"),
    Column::middle("type").spare(2),
    Column::whole("newest").spare(1),
];

/// The same on two lines: the time is below the status, the type below the resource.
const TWO_LINES: [Column; 5] = [
    Column::whole("case"),
    Column::whole("status"),
    Column::whole("sev"),
    Column::whole("account"),
    Column::middle("resource, type"),
];

/// How many cases are asked for, for clap.
fn limit(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    number.ok_or_else(|| format!("expected a number from 1 to {LIMIT_MAX}"))
}

/// A status that exists.
fn status(label: &str) -> Result<String, String> {
    if Status::from_label(label).is_some() {
        return Ok(label.to_owned());
    }
    let known: Vec<&str> = Status::ALL.iter().map(|status| status.label()).collect();
    Err(format!("expected one of {}", known.join(", ")))
}

/// A severity, for clap.
fn severity_of(text: &str) -> Result<Severity, String> {
    text.parse().map_err(|error: NoSeverity| error.to_string())
}

/// A cell before it is laid out.
type Cell = (Tone, String);

/// Arguments of `case list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Only cases with this status; several with commas, or given more than once.
    #[arg(long, value_name = "STATUS", value_parser = status, value_delimiter = ',')]
    status: Vec<String>,
    /// Only cases of this account.
    #[arg(long)]
    account: Option<AccountId>,
    /// Only cases of at least this severity, from 0 to 10.
    #[arg(long, value_name = "LEAST", value_parser = severity_of)]
    severity: Option<Severity>,
    /// In which order: the newest or the most severe first.
    #[arg(long, value_name = "ORDER", value_parser = CaseSort::ALL.map(|(label, _)| label), default_value = "newest")]
    sort: String,
    /// How many at most: a number from 1 to 10000.
    #[arg(long, default_value_t = 50, value_parser = limit, allow_hyphen_values = true)]
    limit: u32,
    /// All of them, however many there are.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// With --json, print `{"items", "next"}` and not the array of cases: `next` is for --cursor, and null
    /// at the end.
    #[arg(long, conflicts_with = "all")]
    page: bool,
    /// Go on where another page ended, with its `next`.
    #[arg(long, requires = "page")]
    cursor: Option<String>,
}

/// Every case that there is.
pub(super) async fn every(client: &Client) -> Result<Vec<Value>, CliError> {
    Ok(pages(client, &[], usize::MAX, None).await?.0)
}

/// At most `limit` cases, page by page from `cursor` on, and where more of them go on.
async fn pages(
    client: &Client,
    wanted: &[(&'static str, String)],
    limit: usize,
    mut cursor: Option<String>,
) -> Result<(Vec<Value>, Option<String>), CliError> {
    let mut cases: Vec<Value> = Vec::new();
    while cases.len() < limit {
        let mut query = vec![("limit", (limit - cases.len()).min(PAGE as usize).to_string())];
        query.extend(wanted.iter().cloned());
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let mut answer: Value = client.get(&["v1", "cases"], &query).await?;
        cursor = answer.get("next").and_then(Value::as_str).map(str::to_owned);
        let part = items(&mut answer, "items");
        let empty = part.is_empty();
        cases.extend(part);
        if empty || cursor.is_none() {
            break;
        }
    }
    cases.truncate(limit);
    Ok((cases, cursor))
}

pub(super) async fn list(
    client: &Client,
    screen: &mut Screen,
    args: &ListArgs,
) -> Result<u8, CliError> {
    let ListArgs { status, account, severity, sort, limit, all, page, cursor } = args;
    let limit = if *all { usize::MAX } else { *limit as usize };
    let mut wanted = Vec::new();
    if !status.is_empty() {
        wanted.push(("status", status.join(",")));
    }
    wanted.extend(account.as_ref().map(|account| ("account", account.to_string())));
    wanted.extend(severity.map(|least| ("severity", least.to_string())));
    wanted.push(("sort", sort.clone()));
    let (cases, cursor) = pages(client, &wanted, limit, cursor.clone()).await?;
    if cases.is_empty() {
        screen.line("no cases")?;
    } else {
        let now = client.clock.now();
        screen.line(&table(screen.style, &cases, now))?;
    }
    if let Some(next) = cursor.as_ref().filter(|_| !page || !screen.json) {
        let more = format!("there are more than {limit}: --limit N shows more, --all all of them");
        match (page, screen.json) {
            // A program that takes the array can't see it in there.
            (false, true) => screen.warn(&more),
            (false, false) => screen.note(&more),
            (true, _) => {
                screen.note(&format!("there are more; the next page: --page --cursor {next}"))
            }
        }
    }
    screen.value(&match page {
        true => json!({"items": cases, "next": cursor}),
        false => Value::Array(cases),
    })?;
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

/// The cases as the terminal has room for them.
fn table(style: Style, cases: &[Value], now: Timestamp) -> String {
    let rows = cases.iter().map(|case| row(case, now));
    match style.width {
        Some(TWO_LINES_MIN..ONE_LINE_MIN) => {
            style.table(&TWO_LINES, rows.flat_map(folded).collect())
        }
        _ => style.table(&COLUMNS, rows.collect()),
    }
}

/// A row on two lines.
fn folded(row: Vec<Cell>) -> Vec<Vec<Cell>> {
    let Ok([case, status, severity, account, resource, (_, kind), newest]) =
        <[Cell; COLUMNS.len()]>::try_from(row)
    else {
        return vec![];
    };
    let none = || (Tone::Plain, String::new());
    vec![
        vec![case, status, severity, account, resource],
        vec![none(), newest, none(), none(), (Tone::Dim, kind)],
    ]
}

fn row(case: &Value, now: Timestamp) -> Vec<Cell> {
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
    fn all_of_a_case_is_there_at_80_columns_and_ids_are_whole() {
        let now = "2026-01-03T13:00:30Z".parse().unwrap();
        let case = |id: &str, status: &str, resource: &str| {
            json!({"id": id, "status": status, "severity": 9.2, "account": "111122223333",
                "finding_type": "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
                "resource": resource, "last_finding_at": "2026-01-03T10:00:00Z"})
        };
        let cases = [
            case("case-20261122-d700b06180", "attention", "instance/i-0a1b2c3d4e5f60718"),
            case("case-20261122-cefcdcc615", "open", "role/batch-worker"),
        ];
        let at = |width| table(Style { width: Some(width), unicode: true, ..PLAIN }, &cases, now);
        insta::assert_snapshot!(at(80), @r"
        case                      status     sev  account       resource, type
        case-20261122-d700b06180  attention  9.2  111122223333  instance/i-…c3d4e5f60718
                                  3h ago                        Unauthorize…n.OutsideAWS
        case-20261122-cefcdcc615  open       9.2  111122223333  role/batch-worker
                                  3h ago                        Unauthorize…n.OutsideAWS
        ");
        insta::assert_snapshot!(at(110), @r"
        case                      status     sev  account       resource                type                    newest
        case-20261122-d700b06180  attention  9.2  111122223333  instance/i…3d4e5f60718  Unauthoriz….OutsideAWS  3h ago
        case-20261122-cefcdcc615  open       9.2  111122223333  role/batch-worker       Unauthoriz….OutsideAWS  3h ago
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
