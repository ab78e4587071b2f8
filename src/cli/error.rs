//! How a command fails: a number, what happened, and what to do about it.

use std::fmt::{self, Display};
use std::io::Write;

use serde_json::{Value, json};
use thiserror::Error;

use super::table::width_of_stderr;
use super::wrap::wrap;
use crate::config::ConfigError;
use crate::error::Code;
use crate::sanitise::{inert_json, sanitise};
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

/// What to do where the database has a service already.
const SERVED: &str = "A database belongs to one running service. Use the one that runs: clients reach it with TOURNIQUET_URL. Or \
    stop it first (`pgrep -af 'tourniquet serve'` shows it), or give this one a database of its own with \
    TOURNIQUET_DATABASE.";

/// What to do where the address is taken, or is not ours.
const LISTENED: &str = "If it is a `tourniquet serve` that listens there already, use that one: nothing is to be \
    started. Else stop the other program (`ss -ltnp` names it), or choose another address with --listen or \
    TOURNIQUET_LISTEN.";

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

    /// For people: what happened, and under it, indented, what to do; wrapped between words where a
    /// terminal ends. `None`: no terminal, where whoever reads has it line by line.
    #[must_use]
    fn words(&self, width: Option<u16>) -> String {
        let remedy = sanitise(self.remedy(), DETAIL_MAX);
        let Some(width) = width.map(usize::from) else {
            return format!("{self}\n  {remedy}");
        };
        let happened = wrap(&self.to_string(), width).join("\n");
        let remedy = wrap(&remedy, width.saturating_sub(2)).join("\n  ");
        format!("{happened}\n  {remedy}")
    }

    /// Tells a person, or with `json` a program, on standard error, and gives the exit code.
    #[must_use]
    pub fn report(&self, json: bool) -> u8 {
        let text = if json {
            inert_json(&json!({"error": self.value()}).to_string())
        } else {
            self.words(width_of_stderr())
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
            // Where no line is known, none is named.
            ConfigError::File { at: Some(_), .. } => told,
            ConfigError::File { at: None, .. } => {
                told.with_remedy("Correct what the message names in that file, and run `tourniquet config check`.")
            }
            ConfigError::Environment { .. } => told.with_remedy(
                "Correct or unset the variable that the message names, and run `tourniquet config check`.",
            ),
            ConfigError::Value { .. } => told.with_remedy(
                "Correct the key that the message names, in the configuration file or in its TOURNIQUET_ variable, and \
                 run `tourniquet config check`, which says where the configuration comes from.",
            ),
        }
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        let told = Self::new(error.code(), error.to_string());
        match error {
            StartError::Store(StoreError::Served { .. }) => told.with_remedy(SERVED),
            StartError::Listen(_) => told.with_remedy(LISTENED),
            StartError::Fallback(_) | StartError::Notify(_) => told.with_remedy(
                "Correct the key that the message names, in the configuration file or in its TOURNIQUET_ variable, and \
                 run `tourniquet config check`.",
            ),
            _ => told,
        }
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
    fn what_to_do_fits_what_happened() {
        let path = || std::path::PathBuf::from("/x/t.db");
        let value = ConfigError::Value { key: "fallback".into(), reason: "x".into() };
        let variables = vec!["TOURNIQUET_X".to_owned()];
        let environment = ConfigError::Environment { variables, reason: "x".into() };
        let at = |at| ConfigError::File { path: path(), at, reason: "x".into() };
        for (error, word) in [
            (CliError::from(value), "the key that the message names"),
            (environment.into(), "the variable that the message names"),
            (at(None).into(), "in that file"),
            (at(Some((3, 1))).into(), "(a line, a key or a variable)"),
            (
                StartError::Store(StoreError::Served { path: path() }).into(),
                "Use the one that runs",
            ),
            (StartError::Fallback("x".into()).into(), "the key that the message names"),
        ] {
            assert!(error.remedy().contains(word), "{error}: {}", error.remedy());
        }
        let open = StoreError::Open { path: path(), reason: "x".into() };
        assert_eq!(CliError::from(StartError::Store(open)).remedy(), Code::DATABASE_OPEN.remedy);
    }

    #[test]
    fn a_long_error_is_wrapped_on_a_terminal_alone() {
        let long = "no connection to the service, ".repeat(6);
        let error = CliError::unreachable(long.trim()).with_remedy("start it again, ".repeat(9));
        assert_eq!(error.words(None).lines().count(), 2);
        let wrapped = error.words(Some(40));
        assert!(wrapped.lines().all(|line| line.chars().count() <= 40), "{wrapped}");
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(plain(&wrapped), plain(&error.words(None)));
        let remedy = wrapped.lines().position(|line| line.starts_with("  start")).unwrap();
        assert!(wrapped.lines().skip(remedy).all(|line| line.starts_with("  ")), "{wrapped}");
    }

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
