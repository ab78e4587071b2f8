//! How a command fails: a number, what happened, and what to do about it.

use std::fmt::{self, Display};
use std::io::Write;

use serde_json::{Value, json};
use thiserror::Error;

use super::sanitise::{inert_json, sanitise};
use crate::config::ConfigError;
use crate::error::Code;
use crate::store::StoreError;
use crate::web::StartError;

/// The exit code of a failure.
pub const FAILED: u8 = 1;
/// The exit code of a command that makes no sense; clap uses it too.
pub const USAGE: u8 = 2;
/// The exit code of an answer that is no: not verified, not contained.
pub const NO: u8 = 3;

/// Characters of a detail: a service that is not ours can answer with pages.
const DETAIL_MAX: usize = 2_000;

/// A command that failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct CliError {
    /// The error's number.
    pub code: Code,
    /// What happened.
    pub detail: String,
    /// What the service says to do; `None`: the words of our own table.
    pub remedy: Option<String>,
}

impl CliError {
    /// A failure with a number.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), remedy: None }
    }

    /// An argument that makes no sense.
    pub fn usage(detail: impl Into<String>) -> Self {
        Self::new(Code::USAGE, detail)
    }

    /// No answer, or none that is understood.
    pub fn unreachable(detail: impl Into<String>) -> Self {
        Self::new(Code::CLIENT, detail)
    }

    /// Something that the operating system refused.
    pub fn system(error: &dyn Display) -> Self {
        Self::new(Code::INTERNAL, format!("the operating system: {error}"))
    }

    /// The same failure with something else to do about it.
    #[must_use]
    pub fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.code == Code::USAGE { USAGE } else { FAILED }
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> &str {
        self.remedy.as_deref().unwrap_or(self.code.remedy)
    }

    /// For programs.
    #[must_use]
    pub fn value(&self) -> Value {
        json!({
            "code": self.code.number,
            "title": self.code.title,
            "detail": self.detail,
            "remedy": self.remedy(),
        })
    }

    /// Tells a person, or with `json` a program, on standard error, and gives the exit code.
    #[must_use]
    pub fn report(&self, json: bool) -> u8 {
        let text = if json {
            inert_json(&json!({"error": self.value()}).to_string())
        } else {
            format!("{self}\n  {}", sanitise(self.remedy(), DETAIL_MAX))
        };
        // Where standard error is closed nobody can be told; the exit code still says it.
        drop(writeln!(std::io::stderr().lock(), "{text}"));
        self.exit_code()
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, sanitise(&self.detail, DETAIL_MAX))
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let told = Self::new(Code::CONFIG, error.to_string());
        match error {
            ConfigError::Unreadable { .. } => told.with_remedy(
                "Check the path given with --config or TOURNIQUET_CONFIG, and that you may read the file; without \
                 both, tourniquet.toml in the working directory is read, where there is one.",
            ),
            _ => told,
        }
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            // Here it is the file that a person can see to, not a service to wait for.
            StoreError::Unavailable(_) => Code::DATABASE_OPEN,
            other => other.code(),
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_its_number_its_words_and_nothing_that_a_terminal_obeys() {
        let error = CliError::unreachable("no connection to http://127.0.0.1:1\u{1b}[2J");
        assert_eq!(
            error.to_string(),
            "E0006: the service can't be reached: no connection to http://127.0.0.1:1"
        );
        assert_eq!((error.exit_code(), CliError::usage("x").exit_code()), (FAILED, USAGE));
        assert_eq!(error.remedy(), Code::CLIENT.remedy);
    }
}
