//! How a case stands: its runs, and the status that follows from them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::case::{Earlier, RunFacts, RunState, Status};
use crate::id::CaseId;
use crate::routing::Mode;
use crate::timeline::{Actor, Draft, Head, Kind};

use super::batch::Batch;
use super::chain::{Chain, head_from_row};
use super::row::{Cells, micros};
use super::runs::NewRun;
use super::{RunKind, Store, StoreError, runs};

/// A case that is there, as its next writer must know it.
pub(super) struct Standing {
    pub(super) head: Head,
    pub(super) status: Status,
    pub(super) closed: bool,
    /// The highest severity of its findings so far, in tenths.
    pub(super) severity: Option<u16>,
    /// What its runs and undos tell of its status.
    pub(super) facts: Vec<RunFacts>,
    /// Its runs, without undos.
    pub(super) runs: Vec<Earlier>,
    /// The runs that are being taken back.
    lifting: BTreeSet<String>,
}

impl Standing {
    /// Takes in a row's run, if it holds one.
    fn take(&mut self, row: &AnyRow) -> Result<(), StoreError> {
        let Some(facts) = facts(row)? else { return Ok(()) };
        self.facts.push(facts);
        match row.label("kind", RunKind::from_label)? {
            RunKind::Runbook => self.runs.push(earlier(row, facts)?),
            RunKind::Undo if facts.state.is_over() => {}
            RunKind::Undo => self.lifting.extend(row.text_or_none("undoes")?),
        }
        Ok(())
    }

    fn complete(mut self) -> Self {
        for run in &mut self.runs {
            run.taken_back |= self.lifting.contains(run.id.as_str());
        }
        self
    }
}

/// Reads how each of `cases` stands.
pub(super) async fn of_cases<'a>(
    connection: &mut AnyConnection,
    cases: impl IntoIterator<Item = &'a CaseId>,
) -> Result<BTreeMap<String, Standing>, StoreError> {
    let mut batch = Batch::default();
    batch.rows(
        "WITH w (id) AS (VALUES",
        cases,
        ") SELECT c.id, c.status, c.closed, c.severity, h.length, h.hash, r.runbook, r.kind, r.target, \
         r.params, r.state, r.mode, r.contained, r.asks, r.released, r.id AS run, r.undoes, \
         r.code, r.named, r.confirmed, r.ended_at, r.looked_at, r.lifted, r.account, r.region, \
         (SELECT COUNT(*) FROM approvals a \
         WHERE a.run = r.id AND a.state IN ('granted', 'denied')) AS answers \
         FROM w JOIN cases c ON c.id = w.id JOIN heads h ON h.case_id = c.id \
         LEFT JOIN runs r ON r.case_id = c.id",
        |row, case| {
            row.bind(case.as_str());
        },
    );
    let mut standing = BTreeMap::new();
    for row in batch.fetch(connection).await? {
        let case = match standing.entry(row.text("id")?) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Standing {
                head: head_from_row(&row)?,
                status: row.label("status", Status::from_label)?,
                closed: row.flag("closed")?,
                severity: row.number_or_none("severity")?,
                facts: Vec::new(),
                runs: Vec::new(),
                lifting: BTreeSet::new(),
            }),
        };
        case.take(&row)?;
    }
    Ok(standing.into_iter().map(|(case, standing)| (case, standing.complete())).collect())
}

impl Store {
    /// The runs of a case, as the rules of when a finding gets a run see them.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn earlier_runs(&self, case: &CaseId) -> Result<Vec<Earlier>, StoreError> {
        let mut connection = self.readers().acquire().await?;
        let mut standing = of_cases(&mut connection, [case]).await?;
        Ok(standing.remove(case.as_str()).ok_or(StoreError::NotFound)?.runs)
    }
}

/// The run in a row.
fn earlier(row: &AnyRow, facts: RunFacts) -> Result<Earlier, StoreError> {
    Ok(Earlier {
        id: row.parsed("run")?,
        runbook: row.parsed("runbook")?,
        at: (row.parsed("account")?, row.parsed("region")?),
        mode: row.label("mode", Mode::from_label)?,
        target: row.text_or_none("target")?,
        params: row.json("params")?,
        named: runs::names(row)?,
        state: facts.state,
        code: row.text_or_none("code")?,
        ended_at: row.time_or_none("ended_at")?,
        looked_at: row.time_or_none("looked_at")?,
        confirmed: row.flag("confirmed")?,
        answered: row.number::<u64>("answers")? > 0,
        taken_back: facts.released || row.flag("lifted")?,
    })
}

/// The entry of a change of status.
pub(super) fn status_changed(before: Status, after: Status, at: Timestamp) -> Draft {
    let body = json!({"from": before.label(), "to": after.label()});
    Draft::new(at, Actor::Service, Kind::CaseStatusChanged, body)
}

/// Recomputes the case's status from its runs; a change is an entry at `at`.
///
/// # Errors
/// [`StoreError::Conflict`] when the status changes and no time is given: a change of state without
/// an entry.
pub(super) async fn settle(
    connection: &mut AnyConnection,
    chain: &mut Chain,
    at: Option<Timestamp>,
) -> Result<(), StoreError> {
    let case = chain.case().clone();
    let rows = sqlx::query(
        "SELECT c.status, c.closed, r.state, r.mode, r.contained, r.asks, r.released \
         FROM cases c LEFT JOIN runs r ON r.case_id = c.id WHERE c.id = $1",
    )
    .bind(case.as_str())
    .fetch_all(&mut *connection)
    .await?;
    let row = rows.first().ok_or(StoreError::NotFound)?;
    let before = row.label("status", Status::from_label)?;
    let facts = rows.iter().filter_map(|row| facts(row).transpose());
    let facts = facts.collect::<Result<Vec<_>, _>>()?;
    let after = Status::of(row.flag("closed")?, &facts);
    if before == after {
        return Ok(());
    }
    let at = at.ok_or_else(|| StoreError::conflict("a change of state needs an entry"))?;
    chain.append(&status_changed(before, after, at))?;
    // The first time that it was contained stands.
    sqlx::query(
        "UPDATE cases SET status = $2, contained_at = COALESCE(contained_at, $3) WHERE id = $1",
    )
    .bind(case.as_str())
    .bind(after.label())
    .bind((after == Status::Contained).then(|| micros(at)))
    .execute(connection)
    .await?;
    Ok(())
}

/// What a run that is about to be inserted, queued, contributes.
pub(super) fn queued(run: &NewRun) -> RunFacts {
    RunFacts {
        state: RunState::Queued,
        acts: run.mode != Mode::Observe,
        contained: false,
        asks: false,
        released: false,
    }
}

/// What a row tells of a run; `None`: it holds a case without runs.
pub(super) fn facts(row: &AnyRow) -> Result<Option<RunFacts>, StoreError> {
    if row.text_or_none("state")?.is_none() {
        return Ok(None);
    }
    Ok(Some(RunFacts {
        state: row.label("state", RunState::from_label)?,
        acts: row.label("mode", Mode::from_label)? != Mode::Observe,
        contained: row.flag("contained")?,
        asks: row.flag("asks")?,
        released: row.flag("released")?,
    }))
}
