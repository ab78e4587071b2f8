//! How a case stands: its runs, the status that follows from them, and what further runs they leave
//! room for.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::case::{RunFacts, RunState, Status};
use crate::error::Code;
use crate::id::{CaseId, RunbookName};
use crate::routing::Mode;
use crate::timeline::{Actor, Draft, Head, Kind};

use super::batch::Batch;
use super::chain::{Chain, head_from_row};
use super::row::{Cells, micros};
use super::runs::NewRun;
use super::{RunKind, StoreError, runs};

/// A case that is there, as its next writer must know it.
pub(super) struct Standing {
    pub(super) head: Head,
    pub(super) status: Status,
    pub(super) closed: bool,
    pub(super) runs: Vec<CaseRun>,
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
        ") SELECT c.id, c.status, c.closed, h.length, h.hash, r.runbook, r.kind, r.target, \
         r.params, r.state, r.mode, r.contained, r.asks, r.released, r.id AS run, r.undoes, \
         r.code, r.named FROM w JOIN cases c ON c.id = w.id JOIN heads h ON h.case_id = c.id \
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
                runs: Vec::new(),
            }),
        };
        case.runs.extend(CaseRun::from_row(&row)?);
    }
    Ok(standing)
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

/// A run of a case, as far as it bears on the case's status and on further runs.
pub(super) struct CaseRun {
    pub(super) facts: RunFacts,
    kind: RunKind,
    runbook: RunbookName,
    mode: Mode,
    target: Option<String>,
    params: Value,
    id: String,
    /// The run that it takes back.
    undoes: Option<String>,
    /// GuardDuty did not confirm what it was asked for: it stands for nothing.
    refuted: bool,
    named: BTreeSet<String>,
}

impl CaseRun {
    /// The run in a row; `None`: it holds a case without runs.
    pub(super) fn from_row(row: &AnyRow) -> Result<Option<Self>, StoreError> {
        let Some(facts) = facts(row)? else { return Ok(None) };
        Ok(Some(Self {
            facts,
            kind: row.label("kind", RunKind::from_label)?,
            runbook: row.parsed("runbook")?,
            mode: row.label("mode", Mode::from_label)?,
            target: row.text_or_none("target")?,
            params: row.json("params")?,
            id: row.text("run")?,
            undoes: row.text_or_none("undoes")?,
            refuted: facts.state == RunState::Halted
                && row.text_or_none("code")?.as_deref() == Some(Code::UNCONFIRMED.number),
            named: runs::names(row)?,
        }))
    }

    /// The run that is about to be inserted, queued.
    pub(super) fn queued(run: &NewRun) -> Self {
        Self {
            facts: RunFacts {
                state: RunState::Queued,
                acts: run.mode != Mode::Observe,
                contained: false,
                asks: false,
                released: false,
            },
            kind: run.kind,
            runbook: run.runbook.clone(),
            mode: run.mode,
            target: run.target.clone(),
            params: run.params.clone(),
            id: run.id.to_string(),
            undoes: None,
            refuted: false,
            named: run.named.clone(),
        }
    }

    /// Whether it is of the wanted one's runbook; undos are of none.
    fn of_runbook(&self, wanted: &NewRun) -> bool {
        self.kind == RunKind::Runbook && self.runbook == wanted.runbook
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

/// Whether the case has a run of the same runbook with the same target or the same parameters that
/// stands for the wanted one: as free to act, about no less, and under way or done. One that only
/// observed, failed, was halted, was taken back or is being taken back stands for nothing.
pub(super) fn has_same(runs: &[CaseRun], wanted: &NewRun) -> bool {
    let taken_back = |id: &str| {
        runs.iter().any(|undo| undo.undoes.as_deref() == Some(id) && !undo.facts.state.is_over())
    };
    runs.iter().filter(|known| known.of_runbook(wanted)).any(|known| {
        let facts = &known.facts;
        let stands = !matches!(facts.state, RunState::Failed | RunState::Halted)
            && !facts.released
            && !taken_back(&known.id);
        let same = (known.target.is_some() && known.target == wanted.target)
            || (wanted.named.is_empty() && known.params == wanted.params);
        stands && same && known.mode >= wanted.mode && known.named.is_superset(&wanted.named)
    })
}

/// Whether the case ever had a run of the same runbook that could act and was about no less, whatever
/// became of it: what a person denied, halted or took back is not started again by an update of the
/// finding. What GuardDuty did not confirm was never its finding.
pub(super) fn had_any(runs: &[CaseRun], wanted: &NewRun) -> bool {
    runs.iter().any(|known| {
        known.of_runbook(wanted)
            && known.facts.acts
            && !known.refuted
            && known.named.is_superset(&wanted.named)
    })
}

/// Whether each run that [`had_any`] speaks of was taken back.
pub(super) fn all_released(runs: &[CaseRun], wanted: &NewRun) -> bool {
    let acted = |known: &&CaseRun| known.of_runbook(wanted) && known.facts.acts && !known.refuted;
    runs.iter().filter(acted).all(|known| known.facts.released)
}

/// Whether all that the case was told so far is what GuardDuty did not confirm.
pub(super) fn refuted(runs: &[CaseRun]) -> bool {
    runs.iter().any(|known| known.refuted)
        && !runs.iter().any(|known| known.facts.acts && !known.refuted)
}
