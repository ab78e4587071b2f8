//! The proof that this process may drive a run: it exists only between a claim and its loss.
//!
//! Writes carry the fence, so the store refuses a process that lost the run. AWS can't check a
//! fence, so the monotonic deadline is asked immediately before each call: a process that was paused
//! beyond its lease makes no call.

use std::sync::Mutex;
use std::time::Duration;

use crate::clock::Clock;
use crate::store::{Fence, LEASE, Store, StoreError};

/// The longest that one AWS call may take, retries of one attempt included: the SDK's own timeouts
/// are below it.
pub const CALL_MAX: Duration = Duration::from_secs(15);

/// A held lease.
pub struct Lease {
    /// What the store checks.
    pub fence: Fence,
    deadline: Mutex<Duration>,
}

impl Lease {
    /// A lease claimed at `claimed`, the monotonic time before the claim's round trip.
    #[must_use]
    pub fn new(fence: Fence, claimed: Duration) -> Self {
        Self { fence, deadline: Mutex::new(claimed + LEASE) }
    }

    /// Makes sure that a call of up to [`CALL_MAX`] ends inside the lease, renewing it if need be.
    ///
    /// # Errors
    /// [`StoreError::LostLease`] when another process has the run.
    pub async fn hold(&self, store: &Store, clock: &dyn Clock) -> Result<(), StoreError> {
        let asked = clock.monotonic();
        let deadline = *self.lock();
        // Two thirds of the lease are left for the work between two renewals.
        if asked + CALL_MAX.max(LEASE / 3) < deadline {
            return Ok(());
        }
        self.renew(store, clock).await
    }

    /// Extends the lease from now on.
    ///
    /// # Errors
    /// [`StoreError::LostLease`] when another process has the run.
    pub async fn renew(&self, store: &Store, clock: &dyn Clock) -> Result<(), StoreError> {
        let asked = clock.monotonic();
        store.renew(&self.fence, clock.now()).await?;
        *self.lock() = asked + LEASE;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Duration> {
        self.deadline.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
