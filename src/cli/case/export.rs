//! `case export`: one JSON object on standard output, always.

use crate::cli::client::Client;
use crate::cli::outcome::{Failure, Outcome};
use crate::cli::paint;
use crate::id::CaseId;

/// Prints the export.
pub async fn export(client: &Client, case: &CaseId) -> Result<Outcome, Failure> {
    paint::line(
        &client
            .get(&format!("/v1/cases/{case}/export"))
            .await?
            .to_string(),
    );
    Ok(Outcome::Done)
}
