//! What stands in a case's timeline, read for a run. A run begins, and goes on, only on a chain that
//! verifies: whoever changed an entry could have changed what is done next, or what is given back.

use serde_json::Value;
use thiserror::Error;

use super::Env;
use super::replay::{RunLog, Unfit};
use crate::id::{CaseId, Digest, RunId};
use crate::store::{StoreError, StoredEntry};
use crate::timeline::{Entry, NoEntry, verify};

/// Entries read at once.
const PAGE: u32 = 1000;

/// A timeline that can't be gone on with.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The store failed: later.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It does not hold what it should: why.
    #[error("{0}")]
    Corrupt(String),
}

impl From<Unfit> for RecordError {
    fn from(error: Unfit) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<NoEntry> for RecordError {
    fn from(error: NoEntry) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// Every entry of a case, in order, once its chain is verified.
///
/// # Errors
/// When the store fails, or the chain does not verify.
pub async fn verified(env: &Env, case: &CaseId) -> Result<Vec<Entry>, RecordError> {
    // Read before the entries, which may have become more since.
    let head = env.store.head(case).await?.ok_or(StoreError::NotFound)?;
    let stored = stored(env, case).await?;
    let known = usize::try_from(head.length).unwrap_or(usize::MAX).min(stored.len());
    let pairs = stored.iter().map(|one| (one.bytes.as_slice(), Some(&one.hash)));
    let report = verify(case, pairs.take(known), Some(&head));
    if let Some(fault) = report.faults.first() {
        return Err(RecordError::Corrupt(format!(
            "the case's timeline does not verify ({fault}): somebody changed it in the database, and \
             nothing is done on its word"
        )));
    }
    parsed(&stored)
}

/// The log of one run, with the outputs that were kept as blobs, as it stands: what is under way is
/// put back whatever somebody did to the chain.
///
/// # Errors
/// When the store fails or holds something that is no entry.
pub async fn log_of(env: &Env, case: &CaseId, run: &RunId) -> Result<RunLog, RecordError> {
    log_from(env, run, &parsed(&stored(env, case).await?)?).await
}

/// As [`log_of`], of entries that were read.
///
/// # Errors
/// When the store fails, or an entry does not fit.
pub async fn log_from(env: &Env, run: &RunId, entries: &[Entry]) -> Result<RunLog, RecordError> {
    let mut log = RunLog::fold(run, entries)?;
    for end in log.steps.iter_mut().filter_map(|step| step.end.as_mut()) {
        if let Some(digest) = &end.output_blob {
            end.output = Some(json_blob(env, digest).await?);
        }
    }
    Ok(log)
}

/// A document that an entry names, as JSON.
///
/// # Errors
/// When the store fails, or it is missing or none.
pub async fn json_blob(env: &Env, digest: &Digest) -> Result<Value, RecordError> {
    let bytes = env.store.blob(digest).await?;
    let value = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    value.ok_or_else(|| RecordError::Corrupt(format!("blob {digest} is missing or no JSON")))
}

async fn stored(env: &Env, case: &CaseId) -> Result<Vec<StoredEntry>, StoreError> {
    let mut all = Vec::new();
    loop {
        let mut page = env.store.entries(case, all.len() as u64, PAGE).await?;
        let last = page.len() < PAGE as usize;
        all.append(&mut page);
        if last {
            return Ok(all);
        }
    }
}

fn parsed(stored: &[StoredEntry]) -> Result<Vec<Entry>, RecordError> {
    Ok(stored.iter().map(|one| Entry::parse(&one.bytes)).collect::<Result<_, _>>()?)
}
