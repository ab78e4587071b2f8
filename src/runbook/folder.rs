//! A folder of scripts, read: what every `*.rhai` in it holds. One that can't be read is kept with the
//! reason, so that it hides nothing that is wrong with the others.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::diagnostic::Diagnostic;
use super::limits::{FILES_MAX, SOURCE_BYTES_MAX};

/// A file and what is wrong with it.
pub type CheckedFile = (String, Vec<Diagnostic>);

/// The runbooks could not be loaded: nothing of them is used.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The folder or a file can't be read.
    #[error("{path}: {reason}")]
    Read {
        /// What was to be read.
        path: String,
        /// Why it can't be.
        reason: String,
    },
    /// Scripts have errors; every line names file, line and column.
    #[error("{}", lines(.0))]
    Scripts(Vec<CheckedFile>),
}

fn lines(files: &[CheckedFile]) -> String {
    let lines: Vec<String> =
        files.iter().flat_map(|(file, all)| all.iter().map(move |one| one.in_file(file))).collect();
    lines.join("\n")
}

/// A file of a folder.
pub(super) struct ScriptFile {
    /// Its path.
    pub(super) file: String,
    /// Its name without `.rhai`.
    pub(super) stem: String,
    /// What it holds, or why it can't be read.
    pub(super) source: Result<String, String>,
}

/// Every `*.rhai` of a folder, in the order of their names.
///
/// # Errors
/// When the folder can't be read, holds no script, or more than anybody would look through.
pub(super) fn read(dir: &Path) -> Result<Vec<ScriptFile>, LoadError> {
    let wrong = |reason: &dyn Display| LoadError::Read {
        path: dir.display().to_string(),
        reason: reason.to_string(),
    };
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|error| wrong(&error))? {
        let path = entry.map_err(|error| wrong(&error))?.path();
        if path.extension().is_some_and(|extension| extension == "rhai") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(wrong(&"there is no *.rhai file in it"));
    }
    if paths.len() > FILES_MAX {
        return Err(wrong(&format!("more than {FILES_MAX} scripts")));
    }
    paths.sort();
    Ok(paths
        .iter()
        .map(|path| ScriptFile {
            file: path.display().to_string(),
            stem: stem(path),
            source: source(path),
        })
        .collect())
}

/// A file's name without `.rhai`.
pub(super) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn source(path: &Path) -> Result<String, String> {
    // Asked first: a file of gigabytes is not read to find that out.
    let bytes = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if bytes > SOURCE_BYTES_MAX as u64 {
        return Err(format!("{bytes} bytes; a runbook has at most {SOURCE_BYTES_MAX}"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}
