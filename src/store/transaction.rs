//! One transaction of the writer: the findings that wait, as one group, then every job in a savepoint
//! of its own; one commit, one fsync.
//!
//! A group whose statements fail is taken back and its findings are tried one by one, so that the one
//! that can't be written fails alone.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqlx::AnyConnection;
use tokio::sync::oneshot;

use super::accept::{Accepted, Delivery, accept_all};
use super::{StoreError, dialect};
use crate::fault;

/// Tells the caller what became of a job, given what became of its transaction.
pub(super) type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What a job did.
pub(super) struct Worked {
    /// Why its changes are to be taken back; `None`: they stand.
    pub(super) failed: Option<StoreError>,
    pub(super) answer: Answer,
}

/// What writes in a transaction.
pub(super) type Job =
    Box<dyn for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Worked> + Send>;

/// A finding that waits, and who waits for it.
pub(super) struct Waiting {
    pub(super) delivery: Delivery,
    pub(super) sender: oneshot::Sender<Result<Accepted, StoreError>>,
}

/// What goes into one transaction.
#[derive(Default)]
pub(super) struct Work {
    /// Accepted first, and together.
    pub(super) findings: Vec<Waiting>,
    pub(super) jobs: Vec<Job>,
}

impl Work {
    pub(super) fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.jobs.is_empty()
    }
}

/// Carries `work` out and commits. `answers` get what is to be told once the end is known, of as many
/// as were begun.
///
/// # Errors
/// When nothing of it stands, and the connection is not to be used again.
pub(super) async fn transact(
    connection: &mut AnyConnection,
    work: Work,
    answers: &mut Vec<Answer>,
) -> Result<(), StoreError> {
    run(connection, dialect::BEGIN).await?;
    let Work { findings, jobs } = work;
    let alone = findings.is_empty() && jobs.len() == 1;
    if !findings.is_empty() {
        let (deliveries, senders): (Vec<_>, Vec<_>) =
            findings.into_iter().map(|waiting| (waiting.delivery, waiting.sender)).unzip();
        let accepted = unwinding(accept_group(connection, &deliveries)).await??;
        answers.extend(
            senders.into_iter().zip(accepted).map(|(sender, accepted)| answer(sender, accepted)),
        );
    }
    for (n, job) in jobs.into_iter().enumerate() {
        match (alone, n) {
            (true, _) => {}
            (false, 0) => run(connection, "SAVEPOINT job").await?,
            (false, _) => next_savepoint(connection).await?,
        }
        let worked = unwinding(job(connection)).await?;
        answers.push(worked.answer);
        if let Some(error) = worked.failed {
            // A full disk or an I/O error can make SQLite roll everything back by itself. This
            // then fails, and with it the batch, before anything runs outside of a transaction.
            let back = if alone { "ROLLBACK" } else { "ROLLBACK TO SAVEPOINT job" };
            run(connection, back).await.map_err(|_| unavailable(error))?;
            if alone {
                return Ok(());
            }
        }
    }
    fault::point("store::before_commit");
    run(connection, "COMMIT").await.map_err(unavailable)?;
    fault::point("store::after_commit");
    Ok(())
}

/// Accepts findings together or, when that fails, one by one. They are the first of the transaction,
/// so that to take all of them back is to roll back.
async fn accept_group(
    connection: &mut AnyConnection,
    deliveries: &[Delivery],
) -> Result<Vec<Result<Accepted, StoreError>>, StoreError> {
    let failed = match accept_all(connection, deliveries).await {
        Ok(accepted) => return Ok(accepted),
        Err(error) => error,
    };
    run(connection, "ROLLBACK").await.map_err(|_| unavailable(failed))?;
    run(connection, dialect::BEGIN).await?;
    let mut accepted = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        run(connection, "SAVEPOINT job").await?;
        let one = accept_all(connection, std::slice::from_ref(delivery)).await;
        if let Err(error) = &one {
            let back = run(connection, "ROLLBACK TO SAVEPOINT job").await;
            back.map_err(|_| unavailable(error.clone()))?;
        }
        run(connection, "RELEASE SAVEPOINT job").await.map_err(unavailable)?;
        accepted.push(one.and_then(|mut one| one.pop().unwrap_or(Err(StoreError::NotFound))));
    }
    Ok(accepted)
}

async fn next_savepoint(connection: &mut AnyConnection) -> Result<(), StoreError> {
    run(connection, "RELEASE SAVEPOINT job; SAVEPOINT job").await.map_err(unavailable)
}

/// What tells `sender` what became of its finding. A caller that went away misses the answer, not the
/// write.
fn answer<T: Send + 'static>(
    sender: oneshot::Sender<Result<T, StoreError>>,
    worked: Result<T, StoreError>,
) -> Answer {
    Box::new(move |committed| {
        let _ = sender.send(committed.and(worked));
    })
}

/// The job that does `work` and answers `sender`.
pub(super) fn job<T, W>(work: W, sender: oneshot::Sender<Result<T, StoreError>>) -> Job
where
    T: Send + 'static,
    W: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>>
        + Send
        + 'static,
{
    Box::new(move |connection| {
        Box::pin(async move {
            let worked = work(connection).await;
            let failed = worked.as_ref().err().cloned();
            Worked { failed, answer: answer(sender, worked) }
        })
    })
}

async fn unwinding<T>(work: impl Future<Output = T>) -> Result<T, StoreError> {
    let panicked = |_| StoreError::Unavailable("a write ended in a panic".to_owned());
    AssertUnwindSafe(work).catch_unwind().await.map_err(panicked)
}

async fn run(connection: &mut AnyConnection, statements: &'static str) -> Result<(), StoreError> {
    sqlx::raw_sql(statements).execute(connection).await?;
    Ok(())
}

/// A transaction that can't be ended is a database that can't be used, whatever the reason.
fn unavailable(error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(_) => error,
        other => StoreError::Unavailable(format!("a transaction was given up: {other}")),
    }
}
