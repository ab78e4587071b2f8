//! One `serve` per SQLite file.
//!
//! Leases and epochs already keep two processes from writing for the same run. This lock is for the
//! operator: a second `serve` on the same file is a mistake, and should end with a sentence.
//! Other commands (`token create`) don't take it and work beside a running service.

use std::fs::{File, OpenOptions, TryLockError};

use super::{Store, StoreError};

/// The right to serve from a database; given back when dropped, or when the process dies.
#[derive(Debug)]
pub struct ServingLock {
    _file: File,
}

impl Store {
    /// Takes the lock file beside the database (`<database>.lock`).
    ///
    /// # Errors
    /// [`StoreError::Served`] when another process serves from this database; [`StoreError::Open`] when
    /// the lock file can't be made.
    pub fn lock_for_serving(&self) -> Result<ServingLock, StoreError> {
        let mut path = self.path().as_os_str().to_owned();
        path.push(".lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| StoreError::open(self.path(), &error.to_string()))?;
        match file.try_lock() {
            Ok(()) => Ok(ServingLock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::Served { path: self.path().to_owned() })
            }
            Err(TryLockError::Error(error)) => {
                Err(StoreError::open(self.path(), &error.to_string()))
            }
        }
    }
}
