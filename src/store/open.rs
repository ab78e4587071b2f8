//! Opening and closing: one write connection behind one task, and a small pool that only reads.
//!
//! ```text
//!  accept, commit, claim, … ─► queue ─► writer task ─► one connection ─┐
//!                                                                      ├─► one file (WAL)
//!  case, entries, run, …    ─────────► up to 4 read connections ───────┘
//! ```

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool};

use super::place::{self, Place};
use super::writer::{Turn, Writer};
use super::{StoreError, dialect, migrate};

/// Read connections. Each is a thread and up to half a mebibyte of cache while it is open.
const READERS_MAX: u32 = 4;

/// How long a read connection is kept without work: an idle service keeps none.
const READER_IDLE: Duration = Duration::from_secs(60);

/// How long a read waits for a connection before it is an error.
const READER_WAIT_MAX: Duration = Duration::from_secs(10);

/// The store. Cloning it is cheap; all clones share the writer and the readers.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Writer,
    readers: AnyPool,
    place: Place,
    /// Whether the last write that takes room failed.
    failing: AtomicBool,
}

impl Store {
    /// Opens the database at `url` and brings its schema up to date.
    ///
    /// `sqlite://<path>`, with `?mode=rwc` (the default: created when missing) or `?mode=rw`.
    /// `sqlite::memory:` is a database that is deleted with the store.
    ///
    /// # Errors
    /// [`StoreError::Open`], in words for an operator.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let place = place::find(url)?;
        let path = place.path.clone();
        Self::open_at(place).await.map_err(|error| error.while_opening(&path))
    }

    async fn open_at(place: Place) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let options = dialect::options(&place.path)?;
        let mut connection = dialect::connect_writer(&options).await?;
        migrate::migrate(&mut connection).await?;
        dialect::set_up_guards(&mut connection).await?;
        let readers = AnyPoolOptions::new()
            .max_connections(READERS_MAX)
            .min_connections(0)
            .idle_timeout(READER_IDLE)
            .acquire_timeout(READER_WAIT_MAX)
            // A file does not hang up; the test would double what a read costs.
            .test_before_acquire(false)
            .after_connect(|connection, _| Box::pin(dialect::set_up_reader(connection)))
            .connect_lazy_with(options.clone());
        let writer = Writer::start(options, connection);
        Ok(Self {
            inner: Arc::new(Inner { writer, readers, place, failing: AtomicBool::new(false) }),
        })
    }

    /// Carries out what was handed in, then closes every connection. Later calls fail with
    /// [`StoreError::Unavailable`].
    pub async fn close(&self) {
        self.inner.writer.close().await;
        self.inner.readers.close().await;
    }

    /// How many transactions were committed since the store was opened. Writes that arrive together
    /// share one.
    #[cfg(test)]
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.inner.writer.commits()
    }

    /// Runs `work` in a transaction of the writer; its changes stand when this returns `Ok`.
    pub(super) async fn write<T, W>(&self, turn: Turn, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>>
            + Send
            + 'static,
    {
        let written = self.inner.writer.write(turn, work).await;
        self.note_failure(&written);
        written
    }

    pub(super) fn writer(&self) -> &Writer {
        &self.inner.writer
    }

    pub(super) fn readers(&self) -> &AnyPool {
        &self.inner.readers
    }

    pub(super) fn failing(&self) -> &AtomicBool {
        &self.inner.failing
    }

    pub(super) fn path(&self) -> &Path {
        &self.inner.place.path
    }
}
