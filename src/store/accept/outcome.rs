//! What one delivery comes to: decided and sealed on what was read, before anything is written.

use serde_json::{Value, json};

use crate::case::{Disposition, Status};
use crate::id::{CaseId, RunId};
use crate::routing::Mode;
use crate::store::StoreError;
use crate::store::cases::{NewCase, Opening};
use crate::store::chain::Chain;
use crate::store::row::named;
use crate::store::runs::{self, NewRun};
use crate::store::standing::{self, CaseRun, Standing};
use crate::timeline::{Actor, Draft, Kind};

use super::{Acceptance, Accepted, Delivery};

/// Why a decision has no run of its own.
const ONE_RUN: &str = "no further run: this case has one of this runbook on this target";

/// Why a run that was taken back is asked about again.
const AGAIN: &str = "at most approve: it goes on after the containment was taken back";

/// What is to be written for a delivery.
pub(super) struct Outcome<'a> {
    pub(super) delivery: &'a Delivery,
    pub(super) accepted: Accepted,
    /// The case, where one is opened.
    pub(super) opening: Option<Opening>,
    /// What is appended, and where the finding was received; `None` for a duplicate.
    pub(super) written: Option<Written>,
    /// Whether it opens a case again that a person had closed.
    pub(super) reopens: bool,
    /// The status that followed, if it is another.
    pub(super) status: Option<Status>,
}

/// What an outcome appends to its case.
pub(super) struct Written {
    pub(super) chain: Chain,
    /// The place of `finding.received`.
    pub(super) seq: u64,
    pub(super) run: Option<NewRun>,
}

/// A duplicate: it is counted.
pub(super) fn duplicate(
    delivery: &Delivery,
    disposition: Disposition,
    case: CaseId,
    seen: u64,
) -> Outcome<'_> {
    let accepted = Accepted { disposition, case, run: None, seen: seen + 1 };
    Outcome { delivery, accepted, opening: None, written: None, reopens: false, status: None }
}

/// A finding that opens a case.
pub(super) fn new(delivery: &Delivery) -> Result<Outcome<'_>, StoreError> {
    let incoming = &delivery.incoming;
    let (opening, mut chain) = Opening::new(&incoming.case, new_case(incoming))?;
    let disposition = Disposition::New;
    let seq = chain.append(&received(delivery, &disposition))?;
    let mut runs = Vec::new();
    let run = start(delivery, &mut chain, &disposition, &mut runs)?;
    let facts: Vec<_> = runs.iter().map(|run| run.facts).collect();
    let status = moved(&mut chain, incoming, Status::Open, Status::of(false, &facts))?;
    let opening = opening.by_finding(status.unwrap_or(Status::Open));
    let case = incoming.case.clone();
    let accepted = Accepted { disposition, case, run: id_of(run.as_ref()), seen: 1 };
    let written = Some(Written { chain, seq, run });
    Ok(Outcome { delivery, accepted, opening: Some(opening), written, reopens: false, status })
}

/// A finding of a case that is there.
pub(super) fn further(
    delivery: &Delivery,
    disposition: Disposition,
    case: CaseId,
    standing: Standing,
    seen: u64,
) -> Result<Outcome<'_>, StoreError> {
    let Standing { head, status: before, closed, mut runs } = standing;
    let mut chain = Chain::at(&case, head);
    let seq = chain.append(&received(delivery, &disposition))?;
    let run = match disposition {
        // Newer than it is only what GuardDuty did not confirm: anybody may forge a later time.
        Disposition::Stale(_) if !standing::refuted(&runs) => None,
        _ => start(delivery, &mut chain, &disposition, &mut runs)?,
    };
    // Nothing acts in a case that is closed: a late version may have been sent before that.
    let acts = run.as_ref().is_some_and(|run| run.mode != Mode::Observe);
    let reopens = matches!(disposition, Disposition::Reopened(_)) || (closed && acts);
    let closed = closed && !reopens;
    let facts: Vec<_> = runs.iter().map(|run| run.facts).collect();
    let status = moved(&mut chain, &delivery.incoming, before, Status::of(closed, &facts))?;
    let accepted = Accepted { disposition, case, run: id_of(run.as_ref()), seen: seen + 1 };
    let written = Some(Written { chain, seq, run });
    Ok(Outcome { delivery, accepted, opening: None, written, reopens, status })
}

fn id_of(run: Option<&NewRun>) -> Option<RunId> {
    run.map(|run| run.id.clone())
}

/// Appends a change of status, if it is one.
fn moved(
    chain: &mut Chain,
    incoming: &Acceptance,
    before: Status,
    after: Status,
) -> Result<Option<Status>, StoreError> {
    if before == after {
        return Ok(None);
    }
    chain.append(&standing::status_changed(before, after, incoming.now))?;
    Ok(Some(after))
}

/// Appends what routing decided and the request of the run that it asks for, which joins `runs`. An
/// update that asks for nothing new is no decision.
fn start(
    delivery: &Delivery,
    chain: &mut Chain,
    disposition: &Disposition,
    runs: &mut Vec<CaseRun>,
) -> Result<Option<NewRun>, StoreError> {
    let incoming = &delivery.incoming;
    let (mut wanted, mut most) = (incoming.run.as_ref(), Mode::Contain);
    let mut decided =
        Draft::new(incoming.now, Actor::Service, Kind::RoutingDecided, incoming.reasons.clone());
    decided.body.insert("disposition".to_owned(), json!(disposition.label()));
    match (disposition, wanted) {
        (Disposition::Joined(_), Some(run)) if standing::has_same(runs, run) => {
            wanted = None;
            // Whoever reads the decision must not look for a run that never comes.
            if let Some(Value::Array(reasons)) = decided.body.get_mut("reasons") {
                reasons.push(json!(ONE_RUN));
            }
        }
        (Disposition::Updated(_) | Disposition::Reopened(_) | Disposition::Stale(_), wanted) => {
            match wanted {
                Some(run) if run.mode != Mode::Observe && !standing::had_any(runs, run) => {}
                // It goes on after the containment was lifted: a person decides again.
                Some(run) if run.mode != Mode::Observe && standing::all_released(runs, run) => {
                    most = Mode::Approve;
                    if let Some(Value::Array(reasons)) = decided.body.get_mut("reasons") {
                        reasons.push(json!(AGAIN));
                    }
                }
                _ => return Ok(None),
            }
        }
        _ => {}
    }
    chain.append(&decided)?;
    let Some(wanted) = wanted else { return Ok(None) };
    if let Some(source) = &delivery.source {
        runs::pinned(wanted, source)?;
    }
    let (document, mode) = (Some(delivery.document.0.clone()), wanted.mode.min(most));
    let run = NewRun { document, mode, ..wanted.clone() };
    chain.append(&run.requested(incoming.now))?;
    runs.push(CaseRun::queued(&run));
    Ok(Some(run))
}

fn new_case(incoming: &Acceptance) -> NewCase {
    NewCase {
        at: incoming.now,
        by: Actor::Service,
        title: incoming.title.clone(),
        finding_type: incoming.finding_type.clone(),
        severity: incoming.severity,
        account: incoming.account.clone(),
        region: incoming.region.clone(),
        resource: incoming.resource.clone(),
        correlation: incoming.correlation.clone(),
    }
}

fn received(delivery: &Delivery, disposition: &Disposition) -> Draft {
    let incoming = &delivery.incoming;
    let body = json!({
        "finding": incoming.finding_id,
        "account": incoming.account,
        "region": incoming.region,
        "disposition": disposition.label(),
        "version": {
            "updated_at": incoming.version.updated_at.map(|at| at.to_string()),
            "count": incoming.version.count,
            "archived": incoming.version.archived,
        },
        "raw": named(&delivery.raw),
        "document": named(&delivery.document.0),
        "source": incoming.source,
        "size": incoming.raw.len(),
    });
    Draft::new(incoming.now, Actor::Service, Kind::FindingReceived, body)
}
