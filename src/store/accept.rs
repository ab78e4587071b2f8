//! Taking a finding version in: one transaction from the raw bytes to the queued run.
//!
//! What becomes of it is `case::dispose`'s decision, made here on what the transaction reads, so
//! that a hundred deliveries at once end as one case and one run.

use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::case::{Disposition, Version, dispose};
use crate::id::{AccountId, CaseId, Digest, FindingId, Region, RunId};
use crate::routing::Mode;
use crate::timeline::{Actor, Draft, INTEGER_MAX, Kind};

use super::cases::NewCase;
use super::chain::Chain;
use super::row::named;
use super::runs::NewRun;
use super::writer::Turn;
use super::{Store, StoreError, blobs, cases, findings, runs};

/// Why a decision has no run of its own.
const ONE_RUN: &str = "no further run: this case has one of this runbook on this target";

/// A finding version that was parsed and routed.
#[derive(Debug, Clone, PartialEq)]
pub struct Acceptance {
    /// A fresh id, used if a case is opened.
    pub case: CaseId,
    /// When it was received.
    pub now: Timestamp,
    /// Which door it came through.
    pub source: String,
    /// The bytes as they came.
    pub raw: Vec<u8>,
    /// The account it is about; `None`: it named none that is valid.
    pub account: Option<AccountId>,
    /// The Region.
    pub region: Option<Region>,
    /// GuardDuty's id of the finding.
    pub finding_id: FindingId,
    /// Which version it is.
    pub version: Version,
    /// The normalised document.
    pub document: Value,
    /// Its title: hostile text.
    pub title: String,
    /// Its type.
    pub finding_type: String,
    /// Its severity, in tenths.
    pub severity: Option<u16>,
    /// The primary resource, as `type/id`.
    pub resource: Option<String>,
    /// What further findings are joined by.
    pub correlation: String,
    /// The body of `routing.decided`: an object without decimals.
    pub reasons: Value,
    /// Started when a case is opened, or joined by a finding that asks for something it has no run
    /// for yet.
    pub run: Option<NewRun>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The decision.
    pub disposition: Disposition,
    /// The case that holds it.
    pub case: CaseId,
    /// The run that was started for it.
    pub run: Option<RunId>,
    /// How often this finding was received, this time included.
    pub seen: u64,
}

impl Store {
    /// Stores a finding version and what follows from it. When this returns `Ok`, it is on disk.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when nothing was stored and the sender should try again.
    pub async fn accept(&self, acceptance: Acceptance) -> Result<Accepted, StoreError> {
        self.write(Turn::First, move |connection| Box::pin(accept(connection, acceptance))).await
    }
}

async fn accept(
    connection: &mut AnyConnection,
    mut incoming: Acceptance,
) -> Result<Accepted, StoreError> {
    // A hostile count must not make the entry unwritable; no real one comes near.
    incoming.version.count = incoming.version.count.min(INTEGER_MAX);
    let known = findings::known(connection, &incoming).await?;
    let open =
        findings::newest_case(connection, &cases::correlation_key(&incoming.correlation)).await?;
    let disposition = dispose(known.as_ref(), open.as_ref(), &incoming.version, incoming.now);
    let case = match &disposition {
        Disposition::New => incoming.case.clone(),
        Disposition::Joined(case)
        | Disposition::Updated(case)
        | Disposition::Reopened(case)
        | Disposition::Stale(case)
        | Disposition::Duplicate(case) => case.clone(),
    };
    if matches!(disposition, Disposition::Duplicate(_)) {
        findings::count_case(connection, &case, &incoming, &disposition).await?;
        let seen = findings::count_finding(connection, &incoming).await?;
        return Ok(Accepted { disposition, case, run: None, seen });
    }

    let mut chain = match &disposition {
        Disposition::New => cases::open(connection, &case, &new_case(&incoming), 1).await?,
        _ => {
            findings::count_case(connection, &case, &incoming, &disposition).await?;
            Chain::of(connection, &case).await?
        }
    };
    let size = incoming.raw.len();
    let document = incoming.document.to_string().into_bytes();
    let raw = std::mem::take(&mut incoming.raw);
    let (raw, document) = blobs::put_both(connection, raw, document).await?;
    let received = received(&incoming, &disposition, &raw, &document, size);
    let seq = chain.append(&received)?;
    findings::insert_version(connection, &incoming, &raw, &document).await?;
    let seen = match &disposition {
        Disposition::New | Disposition::Joined(_) => {
            findings::insert_finding(connection, &incoming, &case, seq, &document).await?;
            1
        }
        Disposition::Updated(_) | Disposition::Reopened(_) => {
            findings::update_finding(connection, &incoming, &document).await?;
            findings::count_finding(connection, &incoming).await?
        }
        _ => findings::count_finding(connection, &incoming).await?,
    };
    if matches!(disposition, Disposition::Reopened(_)) {
        cases::close(connection, &case, None).await?;
    }
    let run = match disposition {
        Disposition::Duplicate(_) | Disposition::Stale(_) => None,
        _ => start(connection, &mut chain, &mut incoming, &disposition, document).await?,
    };
    cases::settle(connection, &mut chain, Some(incoming.now)).await?;
    chain.save(connection).await?;
    Ok(Accepted { disposition, case, run, seen })
}

/// Appends what routing decided, and starts the run that it asks for. An update that asks for
/// nothing new is no decision.
async fn start(
    connection: &mut AnyConnection,
    chain: &mut Chain,
    incoming: &mut Acceptance,
    disposition: &Disposition,
    document: Digest,
) -> Result<Option<RunId>, StoreError> {
    let mut decided =
        Draft::new(incoming.now, Actor::Service, Kind::RoutingDecided, incoming.reasons.take());
    decided.body.insert("disposition".to_owned(), json!(disposition.label()));
    let mut run = incoming.run.take();
    match (disposition, &run) {
        (Disposition::Joined(_), Some(wanted))
            if runs::has_same(connection, chain.case(), wanted).await? =>
        {
            run = None;
            // Whoever reads the decision must not look for a run that never comes.
            if let Some(Value::Array(reasons)) = decided.body.get_mut("reasons") {
                reasons.push(json!(ONE_RUN));
            }
        }
        (Disposition::Updated(_) | Disposition::Reopened(_), wanted) => match wanted {
            Some(wanted)
                if wanted.mode != Mode::Observe
                    && !runs::had_any(connection, chain.case(), wanted).await? => {}
            _ => return Ok(None),
        },
        _ => {}
    }
    chain.append(&decided)?;
    let Some(mut run) = run else {
        return Ok(None);
    };
    run.document = Some(document);
    let id = run.id.clone();
    chain.append(&run.requested(incoming.now))?;
    runs::create(connection, chain, run, incoming.now).await?;
    Ok(Some(id))
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

fn received(
    incoming: &Acceptance,
    disposition: &Disposition,
    raw: &Digest,
    document: &Digest,
    size: usize,
) -> Draft {
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
        "raw": named(raw),
        "document": named(document),
        "source": incoming.source,
        "size": size,
    });
    Draft::new(incoming.now, Actor::Service, Kind::FindingReceived, body)
}
