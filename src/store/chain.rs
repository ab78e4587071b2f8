//! A case's chain inside a transaction: read its head, append to it, store what was appended.
//!
//! Holding a [`Chain`] is the proof that the head was read in this transaction; nothing else
//! inserts an entry. What is appended goes to the database with [`Chain::save`], at once.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::id::{CaseId, Digest};
use crate::timeline::{Draft, Head};

use super::StoreError;
use super::batch::Batch;
use super::row::{Cells, integer};

/// The end of one case's timeline, for as long as a transaction lasts.
pub(super) struct Chain {
    case: CaseId,
    head: Head,
    /// Whether the head has a row.
    stored: bool,
    appended: Vec<Appended>,
}

/// An entry that is sealed and not inserted yet.
struct Appended {
    seq: u64,
    kind: &'static str,
    run: Option<String>,
    step: Option<String>,
    bytes: String,
    hash: Digest,
}

impl Chain {
    /// Reads the head of a case that exists.
    pub(super) async fn of(
        connection: &mut AnyConnection,
        case: &CaseId,
    ) -> Result<Self, StoreError> {
        let row = sqlx::query("SELECT length, hash FROM heads WHERE case_id = $1")
            .bind(case.as_str())
            .fetch_optional(connection)
            .await?
            .ok_or(StoreError::NotFound)?;
        Self::from_row(&row, case)
    }

    /// The chain of `case`, whose head is in a row.
    pub(super) fn from_row(row: &AnyRow, case: &CaseId) -> Result<Self, StoreError> {
        Ok(Self::at(case, head_from_row(row)?))
    }

    /// The chain of `case` that ends in `head`, which was read in this transaction.
    pub(super) fn at(case: &CaseId, head: Head) -> Self {
        Self { case: case.clone(), head, stored: true, appended: Vec::new() }
    }

    /// Starts the timeline of a case that was just inserted.
    pub(super) fn start(case: &CaseId) -> Self {
        Self { case: case.clone(), head: Head::empty(), stored: false, appended: Vec::new() }
    }

    /// The case.
    pub(super) fn case(&self) -> &CaseId {
        &self.case
    }

    /// Appends an entry; returns its place.
    ///
    /// # Errors
    /// When it is too large, or no entry.
    pub(super) fn append(&mut self, draft: &Draft) -> Result<u64, StoreError> {
        let sealed = draft.seal(&self.case, &mut self.head)?;
        let bytes = String::from_utf8(sealed.bytes)
            .map_err(|_| StoreError::Corrupt("an entry was sealed that is no UTF-8".to_owned()))?;
        self.appended.push(Appended {
            seq: sealed.seq,
            kind: draft.kind.label(),
            run: draft.run().map(str::to_owned),
            step: draft.step().map(str::to_owned),
            bytes,
            hash: sealed.hash,
        });
        Ok(sealed.seq)
    }

    /// Inserts what was appended, and stores the head.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a run already recorded this kind of entry in this step.
    pub(super) async fn save(self, connection: &mut AnyConnection) -> Result<Head, StoreError> {
        let mut batch = Batch::default();
        put(&mut batch, std::slice::from_ref(&&self));
        match batch.execute(connection).await {
            Ok(()) => Ok(self.head),
            Err(StoreError::Conflict(_)) => Err(recorded(&self.appended)),
            Err(other) => Err(other),
        }
    }
}

/// Adds what was appended to chains of different cases, and their heads.
pub(super) fn put(batch: &mut Batch, chains: &[&Chain]) {
    let heads = |stored| chains.iter().filter(move |chain| chain.stored == stored);
    batch.rows(
        "INSERT INTO heads (case_id, length, hash) VALUES",
        heads(false),
        "",
        |row, chain| {
            row.bind(chain.case.as_str())
                .bind(integer(chain.head.length))
                .bind(chain.head.hash.as_str());
        },
    );
    batch.rows(
        "WITH v (id, length, hash) AS (VALUES",
        heads(true),
        ") UPDATE heads SET length = v.length, hash = v.hash FROM v WHERE heads.case_id = v.id",
        |row, chain| {
            row.bind(chain.case.as_str())
                .bind(integer(chain.head.length))
                .bind(chain.head.hash.as_str());
        },
    );
    let entries = chains
        .iter()
        .flat_map(|chain| chain.appended.iter().map(|entry| (chain.case.as_str(), entry)));
    batch.rows(
        "INSERT INTO entries (case_id, seq, kind, run, step, bytes, hash) VALUES",
        entries,
        "",
        |row, (case, entry)| {
            row.bind(case)
                .bind(integer(entry.seq))
                .bind(entry.kind)
                .bind(entry.run.as_deref())
                .bind(entry.step.as_deref())
                .bind(entry.bytes.as_str())
                .bind(entry.hash.as_str());
        },
    );
}

/// Which of the entries is there already can't be told; each of them says what it is.
fn recorded(entries: &[Appended]) -> StoreError {
    let of_steps = entries.iter().filter_map(|entry| {
        let (run, step) = (entry.run.as_ref()?, entry.step.as_ref()?);
        Some(format!("{} of step {step} of {run}", entry.kind))
    });
    let words = of_steps.collect::<Vec<_>>().join(", or ");
    StoreError::Conflict(format!("this is already recorded: {words}"))
}

/// A head.
pub(super) fn head_from_row(row: &AnyRow) -> Result<Head, StoreError> {
    Ok(Head { length: row.number("length")?, hash: row.parsed("hash")? })
}
