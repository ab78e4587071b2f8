//! What may be sent alone of messages that nobody but the sender of a finding makes necessary, and
//! sending the others together: however many findings are forged, they are 16 messages an hour.
//!
//! ```text
//!   due ─► fewer than ALONE_MAX in the last hour? ─ yes ─► alone, at once
//!              │ no
//!              └─► waits ─► GATHERED_EVERY has passed: all that are due, as one message
//! ```
//!
//! How many were sent alone is known to the process alone: after a restart it may be ten more. The time
//! is the monotonic one, so that no clock that is put back silences anything. Which messages went
//! together stands in the store: what failed goes again as it was, and as long as it has not arrived no
//! others are put together.

use std::collections::VecDeque;
use std::iter;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::{SENT_WITHIN, after, again, note, send, takes_no_entry};
use crate::id::CaseId;
use crate::notify::{Delivery, Message, NotifyError};
use crate::run::Env;
use crate::run::tell::{self, Together};
use crate::store::{Gathered, MessageRow, StoreError};
use crate::timeline::Draft;

/// How many are sent alone within [`ALONE_WITHIN`]: more than a deployment has that is set up right, and
/// not so many that nobody reads the next page.
const ALONE_MAX: usize = 10;

/// The time for which [`ALONE_MAX`] holds.
const ALONE_WITHIN: Duration = Duration::from_secs(60 * 60);

/// The wait for those that are sent together: a genuine finding among forged ones is told within this.
const GATHERED_EVERY: Duration = Duration::from_secs(10 * 60);

/// How many are sent together: all that whoever forges findings sends in ten minutes, so that a genuine one
/// does not wait behind more severe ones. More than this would not fit into one statement.
const GATHERED_MAX: u32 = 5_000;

/// How many of them are settled in one transaction: each gets a note in its case, and containment must not
/// wait for all of those.
const SETTLED_AT_ONCE: usize = 200;

/// What was sent of them since the process started, by its monotonic clock.
#[derive(Debug, Default)]
pub struct Pace {
    /// When each was sent alone, as far as that still counts: attempts, because what was not answered in
    /// time may have been read.
    alone: VecDeque<Duration>,
    /// Since when they are to be sent together; `None`: they are sent alone.
    together: Option<Duration>,
}

impl Pace {
    /// How many may be sent alone now.
    fn left(&mut self, now: Duration) -> usize {
        self.alone.retain(|at| now.saturating_sub(*at) < ALONE_WITHIN);
        match self.together {
            Some(_) => 0,
            None => ALONE_MAX.saturating_sub(self.alone.len()),
        }
    }

    fn sent_alone(&mut self, now: Duration, count: usize) {
        self.alone.extend(std::iter::repeat_n(now, count));
        if count > 0 && self.alone.len() >= ALONE_MAX {
            self.together = Some(now);
        }
    }

    /// How many that were not sent together before may be now.
    fn fresh(&self, now: Duration) -> u32 {
        let waited = self.together.map(|since| now.saturating_sub(since));
        if waited.is_some_and(|waited| waited >= GATHERED_EVERY) { GATHERED_MAX } else { 0 }
    }

    /// Those that wait were looked for, and some were `found`, or none.
    fn looked(&mut self, now: Duration, found: Option<&Gathered>) {
        self.alone.retain(|at| now.saturating_sub(*at) < ALONE_WITHIN);
        self.together = match found {
            _ if self.alone.len() < ALONE_MAX => None,
            Some(_) => Some(now),
            None => self.together,
        };
    }
}

fn pace(env: &Env) -> MutexGuard<'_, Pace> {
    env.pace.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many may be sent alone now.
pub(super) fn left(env: &Env) -> u32 {
    u32::try_from(pace(env).left(env.clock.monotonic())).unwrap_or(u32::MAX)
}

/// Counts those among claimed messages that are sent alone.
pub(super) fn count(env: &Env, claimed: &[MessageRow]) {
    let alone = claimed.iter().filter(|message| message.gathered).count();
    pace(env).sent_alone(env.clock.monotonic(), alone);
}

/// Sends as one message what is to be sent so now, and says how many messages that were.
pub(super) async fn send_gathered(env: &Env) -> Result<usize, StoreError> {
    let (now, monotonic) = (env.clock.now(), env.clock.monotonic());
    let until = now.checked_add(SENT_WITHIN).unwrap_or(Timestamp::MAX);
    let fresh = pace(env).fresh(monotonic);
    let gathered = env.store.claim_gathered(now, until, fresh).await?;
    if fresh > 0 {
        pace(env).looked(monotonic, gathered.as_ref());
    }
    let Some(gathered) = gathered else { return Ok(0) };
    match &gathered.messages[..] {
        [message] => send(env, message).await.map(|()| 1),
        _ => send_as_one(env, gathered).await,
    }
}

async fn send_as_one(env: &Env, gathered: Gathered) -> Result<usize, StoreError> {
    let messages = &gathered.messages;
    let count = messages.len();
    let Some(last) = messages.iter().max_by_key(|message| message.created_at) else {
        return Ok(0);
    };
    // All of them are tried as long as the last of them is.
    let attempts = messages.iter().map(|message| message.attempts).min().unwrap_or_default();
    let last = MessageRow { attempts, ..last.clone() };
    let Together { text, named } = tell::together(messages, GATHERED_MAX as usize);
    let message = Message { id: gathered.id.clone(), case: None, run: None, text };
    let sent = env.notifier.send(&last.channel, &message).await;
    let now = env.clock.now();
    let again = match &sent {
        Ok(_) => None,
        Err(_) => again(&last, now),
    };
    if let Err(error) = &sent {
        let cases = messages.iter().filter_map(|message| message.case.as_ref());
        let cases: Vec<_> = cases.map(CaseId::as_str).collect();
        tracing::warn!(channel = last.channel, messages = count, ?cases, attempts = attempts + 1, given_up = again.is_none(), error = %error, "people were not told");
    }
    let named = named.iter().map(|about| Some(about.as_str())).chain(iter::repeat(None));
    let notes = messages.iter().zip(named).map(|(row, about)| {
        let words = told(row, &sent, count, about).or_else(|| note(row, &sent, again, now));
        words.map(|text| tell::remark(now, &text))
    });
    let notes = notes.collect();
    settle(env, gathered, again, notes).await?;
    Ok(count)
}

/// As [`settle`](super::settle) of one; where the timeline of one case takes no entry, each is settled
/// for itself, so that the others have theirs.
async fn settle(
    env: &Env,
    gathered: Gathered,
    again: Option<Timestamp>,
    notes: Vec<Option<Draft>>,
) -> Result<(), StoreError> {
    let Gathered { id, messages } = gathered;
    for (messages, notes) in messages.chunks(SETTLED_AT_ONCE).zip(notes.chunks(SETTLED_AT_ONCE)) {
        let part = Gathered { id: id.clone(), messages: messages.to_vec() };
        match env.store.settle_gathered(part, again, notes.to_vec()).await {
            Err(error) if takes_no_entry(&error) => {
                for (message, note) in messages.iter().zip(notes) {
                    super::settle(env, message, again, note.clone()).await?;
                }
            }
            other => other?,
        }
    }
    Ok(())
}

/// What the timeline says of a message that arrived together with others, which said this `about` it, or
/// nothing; `None`: they did not arrive.
fn told(
    row: &MessageRow,
    sent: &Result<Delivery, NotifyError>,
    count: usize,
    about: Option<&str>,
) -> Option<String> {
    let (channel, after) = (&row.channel, after(row.attempts));
    let others = match count.saturating_sub(1) {
        1 => "together with 1 other".to_owned(),
        n => format!("together with {n} others"),
    };
    let about = match about {
        Some(about) => format!(": {about}"),
        None => ", in a message that had no room to name this case".to_owned(),
    };
    match sent {
        Ok(Delivery::Posted) => Some(format!("channel {channel} was told {others}{after}{about}")),
        Ok(Delivery::Logged) => Some(format!(
            "no channel is configured, so the log alone was told, {others}{after}{about}"
        )),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(n: u64) -> Duration {
        Duration::from_secs(60 * n)
    }

    #[test]
    fn ten_are_sent_alone_within_an_hour_however_they_come() {
        let mut pace = Pace::default();
        for n in 0..10 {
            assert_eq!(pace.left(minute(6 * n)), 10 - usize::try_from(n).unwrap());
            pace.sent_alone(minute(6 * n), 1);
        }
        assert_eq!((pace.left(minute(54)), pace.fresh(minute(63))), (0, 0));
        // The first no longer counts, and what comes later does not pass by those that wait.
        assert_eq!((pace.left(minute(61)), pace.fresh(minute(64))), (0, GATHERED_MAX));
        pace.looked(minute(64), None);
        assert_eq!(pace.left(minute(64)), 1);
    }

    #[test]
    fn when_nothing_waits_and_an_hour_has_passed_they_are_sent_alone_again() {
        let mut pace = Pace::default();
        pace.sent_alone(minute(0), 10);
        let gathered = Gathered { id: "gathered/1".to_owned(), messages: vec![] };
        pace.looked(minute(10), Some(&gathered));
        assert_eq!((pace.fresh(minute(19)), pace.fresh(minute(20))), (0, GATHERED_MAX));
        pace.looked(minute(59), None);
        assert_eq!((pace.left(minute(59)), pace.fresh(minute(59))), (0, GATHERED_MAX));
        pace.looked(minute(60), None);
        assert_eq!((pace.left(minute(60)), pace.fresh(minute(60))), (10, 0));
    }
}
