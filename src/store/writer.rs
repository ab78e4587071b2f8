//! The one writer: group commit.
//!
//! One task owns the one write connection. It takes every job that waits, runs each inside its own
//! savepoint of one transaction, commits once (one fsync), and only then answers. A job that fails
//! is rolled back alone; a commit that fails is everyone's failure, and nothing was acknowledged.
//!
//! What arrives from outside goes first, because its sender waits and gives up; of the runs' writes
//! some go with every transaction, so that a flood of findings does not stop a containment.
//!
//! After such a failure the connection is thrown away: a later fsync that succeeds on it would
//! prove nothing about what was lost.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, Connection as _};
use tokio::sync::{mpsc, oneshot};

use super::{StoreError, dialect};
use crate::fault;

/// Jobs of one transaction. More would let the first wait long for its answer, and the fsync is
/// already shared by enough.
const BATCH_MAX: usize = 256;

/// Other jobs beside those that go first: what the first wait longer for in a transaction, and what
/// runs get on with under a flood.
const BESIDE_MAX: usize = 16;

/// Jobs that wait in each queue; further callers wait for a place. Bounds what a burst of findings keeps in memory.
const QUEUE_MAX: usize = 1024;

/// Tells the caller what became of a job, given what became of its transaction.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What a job did.
struct Worked {
    /// Why its changes are to be taken back; `None`: they stand.
    failed: Option<StoreError>,
    answer: Answer,
}

type Job = Box<dyn for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Worked> + Send>;

enum Message {
    Job(Job),
    /// No more jobs after those that wait; answered when the connection is closed.
    Close(oneshot::Sender<()>),
}

/// Which jobs are begun before which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Somebody outside waits for an acknowledgement.
    First,
    /// In the order in which they come.
    Next,
}

/// The way to the writer's task.
pub(super) struct Writer {
    first: mpsc::Sender<Message>,
    queue: mpsc::Sender<Message>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the task on `connection`; `options` make the next one when it breaks.
    pub(super) fn start(options: AnyConnectOptions, connection: AnyConnection) -> Self {
        let (first, urgent) = mpsc::channel(QUEUE_MAX);
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let commits = Arc::new(AtomicU64::new(0));
        let task = Task { options, connection: Some(connection), commits: Arc::clone(&commits) };
        tokio::spawn(task.run(urgent, jobs));
        Self { first, queue, commits }
    }

    pub(super) async fn write<T, W>(&self, turn: Turn, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>>
            + Send
            + 'static,
    {
        let (sender, answered) = oneshot::channel::<Result<T, StoreError>>();
        let job: Job = Box::new(move |connection| {
            Box::pin(async move {
                let worked = work(connection).await;
                let failed = worked.as_ref().err().cloned();
                // A caller that went away misses the answer, not the write.
                let answer: Answer = Box::new(move |committed| {
                    let _ = sender.send(committed.and(worked));
                });
                Worked { failed, answer }
            })
        });
        let queue = match turn {
            Turn::First => &self.first,
            Turn::Next => &self.queue,
        };
        queue.send(Message::Job(job)).await.map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }

    pub(super) async fn close(&self) {
        let (sender, closed) = oneshot::channel();
        if self.queue.send(Message::Close(sender)).await.is_ok() {
            let _ = closed.await;
        }
        tracing::debug!(commits = self.commits(), "the store is closed");
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the write was not carried out".to_owned())
}

struct Task {
    options: AnyConnectOptions,
    /// `None` after a failure, until the next batch.
    connection: Option<AnyConnection>,
    commits: Arc<AtomicU64>,
}

impl Task {
    async fn run(mut self, mut first: mpsc::Receiver<Message>, mut queue: mpsc::Receiver<Message>) {
        let mut closing = None;
        loop {
            let (mut waiting, mut others) = (Vec::new(), Vec::new());
            // Closed and drained queues give nothing: both, and this is the end.
            tokio::select! {
                biased;
                n = first.recv_many(&mut waiting, BATCH_MAX), if !first.is_closed() || !first.is_empty() => {
                    if n > 0 {
                        let beside = std::iter::from_fn(|| queue.try_recv().ok());
                        others.extend(beside.take(BESIDE_MAX));
                    }
                }
                n = queue.recv_many(&mut others, BATCH_MAX) => {
                    if n == 0 && first.is_empty() {
                        break;
                    }
                }
            }
            let mut jobs = Vec::with_capacity(waiting.len() + others.len());
            for message in waiting.into_iter().chain(others) {
                match message {
                    Message::Job(job) => jobs.push(job),
                    Message::Close(sender) => {
                        first.close();
                        queue.close();
                        closing = Some(sender);
                    }
                }
            }
            if !jobs.is_empty() {
                self.perform(jobs).await;
            }
        }
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the database's write connection did not close cleanly");
        }
        if let Some(sender) = closing {
            let _ = sender.send(());
        }
    }

    /// Runs one batch and answers it. Jobs that were not begun are dropped, which answers them with
    /// [`closed`].
    async fn perform(&mut self, jobs: Vec<Job>) {
        let mut answers = Vec::with_capacity(jobs.len());
        let committed = self.transact(jobs, &mut answers).await;
        if let Err(error) = &committed {
            tracing::error!(%error, jobs = answers.len(), "a transaction failed; its writes did not happen");
            self.connection = None;
        }
        for answer in answers {
            answer(committed.clone());
        }
    }

    async fn transact(
        &mut self,
        jobs: Vec<Job>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => self.connection.insert(connection),
            None => self.connection.insert(dialect::connect_writer(&self.options).await?),
        };
        run(connection, dialect::BEGIN).await?;
        let alone = jobs.len() == 1;
        for (n, job) in jobs.into_iter().enumerate() {
            match (alone, n) {
                (true, _) => {}
                (false, 0) => run(connection, "SAVEPOINT job").await?,
                (false, _) => {
                    run(connection, "RELEASE SAVEPOINT job; SAVEPOINT job")
                        .await
                        .map_err(unavailable)?;
                }
            }
            let Ok(worked) = AssertUnwindSafe(job(connection)).catch_unwind().await else {
                return Err(StoreError::Unavailable("a write ended in a panic".to_owned()));
            };
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
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
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
