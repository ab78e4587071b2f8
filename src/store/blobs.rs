//! Bytes by their digest: raw findings, runbook sources, original configurations.

use sqlx::AnyConnection;

use crate::id::Digest;

use super::batch::Batch;
use super::row::Cells;
use super::{Store, StoreError};

/// Stores bytes, once however often they come, and returns their digest.
pub(super) async fn put(
    connection: &mut AnyConnection,
    bytes: Vec<u8>,
) -> Result<Digest, StoreError> {
    let digest = Digest::of(&bytes);
    let mut batch = Batch::default();
    put_all(&mut batch, [(&digest, bytes)]);
    batch.execute(connection).await?;
    Ok(digest)
}

/// Adds bytes with their digests, each stored once however often they come.
pub(super) fn put_all<'a>(
    batch: &mut Batch,
    blobs: impl IntoIterator<Item = (&'a Digest, Vec<u8>)>,
) {
    batch.rows(
        "INSERT INTO blobs (digest, bytes) VALUES",
        blobs,
        " ON CONFLICT (digest) DO NOTHING",
        |row, (digest, bytes)| {
            row.bind(digest.as_str()).bind(bytes);
        },
    );
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
