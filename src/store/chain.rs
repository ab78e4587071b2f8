//! A case's chain inside a transaction: read its head, append to it, store what was appended.
//!
//! Holding a [`Chain`] is the proof that the head was read in this transaction; nothing else
//! inserts an entry. What is appended goes to the database with [`Chain::save`], in one statement.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::id::{CaseId, Digest};
use crate::timeline::{Draft, Head};

use super::row::{Cells, integer};
use super::{StoreError, dialect};

/// Entries that go to the database at once: SQLite binds at most 32,766 values, PostgreSQL 65,535,
/// and an entry takes seven.
const INSERT_MAX: usize = 500;

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
        let head = Head { length: row.number("length")?, hash: row.parsed("hash")? };
        Ok(Self { case: case.clone(), head, stored: true, appended: Vec::new() })
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
    pub(super) async fn save(mut self, connection: &mut AnyConnection) -> Result<Head, StoreError> {
        let mut rest = self.appended.as_slice();
        loop {
            let (entries, later) = rest.split_at(rest.len().min(INSERT_MAX));
            let text = dialect::append(entries.len(), self.stored);
            let mut statement = sqlx::query(AssertSqlSafe(text))
                .bind(self.case.as_str())
                .bind(integer(self.head.length))
                .bind(self.head.hash.as_str());
            for entry in entries {
                statement = statement
                    .bind(integer(entry.seq))
                    .bind(entry.kind)
                    .bind(entry.run.as_deref())
                    .bind(entry.step.as_deref())
                    .bind(entry.bytes.as_str())
                    .bind(entry.hash.as_str());
            }
            match statement.execute(&mut *connection).await.map_err(StoreError::from) {
                Ok(_) if later.is_empty() => return Ok(self.head),
                Ok(_) => (self.stored, rest) = (true, later),
                Err(StoreError::Conflict(_)) => return Err(recorded(entries)),
                Err(other) => return Err(other),
            }
        }
    }
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
