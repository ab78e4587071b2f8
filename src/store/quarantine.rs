//! What could not be parsed: the bytes and the reason are kept, and a repetition is counted.

use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::error::Code;
use crate::id::Digest;

use super::row::{Cells, micros};
use super::writer::Turn;
use super::{QuarantineRow, Store, StoreError, blobs};

impl Store {
    /// Keeps bytes that are no finding. The first reason stands; further deliveries are counted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when nothing was stored and the sender should try again.
    pub async fn quarantine(
        &self,
        raw: &[u8],
        reason: &str,
        code: Code,
        source: &str,
        now: Timestamp,
    ) -> Result<Digest, StoreError> {
        let (raw, reason, source) = (raw.to_vec(), reason.to_owned(), source.to_owned());
        self.write(Turn::First, move |connection| {
            Box::pin(async move {
                let digest = blobs::put(connection, raw).await?;
                sqlx::query(
                    "INSERT INTO quarantine (raw, reason, code, source, received_at, seen)
                     VALUES ($1, $2, $3, $4, $5, 1)
                     ON CONFLICT (raw) DO UPDATE SET seen = quarantine.seen + 1",
                )
                .bind(digest.as_str())
                .bind(reason)
                .bind(code.number)
                .bind(source)
                .bind(micros(now))
                .execute(connection)
                .await?;
                Ok(digest)
            })
        })
        .await
    }

    /// The newest `limit` of what is in quarantine.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn quarantined(&self, limit: u32) -> Result<Vec<QuarantineRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT raw, reason, code, source, received_at, seen FROM quarantine \
             ORDER BY received_at DESC, raw DESC LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(from_row).collect()
    }
}

fn from_row(row: &AnyRow) -> Result<QuarantineRow, StoreError> {
    Ok(QuarantineRow {
        raw: row.parsed("raw")?,
        reason: row.text("reason")?,
        code: row.text("code")?,
        source: row.text("source")?,
        received_at: row.time("received_at")?,
        seen: row.number("seen")?,
    })
}
