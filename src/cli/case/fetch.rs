//! A timeline, fetched part by part with its exact bytes. Nothing is verified here.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::client::Client;
use crate::cli::outcome::Failure;
use crate::id::{CaseId, Digest};
use crate::timeline::{Entry, Head};

/// Entries asked for at once.
const PART: u32 = 500;

/// One entry as the answer holds it.
#[derive(Deserialize)]
pub struct Raw {
    /// The hash stored beside it.
    pub hash: Digest,
    entry: Box<RawValue>,
}

impl Raw {
    /// Its exact bytes.
    #[must_use]
    pub fn text(&self) -> &str {
        self.entry.get()
    }

    /// The entry, where the bytes are one.
    #[must_use]
    pub fn entry(&self) -> Option<Entry> {
        Entry::parse(self.text().as_bytes()).ok()
    }
}

#[derive(Deserialize)]
struct Part {
    head: PartHead,
    entries: Vec<Raw>,
    next: Option<u64>,
}

#[derive(Deserialize)]
struct PartHead {
    length: u64,
    hash: Digest,
}

/// A timeline, or its end.
pub struct Fetched {
    /// Its entries, in order.
    pub entries: Vec<Raw>,
    /// The head that the last answer named.
    pub head: Head,
}

/// Fetches everything from entry `from` on.
///
/// # Errors
/// When the service does not answer, or knows no such case.
pub async fn fetch(client: &Client, case: &CaseId, from: u64) -> Result<Fetched, Failure> {
    let mut entries = Vec::new();
    let mut next = from;
    loop {
        let path = format!("/v1/cases/{case}/timeline?from={next}&limit={PART}");
        let part: Part = client.get_exactly(&path).await?;
        entries.extend(part.entries);
        match part.next {
            Some(more) if more > next => next = more,
            _ => {
                let head = Head {
                    length: part.head.length,
                    hash: part.head.hash,
                };
                return Ok(Fetched { entries, head });
            }
        }
    }
}
