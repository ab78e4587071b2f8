//! AWS's side of throttling: buckets of the published sizes, filled once a second, that refuse.
//!
//! Written apart from `paced`, which keeps to the limits: there tokens come one by one, here all at
//! once, at a moment that callers do not know. Only the sizes are common, and they are AWS's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::change::Urgency;
use crate::clock::Clock;
use crate::cloud::Scope;
use crate::cloud::paced::{Key, Size};
use crate::id::Place;

/// One call of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// When, on the clock that can't be set.
    pub at: Duration,
    /// `service:Operation`.
    pub operation: String,
    /// How urgent its caller said it was.
    pub urgency: Urgency,
    /// The caller's step.
    pub step: String,
    /// Whether it was refused.
    pub throttled: bool,
}

/// The limits of all accounts, and who called.
pub struct Limits {
    clock: Arc<dyn Clock>,
    /// The time each call takes.
    latency: Duration,
    size: fn(&Key) -> Option<Size>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Tokens, and the second in which they were counted.
    buckets: HashMap<Key, (u32, u64)>,
    calls: Vec<Call>,
}

impl Limits {
    /// AWS's own. Each call takes `latency`.
    #[must_use]
    pub fn of_aws(clock: Arc<dyn Clock>, latency: Duration) -> Arc<Self> {
        Arc::new(Self { clock, latency, size: |key| Some(key.size()), state: Mutex::default() })
    }

    /// None: only the calls are written down.
    #[must_use]
    pub fn none(clock: Arc<dyn Clock>) -> Arc<Self> {
        let latency = Duration::ZERO;
        Arc::new(Self { clock, latency, size: |_| None, state: Mutex::default() })
    }

    /// The calls so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).calls.clone()
    }

    pub(super) async fn allow(&self, scope: &Scope, operation: &str, at: &Place) -> bool {
        let allowed = self.count(scope, operation, at);
        if !self.latency.is_zero() {
            self.clock.sleep(self.latency).await;
        }
        allowed
    }

    fn count(&self, scope: &Scope, operation: &str, at: &Place) -> bool {
        let now = self.clock.monotonic();
        let key = Key::new(operation, at);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = (self.size)(&key).is_none_or(|size| {
            let second = now.as_secs();
            let (tokens, counted) = state.buckets.entry(key).or_insert((size.burst, second));
            let came = u64::from(size.per_second).saturating_mul(second - *counted);
            *tokens =
                tokens.saturating_add(u32::try_from(came).unwrap_or(u32::MAX)).min(size.burst);
            *counted = second;
            let left = tokens.checked_sub(1);
            *tokens = left.unwrap_or(0);
            left.is_some()
        });
        state.calls.push(Call {
            at: now,
            operation: operation.to_owned(),
            urgency: scope.urgency,
            step: scope.step.clone(),
            throttled: !allowed,
        });
        allowed
    }
}
