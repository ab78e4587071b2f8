//! Time, injected: the only place that reads a clock or sleeps.
//!
//! Timestamps in the timeline come from [`Clock::now`]; deadlines use [`Clock::monotonic`], which no
//! time server can move. Tests use `ManualClock`, whose time moves when it is told to.

#[cfg(test)]
mod manual;

use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
#[cfg(test)]
pub use manual::ManualClock;

/// What time it is, and a way to wait.
pub trait Clock: Send + Sync {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
    /// Time since the process started; never goes back.
    fn monotonic(&self) -> Duration;
    /// Ends after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The operating system's clock.
pub struct SystemClock {
    started: std::time::Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one home of the system clock")]
    pub fn new() -> Self {
        Self { started: std::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one home of the system clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "the one home of the system clock")]
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
