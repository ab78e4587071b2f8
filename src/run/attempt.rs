//! Patience with AWS: which errors may pass, how long to wait for it, and when to stop trying.
//!
//! Nothing here changes AWS: a call that has an effect is repeated by `stage`, under its own rules.

use std::time::Duration;

use crate::action::LookError;
use crate::change::Urgency;
use crate::clock::Clock;
use crate::cloud::{CloudError, ErrorClass};

/// Attempts at one call that is throttled or fails before it takes effect.
pub const ATTEMPTS_MAX: u32 = 6;

/// The wait after a first failed attempt; it doubles up to [`BACKOFF_MAX`].
const BACKOFF: Duration = Duration::from_millis(250);

/// The longest wait between two attempts: EC2's slowest bucket refills 5 tokens a second.
pub const BACKOFF_MAX: Duration = Duration::from_secs(8);

/// The rest of a step whose target another step works on: that one takes seconds.
pub const TARGET_REST: Duration = Duration::from_secs(2);

/// How old a look may be when it is acted on: about as long as a look and the guards take on AWS when
/// every call is slow.
pub const LOOK_AGE_MAX: Duration = Duration::from_secs(5);

/// The longest that a step rests between two rounds of attempts.
pub const REST_MAX: Duration = Duration::from_secs(300);

/// The longest pause between two looks of a step that waits for AWS.
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// Rounds of [`ATTEMPTS_MAX`] attempts that end throttled or failed before the step is given up and
/// a person is told: with the rests between them somewhat more than half an hour. Counted from the
/// timeline, so that neither a restart nor a day of standstill changes it.
pub const ROUNDS_MAX: usize = 12;

/// As [`ROUNDS_MAX`], for a step that stands half way: some half an hour of attempts.
const HALF_WAY_ROUNDS_MAX: usize = 200;

/// How long after a step was asked for its looks may still be throttled before it is given up. A
/// look leaves no trace in the timeline that could be counted; after a standstill one more round is
/// tried.
pub const READ_PATIENCE: Duration = Duration::from_secs(1800);

/// The longest that a step waits for something that AWS does by itself. The first snapshot of a
/// volume of 16 TiB takes more than a day (EBS User Guide, snapshot creation), a copy again as long.
pub const WAIT_MAX: Duration = Duration::from_secs(72 * 3600);

/// An error that a later attempt may not meet.
pub trait Passing {
    /// Whether a read may be tried again.
    fn may_pass(&self) -> bool;
}

impl Passing for CloudError {
    fn may_pass(&self) -> bool {
        // A read has no effect, so that a lost answer is no more than a failure.
        may_pass(self.class) || self.class == ErrorClass::InDoubt
    }
}

impl Passing for LookError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Cloud(error) if error.may_pass())
    }
}

/// The patience of one read: at most [`ATTEMPTS_MAX`] attempts.
///
/// ```text
/// let mut patience = Patience::default();
/// loop {
///     match read().await {
///         Err(error) if patience.again(clock, &error).await => {}
///         other => break other,
///     }
/// }
/// ```
#[derive(Debug, Default)]
pub struct Patience {
    attempts: u32,
}

impl Patience {
    /// Whether to try again after `error`; waits first if so.
    pub async fn again(&mut self, clock: &dyn Clock, error: &impl Passing) -> bool {
        self.attempts += 1;
        if !error.may_pass() || self.attempts >= ATTEMPTS_MAX {
            return false;
        }
        clock.sleep(backoff(self.attempts)).await;
        true
    }
}

/// Whether a call that failed so had no effect and may be made again.
pub fn may_pass(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Throttled | ErrorClass::Transient)
}

/// The wait after failed attempt `attempt`, from 1.
pub fn backoff(attempt: u32) -> Duration {
    BACKOFF.saturating_mul(1 << attempt.min(8).saturating_sub(1)).min(BACKOFF_MAX)
}

/// Rounds before a step is given up. One that stands half way goes on for longer, and without rests:
/// an interface may be open to the world in between.
pub fn rounds(half_way: bool) -> usize {
    if half_way { HALF_WAY_ROUNDS_MAX } else { ROUNDS_MAX }
}

/// How long after a step was asked for its looks may still be throttled before it is given up.
/// Evidence may have waited for days for AWS.
pub fn read_patience(urgency: Urgency) -> Duration {
    if urgency == Urgency::Evidence { WAIT_MAX } else { READ_PATIENCE }
}

/// Whether a throttled change is gone on with however often it was: evidence waits in line for what AWS works on
/// at once, such as copies of snapshots to one Region, as long as it waits for what AWS is already working on.
pub fn outwaits(urgency: Urgency, age: Duration) -> bool {
    urgency == Urgency::Evidence && age < WAIT_MAX
}

/// The rest after failed round `round`, from 1; 0: hardly any.
pub fn rest(round: usize) -> Duration {
    if round == 0 {
        return BACKOFF;
    }
    let doubled = u32::try_from(round.saturating_sub(1)).unwrap_or(u32::MAX).min(8);
    BACKOFF_MAX.saturating_mul(1 << doubled).min(REST_MAX)
}

/// The least time before the next look of a step that has waited for `age`: a twentieth of it, so
/// that a wait of days takes hundreds of looks, not ten thousands.
pub fn pause(age: Duration) -> Duration {
    (age / 20).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_outwaits_throttling_and_nothing_waits_for_ever() {
        let (hour, most) = (Duration::from_secs(3600), WAIT_MAX);
        for (urgency, age, expected) in [
            (Urgency::Evidence, hour, true),
            (Urgency::Evidence, most, false),
            (Urgency::Containment, hour, false),
            (Urgency::Description, hour, false),
        ] {
            assert_eq!(outwaits(urgency, age), expected, "{urgency:?} {age:?}");
        }
    }

    #[test]
    fn rests_grow_and_add_up_to_what_is_promised() {
        assert_eq!((rest(1), rest(2), rest(ROUNDS_MAX)), (BACKOFF_MAX, BACKOFF_MAX * 2, REST_MAX));
        let all: Duration = (1..ROUNDS_MAX).map(rest).sum();
        assert!(all > Duration::from_secs(1800) && all < Duration::from_secs(3600), "{all:?}");
    }
}
