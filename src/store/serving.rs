//! One `serve` per SQLite file.
//!
//! Leases and epochs already keep two processes from writing for the same run. This lock is for the
//! operator: a second `serve` on the same file is a mistake, and should end with a sentence.
//! Other commands (`token create`) don't take it and work beside a running service.

use std::fs::{File, OpenOptions, TryLockError};

use super::{Store, StoreError};

/// Whoever may open the file may hold the lock, and so keep the service from starting.
#[cfg(unix)]
const MODE: u32 = 0o600;

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
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, MODE);
        let file = options
            .open(&path)
            .map_err(|error| StoreError::open(self.path(), &error.to_string()))?;
        #[cfg(unix)]
        keep_to_owner(&file);
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

/// An earlier version made the file for all to read.
#[cfg(unix)]
fn keep_to_owner(file: &File) {
    use std::os::unix::fs::PermissionsExt as _;
    let kept = file.metadata().and_then(|found| match found.permissions().mode() & 0o777 {
        MODE => Ok(()),
        _ => file.set_permissions(std::fs::Permissions::from_mode(MODE)),
    });
    if let Err(error) = kept {
        tracing::warn!(error = %error, "the lock file's mode can't be set to 0600: others may hold the lock");
    }
}
