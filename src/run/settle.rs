//! Changes whose answer was lost, by a crash or a timeout: settled by a look, never by a guess.

use std::time::Duration;

use super::journal::{Outcome, OutcomeResult};
use crate::change::Change;
use crate::clock::Clock;
use crate::cloud::{Session, Standing, standing};

/// How long a create may take to show up in a look by tag: EC2's Describe calls are eventually
/// consistent (EC2 API reference, eventual consistency), usually within seconds.
pub const CREATE_SETTLE: Duration = Duration::from_secs(5);

/// Looks that are tried before the outcome is `unknown`.
const LOOKS_MAX: u32 = 4;

/// Finds out whether a change happened. `age` is the time since its intent.
pub async fn settle(
    session: &dyn Session,
    clock: &dyn Clock,
    change: &Change,
    age: Duration,
) -> Outcome {
    let started = clock.monotonic();
    if change.creates() && age < CREATE_SETTLE {
        clock.sleep(CREATE_SETTLE - age).await;
    }
    let mut last = None;
    let mut looks = 0;
    let result = loop {
        looks += 1;
        match standing(session, change).await {
            Ok(Standing::After) => break OutcomeResult::Observed,
            // Somebody else's value or a vanished target: our change is not what is there now. The
            // next look of the action decides what to do about it.
            Ok(Standing::Before | Standing::Other(_) | Standing::Gone) => {
                break OutcomeResult::NotHappened;
            }
            Err(error) => last = Some(error),
        }
        if looks == LOOKS_MAX {
            break OutcomeResult::Unknown;
        }
        clock.sleep(Duration::from_secs(1 << looks)).await;
    };
    let error = if result == OutcomeResult::Unknown { last } else { None };
    Outcome { result, receipt: None, error, attempts: 0, millis: millis(clock, started) }
}

/// Milliseconds since `started`.
pub fn millis(clock: &dyn Clock, started: Duration) -> u64 {
    u64::try_from(clock.monotonic().saturating_sub(started).as_millis()).unwrap_or(u64::MAX)
}
