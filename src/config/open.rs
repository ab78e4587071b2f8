//! What works and leaves a door open: what `serve` and `config check` warn of.

use super::{CloudConfig, Config, ON_CALL};

/// Targets of one run above which the limit is warned of: a plan of more changes than this nobody reads
/// before agreeing to it, and one mistaken or forged finding may take as much away. Five times the default.
const TARGETS_MANY: u32 = 100;

impl Config {
    /// What works and leaves a door open, a sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.roles();
        for (channel, settings) in &self.notify {
            if settings.webhook.starts_with("http://") && !is_loopback(&settings.webhook) {
                warnings.push(format!(
                    "notify.{channel}.webhook is http://: messages about cases can be read and changed on their way"
                ));
            }
        }
        if !self.notify.is_empty() && !self.notify.contains_key(ON_CALL) {
            warnings.push(format!(
                "notify has no channel {ON_CALL}: what waits for a person, and what failed, goes there by itself, and \
                 is then logged only"
            ));
        }
        if !self.listen.ip().is_loopback() {
            warnings.push(format!(
                "listen = {} is no loopback address, and HTTP is plain: tokens can be read on their way; \
                 listen on 127.0.0.1 behind a TLS proxy",
                self.listen
            ));
        }
        if matches!(self.cloud, CloudConfig::Aws { .. }) {
            warnings.extend(self.real());
        }
        warnings
    }

    /// Roles that somebody else could have the hub assume.
    fn roles(&self) -> Vec<String> {
        let accounts = self.accounts.iter().map(|(id, account)| {
            (format!("accounts.{id}"), account.role_arn.is_some(), account.external_id.is_some())
        });
        let forensics = self.forensics.iter().map(|forensics| {
            let (role, external) = (&forensics.role_arn, &forensics.external_id);
            ("forensics".to_owned(), role.is_some(), external.is_some())
        });
        let open = accounts.chain(forensics).filter(|(_, role, external)| *role && !external);
        let words = |(key, _, _)| {
            format!(
                "{key} has no external_id: whoever may use the hub for something else can have it assume this role"
            )
        };
        open.map(words).collect()
    }

    /// What a sandbox may do without, and real accounts may not.
    fn real(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.notify.is_empty() {
            warnings.push(
                "notify has no channel with a webhook: questions and failures reach nobody: they are only logged"
                    .to_owned(),
            );
        }
        if self.guards.confirm_findings == Some(false) {
            warnings.push(
                "guards.confirm_findings = false: GuardDuty is not asked, so whoever has an intake token can have \
                 things contained"
                    .to_owned(),
            );
        }
        let accounts =
            self.accounts.iter().map(|(id, of)| (format!("accounts.{id}"), &of.role_arn));
        let forensics = self.forensics.iter().map(|of| ("forensics".to_owned(), &of.role_arn));
        for (key, _) in accounts.chain(forensics).filter(|(_, role)| role.is_none()) {
            warnings.push(format!(
                "{key} has no role_arn: the process's own credentials are used there"
            ));
        }
        for (id, _) in self.accounts.iter().filter(|(_, of)| of.mode.is_none()) {
            warnings.push(format!(
                "accounts.{id} has no mode, and that means contain: runbooks may act there at once, without asking a \
                 person; say which one is meant"
            ));
        }
        let targets = self.guards.targets_per_run;
        if targets > TARGETS_MANY {
            warnings.push(format!(
                "guards.targets_per_run = {targets}: one run, started by a mistaken or forged finding, may change that \
                 many; more than {TARGETS_MANY} nobody reads in a plan"
            ));
        }
        warnings
    }
}

/// The host of an http address, with its port as it stands there; never what could be a password.
fn host_port(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    // As a browser reads it: a backslash ends the host, too.
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

/// Whether an http address stays on this machine.
fn is_loopback(url: &str) -> bool {
    let host_port = host_port(url);
    let host = match host_port.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host_port.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A webhook as it may be shown: its path is often the secret itself, so only where it goes.
pub(super) fn shown<S: serde::Serializer>(webhook: &str, out: S) -> Result<S::Ok, S::Error> {
    let scheme = webhook.split_once("://").map_or("", |(scheme, _)| scheme);
    out.collect_str(&format_args!("{scheme}://{}/…", host_port(webhook)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "role_arn = \"arn:aws:iam::111122223333:role/a\"\nexternal_id = \"x\"\n";

    #[test]
    fn what_is_open_is_warned_of() {
        for (file, expected) in [
            ("", None),
            (
                "[accounts.111122223333]\nrole_arn = \"arn:aws:iam::111122223333:role/a\"",
                Some("accounts.111122223333 has no external_id"),
            ),
            ("[accounts.111122223333]", None),
            ("[guards]\ntargets_per_run = 1000\nconfirm_findings = false", None),
            ("[notify.oncall]\nwebhook = \"http://127.0.0.1:9/x\"", None),
            ("[notify.oncall]\nwebhook = \"http://[::1]:9/x\"", None),
            ("[notify.oncall]\nwebhook = \"https://chat.example\"", None),
            ("[notify.oncall]\nwebhook = \"http://chat.example\"", Some("notify.oncall.webhook")),
            ("[notify.oncall]\nwebhook = \"http://localhost@chat.example\"", Some("notify.oncall")),
            (
                "[notify.oncal]\nwebhook = \"https://chat.example\"",
                Some("notify has no channel oncall"),
            ),
            ("listen = \"0.0.0.0:8080\"", Some("no loopback address")),
        ] {
            let config: Config =
                toml::from_str(&format!("{file}\n[cloud]\nkind = \"sandbox\"")).unwrap();
            let warnings = config.warnings();
            assert_eq!(warnings.len(), usize::from(expected.is_some()), "{file}: {warnings:?}");
            assert!(expected.is_none_or(|words| warnings[0].contains(words)), "{warnings:?}");
        }
    }

    #[test]
    fn in_real_accounts_more_is_open() {
        let told = "[notify.oncall]\nwebhook = \"https://chat.example\"\n";
        for (file, expected) in [
            (told.to_owned(), None),
            (String::new(), Some("questions and failures reach nobody: they are only logged")),
            (
                format!("{told}[guards]\nconfirm_findings = false"),
                Some("whoever has an intake token can have things contained"),
            ),
            (format!("{told}[guards]\nconfirm_findings = true\ntargets_per_run = 100"), None),
            (
                format!("{told}[guards]\ntargets_per_run = 101"),
                Some("guards.targets_per_run = 101: one run"),
            ),
            (format!("{told}[accounts.111122223333]\nmode = \"contain\"\n{ROLE}"), None),
            (
                format!("{told}[accounts.111122223333]\n{ROLE}"),
                Some("accounts.111122223333 has no mode, and that means contain"),
            ),
            (
                format!("{told}[accounts.111122223333]\nmode = \"observe\""),
                Some(
                    "accounts.111122223333 has no role_arn: the process's own credentials are used there",
                ),
            ),
            (
                format!("{told}[forensics]\naccount = \"999988887777\""),
                Some("forensics has no role_arn"),
            ),
        ] {
            let config: Config =
                toml::from_str(&format!("{file}\n[cloud]\nkind = \"aws\"")).unwrap();
            let warnings = config.warnings();
            assert_eq!(warnings.len(), usize::from(expected.is_some()), "{file}: {warnings:?}");
            assert!(expected.is_none_or(|words| warnings[0].contains(words)), "{warnings:?}");
        }
    }

    #[test]
    fn a_webhook_is_shown_as_its_host_and_a_mode_as_what_it_means() {
        for (webhook, expected) in [
            ("https://hooks.example/services/SECRET", "https://hooks.example/…"),
            ("http://ada:SECRET@hooks.example:81?key=SECRET", "http://hooks.example:81/…"),
            ("https://hooks.example\\SECRET@x", "https://hooks.example/…"),
        ] {
            let mut config = Config::default();
            let notify = super::super::NotifyConfig { webhook: webhook.to_owned() };
            config.notify.insert("oncall".to_owned(), notify);
            let account = "111122223333".parse().unwrap();
            config.accounts.insert(account, super::super::AccountConfig::contain());
            let shown = serde_json::to_value(&config).unwrap();
            assert_eq!(shown["notify"]["oncall"]["webhook"], expected);
            assert_eq!(shown["accounts"]["111122223333"]["mode"], "contain");
            assert!(!shown.to_string().contains("SECRET"), "{shown}");
        }
    }
}
