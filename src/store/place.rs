//! Where the database is: the URL from the configuration, checked and turned into a file that is
//! there and that only its owner can read.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::StoreError;

/// Where a database lives.
pub(super) struct Place {
    /// Its file, as an absolute path.
    pub(super) path: PathBuf,
    /// The folder of a database that is gone when the store is: `sqlite::memory:`.
    _folder: Option<TempDir>,
}

/// Whether a database could be opened at `url`, as far as its place tells; nothing stays there.
///
/// # Errors
/// As [`find`].
pub(super) fn check(url: &str) -> Result<(), StoreError> {
    let Some((path, create)) = file(url)? else { return Ok(()) };
    // A file that is not there yet is not made for a look.
    if create && !path.try_exists().unwrap_or(true) { room(&path) } else { touch(&path, false) }
}

/// Finds the place that `url` names and creates the file where that is wanted.
///
/// `sqlite://<path>` or `sqlite:<path>`, optionally `?mode=rwc` (the default: created when missing)
/// or `?mode=rw` (must exist). `sqlite::memory:` is a file in a folder of its own that is deleted
/// with the store, because readers and the writer need one database and several connections.
///
/// # Errors
/// [`StoreError::Open`] with words for an operator.
pub(super) fn find(url: &str) -> Result<Place, StoreError> {
    let Some((path, create)) = file(url)? else {
        let folder = tempfile::Builder::new()
            .prefix("tourniquet-")
            .tempdir()
            .map_err(|error| StoreError::open(&std::env::temp_dir(), &error.to_string()))?;
        let path = folder.path().join("memory.db");
        touch(&path, true)?;
        return Ok(Place { path, _folder: Some(folder) });
    };
    touch(&path, create)?;
    // One file has one lock, by whatever link it is reached.
    let path = path.canonicalize().map_err(|error| StoreError::open(&path, &error.to_string()))?;
    Ok(Place { path, _folder: None })
}

/// The file that `url` names, and whether it is created where it is missing; `None`: it is in memory.
fn file(url: &str) -> Result<Option<(PathBuf, bool)>, StoreError> {
    let Some(rest) = url.strip_prefix("sqlite:") else {
        let scheme = url.split(':').next().unwrap_or_default();
        return Err(StoreError::open(
            // A database URL can hold a password: only its scheme is repeated.
            Path::new(scheme),
            "only sqlite://<path> is built in",
        ));
    };
    if rest == ":memory:" || rest == "//:memory:" {
        return Ok(None);
    }
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (name, query) = rest.split_once('?').unwrap_or((rest, "mode=rwc"));
    let create = match query {
        "mode=rwc" => true,
        "mode=rw" => false,
        _ => {
            return Err(StoreError::open(Path::new(name), "only ?mode=rwc and ?mode=rw are known"));
        }
    };
    if name.is_empty() {
        return Err(StoreError::open(Path::new(name), "the URL names no file"));
    }
    let path = std::path::absolute(name)
        .map_err(|error| StoreError::open(Path::new(name), &error.to_string()))?;
    Ok(Some((path, create)))
}

/// Opens the file once for writing, so that the operating system's own words reach the operator;
/// SQLite only says that it can't.
fn touch(path: &Path, create: bool) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(create);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Findings and evidence are nobody else's business. SQLite gives its other files the same mode.
        options.mode(0o600);
    }
    let file = options.open(path).map_err(|error| match missing(path) {
        Some(words) => StoreError::open(path, &words),
        None => StoreError::open(path, &error.to_string()),
    })?;
    drop(file);
    room(path)
}

/// The folder must be writable too: the write-ahead log is made beside the file.
fn room(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let made = tempfile::Builder::new().prefix(".tourniquet-").tempfile_in(folder);
    made.map(drop).map_err(|error| {
        let words = missing(path);
        let words = words.unwrap_or_else(|| format!("its folder can't be written: {error}"));
        StoreError::open(path, &words)
    })
}

/// That the folder of a file is not there; `None`: it is. Of the two the operating system does not say
/// which is missing.
fn missing(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.exists())?;
    Some(format!("there is no folder {}", folder.display()))
}
