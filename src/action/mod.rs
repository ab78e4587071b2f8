//! Containment and evidence verbs: reconcilers that look, and say what is next.
//!
//! One verb, one file: its parameters, its look, its tests; one line in [`registry`]. An action never
//! changes anything: it returns the changes, and the executor in `run` applies them. Nothing here
//! knows the store, and nothing here asks a clock: a look gets the time as a value.

mod archive_finding;
mod block_public_bucket;
mod creation;
mod database_site;
mod deny_role_assumption;
mod disable_access_keys;
mod enter_standby;
mod evidence_lock;
mod evidence_trail;
mod guard_instance;
#[cfg(test)]
mod harness;
mod interface_swap;
mod isolate_ecs_task;
mod isolate_instance;
mod isolation_report;
mod leave_load_balancers;
mod look;
mod made;
mod need;
mod params;
mod quarantine_group;
mod query;
mod reads;
mod registry;
mod replace_instance_profile;
mod restrict_database;
mod restriction_report;
mod revocation;
mod revoke_role_sessions;
mod send_feedback;
mod shape;
mod shared_role;
mod snapshot_volumes;
mod stop_ecs_task;
mod tag_resource;
mod throttle_function;
mod tighten_security_group;
mod untouchable;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
pub use evidence_lock::lock_of;
use jiff::Timestamp;
pub use look::{Query, find_query, queries};
pub use need::{Need, needs};
pub use params::{ParamKind, ParamSpec, Params};
pub use reads::{Read, permissions_for};
pub use registry::{find, registry};
pub use replace_instance_profile::{DENY_POLICY, DENY_PROFILE, deny_everything};
pub use revocation::expired_from;
use serde::{Deserialize, Serialize};
use serde_json::Value;
pub use shape::Shape;
use thiserror::Error;

use crate::change::{Change, LockTerms, Permission, Urgency};
use crate::cloud::{CloudError, Receipt, Session};
use crate::id::{AccountId, CaseId, InstanceId, Place, RunId};

/// What a look says is next.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The desired state was observed. The value is the step's output for the runbook; for evidence
    /// it holds `evidence`, a list of chain-of-custody records.
    Done(Value),
    /// Stages of changes; the changes inside one stage are independent of each other. A resource that
    /// AWS refuses to change is left out of the later stages, which are carried out for the others.
    Change(Vec<Vec<Change>>),
    /// The same, of something that more than the target lives on: people weigh it before.
    Shared {
        /// As of [`Verdict::Change`].
        stages: Vec<Vec<Change>>,
        /// The instances that live on it, the target's own among them.
        users: BTreeSet<InstanceId>,
    },
    /// Nothing to do but wait, then look again.
    Wait(Duration, String),
    /// Not possible or not allowed: a person is asked.
    Refuse(String),
    /// A part was done and observed, the rest is not possible: a person is asked, and what was
    /// preserved is recorded all the same.
    Short {
        /// As of [`Verdict::Done`], for the part that was done.
        output: Value,
        /// Why the rest is not possible.
        reason: String,
    },
}

/// How the reason of a [`Verdict::Refuse`] starts when the target is not there: the
/// executor reports it under its own code.
pub const GONE: &str = "gone: ";

/// The refusal for a target that is not there. Nobody has seen it before: it may be gone, or whoever asked
/// may have meant another place.
fn gone(what: &str, at: &Place) -> Verdict {
    let Place { account, region } = at;
    Verdict::Refuse(format!(
        "{GONE}no {what} in account {account}, Region {region}: it was deleted, or it is in another account or \
         Region; check the request"
    ))
}

/// The same for what an account has once for all Regions: roles, users, keys.
fn gone_from_account(what: &str, account: &AccountId) -> Verdict {
    Verdict::Refuse(format!(
        "{GONE}no {what} in account {account}: it was deleted, or it is in another account; check the request"
    ))
}

/// One applied change of this step, as the timeline holds it. A change that is known not to have
/// happened (the call was refused or throttled) is not among them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// When its intent was recorded: tells how long a create has had to become visible.
    pub at: Timestamp,
    /// The change.
    pub change: Change,
    /// AWS's answer; `None` while the outcome is not known, or when it was observed after a crash.
    pub receipt: Option<Receipt>,
}

/// Settings of the deployment that actions need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where evidence goes; `None`: snapshots stay in their account.
    pub forensics: Option<Forensics>,
    /// Our own principals' role names: never contained.
    pub protected_roles: BTreeSet<String>,
    /// How the snapshots that are kept are locked; `None`: they are not.
    pub lock: Option<LockTerms>,
}

/// The forensics account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forensics {
    /// The account.
    pub account: AccountId,
    /// The KMS key there (ARN, id or alias) under which evidence is kept.
    pub kms_key: String,
    /// A customer managed key in each source account that may be shared: used to re-encrypt
    /// snapshots whose own key can't be. An alias, so that one name fits every account.
    pub transfer_kms_key: String,
}

/// What a look is given.
pub struct Context<'a> {
    /// The AWS session of this step.
    pub session: &'a dyn Session,
    /// The account and Region of the target.
    pub at: &'a Place,
    /// The case.
    pub case: &'a CaseId,
    /// The run.
    pub run: &'a RunId,
    /// The step's key.
    pub step: &'a str,
    /// When the step was requested: recorded once, the same at every look.
    pub requested: Timestamp,
    /// The time of this look.
    pub now: Timestamp,
    /// What this step has changed so far, oldest first.
    pub applied: &'a [Applied],
    /// The deployment's settings.
    pub settings: &'a Settings,
}

impl Context<'_> {
    /// `<run>/<step>`: the value of [`crate::change::TAG_STEP`] on everything this step creates.
    #[must_use]
    pub fn step_tag(&self) -> String {
        format!("{}/{}", self.run, self.step)
    }
}

/// A look that failed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum LookError {
    /// AWS said no.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// A parameter is missing or has the wrong form.
    #[error("parameter {name}: {reason}")]
    Param {
        /// Which.
        name: String,
        /// Why it is refused and what is expected.
        reason: String,
    },
}

/// A verb.
#[async_trait]
pub trait Action: Send + Sync {
    /// Its name in runbooks, with the namespace: `contain::isolate_instance`.
    fn name(&self) -> &'static str;
    /// One sentence for the reference page.
    fn summary(&self) -> &'static str;
    /// One sentence for a plan: what it is for under these settings.
    fn purpose(&self, _settings: &Settings) -> &'static str {
        self.summary()
    }
    /// What it takes, positional in this order.
    fn params(&self) -> &'static [ParamSpec];
    /// The fields of its output, for lint.
    fn output(&self) -> Shape;
    /// Containment, evidence or description. A description that fails never fails a run.
    fn urgency(&self) -> Urgency;
    /// Whether AWS may forget or undo what was verified, because it spreads what changed only by and by:
    /// then it is looked at again, without anybody waiting for it.
    fn spreads(&self) -> bool {
        false
    }
    /// What it contains or preserves, as `type/id` (such as `instance/i-0abc…`): the key of the
    /// per-target lease and of guards.
    ///
    /// # Errors
    /// When a parameter is missing or has the wrong form.
    fn target(&self, params: &Params) -> Result<String, LookError>;
    /// All that it may call, for any target in `at`: reads and changes. The runbook's policy.
    fn permissions(&self, at: &Place, settings: &Settings) -> BTreeSet<Permission>;
    /// The same by the account that is called, as far as one call needs it: `starts` is how the text
    /// of each argument begins in the script, where that is known.
    fn permissions_of_call(
        &self,
        at: &Place,
        settings: &Settings,
        _starts: &[Option<String>],
    ) -> BTreeMap<AccountId, BTreeSet<Permission>> {
        [(at.account.clone(), self.permissions(at, settings))].into()
    }
    /// Looks at the world and says what is next.
    ///
    /// # Errors
    /// When a read fails or a parameter is wrong.
    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError>;
}
