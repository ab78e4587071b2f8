//! What the forms of the keys can't say: values that make no sense, alone or together. And what the
//! start banner says about a configuration; what it warns of is in `open.rs`.

use std::path::Path;

use super::{CloudConfig, Config, ConfigError, nearest};
use crate::id::{AccountId, Arn};

/// Bytes of a body below which no GuardDuty finding fits.
const BODY_MIN: usize = 64 * 1024;
/// Bytes of a body above which one request could take the memory of a small machine.
const BODY_MAX: usize = 64 * 1024 * 1024;
/// Targets of one run above which the limit limits nothing.
const TARGETS_MAX: u32 = 1000;
/// Modes of an account, from strict to free.
const MODES: [&str; 3] = ["observe", "approve", "contain"];
/// Where `serve` looks a path up that is not absolute.
const RELATIVE: &str = "relative to the working directory, not to the configuration";
/// Formats of the log.
const FORMATS: [&str; 2] = ["json", "text"];

impl Config {
    /// Checks what the forms can't say; relative folders are looked up in `directory`.
    ///
    /// # Errors
    /// The first value that makes no sense, with its key.
    pub fn check(&self, directory: &Path) -> Result<(), ConfigError> {
        database(&self.database)?;
        if let Some(folder) = &self.runbooks
            && !directory.join(folder).is_dir()
        {
            return refuse("runbooks", format!("{} is not a folder", folder.display()));
        }
        if self.fallback.parse::<crate::id::RunbookName>().is_err() {
            return refuse("fallback", format!("{:?} is not the name of a runbook", self.fallback));
        }
        for (account, settings) in &self.accounts {
            let key = format!("accounts.{account}");
            word(&format!("{key}.mode"), settings.mode(), &MODES)?;
            role(&format!("{key}.role_arn"), settings.role_arn.as_deref(), account)?;
            if settings.external_id.is_some() && settings.role_arn.is_none() {
                return refuse(format!("{key}.external_id"), "has no use without role_arn");
            }
        }
        if let Some(forensics) = &self.forensics {
            role("forensics.role_arn", forensics.role_arn.as_deref(), &forensics.account)?;
            if self.accounts.contains_key(&forensics.account) {
                let key = format!("accounts.{}", forensics.account);
                return refuse(key, "is the forensics account, in which nothing is ever contained");
            }
        }
        self.evidence.check()?;
        if !(1..=TARGETS_MAX).contains(&self.guards.targets_per_run) {
            return refuse("guards.targets_per_run", format!("must be from 1 to {TARGETS_MAX}"));
        }
        if self.guards.protected_tag.trim().is_empty() {
            return refuse("guards.protected_tag", "must name a tag, as `key` or `key=value`");
        }
        for (channel, settings) in &self.notify {
            let url = settings.webhook.as_str();
            if !["https://", "http://"].iter().any(|scheme| url.starts_with(scheme)) {
                let key = format!("notify.{channel}.webhook");
                return refuse(key, "must be an http or https address");
            }
        }
        if !(BODY_MIN..=BODY_MAX).contains(&self.intake.body_max) {
            let reason = format!("must be from {BODY_MIN} to {BODY_MAX} bytes");
            return refuse("intake.body_max", reason);
        }
        word("log.format", &self.log.format, &FORMATS)
    }

    /// What is used and where it came from, a line each, for the start banner and `config check`.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        let origin = match (&self.origin.file, self.origin.variables.as_slice()) {
            (None, []) => "neither a file nor variables: the defaults".to_owned(),
            (None, variables) => variables.join(", "),
            (Some(file), []) => file.display().to_string(),
            (Some(file), variables) => format!("{}, {}", file.display(), variables.join(", ")),
        };
        let runbooks = match &self.runbooks {
            Some(folder) if folder.is_absolute() => folder.display().to_string(),
            Some(folder) => format!("{} ({RELATIVE})", folder.display()),
            None => "the shipped ones".to_owned(),
        };
        let cloud = match &self.cloud {
            CloudConfig::Aws { region } => format!("aws, {region} for STS and IAM"),
            CloudConfig::Sandbox { scenario, world } => {
                // Said once for both.
                let relative =
                    [scenario, world].into_iter().flatten().any(|path| path.is_relative());
                let scenario = match scenario {
                    Some(path) => format!("its accounts from {}", path.display()),
                    None => "without accounts of its own".to_owned(),
                };
                let world = match world {
                    Some(path) => format!("its world in {}", path.display()),
                    None => "in memory".to_owned(),
                };
                let relative = if relative { format!(" ({RELATIVE})") } else { String::new() };
                format!("sandbox, {scenario}, {world}{relative}")
            }
        };
        let accounts = if self.accounts.is_empty() {
            "none on the allow list: everything is observed, nothing is changed".to_owned()
        } else {
            let words = |(account, settings): (&AccountId, &super::AccountConfig)| {
                format!("{account} ({})", settings.mode())
            };
            self.accounts.iter().map(words).collect::<Vec<_>>().join(", ")
        };
        let forensics = match &self.forensics {
            Some(forensics) => {
                format!("account {}, key {}", forensics.account, forensics.kms_key)
            }
            None => "none: snapshots stay in their account".to_owned(),
        };
        let roles = match self.guards.protected_roles.as_slice() {
            [] => "no roles by name".to_owned(),
            names => format!("the roles {}", names.join(", ")),
        };
        let notify = if self.notify.is_empty() {
            "no channel has a webhook: every message is logged only".to_owned()
        } else {
            let channels: Vec<&str> = self.notify.keys().map(String::as_str).collect();
            format!(
                "{} by webhook; what goes to any other channel is logged, and told as not sent",
                channels.join(", ")
            )
        };
        let findings = match (self.guards.confirm_findings, &self.cloud) {
            (Some(true), _) | (None, CloudConfig::Aws { .. }) => {
                "asked of GuardDuty before a run acts on them"
            }
            _ => "acted on as delivered, without asking GuardDuty",
        };
        vec![
            format!("configuration: {origin}"),
            format!("listen: {}", self.listen),
            format!("database: {}", self.database),
            format!("runbooks: {runbooks}"),
            format!("cloud: {cloud}"),
            format!("accounts: {accounts}"),
            format!("forensics: {forensics}"),
            format!("evidence: {}", self.evidence.words()),
            format!("protected: what has the tag {}, and {roles}", self.guards.protected_tag),
            format!("notify: {notify}"),
            format!("findings: {findings}"),
        ]
    }
}

fn database(url: &str) -> Result<(), ConfigError> {
    match url.split_once("://") {
        Some(("sqlite", path)) if !path.is_empty() => Ok(()),
        Some(("postgres" | "postgresql", _)) => {
            refuse("database", "PostgreSQL is not served yet; use sqlite://PATH")
        }
        // The address may hold a password, so it is not repeated.
        _ => refuse("database", "must be sqlite://PATH, such as sqlite://tourniquet.db"),
    }
}

fn role(key: &str, arn: Option<&str>, account: &AccountId) -> Result<(), ConfigError> {
    let Some(arn) = arn else { return Ok(()) };
    if let Err(error) = arn.parse::<Arn>() {
        return refuse(key, error.to_string());
    }
    // arn:partition:iam::account:role/name (IAM User Guide, "IAM ARNs").
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    if parts[2] != "iam" || !parts[5].starts_with("role/") {
        return refuse(key, "must be the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME");
    }
    if parts[4] != account.as_str() {
        return refuse(key, format!("names a role of account {}, not of {account}", parts[4]));
    }
    Ok(())
}

pub(super) fn word(key: &str, given: &str, known: &[&'static str]) -> Result<(), ConfigError> {
    if known.contains(&given) {
        return Ok(());
    }
    let hint = nearest(given, known.iter().copied())
        .map(|near| format!("; did you mean {near}?"))
        .unwrap_or_default();
    refuse(key, format!("{given:?} is not one of {}{hint}", known.join(", ")))
}

pub(super) fn refuse(key: impl Into<String>, reason: impl Into<String>) -> Result<(), ConfigError> {
    Err(ConfigError::Value { key: key.into(), reason: reason.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str) -> Result<(), String> {
        let config: Config = toml::from_str(file).unwrap();
        config.check(Path::new(".")).map_err(|error| error.to_string())
    }

    #[test]
    fn values_that_make_no_sense_are_refused_by_name() {
        for (file, expected) in [
            ("database = \"postgres://db/t\"", "PostgreSQL is not served yet"),
            ("database = \"tourniquet.db\"", "must be sqlite://PATH"),
            ("runbooks = \"no-such-folder\"", "no-such-folder is not a folder"),
            ("fallback = \"../observe\"", "not the name of a runbook"),
            ("[accounts.111122223333]\nmode = \"contian\"", "did you mean contain?"),
            (
                "[accounts.111122223333]\nmode = \"destroy\"",
                "is not one of observe, approve, contain",
            ),
            ("[accounts.111122223333]\nrole_arn = \"tourniquet\"", "is not an ARN"),
            (
                "[accounts.111122223333]\nrole_arn = \"arn:aws:iam::111122223333:user/a\"",
                "the ARN of a role",
            ),
            (
                "[accounts.111122223333]\nrole_arn = \"arn:aws:iam::444455556666:role/a\"",
                "names a role of account 444455556666",
            ),
            ("[accounts.111122223333]\nexternal_id = \"x\"", "has no use without role_arn"),
            (
                "[accounts.111122223333]\n[forensics]\naccount = \"111122223333\"",
                "is the forensics account",
            ),
            ("[evidence]\nlock = \"complience\"\nlock_days = 1", "did you mean compliance?"),
            ("[evidence]\nlock = \"governance\"", "evidence.lock_days: must say for how long"),
            ("[evidence]\nlock_days = 30", "has no use without evidence.lock"),
            ("[evidence]\nlock = \"governance\"\nlock_days = 36501", "from 1 to 36500"),
            ("[evidence]\nlock = \"governance\"\nlock_days = 0", "from 1 to 36500"),
            (
                "[evidence]\nlock = \"compliance\"\nlock_days = 30\ncool_off_hours = 73",
                "evidence.cool_off_hours: must be from 1 to 72",
            ),
            (
                "[evidence]\nlock = \"governance\"\nlock_days = 30\ncool_off_hours = 24",
                "has no use but with",
            ),
            ("[guards]\ntargets_per_run = 0", "from 1 to 1000"),
            ("[guards]\nprotected_tag = \" \"", "must name a tag"),
            ("[notify.oncall]\nwebhook = \"ftp://x\"", "notify.oncall.webhook"),
            ("[intake]\nbody_max = 10", "intake.body_max"),
            ("[log]\nformat = \"yaml\"", "log.format: \"yaml\" is not one of json, text"),
        ] {
            let error = check(file).unwrap_err();
            assert!(error.contains(expected), "{file}: {error}");
        }
        assert_eq!(
            check("[accounts.111122223333]\nrole_arn = \"arn:aws:iam::111122223333:role/a\""),
            Ok(())
        );
    }

    #[test]
    fn the_banner_says_that_nothing_is_acted_on() {
        let banner = Config::default().describe().join("\n");
        assert!(banner.contains("neither a file nor variables"), "{banner}");
        assert!(banner.contains("everything is observed"), "{banner}");
    }

    #[test]
    fn what_is_configured_is_told() {
        let config: Config = toml::from_str(
            "runbooks = \"ours\"\n[cloud]\nkind = \"sandbox\"\nscenario = \"lab.toml\"\nworld = \"w.json\"\n[forensics]\naccount = \"999988887777\"\n\
             [evidence]\nlock = \"compliance\"\nlock_days = 365\ncool_off_hours = 24\n\
             [guards]\nprotected_roles = [\"hub\"]\n[notify.oncall]\nwebhook = \"https://chat.example/secret\"",
        )
        .unwrap();
        let told = config.describe().join("\n");
        for words in [
            "its accounts from lab.toml, its world in w.json (relative to the working directory",
            "runbooks: ours (relative to the working directory",
            "forensics: account 999988887777",
            "evidence: locked in compliance mode for 365 days; after 24 h nobody can unlock it",
            "the tag tourniquet:protected, and the roles hub",
            "notify: oncall by webhook",
            "findings: acted on as delivered",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert_eq!(told.matches("relative to").count(), 2, "{told}");
        assert!(!told.contains("secret"), "a webhook's address is a secret: {told}");
    }
}
