//! Who works on which run: leases with an epoch.
//!
//! A claim raises the epoch, and every write for a run names the epoch that it was made under; who
//! lost the lease therefore can't write, however late it wakes up. Runs on the same target go one
//! at a time: first the one that has already started, then in the order in which they were asked for.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::case::{RunEvent, RunState};
use crate::id::{CaseId, RunId};

use super::chain::Chain;
use super::row::{Cells, integer, micros};
use super::writer::Turn;
use super::{RunRow, Store, StoreError, runs, targets};

/// How long a claim or renewal holds. An owner renews at a third of it; a dead owner's run goes on
/// after it.
pub const LEASE: Duration = Duration::from_secs(30);

/// The proof of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The run.
    pub run: RunId,
    /// Who claimed it.
    pub owner: String,
    /// The claim's number: one more than the one before it.
    pub epoch: u64,
}

/// A run that nothing before it on the same target blocks. Who has started (was ever claimed) comes
/// first; a second one can't start while it is not over. Only a run that waits for a person, or for
/// nothing but evidence, blocks nobody: a containment must wait neither for the answer to another
/// question nor for the snapshots of another run, which may take days. Such a run waits itself when
/// it wakes while the other is under way; both look before they change anything.
/// Who is under way and lost its owner is blocked by nobody, or two could wait for each other.
///
/// What an undo gives back is its run's holds, which may be more than its target: while one works,
/// nobody starts on any of them, and it does not start while somebody is at work on one.
macro_rules! unblocked {
    () => {
        "(r.state = 'running' OR (NOT EXISTS (SELECT 1 FROM runs o \
         WHERE o.target = r.target AND o.id <> r.id \
         AND o.state IN ('queued', 'running', 'parked') AND (o.state = 'running' \
         OR ((CASE WHEN o.lease_epoch > 0 THEN 0 ELSE 1 END, o.requested_at, o.id) \
         < (CASE WHEN r.lease_epoch > 0 THEN 0 ELSE 1 END, r.requested_at, r.id) \
         AND NOT (o.state = 'parked' AND (o.asks = 1 OR o.preserves = 1))))) \
         AND NOT EXISTS (SELECT 1 FROM runs u JOIN holds h ON h.run = u.undoes \
         WHERE u.state = 'running' AND u.id <> r.id AND h.resource = r.target) \
         AND NOT EXISTS (SELECT 1 FROM holds h JOIN runs o ON o.target = h.resource \
         WHERE h.run = r.undoes AND o.state = 'running' \
         AND o.state IN ('queued', 'running', 'parked') AND o.id <> r.id)))"
    };
}

/// The oldest run of some that may be claimed at `$1`. An expired lease is anyone's. That the state is an
/// open one is said in just the words of the partial indexes: without, each claim reads every run there
/// ever was.
macro_rules! oldest {
    ($those:literal) => {
        concat!(
            "SELECT r.id FROM runs r WHERE r.state IN ('queued', 'running', 'parked') AND (",
            "(r.state = 'queued' AND (r.wake_at IS NULL OR r.wake_at <= $1)) ",
            "OR (r.state = 'parked' AND r.wake_at <= $1) ",
            "OR (r.state = 'running' AND r.lease_until <= $1)) AND ",
            $those,
            " AND ",
            unblocked!(),
            " ORDER BY r.requested_at, r.id LIMIT 1"
        )
    };
}

/// A run that may be claimed: one that has nothing left but its evidence comes after all others, because
/// in a wave all of those come again and again, and would be older than what is not contained yet.
macro_rules! claimable {
    () => {
        concat!(
            "SELECT id FROM (",
            oldest!("NOT (r.state = 'parked' AND r.preserves = 1)"),
            ") AS acts UNION ALL SELECT id FROM (",
            oldest!("r.state = 'parked' AND r.preserves = 1"),
            ") AS preserves LIMIT 1"
        )
    };
}

impl Store {
    /// Takes the oldest run that can go on; `None`: there is none.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn claim(
        &self,
        owner: &str,
        now: Timestamp,
    ) -> Result<Option<(RunRow, Fence)>, StoreError> {
        // Most looks for work find none; a read costs less than a transaction.
        let found = sqlx::query(claimable!());
        if found.bind(micros(now)).fetch_optional(self.readers()).await?.is_none() {
            return Ok(None);
        }
        let owner = owner.to_owned();
        self.write(Turn::Next, move |connection| Box::pin(take(connection, owner, now))).await
    }

    /// Holds the run for another [`LEASE`] from `now`.
    ///
    /// # Errors
    /// [`StoreError::LostLease`] when another has claimed it, or it ended.
    pub async fn renew(&self, fence: &Fence, now: Timestamp) -> Result<(), StoreError> {
        let fence = fence.clone();
        self.write(Turn::Next, move |connection| {
            Box::pin(async move {
                let renewed = sqlx::query(
                    "UPDATE runs SET lease_until = $4 WHERE id = $1 AND lease_owner = $2 \
                     AND lease_epoch = $3 AND state = 'running'",
                )
                .bind(fence.run.as_str())
                .bind(fence.owner)
                .bind(integer(fence.epoch))
                .bind(lease_end(now))
                .execute(connection)
                .await?;
                if renewed.rows_affected() == 0 { Err(StoreError::LostLease) } else { Ok(()) }
            })
        })
        .await
    }

    /// At the start of a single process: ends the leases of every other owner, so that their runs
    /// go on at once. Returns how many.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn recover(&self, owner: &str, now: Timestamp) -> Result<u64, StoreError> {
        let owner = owner.to_owned();
        self.write(Turn::Next, move |connection| {
            Box::pin(async move {
                let ended = sqlx::query(
                    "UPDATE runs SET lease_until = $2 \
                     WHERE state = 'running' AND lease_owner <> $1 AND lease_until > $2",
                )
                .bind(owner)
                .bind(micros(now))
                .execute(connection)
                .await?;
                Ok(ended.rows_affected())
            })
        })
        .await
    }

    /// Takes `resource` for a step of the fence's run, and says whether it is the step's now: `false`
    /// while a step of another run, or another step of this one, works on it. Taking it again is no
    /// error.
    ///
    /// # Errors
    /// [`StoreError::LostLease`] when the fence's lease is another's; [`StoreError::Unavailable`]
    /// when the database can't be written.
    pub async fn take_target(
        &self,
        fence: Fence,
        case: CaseId,
        resource: String,
        step: String,
    ) -> Result<bool, StoreError> {
        self.write(Turn::Next, move |connection| {
            Box::pin(async move {
                hold(connection, &fence, &case).await?;
                targets::take(connection, &fence.run, &resource, &step).await
            })
        })
        .await
    }
}

fn lease_end(now: Timestamp) -> i64 {
    micros(now.checked_add(LEASE).unwrap_or(Timestamp::MAX))
}

/// Claims what there is, in one statement. Whatever can be claimed, runs afterwards.
async fn take(
    connection: &mut AnyConnection,
    owner: String,
    now: Timestamp,
) -> Result<Option<(RunRow, Fence)>, StoreError> {
    let row = sqlx::query(concat!(
        "UPDATE runs SET state = $2, attempts = attempts + 1, wake_at = NULL, lease_owner = $3, \
         lease_epoch = lease_epoch + 1, lease_until = $4 WHERE id = (",
        claimable!(),
        ") RETURNING *"
    ))
    .bind(micros(now))
    .bind(RunState::Queued.next(RunEvent::Claimed)?.label())
    .bind(owner.as_str())
    .bind(lease_end(now))
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let run = runs::from_row(&row)?;
    let fence = Fence { run: run.id.clone(), owner, epoch: row.number("lease_epoch")? };
    Ok(Some((run, fence)))
}

/// Checks, in the transaction that is about to write, that the fence still holds in this case;
/// returns the case's chain.
pub(super) async fn hold(
    connection: &mut AnyConnection,
    fence: &Fence,
    case: &CaseId,
) -> Result<Chain, StoreError> {
    let row = sqlx::query(
        "SELECT r.case_id, r.state, r.lease_owner, r.lease_epoch, h.length, h.hash \
         FROM runs r JOIN heads h ON h.case_id = r.case_id WHERE r.id = $1",
    )
    .bind(fence.run.as_str())
    .fetch_optional(connection)
    .await?
    .ok_or(StoreError::NotFound)?;
    let held = row.label("state", RunState::from_label)? == RunState::Running
        && row.text_or_none("lease_owner")?.as_deref() == Some(fence.owner.as_str())
        && row.number::<u64>("lease_epoch")? == fence.epoch;
    if !held {
        return Err(StoreError::LostLease);
    }
    if row.text("case_id")? != case.as_str() {
        return Err(StoreError::conflict("a run writes to its own case only"));
    }
    Chain::from_row(&row, case)
}

#[cfg(test)]
impl Store {
    /// How the database would look for a run to claim, in its own words.
    pub(super) async fn claim_plan(&self) -> Vec<String> {
        let plan = sqlx::query(concat!("EXPLAIN QUERY PLAN ", claimable!())).bind(0_i64);
        let rows = plan.fetch_all(self.readers()).await.unwrap();
        rows.iter().map(|row| row.text("detail").unwrap()).collect()
    }
}
