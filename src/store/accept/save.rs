//! Writing what a group comes to: one statement a table, whatever the size of the group.

use sqlx::AnyConnection;

use crate::case::Disposition;
use crate::store::batch::Batch;
use crate::store::cases::Counted;
use crate::store::findings::NewFinding;
use crate::store::{StoreError, blobs, cases, chain, findings, runs};

use super::outcome::{Outcome, Written};

/// Writes the outcomes, no two of which are of the same finding or case.
///
/// # Errors
/// When one of them can't be written: then what was written of all is to be rolled back.
pub(super) async fn save(
    connection: &mut AnyConnection,
    outcomes: &[Outcome<'_>],
) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    put_blobs(&mut batch, outcomes);
    cases::insert(&mut batch, outcomes.iter().filter_map(|outcome| outcome.opening.as_ref()));
    cases::count(&mut batch, outcomes.iter().filter_map(counted));
    let written = || outcomes.iter().filter_map(|o| Some((o, o.written.as_ref()?)));
    let chains: Vec<_> = written().map(|(_, written)| &written.chain).collect();
    chain::put(&mut batch, &chains);
    findings::insert(&mut batch, written().filter_map(|(o, written)| new_finding(o, written)));
    findings::update(
        &mut batch,
        outcomes
            .iter()
            .filter(|o| is_newer(o))
            .map(|o| (o.delivery.incoming.as_ref(), &o.delivery.document.0)),
    );
    findings::count(
        &mut batch,
        outcomes.iter().filter(|o| is_known(o)).map(|o| o.delivery.incoming.as_ref()),
    );
    findings::keep_versions(
        &mut batch,
        written()
            .map(|(o, _)| (o.delivery.incoming.as_ref(), &o.delivery.raw, &o.delivery.document.0)),
    );
    runs::insert(
        &mut batch,
        written().filter_map(|(o, written)| {
            Some((&o.accepted.case, written.run.as_ref()?, o.delivery.incoming.now))
        }),
    );
    batch.execute(connection).await
}

/// Each blob once: those of a group bring the same few sources.
fn put_blobs(batch: &mut Batch, outcomes: &[Outcome<'_>]) {
    let mut blobs = std::collections::BTreeMap::new();
    for (delivery, written) in
        outcomes.iter().filter_map(|o| Some((o.delivery, o.written.as_ref()?)))
    {
        blobs.insert(&delivery.raw, delivery.incoming.raw.as_slice());
        blobs.insert(&delivery.document.0, delivery.document.1.as_slice());
        if let (Some(source), Some(run)) = (&delivery.source, &written.run) {
            blobs.insert(source, run.source.as_bytes());
        }
    }
    blobs::put_all(batch, blobs.into_iter().map(|(digest, bytes)| (digest, bytes.to_vec())));
}

fn is_known(outcome: &Outcome<'_>) -> bool {
    !matches!(outcome.accepted.disposition, Disposition::New | Disposition::Joined(_))
}

fn is_newer(outcome: &Outcome<'_>) -> bool {
    matches!(outcome.accepted.disposition, Disposition::Updated(_) | Disposition::Reopened(_))
}

fn new_finding<'a>(outcome: &'a Outcome<'_>, written: &Written) -> Option<NewFinding<'a>> {
    let (incoming, document) = (outcome.delivery.incoming.as_ref(), &outcome.delivery.document.0);
    let case = &outcome.accepted.case;
    (!is_known(outcome)).then_some(NewFinding { incoming, case, seq: written.seq, document })
}

/// What counts on a case that was there; a new one is stored with its first.
fn counted<'a>(outcome: &'a Outcome<'_>) -> Option<Counted<'a>> {
    let incoming = &outcome.delivery.incoming;
    let newest_at = match outcome.accepted.disposition {
        Disposition::New => return None,
        Disposition::Joined(_) | Disposition::Updated(_) | Disposition::Reopened(_) => {
            Some(incoming.now)
        }
        Disposition::Stale(_) | Disposition::Duplicate(_) => None,
    };
    Some(Counted {
        case: &outcome.accepted.case,
        severity: incoming.severity,
        newest_at,
        reopens: outcome.reopens,
        status: outcome.status.map(|status| (status, incoming.now)),
    })
}
