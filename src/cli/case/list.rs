//! `case list`.

use serde_json::Value;

use crate::cli::client::{Client, encoded, items, text};
use crate::cli::outcome::{Failure, Outcome};
use crate::cli::{Common, input, paint};
use crate::id::AccountId;

/// Cases asked for at once.
const PAGE: u32 = 100;

/// Arguments of `case list`.
#[derive(clap::Args)]
pub struct Args {
    /// Only these statuses, with commas between them.
    #[arg(long)]
    status: Option<String>,
    /// Only this account.
    #[arg(long, value_parser = input::id::<AccountId>)]
    account: Option<AccountId>,
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

/// Prints the list.
pub async fn list(common: &Common, client: &Client, args: &Args) -> Result<Outcome, Failure> {
    let mut cases: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    let account = args
        .account
        .as_ref()
        .map(|account| account.as_str().to_owned());
    while cases.len() < args.limit {
        let mut path = format!("/v1/cases?limit={PAGE}");
        for (name, value) in [
            ("status", &args.status),
            ("account", &account),
            ("cursor", &cursor),
        ] {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", encoded(value)));
            }
        }
        let answer = client.get(&path).await?;
        cases.extend_from_slice(items(&answer));
        cursor = answer
            .get("next")
            .and_then(Value::as_str)
            .map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    cases.truncate(args.limit);
    if common.json {
        paint::line(&Value::Array(cases).to_string());
        return Ok(Outcome::Done);
    }
    let titles = [
        "case", "status", "severity", "finding", "resource", "account", "opened",
    ];
    let mut table = paint::Table::new(&titles);
    for case in &cases {
        let severity = case.get("severity").and_then(Value::as_f64);
        table.row([
            text(case, "id").to_owned(),
            text(case, "status").to_owned(),
            severity.map_or_else(String::new, |severity| format!("{severity:.1}")),
            text(case, "finding_type").to_owned(),
            text(case, "resource").to_owned(),
            text(case, "account").to_owned(),
            paint::moment(text(case, "opened_at")),
        ]);
    }
    table.print();
    if cases.is_empty() {
        paint::error_line("no case");
    }
    Ok(Outcome::Done)
}
