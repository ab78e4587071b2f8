//! Which run holds which AWS resource: an undo skips what another run still holds. What a run has ever
//! held is kept beside it, for what people decide on the run is decided on that, too.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::id::{CaseId, RunId};

use super::row::Cells;
use super::{HoldRow, Store, StoreError};

/// Remembers a hold; the first step that took it stands.
pub(super) async fn hold(
    connection: &mut AnyConnection,
    case: &CaseId,
    resource: &str,
    run: &RunId,
    step: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO holds (resource, run, case_id, step, taken) \
         VALUES ($1, $2, $3, $4, (SELECT COALESCE(MAX(taken), 0) + 1 FROM holds)) \
         ON CONFLICT (resource, run) DO NOTHING",
    )
    .bind(resource)
    .bind(run.as_str())
    .bind(case.as_str())
    .bind(step)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO contained (resource, run) VALUES ($1, $2) ON CONFLICT (resource, run) DO NOTHING",
    )
    .bind(resource)
    .bind(run.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets a hold; one that is not there is already forgotten.
pub(super) async fn let_go(
    connection: &mut AnyConnection,
    resource: &str,
    run: &RunId,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM holds WHERE resource = $1 AND run = $2")
        .bind(resource)
        .bind(run.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// What other runs have come to hold of what `run` holds, after it did: last contained, first
    /// released, because what a later run found may be what this one had made.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn held_later(&self, run: &RunId) -> Result<Vec<HoldRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT other.resource, other.run, other.case_id, other.step FROM holds ours \
             JOIN holds other ON other.resource = ours.resource AND other.run <> ours.run \
             AND (other.taken, other.run) > (ours.taken, ours.run) \
             WHERE ours.run = $1 ORDER BY other.taken DESC, other.run",
        )
        .bind(run.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(from_row).collect()
    }

    /// What `run` holds.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn holds_of(&self, run: &RunId) -> Result<Vec<HoldRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT resource, run, case_id, step FROM holds WHERE run = $1 ORDER BY resource",
        )
        .bind(run.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(from_row).collect()
    }
}

fn from_row(row: &AnyRow) -> Result<HoldRow, StoreError> {
    Ok(HoldRow {
        resource: row.text("resource")?,
        run: row.parsed("run")?,
        case: row.parsed("case_id")?,
        step: row.text("step")?,
    })
}
