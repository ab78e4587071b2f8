//! `case verify`: the chain is checked here, over the exact bytes, so that nobody has to trust the
//! service about its own records.

use std::path::Path;

use serde_json::{Value, json};

use super::chain::Chain;
use super::export::Export;
use super::faults;
use crate::cli::client::Client;
use crate::cli::error::{CliError, NO};
use crate::cli::input;
use crate::cli::screen::Screen;
use crate::cli::table::Tone;
use crate::id::CaseId;
use crate::timeline::Report;

pub(super) async fn case(
    client: &Client,
    screen: &mut Screen,
    case: &CaseId,
) -> Result<u8, CliError> {
    let chain = Chain::fetch(client, case, 0).await?;
    tell(screen, case, &chain.verify(case), &[])
}

/// Verifies an export without a service.
pub(super) fn file(screen: &mut Screen, path: &Path) -> Result<u8, CliError> {
    let bytes = input::file(path)?;
    let refuse = |why: String| CliError::usage(format!("{}: {why}", path.display()));
    let value: Value =
        serde_json::from_slice(&bytes).map_err(|error| refuse(format!("no export: {error}")))?;
    let export = Export::read(&value).map_err(|error| refuse(error.detail))?;
    tell(screen, &export.case, &export.verify(), &export.broken_blobs())
}

/// Prints the report; exit code 0 when everything is valid.
fn tell(
    screen: &mut Screen,
    case: &CaseId,
    report: &Report,
    blobs: &[String],
) -> Result<u8, CliError> {
    let valid = report.is_valid() && blobs.is_empty();
    for fault in &report.faults {
        let words = screen.paint(Tone::Bad, &fault.to_string());
        screen.line(&words)?;
    }
    for blob in blobs {
        let words = screen.paint(Tone::Bad, &format!("blob {blob}: INVALID: hash does not match"));
        screen.line(&words)?;
    }
    let summary = format!("{} entries, head {}", report.entries, report.head);
    if valid {
        let word = screen.paint(Tone::Good, "valid:");
        screen.line(&format!("{word} {summary}"))?;
    } else {
        let word = screen.paint(Tone::Bad, "INVALID:");
        screen.line(&format!(
            "{word} {case}: {} in {summary}",
            faults(report.faults.len() + blobs.len())
        ))?;
    }
    screen.value(&json!({
        "case": case,
        "valid": valid,
        "entries": report.entries,
        "head": report.head,
        "faults": report.faults,
        "broken_blobs": blobs,
    }))?;
    Ok(if valid { 0 } else { NO })
}
