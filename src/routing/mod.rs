//! Which runbook answers a finding, in which mode, and why: pure, with every reason in words.
//!
//! [`decide`] sees the finding, the catalogue of rules (one per runbook) and the policy of the
//! deployment, and nothing else. It never looks at AWS.

mod decide;
mod fit;
mod pattern;

use std::collections::BTreeSet;

pub use decide::{Decision, decide};
pub use pattern::TypePattern;

pub use crate::case::Mode;
use crate::id::{AccountId, Digest, RunbookName};

/// When a runbook applies: the routing part of its header.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The runbook.
    pub runbook: RunbookName,
    /// Its source's hash: what a run is pinned to.
    pub hash: Digest,
    /// Finding types; never empty.
    pub on: Vec<TypePattern>,
    /// Lowest severity, in tenths (`4.0` is 40).
    pub severity_min: Option<u16>,
    /// `resource.resourceType`, such as `Instance`.
    pub resource_type: Option<String>,
    /// `service.resourceRole`: `ACTOR` or `TARGET`.
    pub resource_role: Option<String>,
    /// `resource.accessKeyDetails.userType`, such as `IAMUser`.
    pub user_type: Option<String>,
    /// How far it may go.
    pub mode: Mode,
}

/// What the deployment allows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Accounts in which anything may be changed. Empty: everything is observed.
    pub allowed_accounts: BTreeSet<AccountId>,
    /// The freest mode in each account that has one; where it has none, any.
    pub account_modes: std::collections::BTreeMap<AccountId, Mode>,
    /// The runbook for everything that no rule matches.
    pub fallback: Option<RunbookName>,
}
