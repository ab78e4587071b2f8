//! A case's timeline as the service gives it: exact bytes with their hashes, page by page.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::id::{CaseId, Digest};
use crate::timeline::{Entry, Head, Report, verify};

/// Entries in one answer: the service gives at most 500.
const PAGE: u32 = 500;

/// Entries that are read at most. A case of a month of 6-hourly findings has some thousands; a
/// service that never stops must not fill our memory.
const ENTRIES_MAX: usize = 1_000_000;

/// One answer of `GET /v1/cases/{id}/timeline`.
#[derive(Deserialize)]
struct Page {
    entries: Vec<Item>,
    next: Option<u64>,
    head: HeadText,
}

/// An entry: its exact bytes are `entry` as it stands in the answer.
#[derive(Deserialize)]
struct Item {
    hash: String,
    entry: Box<RawValue>,
}

/// The head as the service tells it.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct HeadText {
    pub length: u64,
    pub hash: String,
}

impl HeadText {
    /// The head; a hash that is none becomes one that nothing has.
    pub(in crate::cli) fn head(&self) -> Head {
        Head { length: self.length, hash: digest(&self.hash) }
    }
}

/// A timeline, or the end of one.
#[derive(Debug)]
pub(in crate::cli) struct Chain {
    /// The exact bytes and the hash stored beside them, in the order in which they came.
    pub entries: Vec<(Vec<u8>, Digest)>,
    /// The head.
    pub head: HeadText,
}

impl Chain {
    /// The timeline of `case` from entry `from` on.
    pub(in crate::cli) async fn fetch(
        client: &Client,
        case: &CaseId,
        from: u64,
    ) -> Result<Self, CliError> {
        let mut entries = Vec::new();
        let mut at = from;
        loop {
            let query = [("from", at.to_string()), ("limit", PAGE.to_string())];
            let page: Page =
                client.get(&["v1", "cases", case.as_str(), "timeline"], &query).await?;
            for item in page.entries {
                entries.push((item.entry.get().as_bytes().to_vec(), digest(&item.hash)));
            }
            // A next page that does not lie ahead would be read for ever.
            match page.next.filter(|next| *next > at && entries.len() < ENTRIES_MAX) {
                Some(next) => at = next,
                None => {
                    return Ok(Self { entries, head: page.head });
                }
            }
        }
    }

    /// Verifies a timeline that was fetched from its beginning.
    pub(in crate::cli) fn verify(&self, case: &CaseId) -> Report {
        let entries = self.entries.iter().map(|(bytes, hash)| (bytes.as_slice(), Some(hash)));
        verify(case, entries, Some(&self.head.head()))
    }

    /// The entries, read.
    pub(in crate::cli) fn read(&self) -> Result<Vec<Entry>, CliError> {
        let read = self.entries.iter().map(|(bytes, _)| Entry::parse(bytes));
        read.collect::<Result<_, _>>()
            .map_err(|error| CliError::new(crate::error::Code::CHAIN_BROKEN, error.to_string()))
    }
}

/// The digest; text that is none becomes 64 zeros, which no entry hashes to.
pub(in crate::cli) fn digest(text: &str) -> Digest {
    text.parse().unwrap_or_else(|_| Digest::zero())
}
