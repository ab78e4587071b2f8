//! The one writer: group commit.
//!
//! One task owns the one write connection. It takes everything that waits into one transaction,
//! commits once (one fsync), and only then answers. What fails is rolled back alone; a commit that
//! fails is everyone's failure, and nothing was acknowledged.
//!
//! What arrives from outside goes first, because its sender waits and gives up; of the runs' writes
//! some go with every transaction, so that a flood of findings does not stop a containment.
//!
//! After such a failure the connection is thrown away: a later fsync that succeeds on it would
//! prove nothing about what was lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::BoxFuture;
use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, Connection as _};
use tokio::sync::{mpsc, oneshot};

use super::accept::{Accepted, Delivery};
use super::transaction::{Answer, Job, Waiting, Work, job, transact};
use super::{StoreError, dialect};

/// Jobs of one transaction. More would let the first wait long for its answer, and the fsync is
/// already shared by enough.
const BATCH_MAX: usize = 256;

/// Other jobs beside those that go first: what the first wait longer for in a transaction, and what
/// runs get on with under a flood.
const BESIDE_MAX: usize = 16;

/// Jobs that wait in each queue; further callers wait for a place. Bounds what a burst of findings keeps in memory.
const QUEUE_MAX: usize = 1024;

enum Message {
    /// Goes first.
    Finding(Box<Waiting>),
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
        let (sender, answered) = oneshot::channel();
        let queue = match turn {
            Turn::First => &self.first,
            Turn::Next => &self.queue,
        };
        queue.send(Message::Job(job(work, sender))).await.map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Accepts a finding, together with those that wait beside it.
    pub(super) async fn deliver(&self, delivery: Delivery) -> Result<Accepted, StoreError> {
        let (sender, answered) = oneshot::channel();
        let waiting = Box::new(Waiting { delivery, sender });
        self.first.send(Message::Finding(waiting)).await.map_err(|_| closed())?;
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
            let mut work = Work::default();
            for message in waiting.into_iter().chain(others) {
                match message {
                    Message::Finding(waiting) => work.findings.push(*waiting),
                    Message::Job(job) => work.jobs.push(job),
                    Message::Close(sender) => {
                        first.close();
                        queue.close();
                        closing = Some(sender);
                    }
                }
            }
            if !work.is_empty() {
                self.perform(work).await;
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

    /// Carries one batch out and answers it. What was not begun is dropped, which answers it with
    /// [`closed`].
    async fn perform(&mut self, work: Work) {
        let mut answers = Vec::with_capacity(work.findings.len() + work.jobs.len());
        let committed = self.commit(work, &mut answers).await;
        if let Err(error) = &committed {
            tracing::error!(%error, answers = answers.len(), "a transaction failed; its writes did not happen");
            self.connection = None;
        }
        for answer in answers {
            answer(committed.clone());
        }
    }

    async fn commit(&mut self, work: Work, answers: &mut Vec<Answer>) -> Result<(), StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => self.connection.insert(connection),
            None => self.connection.insert(dialect::connect_writer(&self.options).await?),
        };
        transact(connection, work, answers).await?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
