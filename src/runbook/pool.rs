//! Our own few threads for evaluations, with large stacks.
//!
//! ```text
//! async caller ──job──► channel ──► evaluator thread (64 MiB stack) ──verdict──► async caller
//! ```
//!
//! Never tokio's threads: an evaluation takes up to two seconds, and nested data overflows their
//! stacks. The threads share one engine and no state.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use rhai::Engine;
use tokio::sync::oneshot;

use super::advance::{Advance, Evaluated, ScriptError, evaluate};
use super::engine::build_engine;
use super::library::Runbook;
use super::limits::STACK_BYTES;
use super::step::{Facts, Recorded};
use crate::error::Code;

struct Job {
    runbook: Arc<Runbook>,
    facts: Arc<Facts>,
    recorded: Arc<Recorded>,
    reply: oneshot::Sender<Evaluated>,
}

/// Evaluates scripts. Cloning shares the threads; they end when the last clone is dropped.
#[derive(Clone)]
pub struct Evaluator {
    jobs: Sender<Job>,
    engine: Arc<Engine>,
}

impl Evaluator {
    /// Starts `threads` threads (at least one) with one engine.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        Self::with_engine(threads, build_engine())
    }

    /// The same with another engine.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn with_engine(threads: usize, engine: Engine) -> std::io::Result<Self> {
        let engine = Arc::new(engine);
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for index in 0..threads.max(1) {
            let (queue, engine) = (Arc::clone(&queue), Arc::clone(&engine));
            std::thread::Builder::new()
                .name(format!("runbook-{index}"))
                .stack_size(STACK_BYTES)
                .spawn(move || work(&queue, &engine))?;
        }
        Ok(Self { jobs, engine })
    }

    /// The engine that the threads share, for compiling.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Evaluates once.
    pub async fn advance(
        &self,
        runbook: Arc<Runbook>,
        facts: Arc<Facts>,
        recorded: Arc<Recorded>,
    ) -> Evaluated {
        let (reply, verdict) = oneshot::channel();
        if self.jobs.send(Job { runbook, facts, recorded, reply }).is_err() {
            return gone();
        }
        verdict.await.unwrap_or_else(|_| gone())
    }
}

fn gone() -> Evaluated {
    let ended = Advance::Failed(ScriptError {
        code: Code::SCRIPT_FAILED,
        message: "the evaluator's threads have ended; this is a defect of Tourniquet".to_owned(),
        line: None,
        column: None,
        step: None,
    });
    ended.into()
}

fn work(queue: &Mutex<Receiver<Job>>, engine: &Engine) {
    loop {
        // The lock is held only while waiting for a job, not while evaluating.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let verdict = evaluate(engine, &job.runbook, &job.facts, &job.recorded);
        // The caller may have given up; then nobody needs the verdict.
        let _ = job.reply.send(verdict);
    }
}
