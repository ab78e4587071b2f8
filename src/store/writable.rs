//! Whether the database takes what is written: a disk that is full is noticed by whoever asks, and
//! that it has room again, too.

use std::sync::atomic::Ordering;

use super::writer::Turn;
use super::{Store, StoreError};

/// Bytes of the probe: about what a finding with its entries takes. A full disk often has room for one
/// more page, which would prove nothing.
const PROBE_BYTES: usize = 32 * 1024;

impl Store {
    /// Whether the store can be read and written now. While the last write failed it is tried with one
    /// that takes room, so that it is known again when there is some.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT length FROM heads LIMIT 1").fetch_optional(self.readers()).await?;
        if !self.fails_to_write() {
            return self.write(Turn::Next, |_| Box::pin(async { Ok(()) })).await;
        }
        let probed = self.write(Turn::Next, |connection| {
            Box::pin(async move {
                // Deleted and inserted: what is the same as before would not be written.
                sqlx::query("DELETE FROM probes").execute(&mut *connection).await?;
                sqlx::query("INSERT INTO probes (padding) VALUES ($1)")
                    .bind("x".repeat(PROBE_BYTES))
                    .execute(connection)
                    .await?;
                Ok(())
            })
        });
        probed.await?;
        self.took_what_was_written();
        Ok(())
    }

    /// Whether the last write that takes room failed, for whatever reason.
    #[must_use]
    pub fn fails_to_write(&self) -> bool {
        self.failing().load(Ordering::Relaxed)
    }

    /// Remembers that the database could not be written, if that is what a write came to. Another
    /// error says that it could.
    pub(super) fn note_failure<T>(&self, written: &Result<T, StoreError>) {
        if matches!(written, Err(StoreError::Unavailable(_))) {
            self.failing().store(true, Ordering::Relaxed);
        }
    }

    /// Remembers that something went in that takes room: a lease that is renewed needs none.
    pub(super) fn took_what_was_written(&self) {
        self.failing().store(false, Ordering::Relaxed);
    }
}
