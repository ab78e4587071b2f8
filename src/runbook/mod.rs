//! Runbooks: Rhai scripts as pure functions of (case facts, parameters, outcomes so far).
//!
//! Loading, the one engine, the host API (one file per namespace under `host`), lint, and
//! [`advance`], which evaluates a script once and says what it wants next. The only IO is reading
//! script files. Which step is performed when, and what becomes of it, is `run`'s business.

mod advance;
mod context;
mod engine;
mod header;
mod host;
mod library;
mod lint;
mod pool;

pub use advance::{Advance, Facts, HOST_API, Recorded, RecordedStep, ScriptError, StepFailure, StepKey, Wanted, advance};
pub use engine::{build_engine, limits};
pub use header::{Header, HeaderParam};
pub use library::{Library, LoadError, Runbook, compile};
pub use lint::{Diagnostic, DiagnosticLevel};
pub use pool::Evaluator;
