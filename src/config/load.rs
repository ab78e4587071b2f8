//! Reading the configuration: the file, then the environment over it.
//!
//! The environment comes in as pairs, so that a test never touches the process's own. Which values
//! make sense together is `check`'s business.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use config::{Config as Merged, File, FileFormat};
use thiserror::Error;

use super::{Config, Origin, nearest};

/// The file that is read from the working directory when no other is named.
pub const FILE: &str = "tourniquet.toml";

/// What every variable of ours starts with.
pub const PREFIX: &str = "TOURNIQUET_";

/// Variables with our prefix that belong to the command line, not to the service.
pub const CLIENT_VARIABLES: [&str; 4] =
    ["TOURNIQUET_TOKEN", "TOURNIQUET_TOKEN_FILE", "TOURNIQUET_URL", "TOURNIQUET_CONFIG"];

/// Variables that reach a nested key without `__`, because people set them most.
const SHORT: [(&str, &str); 2] = [("LOG_FILTER", "log.filter"), ("LOG_FORMAT", "log.format")];

/// Keys that hold a list: their variable is split at commas.
const LISTS: [&str; 2] = ["further_regions", "guards.protected_roles"];

/// Bytes of a configuration file: far more than any has, and little enough to read at once.
const FILE_MAX: u64 = 1024 * 1024;

/// A configuration that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why, in words.
        reason: String,
    },
    /// The file is not TOML, holds an unknown key or a value of the wrong form.
    #[error("{}{}: {reason}", path.display(), at.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default())]
    File {
        /// The file.
        path: PathBuf,
        /// Line and column, from 1 on, where they are known.
        at: Option<(usize, usize)>,
        /// What is wrong there.
        reason: String,
    },
    /// A variable names an unknown key or has a value of the wrong form.
    #[error("the environment ({}): {reason}", variables.join(", "))]
    Environment {
        /// The variables that were used.
        variables: Vec<String>,
        /// What is wrong.
        reason: String,
    },
    /// A value has the right form and makes no sense.
    #[error("{key}: {reason}")]
    Value {
        /// The key, dotted.
        key: String,
        /// What is wrong, and what is expected.
        reason: String,
    },
}

impl Config {
    /// Reads `file`, or `tourniquet.toml` in the working directory where it exists, puts the
    /// process's `TOURNIQUET_` variables over it, and checks the result.
    ///
    /// # Errors
    /// When the file can't be read, a key is unknown, or a value makes no sense.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_from(file, Path::new("."), std::env::vars_os())
    }

    /// The same with the working directory and the environment given.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_from(
        file: Option<&Path>,
        directory: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let path = match file {
            Some(path) => Some(path.to_owned()),
            None => Some(directory.join(FILE)).filter(|path| path.exists()),
        };
        let text = path.as_deref().map(read).transpose()?;
        let overrides = overrides(environment)?;
        let variables: Vec<String> = overrides.iter().map(|(name, _, _)| name.clone()).collect();
        let in_environment =
            |reason: String| ConfigError::Environment { variables: variables.clone(), reason };

        let mut builder = Merged::builder();
        if let Some(text) = &text {
            builder = builder.add_source(File::from_str(text, FileFormat::Toml));
        }
        for (name, key, value) in &overrides {
            builder = if LISTS.contains(&key.as_str()) {
                let items: Vec<&str> =
                    value.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
                builder.set_override(key, items)
            } else {
                builder.set_override(key, value.as_str())
            }
            .map_err(|error| in_environment(format!("{name}: {error}")))?;
        }
        let merged = builder.build().and_then(Merged::try_deserialize::<Self>);
        let mut config = match (merged, &path, &text) {
            (Ok(config), _, _) => config,
            (Err(error), Some(path), Some(text)) => match toml::from_str::<Self>(text) {
                // The file alone is at fault, and its own reader knows the line.
                Err(error) => {
                    let at = error.span().map(|span| place(text, span.start));
                    let reason = helped(error.message());
                    return Err(ConfigError::File { path: path.clone(), at, reason });
                }
                Ok(_) => return Err(in_environment(helped(&error.to_string()))),
            },
            (Err(error), _, _) => return Err(in_environment(helped(&error.to_string()))),
        };
        config.origin = Origin { file: path, variables };
        config.check(directory)?;
        Ok(config)
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |reason: String| ConfigError::Unreadable { path: path.to_owned(), reason };
    let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if size > FILE_MAX {
        return Err(unreadable(format!("larger than {FILE_MAX} bytes; this is no configuration")));
    }
    if path.is_dir() {
        return Err(unreadable("it is a folder; the configuration is a file in it".to_owned()));
    }
    std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))
}

/// Name, dotted key and value of every variable that belongs to the service, sorted by name.
fn overrides(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String, String)>, ConfigError> {
    let mut found = Vec::new();
    for (name, value) in environment {
        let Some(name) = name.to_str() else { continue };
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if CLIENT_VARIABLES.contains(&name) {
            continue;
        }
        let Some(value) = value.to_str() else {
            let reason = format!("{name} is not UTF-8");
            return Err(ConfigError::Environment { variables: vec![name.to_owned()], reason });
        };
        let key = match SHORT.iter().find(|(short, _)| *short == rest) {
            Some((_, key)) => (*key).to_owned(),
            None => rest.to_ascii_lowercase().replace("__", "."),
        };
        found.push((name.to_owned(), key, value.to_owned()));
    }
    found.sort();
    Ok(found)
}

/// Line and column of the byte `at`, from 1 on.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// The reader's message on one line; of a key that is not known, with the nearest one that is.
fn helped(message: &str) -> String {
    let message = message.lines().map(str::trim).collect::<Vec<_>>().join("; ");
    let Some((before, rest)) = message.split_once("unknown field `") else {
        return message;
    };
    // unknown field `a`, expected one of `b`, `c` in …
    let mut words = rest.split('`');
    let given = words.next().unwrap_or_default();
    let known: Vec<&str> = words.clone().skip(1).step_by(2).collect();
    let after = words.next_back().unwrap_or_default();
    let hint = match nearest(given, known.iter().copied()) {
        Some(known) => format!("did you mean {known}?"),
        None => format!("known here: {}", known.join(", ")),
    };
    format!("{before}unknown key {given} ({hint}){after}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CloudConfig;

    fn load(file: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        if !file.is_empty() {
            std::fs::write(folder.path().join(FILE), file).unwrap();
        }
        let environment = variables.iter().map(|(name, value)| (name.into(), value.into()));
        Config::load_from(None, folder.path(), environment).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_goes_over_the_file_and_the_file_over_the_defaults() {
        let config = load(
            "listen = \"127.0.0.1:9000\"\n[guards]\ntargets_per_run = 3\n[log]\nformat = \"text\"\n[accounts.111122223333]\nmode = \"approve\"\n",
            &[
                ("TOURNIQUET_LISTEN", "127.0.0.1:9001"),
                ("TOURNIQUET_LOG_FILTER", "warn"),
                ("TOURNIQUET_CLOUD__KIND", "sandbox"),
                ("TOURNIQUET_CLOUD__WORLD", "world.json"),
                ("TOURNIQUET_GUARDS__PROTECTED_ROLES", "hub, responder"),
                ("TOURNIQUET_INTAKE__RATE_PER_SECOND", "50"),
                ("TOURNIQUET_NOTIFY__ONCALL__WEBHOOK", "https://example.com/hook"),
                ("TOURNIQUET_TOKEN", "tq_secret"),
                ("TOURNIQUET_URL", "http://example.com"),
                ("HOME", "/root"),
            ],
        )
        .unwrap();
        assert_eq!(config.listen.port(), 9001);
        assert_eq!((config.log.filter.as_str(), config.log.format.as_str()), ("warn", "text"));
        assert_eq!(config.guards.targets_per_run, 3);
        assert_eq!(config.guards.protected_roles, ["hub", "responder"]);
        assert_eq!(config.intake.rate_per_second, 50);
        assert_eq!(config.notify["oncall"].webhook, "https://example.com/hook");
        assert_eq!(config.accounts.values().next().unwrap().mode(), "approve");
        assert!(matches!(config.cloud, CloudConfig::Sandbox { world: Some(_), .. }));
        assert_eq!(config.origin.variables.len(), 7, "the client's variables are not ours");
        assert!(config.origin.file.is_some());
    }

    #[test]
    fn with_neither_file_nor_variables_the_defaults_are_used() {
        assert_eq!(load("", &[]).unwrap(), Config::default());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (file, variables, expected) in [
            (
                "lisetn = \"127.0.0.1:1\"\n",
                &[][..],
                "tourniquet.toml:1:1: unknown key lisetn (did you mean listen?)",
            ),
            ("\n\nlisten = 8080\n", &[], "tourniquet.toml:3:10: "),
            ("listen = \n", &[], "tourniquet.toml:1:"),
            (
                "[guards]\ntargets = 3\n",
                &[],
                ":2:1: unknown key targets (known here: targets_per_run, ",
            ),
            ("[cloud]\nkind = \"azure\"\n", &[], "unknown variant `azure`"),
            (
                "",
                &[("TOURNIQUET_DATABSE", "sqlite://x")],
                "unknown key databse (did you mean database?)",
            ),
            ("", &[("TOURNIQUET_LISTEN", "here")], "TOURNIQUET_LISTEN"),
            ("", &[("TOURNIQUET_INTAKE__BODY_MAX", "many")], "TOURNIQUET_INTAKE__BODY_MAX"),
            ("listen = \"127.0.0.1:1\"\n", &[("TOURNIQUET_LISTEN", "here")], "the environment"),
        ] {
            let error = load(file, variables).unwrap_err();
            assert!(error.contains(expected), "{file:?} {variables:?}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn a_named_file_must_exist() {
        let missing = Path::new("does-not-exist.toml");
        let error = Config::load_from(Some(missing), Path::new("."), []).unwrap_err();
        assert!(matches!(error, ConfigError::Unreadable { .. }), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let error = Config::load_from(Some(folder.path()), Path::new("."), []).unwrap_err();
        assert!(error.to_string().contains("it is a folder"), "{error}");
    }
}
