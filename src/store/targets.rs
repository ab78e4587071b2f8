//! Which step works on which AWS resource now, so that two never look at and change it at a time.
//!
//! A hold outlives its run and says what an undo must not give back; a target is taken before the
//! first look and given back with the step's end.

use sqlx::AnyConnection;

use crate::id::RunId;

use super::StoreError;

/// Takes `resource` for a step; `false` while another step works on it.
pub(super) async fn take(
    connection: &mut AnyConnection,
    run: &RunId,
    resource: &str,
    step: &str,
) -> Result<bool, StoreError> {
    let taken = sqlx::query(
        "INSERT INTO targets (resource, run, step) VALUES ($1, $2, $3) \
         ON CONFLICT (resource) DO UPDATE SET step = excluded.step \
         WHERE targets.run = excluded.run AND targets.step = excluded.step",
    )
    .bind(resource)
    .bind(run.as_str())
    .bind(step)
    .execute(connection)
    .await?;
    Ok(taken.rows_affected() > 0)
}

/// Gives back what a step has taken.
pub(super) async fn free(
    connection: &mut AnyConnection,
    run: &RunId,
    step: &str,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM targets WHERE run = $1 AND step = $2")
        .bind(run.as_str())
        .bind(step)
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives back what a run that is over has taken.
pub(super) async fn free_all(
    connection: &mut AnyConnection,
    run: &RunId,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM targets WHERE run = $1")
        .bind(run.as_str())
        .execute(connection)
        .await?;
    Ok(())
}
