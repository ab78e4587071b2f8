//! `case verify --all`: every case's timeline, so that an auditor needs no loop.

use serde_json::{Value, json};

use super::{UNREAD, Verdict, look};
use crate::cli::answer::id;
use crate::cli::case::list::every;
use crate::cli::client::Client;
use crate::cli::error::{CliError, NO};
use crate::cli::screen::Screen;
use crate::cli::table::Tone;
use crate::error::Code;
use crate::id::CaseId;
use crate::sanitise::{VALUE_MAX, sanitise};

/// Verifies each case as `case verify CASE` does. A line for each that is not valid, and a summary.
pub(in crate::cli::case) async fn all(
    client: &Client,
    screen: &mut Screen,
) -> Result<u8, CliError> {
    let cases = client.patiently("the list of cases", async |client| every(client).await).await?;
    let mut items = Vec::new();
    let (mut invalid, mut unread) = (0_usize, false);
    for case in &cases {
        let case = id::<CaseId>(case, "id")?;
        let item = match look(client, &case).await {
            Ok((report, beside)) => {
                unread |= beside.is_none();
                let verdict = Verdict { case: &case, report, beside, kept: None };
                let faults = verdict.faults();
                if !faults.is_empty() {
                    verdict.line(screen, faults.len())?;
                }
                json!({"case": case, "valid": faults.is_empty(), "entries": verdict.report.entries,
                    "head": verdict.report.head, "blobs_checked": verdict.beside.is_some(), "faults": faults})
            }
            // The service can't read the case itself: the others are looked at all the same.
            Err(error) if unreadable(error.code) => {
                let word = screen.paint(Tone::Bad, "INVALID:");
                let words = sanitise(&error.to_string(), VALUE_MAX);
                screen.line(&format!("{word} {case}: {words}"))?;
                json!({"case": case, "valid": false, "entries": null, "head": null,
                    "blobs_checked": false, "faults": [error.to_string()]})
            }
            Err(error) => return Err(error),
        };
        invalid += usize::from(item["valid"] == false);
        items.push(item);
    }
    tell(screen, cases.len(), invalid, unread)?;
    screen.value(&json!({
        "valid": invalid == 0,
        "cases": cases.len(),
        "invalid": invalid,
        "items": Value::Array(items),
    }))?;
    Ok(if invalid == 0 { 0 } else { NO })
}

/// Whether the service says that it can't read what it holds.
fn unreadable(code: Code) -> bool {
    [Code::STORE_CORRUPT, Code::CHAIN_BROKEN, Code::INTERNAL].contains(&code)
}

/// The summary, and what it does not cover.
fn tell(screen: &mut Screen, cases: usize, invalid: usize, unread: bool) -> Result<(), CliError> {
    let count = match cases {
        1 => "1 case".to_owned(),
        n => format!("{n} cases"),
    };
    let line = match invalid {
        0 => format!("{} {count}, each with its whole chain", screen.paint(Tone::Good, "valid:")),
        n => format!("{} {n} of {count}", screen.paint(Tone::Bad, "INVALID:")),
    };
    screen.line(&line)?;
    if unread {
        let words = screen.paint(Tone::Warn, UNREAD);
        screen.line(&format!("  {words}"))?;
    }
    Ok(())
}
