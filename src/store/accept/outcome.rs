//! What one delivery comes to: decided and sealed on what was read, before anything is written.

use serde_json::{Value, json};

use crate::case::{self, Disposition, Earlier, Further, Ruling, Status, Wanted};
use crate::id::{CaseId, RunId};
use crate::routing::Mode;
use crate::store::StoreError;
use crate::store::cases::{NewCase, Opening};
use crate::store::chain::Chain;
use crate::store::row::named;
use crate::store::runs::{self, NewRun};
use crate::store::standing::{self, Standing};
use crate::timeline::{Actor, Draft, Kind};

use super::{Acceptance, Accepted, Delivery};

/// Why a decision has no run of its own.
const ONE_RUN: &str = "no further run: this case has one of this runbook that answers it";

/// Why people hear of how a run ends whatever it comes to.
const REOPENED: &str = "it goes on after a person closed the case";

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

/// A finding that opens a case. `decided`: the runs that people have decided on and that bear on what it
/// is about.
pub(super) fn new<'a>(
    delivery: &'a Delivery,
    decided: &[Ruling],
) -> Result<Outcome<'a>, StoreError> {
    let incoming = &delivery.incoming;
    let (opening, mut chain) = Opening::new(&incoming.case, new_case(incoming))?;
    let disposition = Disposition::New;
    let seq = chain.append(&received(delivery, &disposition))?;
    let run = start(delivery, &mut chain, &disposition, (&[], decided))?;
    let facts: Vec<_> = run.iter().map(standing::queued).collect();
    let status = moved(&mut chain, incoming, Status::Open, Status::of(false, &facts))?;
    let opening = opening.by_finding(status.unwrap_or(Status::Open));
    let case = incoming.case.clone();
    let accepted = Accepted { disposition, case, run: id_of(run.as_ref()), seen: 1 };
    let written = Some(Written { chain, seq, run });
    Ok(Outcome { delivery, accepted, opening: Some(opening), written, reopens: false, status })
}

/// A finding of a case that is there; `decided` as for [`new`].
pub(super) fn further<'a>(
    delivery: &'a Delivery,
    disposition: Disposition,
    case: CaseId,
    (standing, seen): (Standing, u64),
    decided: &[Ruling],
) -> Result<Outcome<'a>, StoreError> {
    let Standing { head, status: before, closed, mut facts, runs } = standing;
    let mut chain = Chain::at(&case, head);
    let seq = chain.append(&received(delivery, &disposition))?;
    let run = start(delivery, &mut chain, &disposition, (&runs, decided))?;
    facts.extend(run.iter().map(standing::queued));
    // Nothing acts in a case that is closed: a late version may have been sent before that.
    let acts = run.as_ref().is_some_and(|run| run.mode != Mode::Observe);
    let reopens = matches!(disposition, Disposition::Reopened(_)) || (closed && acts);
    let closed = closed && !reopens;
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

/// Of which severity, in tenths, people must hear what the finding tells, because nothing acts on it:
/// 0, where it has none; `None`: they need not.
pub(super) fn tells(incoming: &Acceptance) -> Option<u16> {
    let run = incoming.run.as_ref()?;
    let silent = run.mode != Mode::Observe || run.unanswered.is_none();
    (!silent).then(|| incoming.severity.unwrap_or(0))
}

/// Appends what routing decided and the request of the run that follows from it. A version that leads
/// to none is no decision.
fn start(
    delivery: &Delivery,
    chain: &mut Chain,
    disposition: &Disposition,
    (earlier, decided): (&[Earlier], &[Ruling]),
) -> Result<Option<NewRun>, StoreError> {
    let incoming = &delivery.incoming;
    let further = match &incoming.run {
        Some(run) => case::further(disposition, &wanted(run, incoming), earlier, decided),
        // There is nothing to answer, and that is told where routing is asked for the first time.
        None => match disposition {
            Disposition::New | Disposition::Joined(_) => Further::Answered,
            _ => Further::Nothing,
        },
    };
    let (most, because, why) = match (further, &incoming.run) {
        (Further::Nothing, _) => return Ok(None),
        // Whoever reads the decision must not look for a run that never comes.
        (Further::Answered, Some(_)) => (None, None, Some(ONE_RUN)),
        (Further::Answered, None) => (None, None, None),
        (Further::Run { most, because, why }, _) => (Some(most), because, why),
    };
    let mut decided =
        Draft::new(incoming.now, Actor::Service, Kind::RoutingDecided, incoming.reasons.clone());
    decided.body.insert("disposition".to_owned(), json!(disposition.label()));
    let capped = because
        .as_ref()
        .map(|because| format!("at most approve: {} ({})", because.why(), because.run));
    if let (Some(why), Some(Value::Array(reasons))) =
        (capped.or(why.map(str::to_owned)), decided.body.get_mut("reasons"))
    {
        reasons.push(json!(why));
    }
    chain.append(&decided)?;
    let (Some(most), Some(wanted)) = (most, &incoming.run) else { return Ok(None) };
    if let Some(source) = &delivery.source {
        runs::pinned(wanted, source)?;
    }
    let (document, mode) = (Some(delivery.document.0.clone()), wanted.mode.min(most));
    let mut run = NewRun { document, mode, ..wanted.clone() };
    if matches!(disposition, Disposition::Reopened(_)) {
        run.unanswered.get_or_insert_with(|| REOPENED.to_owned());
    }
    let mut requested = run.requested(incoming.now);
    // Whoever is asked must know it.
    if let Some(because) = because {
        requested.body.insert("asks_because".to_owned(), json!(because.why()));
        requested.body.insert("asks_after".to_owned(), json!(because));
    }
    chain.append(&requested)?;
    Ok(Some(run))
}

fn wanted<'a>(run: &'a NewRun, incoming: &Acceptance) -> Wanted<'a> {
    Wanted {
        runbook: &run.runbook,
        at: (&run.account, &run.region),
        mode: run.mode,
        target: run.target.as_deref(),
        params: &run.params,
        named: &run.named,
        seen_at: incoming.seen_at,
        tells: tells(incoming).map(standing::band),
    }
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
