//! The database that `token` works on: which file it is, and whether it is there.
//!
//! A person who stands in the wrong folder must not get an empty database, and with it an empty list
//! of tokens, without a word.

use std::fmt;
use std::path::PathBuf;

use super::error::CliError;
use crate::config::Config;
use crate::error::Code;
use crate::store::Store;

/// What to do where there is no database.
const MISSING: &str = "Nothing was created. Run the command on the service's host, in the folder in which \
    `tourniquet serve` runs; or name the service's configuration with --config FILE, or its database with \
    TOURNIQUET_DATABASE=sqlite:///PATH. For a new deployment, `tourniquet token create` makes the database.";

/// The database of a configuration.
pub struct Database {
    url: String,
    /// Where the configuration has it from, for people.
    origin: String,
    /// Its file; `None`: it is in memory, and gone with the command.
    path: Option<PathBuf>,
}

impl Database {
    /// The database that `config` names.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let url = config.database.clone();
        let name = url.strip_prefix("sqlite://").unwrap_or(&url);
        let name = name.split('?').next().unwrap_or_default();
        let path = (name != ":memory:")
            .then(|| std::path::absolute(name).unwrap_or_else(|_| PathBuf::from(name)));
        let origin = &config.origin;
        let origin = if origin.variables.iter().any(|name| name == "TOURNIQUET_DATABASE") {
            "from TOURNIQUET_DATABASE".to_owned()
        } else if url == Config::default().database {
            "the default".to_owned()
        } else {
            let file = origin.file.as_ref().map(|file| file.display().to_string());
            file.map_or_else(|| "the default".to_owned(), |file| format!("from {file}"))
        };
        Self { url, origin, path }
    }

    /// Whether its file is there, or can't be looked for: then opening it says why.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.path.as_ref().is_some_and(|path| path.try_exists().unwrap_or(true))
    }

    /// Opens it; it must be there.
    ///
    /// # Errors
    /// When it is not there or can't be opened; nothing is created then.
    pub async fn open(&self) -> Result<Store, CliError> {
        if !self.exists() {
            let (origin, url) = (&self.origin, &self.url);
            let detail = format!("there is no database {self} ({url}, {origin})");
            return Err(CliError::new(Code::DATABASE_OPEN, detail).with_remedy(MISSING));
        }
        let name = self.url.split('?').next().unwrap_or_default();
        // Between the look and the opening it may have gone: it is not made again.
        Ok(Store::open(&format!("{name}?mode=rw")).await?)
    }

    /// Opens it, and makes it where it is not there.
    ///
    /// # Errors
    /// When it can't be opened.
    pub async fn open_or_create(&self) -> Result<Store, CliError> {
        Ok(Store::open(&self.url).await?)
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}", path.display()),
            None => f.write_str("in memory"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(url: &str, variables: &[&str]) -> Database {
        let mut config = Config { database: url.to_owned(), ..Config::default() };
        config.origin.file = Some("/etc/tourniquet.toml".into());
        config.origin.variables = variables.iter().map(|name| (*name).to_owned()).collect();
        Database::of(&config)
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_told_with_its_place_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        for (query, variables, origin) in [
            ("", &[][..], "from /etc/tourniquet.toml"),
            ("?mode=rwc", &["TOURNIQUET_DATABASE"], "from TOURNIQUET_DATABASE"),
        ] {
            let database = database(&format!("sqlite://{}{query}", path.display()), variables);
            let error = database.open().await.err().unwrap();
            assert_eq!(error.code, Code::DATABASE_OPEN);
            assert!(error.detail.contains(path.to_str().unwrap()), "{error}");
            assert!(error.detail.contains(origin), "{error}");
            assert!(error.remedy().contains("--config FILE"), "{}", error.remedy());
            assert!(!path.exists() && !database.exists());
        }
        let database = database(&format!("sqlite://{}", path.display()), &[]);
        database.open_or_create().await.unwrap().close().await;
        assert!(database.exists());
        database.open().await.unwrap().close().await;
    }

    #[test]
    fn its_place_is_absolute_and_the_default_is_called_so() {
        let default = database("sqlite://tourniquet.db", &[]);
        assert_eq!(default.origin, "the default");
        assert!(
            default.to_string().starts_with('/') && default.to_string().ends_with("/tourniquet.db")
        );
        assert_eq!(database("sqlite://:memory:", &[]).to_string(), "in memory");
    }
}
