//! The driver: claims runs and drives each in a task of its own, until it is told to stop.
//!
//! ```text
//!   wake() ─┐
//!   timer ──┼─► claim ─► task: drive ─► park / end
//!   stop ───┘      ▲                       │
//!                  └───────────────────────┘
//! ```

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Env;
use super::drive::drive;
use super::lease::Lease;
use super::outbox::Outbox;
use crate::store::{LEASE, StoreError};

/// Runs that are driven beside each other; more wait in the store. Each takes a few kilobytes; the
/// bound keeps AWS's shared buckets from being emptied at once.
pub const DRIVEN_MAX: usize = 64;

/// Drives in all: one that rests half way is a sleep and its timeline in memory, and takes no place
/// from an undo or a revocation. More of them than this mean that AWS answers nobody.
const DRIVES_MAX: usize = 1_024;

/// The longest time between two looks for work: a hint may be lost, a poll is not.
const POLL: Duration = Duration::from_secs(1);

/// The wait after the store failed.
const STORE_RETRY: Duration = Duration::from_secs(2);

/// Starts and stops the driver.
pub struct Driver;

/// A running driver.
pub struct DriverHandle {
    stopping: CancellationToken,
    hint: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
    outbox: Outbox,
}

impl Driver {
    /// Starts the driver. Runs that a dead process of this deployment left are taken over at once.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn spawn(env: Arc<Env>, hint: Arc<Notify>) -> Result<DriverHandle, StoreError> {
        let recovered = env.store.recover(&env.owner, env.clock.now()).await?;
        if recovered > 0 {
            tracing::info!(runs = recovered, "taking over runs that a stopped process left");
        }
        let stopping = CancellationToken::new();
        let outbox = Outbox::start(Arc::clone(&env));
        let task = tokio::spawn(claim_loop(env, Arc::clone(&hint), stopping.clone()));
        Ok(DriverHandle { stopping, hint, task, outbox })
    }
}

/// Drives everything that can be driven, one run after the other, and moves on to the next wake-up by
/// `skip_to`; until nothing is left but questions to people. For playbook tests, drills and tests,
/// whose time is their own.
///
/// # Errors
/// When the store fails.
#[cfg(test)]
pub async fn run_until_idle(
    env: &Env,
    skip_to: impl Fn(jiff::Timestamp),
) -> Result<(), StoreError> {
    let stopping = CancellationToken::new();
    loop {
        super::outbox::send_due(env).await?;
        let claimed = env.clock.monotonic();
        if let Some((run, fence)) = env.store.claim(&env.owner, env.clock.now()).await? {
            Box::pin(drive(env, &run, &Lease::new(fence, claimed), &stopping)).await?;
            continue;
        }
        let waits = env.store.runs_open().await?;
        let next = waits.iter().filter(|run| !run.asks).filter_map(|run| run.wake_at).min();
        match next {
            Some(at) if at > env.clock.now() => skip_to(at),
            _ => return Ok(()),
        }
    }
}

impl DriverHandle {
    /// Whether the driver still claims runs, and tells people.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.task.is_finished() && self.outbox.is_alive()
    }

    /// Stops claiming, lets calls under way end and their outcomes be written, gives runs back.
    pub async fn drain(self) {
        self.stopping.cancel();
        self.hint.notify_waiters();
        self.hint.notify_one();
        if let Err(error) = self.task.await {
            tracing::error!(error = %error, "the driver did not stop in order");
        }
        // Last: how runs ended meanwhile is told, too.
        self.outbox.stop().await;
    }
}

async fn claim_loop(env: Arc<Env>, hint: Arc<Notify>, stopping: CancellationToken) {
    let mut tasks: JoinSet<()> = JoinSet::new();
    while !stopping.is_cancelled() {
        while tasks.try_join_next().is_some() {}
        let mut wait = POLL;
        while tasks.len() < DRIVES_MAX
            && tasks.len().saturating_sub(env.resting.load(Ordering::Relaxed)) < DRIVEN_MAX
        {
            let claimed = env.clock.monotonic();
            match env.store.claim(&env.owner, env.clock.now()).await {
                Ok(Some((run, fence))) => {
                    let (env, hint, stopping) =
                        (Arc::clone(&env), Arc::clone(&hint), stopping.clone());
                    tasks.spawn(async move {
                        let lease = Lease::new(fence, claimed);
                        let work = std::panic::AssertUnwindSafe(drive_renewing(&env, &run, &lease, &stopping));
                        match work.catch_unwind().await {
                            Ok(Ok(_)) => {}
                            Ok(Err(error)) => {
                                tracing::error!(case = %run.case, run = %run.id, error = %error, "a run could not go on; it will be claimed again");
                            }
                            Err(_) => {
                                tracing::error!(case = %run.case, run = %run.id, "a run panicked; it will be claimed again");
                            }
                        }
                        hint.notify_one();
                    });
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(error = %error, "no run could be claimed");
                    wait = STORE_RETRY;
                    break;
                }
            }
        }
        tokio::select! {
            () = hint.notified() => {}
            () = env.clock.sleep(wait) => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// Renews the lease beside the work, so that a long call does not lose it.
async fn drive_renewing(
    env: &Env,
    run: &crate::store::RunRow,
    lease: &Lease,
    stopping: &CancellationToken,
) -> Result<(), StoreError> {
    let renewals = async {
        loop {
            env.clock.sleep(LEASE / 3).await;
            if let Err(error) = lease.renew(&env.store, env.clock.as_ref()).await {
                return error;
            }
        }
    };
    tokio::select! {
        result = Box::pin(drive(env, run, lease, stopping)) => result.map(drop),
        error = renewals => Err(error),
    }
}
