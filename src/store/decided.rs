//! What people decided on a resource in runs of whichever case: it binds the next finding on it, and on
//! an attack sequence that names it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::case::{Bears, Ruling, still_binds};
use crate::finding;
use crate::id::{CaseId, RunId};
use crate::routing::Mode;

use super::batch::Batch;
use super::row::Cells;
use super::standing::{self, run_columns};
use super::{Acceptance, Store, StoreError};

/// A run that people have decided on: they said no or yes, or took it back.
pub(super) struct DecidedRun {
    /// Its case.
    pub(super) case: CaseId,
    /// Whether that got its last finding, or the run its last word, so recently that the decision binds.
    pub(super) binds: bool,
    pub(super) ruling: Ruling,
}

/// Keeps what the question of a run's step asks to have changed.
pub(super) async fn ask(
    connection: &mut AnyConnection,
    run: &RunId,
    step: &str,
    resources: &BTreeSet<String>,
) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    batch.rows(
        "INSERT INTO asked (resource, run, step) VALUES",
        resources,
        " ON CONFLICT (resource, run, step) DO NOTHING",
        |row, resource| {
            row.bind(resource.as_str()).bind(run.as_str()).bind(step);
        },
    );
    batch.execute(connection).await
}

/// What the run that a finding asks for would act on, as far as that is known: its target, and what its
/// attack sequence names. None, where it asks for none or only observes.
fn resources(incoming: &Acceptance) -> BTreeSet<String> {
    let Some(run) = incoming.run.as_ref().filter(|run| run.mode != Mode::Observe) else {
        return BTreeSet::new();
    };
    let named = finding::resources(&run.named).map(|named| format!("{}/{named}", run.account));
    named.chain(run.target.clone()).collect()
}

/// Reads, for each of `findings`, the runs that people have decided on which were about what the run that
/// it asks for would act on, have held it, or have asked about it. A finding that asks for none, or only
/// observes, is bound by nobody.
pub(super) async fn of_targets(
    connection: &mut AnyConnection,
    findings: &[Option<&Acceptance>],
) -> Result<Vec<Vec<DecidedRun>>, StoreError> {
    let wanted = findings.iter().enumerate().flat_map(|(n, incoming)| {
        let resources = incoming.map(resources).unwrap_or_default();
        resources.into_iter().map(move |resource| (n, resource))
    });
    let rows = rows(connection, wanted).await?;
    let mut decided: Vec<Vec<DecidedRun>> = findings.iter().map(|_| Vec::new()).collect();
    for row in rows {
        let n: usize = row.number("n")?;
        let Some((incoming, runs)) = findings.get(n).copied().flatten().zip(decided.get_mut(n))
        else {
            return Err(StoreError::Corrupt(
                "a run was decided on that nobody asked for".to_owned(),
            ));
        };
        runs.push(from_row(&row, incoming.now)?);
    }
    Ok(decided)
}

impl Store {
    /// What people decided on `resources`, as it binds a run of this case at `now`.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn rulings(
        &self,
        resources: &BTreeSet<String>,
        case: &CaseId,
        now: Timestamp,
    ) -> Result<Vec<Ruling>, StoreError> {
        let mut connection = self.readers().acquire().await?;
        let wanted = resources.iter().map(|resource| (0, resource.clone()));
        let rows = rows(&mut connection, wanted).await?;
        let decided = rows.iter().map(|row| from_row(row, now)).collect::<Result<Vec<_>, _>>()?;
        let bound = decided.into_iter().filter(|run| run.binds || run.case == *case);
        Ok(bound.map(|run| run.ruling).collect())
    }
}

/// The rows of runs that people have decided on, for each resource that is `wanted` under a number.
async fn rows(
    connection: &mut AnyConnection,
    wanted: impl IntoIterator<Item = (usize, String)>,
) -> Result<Vec<AnyRow>, StoreError> {
    let mut batch = Batch::default();
    batch.rows(
        "WITH w (n, resource) AS (VALUES",
        wanted,
        concat!(
            "), d (n, resource, run, bears, step) AS (",
            "SELECT w.n, w.resource, r.id, 'target', CAST(NULL AS TEXT) ",
            // In just the words of the index `runs_target`.
            "FROM w JOIN runs r ON r.target = w.resource AND r.kind = 'runbook' ",
            "UNION SELECT w.n, w.resource, h.run, 'held', CAST(NULL AS TEXT) ",
            "FROM w JOIN contained h ON h.resource = w.resource ",
            "UNION SELECT w.n, w.resource, q.run, a.state, q.step ",
            "FROM w JOIN asked q ON q.resource = w.resource ",
            "JOIN approvals a ON a.run = q.run AND a.step = q.step ",
            "AND a.state IN ('granted', 'denied')) ",
            "SELECT d.n, d.resource, d.bears, r.case_id, c.last_finding_at, ",
            "(SELECT MAX(s.said_at) FROM words s WHERE s.run = r.id) AS said_at, ",
            // Nobody knows to which question an old answer was.
            "(SELECT MAX(s.n) FROM words s WHERE s.run = d.run ",
            "AND s.word = CASE d.bears WHEN 'granted' THEN 'yes' ELSE 'no' END ",
            "AND (s.step = d.step OR s.step IS NULL)) AS place, ",
            run_columns!(),
            " FROM d JOIN runs r ON r.id = d.run JOIN cases c ON c.id = r.case_id ",
            // A word is missing where an older version did not write when it was said.
            "WHERE r.kind = 'runbook' AND (r.released = 1 OR r.lifted = 1 OR r.code = 'E0507' ",
            "OR EXISTS (SELECT 1 FROM words s WHERE s.run = r.id))",
        ),
        |row, (n, resource)| {
            row.bind(i64::try_from(n).unwrap_or(i64::MAX)).bind(resource);
        },
    );
    batch.fetch(connection).await
}

fn from_row(row: &AnyRow, now: Timestamp) -> Result<DecidedRun, StoreError> {
    let (found, said) = (row.time("last_finding_at")?, row.time_or_none("said_at")?);
    let binds = still_binds(found, said, now);
    let ruling =
        Ruling { run: standing::earlier(row)?, bears: bears(row)?, on: row.text("resource")? };
    Ok(DecidedRun { case: row.parsed("case_id")?, binds, ruling })
}

/// How a run bears: a question by what became of it.
fn bears(row: &AnyRow) -> Result<Bears, StoreError> {
    let place = row.number_or_none("place")?;
    match row.text("bears")?.as_str() {
        "target" => Ok(Bears::Target),
        "held" => Ok(Bears::Held),
        "granted" => Ok(Bears::Agreed(place)),
        "denied" => Ok(Bears::Refused(place)),
        other => Err(StoreError::Corrupt(format!("a run bears as {other}"))),
    }
}
