//! How a case stands: its runs, and the status that follows from them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::Timestamp;
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::case::{Earlier, RunFacts, RunState, Status};
use crate::finding::Severity;
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
    /// What its runs and undos tell of its status.
    pub(super) facts: Vec<RunFacts>,
    /// Its runs, without undos.
    pub(super) runs: Vec<Earlier>,
}

/// Whether nobody needs to look at a run `r` that ended badly, because a later run of the case did all that
/// it should have done: the same runbook, with the same parameters, in the same place; or another undo of
/// the same run. Nor where it ended because somebody took it back (E0516). And whether it ended badly after
/// it had been taken back: that is news.
macro_rules! made_good {
    () => {
        "CASE WHEN r.code = 'E0516' THEN 1 WHEN r.state IN ('failed', 'halted') THEN (SELECT COUNT(*) FROM runs n \
         WHERE n.case_id = r.case_id AND n.id <> r.id AND n.kind = r.kind \
         AND n.state = 'succeeded' AND n.requested_at >= r.requested_at \
         AND (n.undoes = r.undoes OR (n.kind = 'runbook' AND n.runbook = r.runbook \
         AND n.account = r.account AND n.region = r.region AND n.params = r.params \
         AND (n.contained = 1 OR (n.mode = 'observe' AND r.mode = 'observe'))))) ELSE 0 END AS made_good, \
         CASE WHEN r.state IN ('failed', 'halted') AND r.ended_at > (SELECT MAX(u.ended_at) FROM runs u \
         WHERE u.undoes = r.id AND u.state = 'succeeded') THEN 1 ELSE 0 END AS failed_since"
    };
}

/// What [`earlier`] reads of a run `r`. An undo is taken into account from its request on: what it is
/// about to give back is not to be contained again beside it. A yes to a question that named other things
/// is none to the target, where another question named that.
macro_rules! run_columns {
    () => {
        "r.id AS run, r.runbook, r.kind, r.account, r.region, r.target, r.params, r.named, r.state, \
         r.mode, r.contained, r.asks, r.released, r.lifted, r.code, r.confirmed, r.ended_at, \
         r.looked_at, r.told, (SELECT COUNT(*) FROM approvals a \
         WHERE a.run = r.id AND a.state IN ('granted', 'denied')) AS answers, \
         (SELECT MAX(s.n) FROM words s WHERE s.run = r.id AND s.word = 'yes' AND NOT (\
         EXISTS (SELECT 1 FROM asked q WHERE q.resource = r.target AND q.run = r.id) \
         AND EXISTS (SELECT 1 FROM asked q WHERE q.run = r.id AND q.step = s.step) \
         AND NOT EXISTS (SELECT 1 FROM asked q WHERE q.resource = r.target AND q.run = r.id \
         AND q.step = s.step))) AS said_yes, \
         (SELECT MAX(s.n) FROM words s WHERE s.run = r.id AND s.word = 'no') AS said_no, \
         (SELECT MAX(s.n) FROM words s WHERE s.run = r.id AND s.word = 'undo') AS said_undo, \
         (SELECT COUNT(*) FROM runs u WHERE u.undoes = r.id \
         AND u.state IN ('queued', 'running', 'parked')) AS undos_open"
    };
}
pub(super) use run_columns;

impl Standing {
    /// Takes in a row's run, if it holds one.
    fn take(&mut self, row: &AnyRow) -> Result<(), StoreError> {
        let Some(facts) = facts(row)? else { return Ok(()) };
        self.facts.push(facts);
        if row.label("kind", RunKind::from_label)? == RunKind::Runbook {
            self.runs.push(earlier(row)?);
        }
        Ok(())
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
        concat!(
            ") SELECT c.id, c.status, c.closed, h.length, h.hash, ",
            made_good!(),
            ", ",
            run_columns!(),
            " FROM w JOIN cases c ON c.id = w.id JOIN heads h ON h.case_id = c.id ",
            "LEFT JOIN runs r ON r.case_id = c.id",
        ),
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
                facts: Vec::new(),
                runs: Vec::new(),
            }),
        };
        case.take(&row)?;
    }
    Ok(standing)
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

/// The place of a severity's band, from low to critical; one that is not known is low.
pub(super) fn band(tenths: u16) -> u8 {
    Severity(tenths).band() as u8
}

/// The run in a row of [`run_columns`].
pub(super) fn earlier(row: &AnyRow) -> Result<Earlier, StoreError> {
    let undone = row.flag("released")? || row.flag("lifted")?;
    Ok(Earlier {
        id: row.parsed("run")?,
        runbook: row.parsed("runbook")?,
        at: (row.parsed("account")?, row.parsed("region")?),
        mode: row.label("mode", Mode::from_label)?,
        target: row.text_or_none("target")?,
        params: row.json("params")?,
        named: runs::names(row)?,
        state: row.label("state", RunState::from_label)?,
        code: row.text_or_none("code")?,
        ended_at: row.time_or_none("ended_at")?,
        looked_at: row.time_or_none("looked_at")?,
        confirmed: row.flag("confirmed")?,
        told: row.number_or_none("told")?.map(band),
        answered: row.number::<u64>("answers")? > 0,
        yes: row.number_or_none("said_yes")?,
        no: row.number_or_none("said_no")?,
        taken_back: undone || row.number::<u64>("undos_open")? > 0,
        undo: row.number_or_none("said_undo")?,
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
    let rows = sqlx::query(concat!(
        "SELECT c.status, c.closed, r.state, r.mode, r.contained, r.asks, r.released, ",
        made_good!(),
        " FROM cases c LEFT JOIN runs r ON r.case_id = c.id WHERE c.id = $1",
    ))
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
    if after != Status::Contained {
        let query = sqlx::query("UPDATE cases SET status = $2 WHERE id = $1");
        query.bind(case.as_str()).bind(after.label()).execute(connection).await?;
        return Ok(());
    }
    // The first time that it was contained stands. That was when the last containment was seen to be, not
    // when its run had ended, which keeps evidence for hours.
    sqlx::query(
        "UPDATE cases SET status = $2, contained_at = COALESCE(contained_at, (SELECT MAX(r.looked_at) \
         FROM runs r WHERE r.case_id = cases.id AND r.contained = 1), $3) WHERE id = $1",
    )
    .bind(case.as_str())
    .bind(after.label())
    .bind(micros(at))
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
        made_good: false,
    }
}

/// What a row tells of a run; `None`: it holds a case without runs.
pub(super) fn facts(row: &AnyRow) -> Result<Option<RunFacts>, StoreError> {
    if row.text_or_none("state")?.is_none() {
        return Ok(None);
    }
    let made_good = row.number::<u64>("made_good")? > 0;
    let news = row.flag("failed_since")? && !made_good;
    Ok(Some(RunFacts {
        state: row.label("state", RunState::from_label)?,
        acts: row.label("mode", Mode::from_label)? != Mode::Observe,
        contained: row.flag("contained")?,
        asks: row.flag("asks")?,
        released: row.flag("released")? && !news,
        made_good,
    }))
}
