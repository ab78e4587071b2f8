//! `case verify`: the chain, checked on this machine from the exact bytes. The service is not
//! trusted: it only delivers them.

use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::fetch::fetch;
use crate::cli::client::Client;
use crate::cli::outcome::{Failure, Outcome};
use crate::cli::{Common, input, paint};
use crate::error::Code;
use crate::id::{CaseId, Digest};
use crate::timeline::{Head, Report, verify};

/// Fetches and verifies.
pub async fn online(common: &Common, client: &Client, case: &CaseId) -> Result<Outcome, Failure> {
    let fetched = fetch(client, case, 0).await?;
    let entries = fetched
        .entries
        .iter()
        .map(|raw| (raw.text().as_bytes(), Some(&raw.hash)));
    Ok(tell(
        common,
        case,
        &verify(case, entries, Some(&fetched.head)),
    ))
}

/// An export, as far as verifying needs it.
#[derive(Deserialize)]
struct Export {
    case: ExportCase,
    head: ExportHead,
    entries: Vec<String>,
}

#[derive(Deserialize)]
struct ExportCase {
    id: CaseId,
}

#[derive(Deserialize)]
struct ExportHead {
    length: u64,
    hash: Digest,
}

/// Verifies an export.
pub fn offline(common: &Common, file: &Path) -> Result<Outcome, Failure> {
    let bytes = input::file(file)?;
    let Export {
        case,
        head,
        entries,
    } = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::usage(format!(
            "{} is no export of a case: {error}",
            file.display()
        ))
    })?;
    let entries = entries.iter().map(|entry| (entry.as_bytes(), None));
    let head = Head {
        length: head.length,
        hash: head.hash,
    };
    Ok(tell(
        common,
        &case.id,
        &verify(&case.id, entries, Some(&head)),
    ))
}

fn tell(common: &Common, case: &CaseId, report: &Report) -> Outcome {
    let valid = report.is_valid();
    if common.json {
        let value = json!({
            "case": case,
            "valid": valid,
            "entries": report.entries,
            "head": report.head,
            "faults": report.faults,
        });
        paint::line(&value.to_string());
    } else if valid {
        let words = format!("{case}: {} entries verify", report.entries);
        paint::line(&format!("{}, head {}", paint::good(&words), report.head));
    } else {
        paint::line(&paint::bad(&format!("{case}: {}", Code::CHAIN_BROKEN)));
        report
            .faults
            .iter()
            .for_each(|fault| paint::line(&format!("  {fault}")));
        paint::line(&format!("  {}", Code::CHAIN_BROKEN.remedy));
    }
    if valid { Outcome::Done } else { Outcome::No }
}
