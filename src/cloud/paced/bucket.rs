//! One token bucket: arithmetic over times that it is given.

use std::time::Duration;

use super::size::Size;

/// One token, in millionths: a rate of so many tokens a second is as many millionths a microsecond,
/// so that nothing is ever rounded away.
const TOKEN: u64 = 1_000_000;

/// A bucket that fills evenly.
#[derive(Debug, Clone)]
pub struct Bucket {
    size: Size,
    /// Millionths of tokens.
    level: u64,
    /// Microseconds of the clock at which `level` was right.
    at: u64,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn full(size: Size, now: Duration) -> Self {
        Self { size, level: u64::from(size.burst) * TOKEN, at: micros(now) }
    }

    /// Adds what has come since the last time.
    pub fn refill(&mut self, now: Duration) {
        let now = micros(now);
        let came = now.saturating_sub(self.at).saturating_mul(self.size.per_second.into());
        self.level = self.level.saturating_add(came).min(u64::from(self.size.burst) * TOKEN);
        self.at = self.at.max(now);
    }

    /// Takes a token, where there is one.
    pub fn take(&mut self) -> bool {
        let left = self.level.checked_sub(TOKEN);
        self.level = left.unwrap_or(self.level);
        left.is_some()
    }

    /// Takes everything: AWS said that its bucket is empty, so ours is wrong. From now on it refills
    /// as AWS's does.
    pub fn empty(&mut self, now: Duration) {
        self.refill(now);
        self.level = 0;
    }

    /// Gives tokens back that were taken and not used.
    pub fn give_back(&mut self, tokens: u32) {
        let most = u64::from(self.size.burst) * TOKEN;
        self.level = self.level.saturating_add(u64::from(tokens) * TOKEN).min(most);
    }

    /// The time from the last refill until so many tokens have come that are not taken.
    #[must_use]
    pub fn until(&self, tokens: u32) -> Duration {
        let missing = (u64::from(tokens) * TOKEN).saturating_sub(self.level);
        Duration::from_micros(missing.div_ceil(u64::from(self.size.per_second.max(1))))
    }

    /// Whether it is as good as new: nothing is lost by forgetting it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.level == u64::from(self.size.burst) * TOKEN
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { burst: 3, per_second: 2 };

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn taken(bucket: &mut Bucket, now: Duration) -> usize {
        bucket.refill(now);
        std::iter::repeat_with(|| bucket.take()).take_while(|taken| *taken).count()
    }

    #[test]
    fn it_holds_its_burst_and_fills_at_its_rate() {
        let mut bucket = Bucket::full(SIZE, at(500));
        for (now, tokens) in [(500, 3), (500, 0), (999, 0), (1_000, 1), (2_499, 2), (2_500, 1)] {
            assert_eq!(taken(&mut bucket, at(now)), tokens, "at {now} ms");
        }
        assert_eq!(taken(&mut bucket, at(1_000_000)), 3, "it holds no more than its burst");
    }

    #[test]
    fn it_says_when_the_next_token_comes() {
        let mut bucket = Bucket::full(SIZE, at(0));
        assert_eq!(bucket.until(1), Duration::ZERO);
        taken(&mut bucket, at(0));
        assert_eq!((bucket.until(1), bucket.until(5)), (at(500), at(2_500)));
        bucket.refill(at(200));
        assert_eq!(bucket.until(1), at(300));
        let then = at(200) + bucket.until(1);
        assert_eq!(taken(&mut bucket, then), 1);
        assert!(!bucket.is_full());
        bucket.refill(at(2_000));
        assert!(bucket.is_full(), "after its refill time");
    }

    #[test]
    fn what_aws_says_counts_more_than_what_we_thought() {
        let mut bucket = Bucket::full(SIZE, at(0));
        bucket.empty(at(100));
        assert_eq!((taken(&mut bucket, at(599)), taken(&mut bucket, at(600))), (0, 1));
        bucket.give_back(9);
        assert!(bucket.is_full());
        // A clock that stands still or steps back gives nothing.
        assert_eq!((taken(&mut bucket, at(0)), taken(&mut bucket, at(600))), (3, 0));
    }
}
