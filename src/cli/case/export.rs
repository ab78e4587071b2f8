//! `case export`: a case as one JSON object, which `case verify --file` takes anywhere.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::chain::{Chain, HeadText};
use super::summary::{self, Differs, others};
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::screen::Screen;
use crate::error::Code;
use crate::id::{CaseId, Digest};
use crate::timeline::{Entry, Report, verify};

/// What of an export is verified.
#[derive(Debug)]
pub(super) struct Export {
    /// The case.
    pub case: CaseId,
    head: HeadText,
    entries: Vec<String>,
    /// Base64 by digest: what the entries name.
    blobs: Map<String, Value>,
    /// Digests whose bytes the service left out because of their size.
    left_out: BTreeSet<String>,
    /// The case as the service tells it; null in an export that holds its id alone.
    summary: Value,
    /// Fields that no export of ours has, such as `case.verdict`.
    added: Vec<String>,
}

/// What is wrong beside the chain itself, and what can't be told.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// Blobs whose content is not what they name.
    pub broken: Vec<String>,
    /// Documents that entries name and that were taken away.
    pub missing: Vec<String>,
    /// Documents that the export itself says it left out because of their size.
    pub left_out: Vec<String>,
    /// Blobs that no entry names.
    pub extra: Vec<String>,
    /// Fields of the summary that do not follow from the entries.
    pub differs: Vec<Differs>,
    /// Fields that no export has.
    pub added: Vec<String>,
}

impl Beside {
    /// Every fault, in words.
    pub(super) fn faults(&self) -> Vec<String> {
        let told = |all: &[String], words: fn(&str) -> String| {
            all.iter().map(|blob| words(blob)).collect::<Vec<_>>()
        };
        let mut faults = told(&self.broken, |blob| {
            format!("the document {blob} was changed: its hash does not match")
        });
        faults.extend(told(&self.missing, |blob| {
            format!("the document {blob}, which an entry names, is missing")
        }));
        faults.extend(told(&self.extra, |blob| {
            format!("the document {blob} was added: no entry names it")
        }));
        faults.extend(self.differs.iter().map(Differs::words));
        faults.extend(told(&self.added, |field| {
            format!("the field {field} was added: no export of this version has it")
        }));
        faults
    }
}

/// The fields of an export, and those of its head.
const FIELDS: [&str; 5] = ["case", "head", "entries", "blobs", "left_out"];
const HEAD_FIELDS: [&str; 2] = ["length", "hash"];

/// `{"case", "head": {"length", "hash"}, "entries": ["<exact bytes as text>", …], "blobs", "left_out"}`
#[derive(Deserialize)]
struct Shape {
    case: Value,
    head: HeadText,
    entries: Vec<String>,
    #[serde(default)]
    blobs: Map<String, Value>,
    #[serde(default)]
    left_out: BTreeSet<String>,
}

impl Export {
    /// Reads an export. `case` is its id, or an object with its `id`.
    pub(super) fn read(value: &Value) -> Result<Self, CliError> {
        let refuse = |why| CliError::unreachable(format!("this is no export: {why}"));
        Self::parse(value).map_err(refuse)
    }

    /// As [`Export::read`], with why it is none.
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        let Shape { case: summary, head, entries, blobs, left_out } =
            Shape::deserialize(value).map_err(|error| error.to_string())?;
        let id = summary.get("id").unwrap_or(&summary).as_str().unwrap_or_default();
        let case = id.parse().map_err(|error: crate::id::IdError| error.to_string())?;
        let mut added = others(value, &FIELDS);
        let within = |of: &str, fields: Vec<String>| {
            fields.into_iter().map(|field| format!("{of}.{field}")).collect::<Vec<_>>()
        };
        added.extend(within("head", others(&value["head"], &HEAD_FIELDS)));
        added.extend(within("case", summary::added(&summary)));
        Ok(Self { case, head, entries, blobs, left_out, summary, added })
    }

    /// Verifies the chain and its head.
    pub(super) fn verify(&self) -> Report {
        let entries = self.entries.iter().map(|text| (text.as_bytes(), None));
        verify(&self.case, entries, Some(&self.head.head()))
    }

    /// Looks at what stands beside the chain: the documents and the summary.
    pub(super) fn beside(&self, report: &Report) -> Beside {
        let whole = |digest: &str, content: &Value| {
            let bytes = content.as_str().and_then(|text| STANDARD.decode(text).ok());
            bytes.is_some_and(|bytes| Digest::of(&bytes).as_str() == digest)
        };
        let broken = self.blobs.iter().filter(|(digest, content)| !whole(digest, content));
        let broken = broken.map(|(digest, _)| digest.clone()).collect();
        let entries = self.entries.iter().map(|text| Entry::parse(text.as_bytes()));
        let entries: Vec<Entry> = entries.filter_map(Result::ok).collect();
        let named: BTreeSet<Digest> = entries.iter().flat_map(Entry::documents).collect();
        let absent = named.iter().filter(|digest| !self.blobs.contains_key(digest.as_str()));
        let (left_out, missing) =
            absent.map(ToString::to_string).partition(|digest| self.left_out.contains(digest));
        // A later version of ours may name documents in a way that this one does not know.
        let mut mentioned = BTreeSet::new();
        for value in entries.iter().flat_map(|entry| entry.body.values()) {
            digests(value, &mut mentioned);
        }
        let there = self.blobs.keys().chain(&self.left_out).collect::<BTreeSet<_>>();
        let extra = there.into_iter().filter(|digest| !mentioned.contains(digest.as_str()));
        let extra = extra.cloned().collect();
        // Of a chain that does not verify nothing follows.
        let differs = match report.is_valid() && entries.len() == self.entries.len() {
            true => {
                let hashes: Vec<String> = report.hashes.iter().map(ToString::to_string).collect();
                summary::differs(&self.summary, &entries, &hashes)
            }
            false => Vec::new(),
        };
        Beside { broken, missing, left_out, extra, differs, added: self.added.clone() }
    }
}

/// Every digest in a value, bare or as `sha256:…`.
fn digests<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::String(text) => {
            found.insert(text.strip_prefix("sha256:").unwrap_or(text));
        }
        Value::Array(items) => items.iter().for_each(|item| digests(item, found)),
        Value::Object(map) => map.values().for_each(|item| digests(item, found)),
        _ => {}
    }
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
    if export.case != *case {
        return Err(CliError::unreachable(format!(
            "asked for {case}, the answer holds {}",
            export.case
        )));
    }
    let own = export.verify();
    let beside = export.beside(&own).faults();
    // An export has no hashes beside its entries, and the service has: as many faults are told as
    // `case verify` tells, and what is wrong with the export alone is not passed over.
    let stored = Chain::fetch(client, case, 0).await?.verify(case);
    let report = if stored.faults.len() >= own.faults.len() { stored } else { own };
    let faults = report.faults.len() + beside.len();
    if faults > 0 && !force {
        let first = report.faults.first().map(ToString::to_string);
        let first = first.or_else(|| beside.first().cloned()).unwrap_or_default();
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
