//! Deliveries that wait together, accepted together.
//!
//! A group goes in waves. No two of a wave are of the same finding, correlation key or case, so that
//! none bears on another, and what a wave comes to is what its deliveries would come to one after
//! the other. A delivery that bears on one before it begins the next wave, which reads what this one
//! wrote.

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use crate::case::{Disposition, Ruling, dispose};
use crate::id::CaseId;
use crate::store::StoreError;
use crate::store::decided::{self, DecidedRun};
use crate::store::findings::{self, Stored};
use crate::store::standing::{self, Standing};

use super::outcome::{self, Outcome};
use super::save::save;
use super::{Acceptance, Accepted, Delivery};

/// Deliveries of a wave: what is bound of them is kept in memory beside them.
const WAVE_MAX: usize = 64;

/// What became of a delivery, which fails alone.
type Answer = Result<Accepted, StoreError>;

/// What was decided on a delivery.
struct Decided<'a> {
    delivery: &'a Delivery,
    disposition: Disposition,
    case: CaseId,
    /// How often the finding was received before.
    seen: u64,
}

impl Decided<'_> {
    /// The case that bears on what it comes to, if one does.
    fn reads(&self) -> Option<&CaseId> {
        match self.disposition {
            Disposition::New | Disposition::Duplicate(_) => None,
            _ => Some(&self.case),
        }
    }

    /// The finding, where what people decided bears on what it comes to.
    fn may_start(&self) -> Option<&Acceptance> {
        let counts = matches!(self.disposition, Disposition::Duplicate(_));
        (!counts).then_some(&*self.delivery.incoming)
    }
}

/// Accepts deliveries in their order. Returns what became of each.
///
/// # Errors
/// When a statement fails: then nothing of the group may stand, and each is to be tried alone.
pub(in crate::store) async fn accept_all(
    connection: &mut AnyConnection,
    deliveries: &[Delivery],
) -> Result<Vec<Answer>, StoreError> {
    let mut answers = Vec::with_capacity(deliveries.len());
    while let Some(left) = deliveries.get(answers.len()..).filter(|left| !left.is_empty()) {
        let wave = &left[..unrelated(left)];
        answers.extend(accept_wave(connection, wave).await?);
    }
    Ok(answers)
}

/// How many from the first on can be in one wave, as far as that can be told before anything is read.
/// The first always can.
fn unrelated(left: &[Delivery]) -> usize {
    let (mut identities, mut keys, mut cases) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let fits = left.iter().take(WAVE_MAX).take_while(|delivery| {
        identities.insert(findings::identity(&delivery.incoming))
            && keys.insert(delivery.correlation.as_str())
            && cases.insert(&delivery.incoming.case)
    });
    fits.count()
}

/// Accepts a wave up to the first that turns out to bear on one before it. Returns what became of
/// those, at least one.
async fn accept_wave(
    connection: &mut AnyConnection,
    wave: &[Delivery],
) -> Result<Vec<Answer>, StoreError> {
    let wanted: Vec<_> = wave
        .iter()
        .map(|delivery| (delivery.incoming.as_ref(), delivery.correlation.as_str()))
        .collect();
    let stored = findings::stored(connection, &wanted).await?;
    let decided = decide(wave, stored);
    let mut cases =
        standing::of_cases(connection, decided.iter().filter_map(Decided::reads)).await?;
    let findings: Vec<_> = decided.iter().map(Decided::may_start).collect();
    let bound = decided::of_targets(connection, &findings).await?;
    let mut outcomes = Vec::with_capacity(decided.len());
    let mut answers = Vec::with_capacity(decided.len());
    let mut written = BTreeSet::new();
    for (decided, bound) in decided.into_iter().zip(bound) {
        // How long a decision binds depends on when its case got a finding last.
        if bound.iter().any(|run| run.case != decided.case && written.contains(&run.case)) {
            break;
        }
        written.insert(decided.case.clone());
        let outcome = come_to(decided, bound, |case| cases.remove(case.as_str()));
        answers.push(outcome.map(|outcome| {
            let accepted = outcome.accepted.clone();
            outcomes.push(outcome);
            accepted
        }));
    }
    save(connection, &outcomes).await?;
    Ok(answers)
}

/// Decides on those of a wave that write to no case that one before them writes to or looked at, and
/// look at none that one before them writes to.
fn decide(wave: &[Delivery], stored: Vec<Stored>) -> Vec<Decided<'_>> {
    let mut touched = BTreeSet::new();
    // Which case a key finds depends on which of its cases got a finding last.
    let mut moved = BTreeSet::new();
    let mut decided = Vec::with_capacity(wave.len());
    for (delivery, Stored { known, seen, open, key }) in wave.iter().zip(stored) {
        if moved.contains(&delivery.correlation) {
            break;
        }
        moved.extend(key);
        let incoming = &delivery.incoming;
        let disposition = dispose(known.as_ref(), open.as_ref(), &incoming.version, incoming.now);
        let case = match &disposition {
            Disposition::New => incoming.case.clone(),
            Disposition::Joined(case)
            | Disposition::Updated(case)
            | Disposition::Reopened(case)
            | Disposition::Stale(case)
            | Disposition::Duplicate(case) => case.clone(),
        };
        let looked_at = open.map(|open| open.case).filter(|open| *open != case);
        if !touched.insert(case.clone()) || looked_at.is_some_and(|open| !touched.insert(open)) {
            break;
        }
        decided.push(Decided { delivery, disposition, case, seen });
    }
    decided
}

/// What a delivery comes to, given how its case stands and what people decided on what it is about.
fn come_to(
    decided: Decided<'_>,
    bound: Vec<DecidedRun>,
    standing: impl FnOnce(&CaseId) -> Option<Standing>,
) -> Result<Outcome<'_>, StoreError> {
    let Decided { delivery, disposition, case, seen } = decided;
    // What was decided in the case itself binds however long ago that was.
    let bound = bound.into_iter().filter(|run| run.binds || run.case == case);
    let bound: Vec<Ruling> = bound.map(|bound| bound.ruling).collect();
    match disposition {
        Disposition::New => outcome::new(delivery, &bound),
        Disposition::Duplicate(_) => Ok(outcome::duplicate(delivery, disposition, case, seen)),
        _ => {
            let standing = standing(&case).ok_or(StoreError::NotFound)?;
            outcome::further(delivery, disposition, case, (standing, seen), &bound)
        }
    }
}
