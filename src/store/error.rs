//! What can go wrong in the store, sorted by what the caller should do about it.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sqlx::error::ErrorKind;
use thiserror::Error;

use crate::case::Illegal;
use crate::error::Code;
use crate::timeline::SealError;

/// A read or write that did not happen.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The database can't be used now: disk full, read-only, locked, an I/O error. Nothing was
    /// acknowledged; the same call may work later. A write that fails in its COMMIT may, after an
    /// I/O error, still be found in the database: repeat it and let the store recognise it.
    #[error("the database can't be used now: {0}")]
    Unavailable(String),
    /// The write does not fit what is there: already recorded, already decided, not allowed.
    #[error("{0}")]
    Conflict(String),
    /// A token of this name came to its end, and the new one may be another person's.
    #[error("the name {name} was used by a token {how} on {}", at.strftime("%Y-%m-%d"))]
    NameUsed {
        /// The name.
        name: String,
        /// `revoked` or `that expired`.
        how: &'static str,
        /// When.
        at: Timestamp,
    },
    /// Another replica has taken the run: this one may write nothing more for it.
    #[error("another replica has taken this run")]
    LostLease,
    /// There is no such row.
    #[error("there is no such thing")]
    NotFound,
    /// The cursor was not made by this store.
    #[error("the cursor is not one that this list gave")]
    Cursor,
    /// The database holds something that this program did not write.
    #[error("the database holds something that can't be read: {0}")]
    Corrupt(String),
    /// The entry may not be stored.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The run's state does not allow it.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// Another process serves from this database.
    #[error("can't open the database {}: another `tourniquet serve` uses it", path.display())]
    Served {
        /// Its file.
        path: PathBuf,
    },
    /// The database can't be opened.
    #[error("can't open the database {}: {reason}", path.display())]
    Open {
        /// Its file.
        path: PathBuf,
        /// Why, in words.
        reason: String,
    },
}

// The primary result codes of SQLite (sqlite.org/rescode.html); the extended ones add higher bits.
const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_READONLY: u32 = 8;
const SQLITE_IOERR: u32 = 10;
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_FULL: u32 = 13;
const SQLITE_CANTOPEN: u32 = 14;
const SQLITE_NOTADB: u32 = 26;

impl StoreError {
    /// The number that an operator sees.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Unavailable(_) => Code::UNAVAILABLE,
            Self::Conflict(_) | Self::Illegal(_) | Self::NameUsed { .. } => Code::CONFLICT,
            Self::LostLease => Code::LEASE_LOST,
            Self::NotFound => Code::NOT_FOUND,
            Self::Cursor => Code::BAD_REQUEST,
            Self::Corrupt(_) => Code::STORE_CORRUPT,
            Self::Seal(_) => Code::INTERNAL,
            Self::Open { .. } | Self::Served { .. } => Code::DATABASE_OPEN,
        }
    }

    /// A failure to open `path`.
    pub(super) fn open(path: &Path, reason: &str) -> Self {
        Self::Open { path: path.to_owned(), reason: reason.to_owned() }
    }

    /// The same failure, seen while opening `path`.
    pub(super) fn while_opening(self, path: &Path) -> Self {
        match self {
            Self::Open { .. } => self,
            Self::Unavailable(reason) => Self::open(path, &reason),
            other => Self::open(path, &other.to_string()),
        }
    }

    pub(super) fn conflict(words: impl Into<String>) -> Self {
        Self::Conflict(words.into())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => match database.kind() {
                ErrorKind::UniqueViolation => Self::conflict("this is already recorded"),
                ErrorKind::ForeignKeyViolation => {
                    Self::conflict("this refers to something that does not exist")
                }
                ErrorKind::NotNullViolation | ErrorKind::CheckViolation => {
                    Self::conflict(database.message())
                }
                _ => by_result_code(database.code().as_deref(), database.message()),
            },
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::TypeNotFound { .. }
            | sqlx::Error::AnyDriverError(_)
            | sqlx::Error::Decode(_) => Self::Corrupt(error.to_string()),
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::PoolTimedOut => {
                Self::Unavailable("every connection is in use for too long".to_owned())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

fn by_result_code(code: Option<&str>, message: &str) -> StoreError {
    // PostgreSQL's five-character states do not parse as a number of SQLite's range; they are
    // added with that dialect.
    let primary = code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
    let words = match primary {
        Some(SQLITE_FULL) => "the disk is full",
        Some(SQLITE_READONLY) => "the database is read-only",
        Some(SQLITE_BUSY | SQLITE_LOCKED) => "another process is writing to it",
        Some(SQLITE_IOERR) => "reading or writing the file failed",
        Some(SQLITE_CANTOPEN) => "the file can't be opened",
        Some(SQLITE_CORRUPT) => return StoreError::Corrupt("the file is damaged".to_owned()),
        Some(SQLITE_NOTADB) => return StoreError::Corrupt("the file is no database".to_owned()),
        _ => return StoreError::Corrupt(message.to_owned()),
    };
    StoreError::Unavailable(words.to_owned())
}
