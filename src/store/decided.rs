//! What people decided on a resource in runs of whichever case: it binds the next finding on it.

use sqlx::AnyConnection;

use crate::case::{Earlier, still_binds};
use crate::id::CaseId;
use crate::routing::Mode;

use super::batch::Batch;
use super::row::Cells;
use super::standing::{self, run_columns};
use super::{Acceptance, StoreError};

/// A run that people have decided on: they said no or yes, or took it back.
pub(super) struct DecidedRun {
    /// Its case.
    pub(super) case: CaseId,
    /// Whether that got its last finding, or the run its last word, so recently that the decision binds.
    pub(super) binds: bool,
    pub(super) run: Earlier,
}

/// Reads, for each of `findings`, the runs that people have decided on which were about the target of
/// the run that it asks for, or have held it. A finding that asks for none, or only observes, is bound
/// by nobody.
pub(super) async fn of_targets(
    connection: &mut AnyConnection,
    findings: &[Option<&Acceptance>],
) -> Result<Vec<Vec<DecidedRun>>, StoreError> {
    let target = |incoming: &Acceptance| {
        let run = incoming.run.as_ref().filter(|run| run.mode != Mode::Observe)?;
        run.target.clone()
    };
    let targets = findings.iter().enumerate();
    let targets = targets.filter_map(|(n, incoming)| Some((n, incoming.and_then(target)?)));
    let mut batch = Batch::default();
    batch.rows(
        "WITH w (n, target) AS (VALUES",
        targets,
        concat!(
            "), d (n, run) AS (SELECT w.n, r.id FROM w JOIN runs r ON r.target = w.target ",
            "UNION SELECT w.n, h.run FROM w JOIN contained h ON h.resource = w.target) ",
            "SELECT d.n, r.case_id, c.last_finding_at, ",
            "(SELECT MAX(s.said_at) FROM words s WHERE s.run = r.id) AS said_at, ",
            run_columns!(),
            " FROM d JOIN runs r ON r.id = d.run JOIN cases c ON c.id = r.case_id ",
            // A word is missing where an older version did not write when it was said.
            "WHERE r.kind = 'runbook' AND (r.released = 1 OR r.lifted = 1 OR r.code = 'E0507' ",
            "OR EXISTS (SELECT 1 FROM words s WHERE s.run = r.id))",
        ),
        |row, (n, target)| {
            row.bind(i64::try_from(n).unwrap_or(i64::MAX)).bind(target);
        },
    );
    let mut decided: Vec<Vec<DecidedRun>> = findings.iter().map(|_| Vec::new()).collect();
    for row in batch.fetch(connection).await? {
        let n: usize = row.number("n")?;
        let Some((incoming, runs)) = findings.get(n).copied().flatten().zip(decided.get_mut(n))
        else {
            return Err(StoreError::Corrupt(
                "a run was decided on that nobody asked for".to_owned(),
            ));
        };
        let (found, said) = (row.time("last_finding_at")?, row.time_or_none("said_at")?);
        let binds = still_binds(found, said, incoming.now);
        let (case, run) = (row.parsed("case_id")?, standing::earlier(&row)?);
        runs.push(DecidedRun { case, binds, run });
    }
    Ok(decided)
}
