//! One finding: decided by routing, given to the store with the run that answers it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Admitted, Intake, IntakeError};
use crate::error::Code;
use crate::finding::Finding;
use crate::id::RunbookName;
use crate::routing::{Decision, Mode, decide};
use crate::runbook::{HOST_API, Runbook};
use crate::store::{Acceptance, NewRun, RunKind, StoreError};

/// Reasons in one entry: routing names few, but rules may be many.
const REASONS_MAX: usize = 50;

/// Case ids that are tried: two equal ones in a row are a chance of one in millions.
const CASE_IDS_MAX: u32 = 3;

/// Stores one finding.
///
/// # Errors
/// When the store does not confirm.
pub async fn admit(
    intake: &Intake,
    finding: Finding,
    raw: &[u8],
    source: &str,
) -> Result<Admitted, IntakeError> {
    let rules = intake.library.rules();
    let mut decision = decide(&finding, &rules, &intake.policy);
    let run = new_run(intake, &finding, &mut decision);
    decision.reasons.truncate(REASONS_MAX);
    let reasons = json!({
        "runbook": run.as_ref().map(|run| &run.runbook),
        "hash": run.as_ref().map(|run| &run.hash),
        "mode": run.as_ref().map(|run| run.mode.label()),
        "acts": run.as_ref().is_some_and(|run| run.mode != Mode::Observe),
        "reasons": decision.reasons,
    });
    let id = finding.id.clone();
    let (resource, correlation) = (finding.resource(), finding.correlation());
    let seen_at = finding.seen_at();
    let mut acceptance = Arc::new(Acceptance {
        case: intake.ids.case(intake.clock.as_ref()),
        now: intake.clock.now(),
        source: source.to_owned(),
        raw: raw.to_vec(),
        account: finding.account,
        region: finding.region,
        finding_id: finding.id,
        version: finding.version,
        seen_at,
        document: finding.document,
        title: if finding.title.is_empty() {
            finding.finding_type.0.clone()
        } else {
            finding.title
        },
        finding_type: finding.finding_type.0,
        severity: finding.severity.map(|severity| severity.0),
        resource,
        correlation,
        reasons,
        run,
    });
    let mut attempt = 1;
    let accepted = loop {
        match intake.store.accept(Arc::clone(&acceptance)).await {
            // Case ids are short enough to say aloud, so two may be equal: another one, then.
            Err(StoreError::Conflict(_)) if attempt < CASE_IDS_MAX => {
                attempt += 1;
                Arc::make_mut(&mut acceptance).case = intake.ids.case(intake.clock.as_ref());
            }
            other => break other?,
        }
    };
    tracing::info!(
        case = %accepted.case, finding = %id, disposition = accepted.disposition.label(),
        seen = accepted.seen, source, "a finding was stored"
    );
    Ok(Admitted {
        finding: id,
        case: accepted.case,
        disposition: accepted.disposition.label(),
        run: accepted.run,
    })
}

/// The run that answers the finding. Parameters that don't pass make it an observation: a hostile or
/// broken id never reaches an action.
fn new_run(intake: &Intake, finding: &Finding, decision: &mut Decision) -> Option<NewRun> {
    let (account, region) = match (&finding.account, &finding.region) {
        (Some(account), Some(region)) => (account.clone(), region.clone()),
        _ => {
            decision
                .reasons
                .push("no run: the finding names no valid account and Region".to_owned());
            return None;
        }
    };
    let chosen = decision.runbook.clone()?;
    let mut runbook = find(intake, &chosen, decision)?;
    let mut mode = decision.mode;
    let mut unanswered = decision.unanswered.clone();
    let params = match runbook.header.check_params(runbook.header.params_from(&finding.document)) {
        Ok(params) => params,
        Err((name, reason)) => {
            decision.reasons.push(format!(
                "{}: {}: parameter {name}: {reason}; the finding is only observed",
                Code::RUNBOOK_PARAMS.number,
                runbook.name
            ));
            mode = Mode::Observe;
            unanswered = Some(format!("parameter {name} of {}: {reason}", runbook.name));
            let fallback = intake.policy.fallback.clone()?;
            runbook = find(intake, &fallback, decision)?;
            let given = runbook.header.params_from(&finding.document);
            runbook.header.check_params(given).unwrap_or_default()
        }
    };
    // Runs that act exclude each other by target; an observer is in nobody's way.
    let resource = runbook.header.target(&params).or_else(|| finding.resource());
    let target = (mode != Mode::Observe).then(|| {
        format!("{account}/{}", resource.unwrap_or_else(|| format!("finding/{}", finding.id)))
    });
    Some(NewRun {
        id: intake.ids.run(intake.clock.as_ref()),
        kind: RunKind::Runbook,
        runbook: runbook.name.clone(),
        hash: runbook.hash.clone(),
        source: runbook.source.clone(),
        host_api: HOST_API,
        mode,
        params: Value::Object(params),
        account,
        region,
        target,
        requested_by: "service".to_owned(),
        document: None,
        named: finding.named(),
        unanswered,
        confirmed: mode == Mode::Observe || !intake.desk.confirms(),
    })
}

fn find(intake: &Intake, name: &RunbookName, decision: &mut Decision) -> Option<Arc<Runbook>> {
    let found = intake.library.get(name);
    if found.is_none() {
        decision
            .reasons
            .push(format!("{}: no runbook is called {name}", Code::RUNBOOK_UNKNOWN.number));
    }
    found
}
