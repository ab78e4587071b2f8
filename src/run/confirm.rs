//! Asking GuardDuty whether it said so, before anything acts on a payload alone.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use super::Env;
use super::attempt::{Passing, Patience, READ_PATIENCE};
use crate::change::{Permission, Urgency};
use crate::cloud::{CloudError, Scope};
use crate::error::Code;
use crate::finding::Told;
use crate::id::{FindingId, Place};
use crate::routing::Mode;
use crate::runbook::Header;
use crate::store::{RunRow, SERVICE};

/// A finding that is not to be acted on.
#[derive(Debug, Error)]
pub enum Unconfirmed {
    /// GuardDuty does not answer now.
    #[error("GuardDuty can't be asked now")]
    Later,
    /// A person is needed.
    #[error("{code}: {reason}")]
    Halt {
        /// Its number.
        code: Code,
        /// Why.
        reason: String,
    },
}

/// How long GuardDuty's answer may lag behind its own event: AWS names no bound, and a finding is
/// written down before it is sent. Until then "not known" and "not seen so late" are no refutation.
const LATE_WITHIN: Duration = Duration::from_secs(20);

/// Asks GuardDuty about the finding that the run answers, where it is to be asked. Returns in words
/// what came of it.
///
/// # Errors
/// When the account is not on the allow list, or GuardDuty does not know the finding, tells it otherwise,
/// or can't be asked.
pub async fn confirm(
    env: &Env,
    run: &RunRow,
    header: &Header,
    delivered: &Value,
) -> Result<String, Unconfirmed> {
    if run.mode == Mode::Observe {
        return Ok("not asked of GuardDuty: the run only observes".to_owned());
    }
    if run.requested_by != SERVICE {
        return Ok(format!("not asked of GuardDuty: {} started the run by hand", run.requested_by));
    }
    if !env.limits.confirm_findings {
        return Ok("not asked of GuardDuty: guards.confirm_findings is off".to_owned());
    }
    // Where we may not act we have no role, either: that GuardDuty knows nothing there tells nothing.
    if let Some(off_list) = env.limits.off_list(&run.account) {
        let reason = format!("{off_list}; nothing was done, and GuardDuty was not asked");
        return Err(halt(Code::GUARD_ACCOUNT, &reason));
    }
    let id: FindingId = delivered["id"].as_str().unwrap_or_default().parse().map_err(|_| {
        halt(Code::ACTION_REFUSED, "the finding has no id that GuardDuty could confirm")
    })?;
    let age = env.clock.now().duration_since(run.requested_at).unsigned_abs();
    let asked = ask(env, run, &id).await?;
    let theirs = asked.map(Told::new);
    // The event may be faster than GuardDuty's own answer.
    if age < LATE_WITHIN && theirs.as_ref().is_none_or(|theirs| theirs.is_earlier(delivered)) {
        return Err(Unconfirmed::Later);
    }
    let Some(theirs) = theirs else {
        let reason = "GuardDuty does not know this finding: it may be forged";
        return Err(halt(Code::UNCONFIRMED, reason));
    };
    // Whatever the runbook takes from the finding must be what GuardDuty says, wherever it stands.
    let told = header.told_otherwise(&run.params, theirs.document());
    match theirs.difference(delivered).or_else(|| told.map(|path| format!("{path} differs"))) {
        None => Ok("confirmed by GuardDuty".to_owned()),
        Some(reason) => {
            Err(halt(Code::UNCONFIRMED, &format!("GuardDuty tells it otherwise: {reason}")))
        }
    }
}

/// GuardDuty's own copy, in the account and Region of the run; `None`: it has none.
async fn ask(env: &Env, run: &RunRow, id: &FindingId) -> Result<Option<Value>, Unconfirmed> {
    let at = Place { account: run.account.clone(), region: run.region.clone() };
    let permissions: BTreeSet<Permission> = ["guardduty:ListDetectors", "guardduty:GetFindings"]
        .into_iter()
        .map(|action| Permission::new(action, "*"))
        .collect();
    let scope = Scope {
        case: run.case.clone(),
        run: Some(run.id.clone()),
        step: "confirm".to_owned(),
        permissions,
        // What the run would contain waits for it.
        urgency: Urgency::Containment,
    };
    let session = env.cloud.open(scope);
    // A wave of findings is when GuardDuty throttles, and no reason to leave them to people.
    let mut patience = Patience::default();
    let asked = loop {
        match session.finding(&at, id).await {
            Err(error) if patience.again(env.clock.as_ref(), &error).await => {}
            other => break other,
        }
    };
    let age = env.clock.now().duration_since(run.requested_at).unsigned_abs();
    if asked.as_ref().is_err_and(Passing::may_pass) && age < READ_PATIENCE {
        return Err(Unconfirmed::Later);
    }
    asked.map_err(|CloudError { operation, code, .. }| {
        let reason =
            format!("the finding could not be confirmed with GuardDuty: {operation}: {code}");
        halt(Code::ACTION_REFUSED, &reason)
    })
}

fn halt(code: Code, reason: &str) -> Unconfirmed {
    Unconfirmed::Halt { code, reason: reason.to_owned() }
}
