//! The configuration: one `tourniquet.toml`, overridden by `TOURNIQUET_…`, checked before anything
//! starts. Unknown keys are refused. Secrets never stand in it.

mod check;
mod evidence;
mod load;
mod nearest;
mod open;
mod region;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use evidence::EvidenceConfig;
pub use load::ConfigError;
pub use nearest::nearest;
pub use region::unknown_region;

use crate::id::{AccountId, Region};

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the API listens. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// The database. Default `sqlite://tourniquet.db`.
    pub database: String,
    /// A folder of runbooks; the shipped ones are used where it is not set.
    pub runbooks: Option<PathBuf>,
    /// The runbook for findings that no rule matches. Default `observe`.
    pub fallback: String,
    /// Which cloud, and how to reach it.
    pub cloud: CloudConfig,
    /// Accounts in which anything may be changed, by id. Empty: everything is observed.
    pub accounts: BTreeMap<AccountId, AccountConfig>,
    /// Where evidence goes.
    pub forensics: Option<ForensicsConfig>,
    /// How it is kept there, or in its own account.
    pub evidence: EvidenceConfig,
    /// AWS Regions beyond those that this version knows, in which a person may start runs. Findings are
    /// taken from every Region.
    pub further_regions: BTreeSet<Region>,
    /// What is never touched, and how much one run may.
    pub guards: GuardConfig,
    /// Where notifications go, by channel name; every channel is logged.
    pub notify: BTreeMap<String, NotifyConfig>,
    /// Size and rate of what comes in.
    pub intake: IntakeConfig,
    /// The log.
    pub log: LogConfig,
    /// Where it all came from; never part of the file.
    #[serde(skip)]
    pub origin: Origin,
}

/// Where a configuration came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The file, where one was read.
    pub file: Option<PathBuf>,
    /// The names of the `TOURNIQUET_` variables that were used.
    pub variables: Vec<String>,
}

/// Which cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CloudConfig {
    /// The SDK, with the credentials of the environment as the hub role.
    Aws {
        /// The Region for STS and IAM calls. Default `us-east-1`.
        #[serde(default = "default_region")]
        region: String,
    },
    /// The in-process twin.
    Sandbox {
        /// A scenario that describes its accounts, in TOML.
        scenario: Option<PathBuf>,
        /// The file that keeps its world, so that it outlives the process.
        world: Option<PathBuf>,
    },
}

/// One account on the allow list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// The ARN of the responder role there.
    #[serde(default)]
    pub role_arn: Option<String>,
    /// The ExternalId that its trust policy demands.
    #[serde(default)]
    pub external_id: Option<String>,
    /// The freest mode that runs may be in there, where it is said: `observe`, `approve` or `contain`.
    #[serde(default, serialize_with = "meant")]
    pub mode: Option<String>,
}

impl AccountConfig {
    /// An account in which runs may contain at once, reached without a role.
    #[must_use]
    pub fn contain() -> Self {
        Self { role_arn: None, external_id: None, mode: None }
    }

    /// The freest mode that runs may be in there; where it is not said, `contain`.
    #[must_use]
    pub fn mode(&self) -> &str {
        self.mode.as_deref().unwrap_or("contain")
    }
}

/// The forensics account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForensicsConfig {
    /// The account. Evidence is written there; nothing there is ever contained.
    pub account: AccountId,
    /// The ARN of the responder role there.
    #[serde(default)]
    pub role_arn: Option<String>,
    /// The ExternalId that its trust policy demands.
    #[serde(default)]
    pub external_id: Option<String>,
    /// The KMS key there under which evidence is kept. Default `alias/tourniquet-forensics`.
    #[serde(default = "default_forensics_key")]
    pub kms_key: String,
    /// The customer managed key in each source account that may be shared. Default
    /// `alias/tourniquet-transfer`.
    #[serde(default = "default_transfer_key")]
    pub transfer_kms_key: String,
}

impl ForensicsConfig {
    /// This account with the usual key names, reached without a role.
    #[must_use]
    pub fn in_account(account: AccountId) -> Self {
        Self {
            account,
            role_arn: None,
            external_id: None,
            kms_key: default_forensics_key(),
            transfer_kms_key: default_transfer_key(),
        }
    }
}

/// Limits that the executor enforces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardConfig {
    /// Distinct targets that one run may change.
    pub targets_per_run: u32,
    /// A resource with this tag (`key` or `key=value`) is never contained.
    pub protected_tag: String,
    /// Names of roles that are never contained: our own.
    pub protected_roles: Vec<String>,
    /// Whether a finding is fetched from GuardDuty before anything acts on it. Default: true on AWS.
    pub confirm_findings: Option<bool>,
    /// Whether people are asked before a role is contained that other instances use, too.
    pub confirm_shared_roles: bool,
}

/// The channel of the people on call: what waits for a person, and what failed, goes there by itself.
pub const ON_CALL: &str = "oncall";

/// A notification channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifyConfig {
    /// Where a JSON message is posted. Often a secret: never shown but for its host.
    #[serde(serialize_with = "open::shown")]
    pub webhook: String,
}

/// What comes in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntakeConfig {
    /// Bytes of one body.
    pub body_max: usize,
    /// Requests a second from one token, with bursts of ten times as many; 0: no limit.
    pub rate_per_second: u32,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// A `tracing` filter, such as `info` or `tourniquet=debug`.
    pub filter: String,
    /// `json` (one object a line) or `text`.
    pub format: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            database: "sqlite://tourniquet.db".to_owned(),
            runbooks: None,
            fallback: "observe".to_owned(),
            cloud: CloudConfig::default(),
            accounts: BTreeMap::new(),
            forensics: None,
            evidence: EvidenceConfig::default(),
            further_regions: BTreeSet::new(),
            guards: GuardConfig::default(),
            notify: BTreeMap::new(),
            intake: IntakeConfig::default(),
            log: LogConfig::default(),
            origin: Origin::default(),
        }
    }
}

impl Default for CloudConfig {
    /// AWS; an empty sandbox in a build that can't reach AWS, so that `serve` starts all the same.
    fn default() -> Self {
        if cfg!(feature = "aws") {
            Self::Aws { region: default_region() }
        } else {
            Self::Sandbox { scenario: None, world: None }
        }
    }
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self {
            // An attack sequence names a handful of resources; more than this is a mistake or a forgery.
            targets_per_run: 20,
            protected_tag: "tourniquet:protected".to_owned(),
            protected_roles: Vec::new(),
            confirm_findings: None,
            confirm_shared_roles: true,
        }
    }
}

impl Default for IntakeConfig {
    fn default() -> Self {
        // EventBridge events are at most 256 KiB; 1 MiB leaves room for wrappers and lists.
        Self { body_max: 1024 * 1024, rate_per_second: 0 }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: "json".to_owned() }
    }
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

/// A mode as it is meant, also where it is not said.
fn meant<S: serde::Serializer>(mode: &Option<String>, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(mode.as_deref().unwrap_or("contain"))
}

fn default_forensics_key() -> String {
    "alias/tourniquet-forensics".to_owned()
}

fn default_transfer_key() -> String {
    "alias/tourniquet-transfer".to_owned()
}
