//! The clock of tests: time moves when a test says so. No product code is timed by it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::Clock;

/// A clock that stands still until a test moves it.
#[derive(Clone)]
pub struct ManualClock {
    inner: Arc<Manual>,
}

struct Manual {
    state: Mutex<(Timestamp, Duration)>,
    moved: Notify,
    /// When who sleeps wants to wake, with how many do.
    wakes: Mutex<BTreeMap<Duration, usize>>,
    /// Whether a sleep moves the clock by itself: a lone sleeper then never waits in real time.
    self_advancing: bool,
}

impl ManualClock {
    /// A clock that shows `start` and moves only by [`ManualClock::advance`].
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self::build(start, false)
    }

    /// A clock that shows `start` and jumps forward whenever somebody sleeps on it.
    #[must_use]
    pub fn self_advancing(start: Timestamp) -> Self {
        Self::build(start, true)
    }

    fn build(start: Timestamp, self_advancing: bool) -> Self {
        let state = Mutex::new((start, Duration::ZERO));
        let (moved, wakes) = (Notify::new(), Mutex::default());
        Self { inner: Arc::new(Manual { state, moved, wakes, self_advancing }) }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        {
            let mut state = self.lock();
            state.1 += by;
            state.0 = state.0.checked_add(by).unwrap_or(Timestamp::MAX);
        }
        self.inner.moved.notify_waiters();
    }

    /// Puts the clock back, as a time server may: what is monotonic stays.
    pub fn put_back(&self, by: Duration) {
        let mut state = self.lock();
        state.0 = state.0.checked_sub(by).unwrap_or(Timestamp::MIN);
    }

    /// Moves both clocks to the moment at which the first sleeper wakes; false: nobody sleeps. For a
    /// test that plays many tasks and calls it when none of them can go on.
    pub fn skip(&self) -> bool {
        let first = self.wakes().keys().next().copied();
        if let Some(first) = first {
            self.advance(first.saturating_sub(self.monotonic()));
        }
        first.is_some()
    }

    fn wakes(&self) -> std::sync::MutexGuard<'_, BTreeMap<Duration, usize>> {
        self.inner.wakes.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Timestamp, Duration)> {
        self.inner.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.lock().0
    }

    fn monotonic(&self) -> Duration {
        self.lock().1
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let until = clock.monotonic() + duration;
        Box::pin(async move {
            if clock.inner.self_advancing {
                // Others that are ready go first, so that a sleep is never shorter than work at hand.
                tokio::task::yield_now().await;
                let left = until.saturating_sub(clock.monotonic());
                if !left.is_zero() {
                    clock.advance(left);
                }
                return;
            }
            let _sleeper = Sleeper::new(&clock, until);
            loop {
                let moved = clock.inner.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                if clock.monotonic() >= until {
                    return;
                }
                moved.await;
            }
        })
    }
}

/// Somebody who sleeps, for as long as they do.
struct Sleeper<'a> {
    clock: &'a ManualClock,
    until: Duration,
}

impl<'a> Sleeper<'a> {
    fn new(clock: &'a ManualClock, until: Duration) -> Self {
        *clock.wakes().entry(until).or_default() += 1;
        Self { clock, until }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        let mut wakes = self.clock.wakes();
        if let Some(count) = wakes.get_mut(&self.until) {
            *count -= 1;
            if *count == 0 {
                wakes.remove(&self.until);
            }
        }
    }
}
