//! How often one token may ask.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::id::TokenId;

/// Seconds of the rate that may come at once: EventBridge delivers in bursts after an outage.
const BURST_SECONDS: u32 = 10;

/// A limit per token.
pub struct Limit {
    limiter: DefaultKeyedRateLimiter<TokenId>,
    clock: DefaultClock,
}

impl Limit {
    /// `rate` requests a second from each token; `None` for 0.
    #[must_use]
    pub fn per_second(rate: u32) -> Option<Self> {
        let rate = NonZeroU32::new(rate)?;
        let burst = rate.saturating_mul(NonZeroU32::new(BURST_SECONDS)?);
        let limiter = RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst));
        Some(Self { limiter, clock: DefaultClock::default() })
    }

    /// Counts a request of `token`.
    ///
    /// # Errors
    /// How long to wait, when it is one too many.
    pub fn check(&self, token: &TokenId) -> Result<(), Duration> {
        self.limiter.check_key(token).map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::Limit;

    #[test]
    fn each_token_has_its_own_limit() {
        assert!(Limit::per_second(0).is_none());
        let limit = Limit::per_second(1).unwrap();
        let (one, two) = ("tok-0001".parse().unwrap(), "tok-0002".parse().unwrap());
        let passed = (0..50).filter(|_| limit.check(&one).is_ok()).count();
        assert!((10..=11).contains(&passed), "{passed}");
        assert!(limit.check(&two).is_ok());
    }
}
