//! Runbooks, compiled: from a folder, or the ones that are shipped inside the binary.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rhai::{AST, Engine};
use thiserror::Error;

#[cfg(test)]
use super::calls::calls;
use super::diagnostic::{Diagnostic, DiagnosticLevel};
use super::engine::build_engine;
use super::header::Header;
use super::limits::{FILES_MAX, SOURCE_BYTES_MAX};
use super::lint::check;
#[cfg(test)]
use crate::action::{Action, find};
use crate::error::Code;
use crate::id::{Digest, RunbookName};
use crate::routing::{Rule, TypePattern};

/// The runbooks that come with Tourniquet.
const SHIPPED: [(&str, &str); 6] = [
    ("attack-sequence", include_str!("../../runbooks/attack-sequence.rhai")),
    ("compromised-instance", include_str!("../../runbooks/compromised-instance.rhai")),
    ("leaked-access-key", include_str!("../../runbooks/leaked-access-key.rhai")),
    ("observe", include_str!("../../runbooks/observe.rhai")),
    ("stolen-role-credentials", include_str!("../../runbooks/stolen-role-credentials.rhai")),
    ("suspected-instance", include_str!("../../runbooks/suspected-instance.rhai")),
];

/// A compiled runbook. A run is pinned to its hash.
pub struct Runbook {
    /// Its file's name without `.rhai`.
    pub name: RunbookName,
    /// The SHA-256 of its source.
    pub hash: Digest,
    /// The source.
    pub source: String,
    /// What it says of itself.
    pub header: Header,
    /// What lint has to say about it; warnings only.
    pub warnings: Vec<Diagnostic>,
    /// The syntax tree.
    pub ast: AST,
}

impl fmt::Debug for Runbook {
    /// Name and hash; the syntax tree would fill pages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runbook")
            .field("name", &self.name)
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

/// Compiles and checks a script.
///
/// # Errors
/// Everything that is wrong with it, errors first.
pub fn compile(
    engine: &Engine,
    name: RunbookName,
    source: &str,
) -> Result<Runbook, Vec<Diagnostic>> {
    let checked = check(engine, source)?;
    Ok(Runbook {
        name,
        hash: Digest::of(source.as_bytes()),
        source: source.to_owned(),
        header: checked.header,
        warnings: checked.warnings,
        ast: checked.ast,
    })
}

impl Runbook {
    /// When it applies. A fallback without types fits everything.
    #[must_use]
    pub fn rule(&self) -> Rule {
        let mut on = self.header.on.clone();
        if on.is_empty() {
            on.extend("*".parse::<TypePattern>());
        }
        Rule {
            runbook: self.name.clone(),
            hash: self.hash.clone(),
            on,
            severity_min: self.header.severity,
            resource_type: self.header.resource.clone(),
            resource_role: self.header.role.clone(),
            user_type: self.header.user.clone(),
            mode: self.header.mode,
        }
    }

    /// The actions that its source calls, each once, by name.
    #[cfg(test)]
    #[must_use]
    pub fn actions_used(&self) -> Vec<&'static dyn Action> {
        let mut used: Vec<_> =
            calls(&self.ast).iter().filter_map(|call| find(&call.name)).collect();
        used.sort_by_key(|action| action.name());
        used.dedup_by_key(|action| action.name());
        used
    }
}

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
    Scripts(Vec<(String, Vec<Diagnostic>)>),
}

fn lines(files: &[(String, Vec<Diagnostic>)]) -> String {
    let lines: Vec<String> = files
        .iter()
        .flat_map(|(file, all)| all.iter().map(move |one| format!("{file}:{one}")))
        .collect();
    lines.join("\n")
}

/// All runbooks, in the order of their names.
#[derive(Debug)]
pub struct Library {
    runbooks: Vec<Arc<Runbook>>,
}

impl Library {
    /// Every `*.rhai` of a folder. One bad file and nothing is loaded: half a catalogue would
    /// answer findings with the wrong runbook.
    ///
    /// # Errors
    /// When the folder can't be read or any script has an error.
    pub fn load(dir: &Path) -> Result<Self, LoadError> {
        let read = |path: &Path, error: &dyn fmt::Display| LoadError::Read {
            path: path.display().to_string(),
            reason: error.to_string(),
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(|error| read(dir, &error))? {
            let path = entry.map_err(|error| read(dir, &error))?.path();
            if path.extension().is_some_and(|extension| extension == "rhai") {
                files.push(path);
            }
        }
        if files.is_empty() {
            return Err(read(dir, &"there is no *.rhai file in it"));
        }
        if files.len() > FILES_MAX {
            return Err(read(dir, &format!("more than {FILES_MAX} scripts")));
        }
        files.sort();
        let mut sources = Vec::new();
        for path in &files {
            let bytes = std::fs::metadata(path).map_err(|error| read(path, &error))?.len();
            if bytes > SOURCE_BYTES_MAX as u64 {
                return Err(read(
                    path,
                    &format!("{bytes} bytes; a runbook has at most {SOURCE_BYTES_MAX}"),
                ));
            }
            let source = std::fs::read_to_string(path).map_err(|error| read(path, &error))?;
            let stem =
                path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            sources.push((path.display().to_string(), stem, source));
        }
        Self::compile(&build_engine(), sources)
    }

    /// The shipped runbooks.
    ///
    /// # Errors
    /// Never in a build that passed its tests.
    pub fn embedded() -> Result<Self, LoadError> {
        Self::embedded_with(&build_engine())
    }

    /// The shipped runbooks, compiled for this engine.
    ///
    /// # Errors
    /// When the engine lacks a host function that they call.
    pub fn embedded_with(engine: &Engine) -> Result<Self, LoadError> {
        let sources = SHIPPED.iter().map(|(name, source)| {
            (format!("{name}.rhai"), (*name).to_owned(), (*source).to_owned())
        });
        Self::compile(engine, sources.collect())
    }

    fn compile(engine: &Engine, sources: Vec<(String, String, String)>) -> Result<Self, LoadError> {
        let (mut runbooks, mut problems) = (Vec::new(), Vec::new());
        for (file, stem, source) in sources {
            match stem.parse::<RunbookName>() {
                Err(error) => problems.push((file, vec![file_problem(error.to_string())])),
                Ok(name) => match compile(engine, name, &source) {
                    Ok(runbook) => runbooks.push(Arc::new(runbook)),
                    Err(found) => problems.push((file, found)),
                },
            }
        }
        let fallbacks: Vec<_> = runbooks.iter().filter(|runbook| runbook.header.fallback).collect();
        if let [first, second, ..] = fallbacks.as_slice() {
            let message =
                format!("only one runbook may be the fallback; {} is one too", first.name);
            problems.push((format!("{}.rhai", second.name), vec![file_problem(message)]));
        }
        if !problems.is_empty() {
            return Err(LoadError::Scripts(problems));
        }
        runbooks.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { runbooks })
    }

    /// The runbook with this name.
    #[must_use]
    pub fn get(&self, name: &RunbookName) -> Option<Arc<Runbook>> {
        self.runbooks.iter().find(|runbook| runbook.name == *name).cloned()
    }

    /// Every runbook.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Runbook>> {
        self.runbooks.iter()
    }

    /// The rules for routing: every runbook that names finding types.
    #[must_use]
    pub fn rules(&self) -> Vec<Rule> {
        self.runbooks
            .iter()
            .filter(|runbook| !runbook.header.on.is_empty())
            .map(|runbook| runbook.rule())
            .collect()
    }
}

fn file_problem(message: String) -> Diagnostic {
    Diagnostic {
        level: DiagnosticLevel::Error,
        code: Code::RUNBOOKS_LOAD,
        message,
        line: None,
        column: None,
        help: None,
    }
}
