//! A case's chain inside a transaction: read its head, append to it, store the head.
//!
//! Holding a [`Chain`] is the proof that the head was read in this transaction; nothing else
//! inserts an entry.

use sqlx::AnyConnection;

use crate::id::CaseId;
use crate::timeline::{Draft, Head};

use super::StoreError;
use super::row::{Cells, integer};

/// The end of one case's timeline, for as long as a transaction lasts.
pub(super) struct Chain {
    case: CaseId,
    head: Head,
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
        let head = Head { length: row.number("length")?, hash: row.parsed("hash")? };
        Ok(Self { case: case.clone(), head })
    }

    /// Starts the timeline of a case that was just inserted.
    pub(super) async fn start(
        connection: &mut AnyConnection,
        case: &CaseId,
    ) -> Result<Self, StoreError> {
        let head = Head::empty();
        sqlx::query("INSERT INTO heads (case_id, length, hash) VALUES ($1, $2, $3)")
            .bind(case.as_str())
            .bind(integer(head.length))
            .bind(head.hash.as_str())
            .execute(connection)
            .await?;
        Ok(Self { case: case.clone(), head })
    }

    /// The case.
    pub(super) fn case(&self) -> &CaseId {
        &self.case
    }

    /// Appends an entry; returns its place.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when this run already recorded this kind of entry in this step.
    pub(super) async fn append(
        &mut self,
        connection: &mut AnyConnection,
        draft: &Draft,
    ) -> Result<u64, StoreError> {
        let sealed = draft.seal(&self.case, &mut self.head)?;
        let bytes = String::from_utf8(sealed.bytes)
            .map_err(|_| StoreError::Corrupt("an entry was sealed that is no UTF-8".to_owned()))?;
        let inserted = sqlx::query(
            "INSERT INTO entries (case_id, seq, kind, run, step, bytes, hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(self.case.as_str())
        .bind(integer(sealed.seq))
        .bind(draft.kind.label())
        .bind(draft.run())
        .bind(draft.step())
        .bind(bytes)
        .bind(sealed.hash.as_str())
        .execute(connection)
        .await;
        match inserted.map_err(StoreError::from) {
            Ok(_) => Ok(sealed.seq),
            Err(StoreError::Conflict(_)) => Err(StoreError::Conflict(format!(
                "{} is already recorded for step {} of {}",
                draft.kind.label(),
                draft.step().unwrap_or("-"),
                draft.run().unwrap_or("-"),
            ))),
            Err(other) => Err(other),
        }
    }

    /// Stores the head.
    pub(super) async fn save(self, connection: &mut AnyConnection) -> Result<Head, StoreError> {
        sqlx::query("UPDATE heads SET length = $2, hash = $3 WHERE case_id = $1")
            .bind(self.case.as_str())
            .bind(integer(self.head.length))
            .bind(self.head.hash.as_str())
            .execute(connection)
            .await?;
        Ok(self.head)
    }
}
