//! How a command ends: its exit code, and what a person reads when it failed.

use std::fmt::Display;
use std::process::ExitCode;

use serde_json::json;

use super::paint;
use crate::config::ConfigError;
use crate::error::Code;
use crate::store::StoreError;
use crate::web::StartError;

/// The exit code of a failure.
const FAILED: u8 = 1;
/// The exit code of a command that was not understood; clap uses it too.
const USAGE: u8 = 2;
/// The exit code of an answer that is no.
const NO: u8 = 3;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Done, and the answer is no: not verified, not contained.
    No,
}

impl Outcome {
    /// The exit code.
    #[must_use]
    pub fn code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::No => ExitCode::from(NO),
        }
    }
}

/// A command that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The error's number.
    pub code: Code,
    /// What happened.
    pub detail: String,
    /// What the service says to do; our own table's words where it says nothing.
    pub remedy: Option<String>,
}

impl Failure {
    /// A failure with a number.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            remedy: None,
        }
    }

    /// An argument that makes no sense.
    pub fn usage(detail: impl Into<String>) -> Self {
        Self::new(Code::USAGE, detail)
    }

    /// Something that the operating system refused.
    pub fn system(error: &dyn Display) -> Self {
        Self::new(Code::INTERNAL, format!("the operating system: {error}"))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Code::CONFIG, error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Unavailable(_) => Code::DATABASE_OPEN,
            other => other.code(),
        };
        Self::new(code, error.to_string())
    }
}

/// Tells a person or a program what failed, on standard error, and gives the exit code.
pub fn report(failure: &Failure, json: bool) -> ExitCode {
    let Failure {
        code,
        detail,
        remedy,
    } = failure;
    let remedy = remedy.as_deref().unwrap_or(code.remedy);
    if json {
        let error =
            json!({"code": code.number, "title": code.title, "detail": detail, "remedy": remedy});
        paint::error_line(&json!({"error": error}).to_string());
    } else {
        paint::error_line(&format!(
            "{}: {}",
            paint::bad(&code.to_string()),
            paint::clean(detail)
        ));
        paint::error_line(&format!("  {}", paint::clean(remedy)));
    }
    ExitCode::from(if *code == Code::USAGE { USAGE } else { FAILED })
}
