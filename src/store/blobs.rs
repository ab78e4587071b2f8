//! Bytes by their digest: raw findings, runbook sources, original configurations.

use sqlx::AnyConnection;

use crate::id::Digest;

use super::row::Cells;
use super::{Store, StoreError};

/// Stores bytes, once however often they come, and returns their digest.
pub(super) async fn put(
    connection: &mut AnyConnection,
    bytes: Vec<u8>,
) -> Result<Digest, StoreError> {
    let digest = Digest::of(&bytes);
    sqlx::query(
        "INSERT INTO blobs (digest, bytes) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING",
    )
    .bind(digest.as_str())
    .bind(bytes)
    .execute(connection)
    .await?;
    Ok(digest)
}

/// As [`put`], two in one statement.
pub(super) async fn put_both(
    connection: &mut AnyConnection,
    one: Vec<u8>,
    other: Vec<u8>,
) -> Result<(Digest, Digest), StoreError> {
    let digests = (Digest::of(&one), Digest::of(&other));
    sqlx::query(
        "INSERT INTO blobs (digest, bytes) VALUES ($1, $2), ($3, $4) \
         ON CONFLICT (digest) DO NOTHING",
    )
    .bind(digests.0.as_str())
    .bind(one)
    .bind(digests.1.as_str())
    .bind(other)
    .execute(connection)
    .await?;
    Ok(digests)
}

impl Store {
    /// The bytes with this digest.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the stored bytes have another digest.
    pub async fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT bytes FROM blobs WHERE digest = $1")
            .bind(digest.as_str())
            .fetch_optional(self.readers())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let bytes = row.bytes("bytes")?;
        if Digest::of(&bytes) != *digest {
            return Err(StoreError::Corrupt(format!("the bytes of blob {digest} are others")));
        }
        Ok(Some(bytes))
    }
}
