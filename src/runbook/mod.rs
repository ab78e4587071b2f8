//! Runbooks: Rhai scripts as pure functions of (case facts, parameters, outcomes so far).
//!
//! Loading, the one engine, the host API (one file per namespace under `host`), lint, the policies that
//! runbooks need, and [`advance::advance`], which evaluates a script once and says what it wants next. The only IO is reading
//! script files. Which step is performed when, and what becomes of it, is `run`'s business.

mod advance;
mod bench;
mod calls;
mod channels;
mod context;
mod diagnostic;
mod engine;
mod folder;
mod header;
mod host;
mod key;
mod library;
pub mod limits;
mod lint;
mod literals;
mod operators;
mod policy;
mod pool;
mod step;
#[cfg(test)]
mod tests;
mod value;

pub use advance::{Advance, Evaluated, HOST_API, ScriptError};
pub use bench::Replay;
pub use channels::{Channel, channels};
pub use diagnostic::{Diagnostic, DiagnosticLevel};
pub use engine::build_engine;
pub use folder::{CheckedFile, LoadError};
pub use header::Header;
pub use key::{AGAIN_MAX, StepKey};
#[cfg(test)]
pub use library::compile;
pub use library::{Library, Runbook, check_file, compile_pinned};
pub use lint::lint;
pub use policy::{ANY_ACCOUNT, Policies, Terms, policies};
pub use pool::Evaluator;
pub use step::{Facts, Recorded, RecordedStep, StepFailure, Wanted};
