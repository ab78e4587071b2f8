//! Runbooks, compiled: from a folder, or the ones that are shipped inside the binary. A new shipped one is its
//! file, a line in `SHIPPED`, its cases in `playbooks-tests`, and a row in `tests/shipped.rs`.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rhai::{AST, Engine};

#[cfg(test)]
use super::calls::calls;
use super::diagnostic::{Diagnostic, DiagnosticLevel};
use super::engine::build_engine;
use super::folder::{self, CheckedFile, LoadError, ScriptFile};
use super::header::Header;
use super::lint::{Checked, check, check_pinned, lint};
#[cfg(test)]
use crate::action::{Action, find};
use crate::error::Code;
use crate::id::{Digest, RunbookName};
use crate::routing::{Rule, TypePattern};

/// The runbooks that come with Tourniquet.
const SHIPPED: &[(&str, &str)] = &[
    ("attack-sequence", include_str!("../../runbooks/attack-sequence.rhai")),
    ("compromised-function", include_str!("../../runbooks/compromised-function.rhai")),
    ("compromised-instance", include_str!("../../runbooks/compromised-instance.rhai")),
    ("exposed-port", include_str!("../../runbooks/exposed-port.rhai")),
    ("compromised-task", include_str!("../../runbooks/compromised-task.rhai")),
    ("database-login", include_str!("../../runbooks/database-login.rhai")),
    ("federated-user", include_str!("../../runbooks/federated-user.rhai")),
    ("leaked-access-key", include_str!("../../runbooks/leaked-access-key.rhai")),
    ("observe", include_str!("../../runbooks/observe.rhai")),
    ("public-bucket", include_str!("../../runbooks/public-bucket.rhai")),
    ("root-user", include_str!("../../runbooks/root-user.rhai")),
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
    Ok(runbook(name, source, check(engine, source)?))
}

/// Compiles the source that a run is pinned to, which was checked when the run was started: a rule
/// that lint has learnt since must not stop a run that is under way.
///
/// # Errors
/// What keeps this version of the engine from running it.
pub fn compile_pinned(
    engine: &Engine,
    name: RunbookName,
    source: &str,
) -> Result<Runbook, Vec<Diagnostic>> {
    Ok(runbook(name, source, check_pinned(engine, source)?))
}

fn runbook(name: RunbookName, source: &str, checked: Checked) -> Runbook {
    let Checked { ast, header, warnings } = checked;
    let hash = Digest::of(source.as_bytes());
    Runbook { name, hash, source: source.to_owned(), header, warnings, ast }
}

/// All that is wrong with a file that is to be a runbook: its name and its script.
#[must_use]
pub fn check_file(engine: &Engine, path: &Path, source: &str) -> Vec<Diagnostic> {
    let named = folder::stem(path).parse::<RunbookName>().err();
    let mut all: Vec<_> = named.map(|error| file_problem(error.to_string())).into_iter().collect();
    all.extend(lint(engine, source));
    all
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
        Self::compile(&build_engine(), folder::read(dir)?)
    }

    /// Every `*.rhai` of a folder with all that is wrong with it.
    ///
    /// # Errors
    /// When the folder can't be read or holds no script.
    pub fn check(dir: &Path) -> Result<Vec<CheckedFile>, LoadError> {
        Ok(compile_all(&build_engine(), folder::read(dir)?).1)
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
        let sources = SHIPPED.iter().map(|(name, source)| ScriptFile {
            file: format!("{name}.rhai"),
            stem: (*name).to_owned(),
            source: Ok((*source).to_owned()),
        });
        Self::compile(engine, sources.collect())
    }

    fn compile(engine: &Engine, files: Vec<ScriptFile>) -> Result<Self, LoadError> {
        let (mut runbooks, mut checked) = compile_all(engine, files);
        checked.retain(|(_, all)| all.iter().any(|one| one.level == DiagnosticLevel::Error));
        if !checked.is_empty() {
            return Err(LoadError::Scripts(checked));
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

/// The runbooks without errors, and every file with what is wrong with it.
fn compile_all(engine: &Engine, files: Vec<ScriptFile>) -> (Vec<Arc<Runbook>>, Vec<CheckedFile>) {
    let (mut runbooks, mut checked) = (Vec::new(), Vec::new());
    let mut fallback: Option<RunbookName> = None;
    for ScriptFile { file, stem, source } in files {
        let found = match (source, stem.parse::<RunbookName>()) {
            (Err(reason), _) => vec![file_problem(reason)],
            (Ok(source), Err(_)) => check_file(engine, Path::new(&file), &source),
            (Ok(source), Ok(name)) => match compile(engine, name, &source) {
                Ok(runbook) => {
                    let mut found = runbook.warnings.clone();
                    if runbook.header.fallback {
                        found.extend(fallback.as_ref().map(second_fallback));
                        fallback.get_or_insert_with(|| runbook.name.clone());
                    }
                    runbooks.push(Arc::new(runbook));
                    found
                }
                Err(found) => found,
            },
        };
        checked.push((file, found));
    }
    (runbooks, checked)
}

fn second_fallback(first: &RunbookName) -> Diagnostic {
    file_problem(format!("only one runbook may be the fallback; {first} is one too"))
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
