//! `case export`: a case as one JSON object, which `case verify --file` takes anywhere.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::chain::HeadText;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::screen::Screen;
use crate::error::Code;
use crate::id::{CaseId, Digest};
use crate::timeline::{Entry, Kind, Report, verify};

/// What of an export is verified.
#[derive(Debug)]
pub(super) struct Export {
    /// The case.
    pub case: CaseId,
    head: HeadText,
    entries: Vec<String>,
    /// Base64 by digest: what the entries name.
    blobs: Map<String, Value>,
}

/// `{"case", "head": {"length", "hash"}, "entries": ["<exact bytes as text>", …], "blobs"}`
#[derive(Deserialize)]
struct Shape {
    case: Value,
    head: HeadText,
    entries: Vec<String>,
    #[serde(default)]
    blobs: Map<String, Value>,
}

impl Export {
    /// Reads an export. `case` is its id, or an object with its `id`.
    pub(super) fn read(value: &Value) -> Result<Self, CliError> {
        let refuse = |why: String| CliError::unreachable(format!("this is no export: {why}"));
        let Shape { case, head, entries, blobs } =
            Shape::deserialize(value).map_err(|error| refuse(error.to_string()))?;
        let id = case.get("id").unwrap_or(&case).as_str().unwrap_or_default();
        let case = id.parse().map_err(|error: crate::id::IdError| refuse(error.to_string()))?;
        Ok(Self { case, head, entries, blobs })
    }

    /// Verifies the chain and its head.
    pub(super) fn verify(&self) -> Report {
        let entries = self.entries.iter().map(|text| (text.as_bytes(), None));
        verify(&self.case, entries, Some(&self.head.head()))
    }

    /// Digests whose content is not what they name.
    pub(super) fn broken_blobs(&self) -> Vec<String> {
        let whole = |digest: &str, content: &Value| {
            let bytes = content.as_str().and_then(|text| STANDARD.decode(text).ok());
            bytes.is_some_and(|bytes| Digest::of(&bytes).as_str() == digest)
        };
        let broken = self.blobs.iter().filter(|(digest, content)| !whole(digest, content));
        broken.map(|(digest, _)| digest.clone()).collect()
    }

    /// Digests of documents that entries name and that are not among the blobs: left out because
    /// of their size, or taken out since.
    pub(super) fn missing_blobs(&self) -> Vec<String> {
        let entries = self.entries.iter().filter_map(|text| Entry::parse(text.as_bytes()).ok());
        let named: BTreeSet<Digest> = entries.flat_map(|entry| documents(&entry)).collect();
        let missing = named.iter().filter(|digest| !self.blobs.contains_key(digest.as_str()));
        missing.map(ToString::to_string).collect()
    }
}

/// The digests of documents that `entry` names: a finding as it came and as it was read, a runbook's
/// source, a long output. Other digests are hashes of what nobody stores, such as a plan's.
fn documents(entry: &Entry) -> Vec<Digest> {
    let text = |key: &str| entry.body.get(key).and_then(Value::as_str);
    let keys: &[&str] = match entry.kind() {
        Some(Kind::FindingReceived) => &["raw", "document"],
        Some(Kind::RunRequested) if text("kind") != Some("undo") => &["hash"],
        Some(Kind::StepFinished) => &["output_blob"],
        _ => &[],
    };
    let named = keys.iter().filter_map(|key| text(key));
    named.filter_map(|text| text.strip_prefix("sha256:").unwrap_or(text).parse().ok()).collect()
}

/// Prints the export; one that does not verify only with `force`.
pub(super) async fn export(
    client: &Client,
    screen: &mut Screen,
    case: &CaseId,
    force: bool,
) -> Result<u8, CliError> {
    let value: Value = client.get(&["v1", "cases", case.as_str(), "export"], &[]).await?;
    let export = Export::read(&value)?;
    let (report, broken) = (export.verify(), export.broken_blobs());
    let faults = report.faults.len() + broken.len();
    if export.case != *case {
        return Err(CliError::unreachable(format!(
            "asked for {case}, the answer holds {}",
            export.case
        )));
    }
    if faults > 0 && !force {
        let first = report.faults.first().map(ToString::to_string);
        let first =
            first.or_else(|| broken.first().map(|blob| format!("blob {blob}"))).unwrap_or_default();
        return Err(CliError::new(
            Code::CHAIN_BROKEN,
            format!(
                "{}, the first: {first}; --force exports it all the same",
                super::faults(faults)
            ),
        ));
    }
    if faults > 0 {
        screen.warn(&format!("{}: this export does not verify", super::faults(faults)));
    }
    screen.document(&value)?;
    Ok(if faults > 0 { crate::cli::error::NO } else { 0 })
}
