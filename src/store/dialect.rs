//! Where SQLite and PostgreSQL differ: all of it, and nothing else.
//!
//! Every other file here writes SQL that both take. PostgreSQL will need, beside its own values for
//! these constants, `FOR UPDATE` on the head row and `FOR UPDATE SKIP LOCKED` in the claim; SQLite
//! has one writer and needs neither.

use std::path::Path;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions};

use super::StoreError;

/// Begins a transaction that may write. Taking SQLite's write lock at once, rather than at the first
/// write, means that no job can fail half way because another process writes.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// The type of raw bytes in a migration's `{blob}`.
const BLOB_TYPE: &str = "BLOB";

/// What a write connection is set to.
///
/// - `synchronous=FULL`: a commit returns after the fsync. NORMAL can lose the last commits when the
///   power fails: an action done, its intent gone.
/// - `busy_timeout`, in milliseconds: how long to wait for another process (`token create` beside
///   `serve`).
/// - `journal_size_limit`, in bytes: how much a write-ahead log keeps of the disk after a burst.
/// - `temp_store`: what a statement or a savepoint may have to take back is kept in memory, not
///   written to a file.
/// - `cache_size`, negative: KiB. An idle process stays small.
const WRITER: &[&str] = &[
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 16777216",
    "PRAGMA cache_size = -2048",
];

/// What a read connection is set to: it can't write, and it keeps little memory.
const READER: &[&str] =
    &["PRAGMA busy_timeout = 5000", "PRAGMA query_only = ON", "PRAGMA cache_size = -512"];

/// The database itself refuses to change or delete an entry, whatever a later version of this
/// program tries.
const GUARDS: &[&str] = &[
    "CREATE TRIGGER IF NOT EXISTS entries_never_change BEFORE UPDATE ON entries \
     BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END",
    "CREATE TRIGGER IF NOT EXISTS entries_never_go BEFORE DELETE ON entries \
     BEGIN SELECT RAISE(ABORT, 'an entry is never deleted'); END",
];

/// Adds the place of the `n`-th value to a text that is made for its rows. Without numbers, because
/// SQLite looks each numbered one up among all before it. PostgreSQL will need `$n`, and takes one
/// statement at a time.
pub(super) fn placeholder(text: &mut String, _n: usize) {
    text.push('?');
}

/// A migration in this dialect.
pub(super) fn migration(text: &str) -> String {
    text.replace("{blob}", BLOB_TYPE)
}

/// How to connect to the database in the file `path`, which exists.
///
/// # Errors
/// When the path is no text.
pub(super) fn options(path: &Path) -> Result<AnyConnectOptions, StoreError> {
    let text = path.to_str().ok_or_else(|| StoreError::open(path, "the path is not UTF-8"))?;
    let url = format!("sqlite://{}", percent_encoded(text));
    let options: AnyConnectOptions =
        url.parse().map_err(|error: sqlx::Error| StoreError::open(path, &error.to_string()))?;
    // Statements are logged by no one: they are the same few, and their values are evidence.
    Ok(options.disable_statement_logging())
}

/// A new connection that may write.
pub(super) async fn connect_writer(
    options: &AnyConnectOptions,
) -> Result<AnyConnection, StoreError> {
    let mut connection = options.connect().await?;
    execute_all(&mut connection, WRITER).await?;
    Ok(connection)
}

/// Makes a new connection of the read pool one that can only read.
pub(super) async fn set_up_reader(connection: &mut AnyConnection) -> sqlx::Result<()> {
    execute_all(connection, READER).await
}

/// Sets up the database's own guards, after the migrations.
pub(super) async fn set_up_guards(connection: &mut AnyConnection) -> sqlx::Result<()> {
    execute_all(connection, GUARDS).await
}

async fn execute_all(
    connection: &mut AnyConnection,
    statements: &[&'static str],
) -> sqlx::Result<()> {
    for statement in statements {
        sqlx::query(*statement).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The path with everything escaped that a URL gives a meaning to.
fn percent_encoded(path: &str) -> String {
    use std::fmt::Write as _;
    path.bytes().fold(String::with_capacity(path.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}
