//! Changes whose answer was lost, by a crash or a timeout: settled by a look, never by a guess.

use std::time::Duration;

use super::attempt::{Passing, READ_PATIENCE};
use super::outcome::{Outcome, OutcomeResult};
use crate::change::Change;
use crate::clock::Clock;
use crate::cloud::{Session, Standing, standing};

/// Time between two looks for something new.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Looks that are tried before the outcome is `unknown`.
const LOOKS_MAX: u32 = 4;

/// How long a read of something that is not new may show it as it was. AWS names no bound; seconds
/// are usual (EC2 API Reference, "Eventual consistency"; IAM User Guide, "Changes that I make are not
/// always immediately visible").
const STALE_WITHIN: Duration = Duration::from_secs(6);

/// Finds out whether a change happened. `age` is the time since its intent; `visible_within`, how
/// long something new may stay invisible (see [`Cloud::visible_within`](crate::cloud::Cloud)).
pub async fn settle(
    session: &dyn Session,
    clock: &dyn Clock,
    change: &Change,
    age: Duration,
    visible_within: Duration,
) -> Outcome {
    let started = clock.monotonic();
    let waits = if change.creates() { visible_within } else { visible_within.min(STALE_WITHIN) };
    let mut last = None;
    let mut looks = 0;
    let result = loop {
        match standing(session, change).await {
            Ok(Standing::After) => break OutcomeResult::Observed,
            Ok(Standing::Before | Standing::Other(_) | Standing::Gone)
                if age + clock.monotonic().saturating_sub(started) < waits =>
            {
                clock.sleep(LOOK_EVERY).await;
                continue;
            }
            // Somebody else's value or a vanished target: our change is not what is there now. The
            // next look of the action decides what to do about it.
            Ok(Standing::Before | Standing::Other(_) | Standing::Gone) => {
                break OutcomeResult::NotHappened;
            }
            // Nobody can tell from what is there, now or later.
            Ok(Standing::Unseen) => break OutcomeResult::Unknown,
            Err(error) => last = Some(error),
        }
        looks += 1;
        if looks == LOOKS_MAX {
            break OutcomeResult::Unknown;
        }
        clock.sleep(Duration::from_secs(1 << looks)).await;
    };
    let error = if result == OutcomeResult::Unknown { last } else { None };
    Outcome { result, receipt: None, error, attempts: 0, millis: millis(clock, started) }
}

/// Whether an outcome is unknown only because AWS does not answer now: it is settled later, and the
/// intent stays open until then. `age` is the time since the intent.
pub fn is_for_later(outcome: &Outcome, age: Duration) -> bool {
    outcome.result == OutcomeResult::Unknown
        && age < READ_PATIENCE
        && outcome.error.as_ref().is_some_and(Passing::may_pass)
}

/// Milliseconds since `started`.
pub fn millis(clock: &dyn Clock, started: Duration) -> u64 {
    u64::try_from(clock.monotonic().saturating_sub(started).as_millis()).unwrap_or(u64::MAX)
}
