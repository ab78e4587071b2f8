//! The AWS side of a deployment as a template: the roles that the service and its runs assume, with
//! just what every runbook needs, and a finding's way from EventBridge to the service.
//!
//! ```text
//!  hub account            each account                       forensics account
//!  hub role ──assumes──►  responder role                     forensics role
//!                         rule ─► API destination ─► POST /v1/findings
//!                           └─► dead letters (SQS)
//! ```
//!
//! One template fits all three kinds of accounts: which of the roles it makes follows from the account
//! that it is deployed in. What is secret (the intake token) is a parameter and never a literal, and
//! findings are sent whole: nothing here puts text of theirs into other text. Nothing here does IO.

mod cloudformation;
mod terraform;
#[cfg(test)]
mod tests;

use crate::action::{Forensics, Settings};
use crate::change::{LockTerms, Statement};
use crate::id::AccountId;
use crate::runbook::{ANY_ACCOUNT, Runbook, Terms, policies};

pub use cloudformation::cloudformation;
pub use terraform::terraform;

/// The word for the account that a template is deployed in, in the ARNs of [`Roles`].
const ITSELF: &str = "self";
/// The word for a forensics account that is not known; no account has this number.
const SOME_FORENSICS: &str = "000000000001";

/// The usual names of the roles: parameters of the template.
const HUB: &str = "tourniquet-hub";
const RESPONDER: &str = "tourniquet-responder";
const FORENSICS: &str = "tourniquet-forensics";

/// The longest session that a role allows, in seconds: the shortest that IAM takes (IAM API,
/// CreateRole: 3600 to 43200). Steps ask for 900.
const SESSION_SECONDS_MAX: u32 = 3600;
/// What an STS session of ours carries as SourceIdentity: its case.
const CASE: &str = "case-*";

/// What the responder role may do to any role but ours: with it, whoever stole the hub's credentials
/// could give the responder role whatever they like, or one of our roles to an instance or principal of theirs.
const NEVER_ON_OURS: [&str; 4] =
    ["iam:DeleteRolePolicy", "iam:PassRole", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"];
/// The name of the statement that denies it.
const NEVER: &str = "NeverOurOwnRoles";

/// The names of the rule and of the queue for what could not be delivered.
const RULE: &str = "tourniquet-findings";
const DEAD_LETTERS: &str = "tourniquet-findings-undelivered";
/// SQS keeps a message for 14 days at most: time to find out why it was not delivered.
const KEEP_SECONDS: u32 = 14 * 24 * 3600;
/// EventBridge tries for a day, 185 times: its own limits, and its defaults.
const RETRY_SECONDS: u32 = 24 * 3600;
const RETRIES: u32 = 185;
/// Calls a second to the service: a wave of findings waits in EventBridge, not in our intake.
const RATE_PER_SECOND: u32 = 50;

/// What the template is told. What is `None` is a parameter without default.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The account in which the service runs.
    pub hub: Option<AccountId>,
    /// Where evidence goes.
    pub forensics: Option<Forensics>,
    /// How the snapshots that are kept are locked; `None`: they are not.
    pub lock: Option<LockTerms>,
    /// The accounts in which runs may act; empty: the hub may assume the responder role of any.
    pub accounts: Vec<AccountId>,
    /// What a session must give as ExternalId. Not a secret, and still better not told to anyone.
    pub external_id: Option<String>,
    /// Whether runs ask GuardDuty before they act.
    pub confirm_findings: bool,
}

/// What each role allows, with [`ITSELF`] for its own account.
struct Roles {
    responder: Vec<Statement>,
    forensics: Vec<Statement>,
}

impl Roles {
    fn of<'a>(runbooks: impl IntoIterator<Item = &'a Runbook>, setup: &Setup) -> Self {
        let forensics = setup.forensics.clone().unwrap_or_else(|| Forensics {
            account: SOME_FORENSICS.parse().expect("has the form of an account"),
            kms_key: String::new(),
            transfer_kms_key: String::new(),
        });
        let there = forensics.account.to_string();
        let settings = Settings {
            forensics: Some(forensics),
            protected_roles: Default::default(),
            lock: setup.lock,
        };
        let confirm_findings = setup.confirm_findings;
        let terms = Terms { account: None, region: None, settings, confirm_findings };
        let needed = policies(runbooks, &terms);
        let forensics = needed.forensics.unwrap_or_default();
        Self {
            responder: needed.responder.renamed(ANY_ACCOUNT, ITSELF).statements(),
            // Evidence comes from every account.
            forensics: forensics.renamed(&there, ITSELF).renamed(ANY_ACCOUNT, "*").statements(),
        }
    }
}

/// An ARN with a template's own words for the partition and for the account it is deployed in.
fn arn(resource: &str, partition: &str, account: &str) -> String {
    match resource.strip_prefix("arn:aws:") {
        Some(rest) => {
            let rest = rest.replacen(&format!(":{ITSELF}:"), &format!(":{account}:"), 1);
            format!("arn:{partition}:{rest}")
        }
        None => resource.to_owned(),
    }
}

/// An ExternalId, for clap.
///
/// # Errors
/// What is expected instead.
pub fn external_id(text: &str) -> Result<String, String> {
    // STS API, AssumeRole: ExternalId. Nothing among these characters means anything in a template.
    let good = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if (2..=1224).contains(&text.len()) && text.chars().all(good) {
        return Ok(text.to_owned());
    }
    Err("expected 2 to 1224 letters, digits or characters of _+=,.@:/-".to_owned())
}
