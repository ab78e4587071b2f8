//! Telling people, in a task beside the driver's claims, which a slow webhook must not hold up.
//!
//! ```text
//!   commit ── wake ─┐                            ┌─► it arrived: gone
//!   timer ──────────┼─► claim ─► send, 8 at once ┼─► it did not: due later
//!   stop ───────────┘     │                      └─► for a day, and an hour of tries: given up
//!                         └─► the question it puts is over: gone
//! ```
//!
//! What nobody but the sender of a finding makes necessary is claimed last. Of that, ten messages an
//! hour are sent so; what is more waits and is sent together (`gather`). What is claimed comes back by
//! itself when the process dies before it is settled. The timeline tells what people were told, the first
//! failure, and that a message was given up; also of a case whose runs are over, and twice where a process
//! died between the two. What is about no case has the log alone.

mod gather;

pub use gather::Pace;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{join, join_all};
use jiff::{SignedDuration, Timestamp};

use super::{Env, tell};
use crate::id::{CaseId, RunId};
use crate::notify::{Delivery, Message, NotifyError};
use crate::store::{ApprovalState, MESSAGE_WAIT_MAX, MessageRow, StoreError};
use crate::timeline::Draft;

/// The longest time between two looks for what is due: what another process or a finding left.
const POLL: Duration = Duration::from_secs(1);

/// The wait after the store failed.
const STORE_RETRY: Duration = Duration::from_secs(2);

/// Messages that are sent beside each other: while a receiver is silent, each takes seconds, and a new
/// one must not wait for all that did not arrive before.
const AT_ONCE: u32 = 8;

/// How long a claimed message is its sender's: many times what a receiver is waited for. Who died with
/// it is replaced after this.
const SENT_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// The wait before the second attempt: a receiver that was restarted is back. It doubles from then on.
const RETRY_FIRST: SignedDuration = SignedDuration::from_secs(5);

/// The longest wait between two attempts: the first message after an outage comes within this.
const RETRY_MAX: SignedDuration = MESSAGE_WAIT_MAX;

/// After this a message is given up: whoever is on call has looked at the cases since, or must.
pub(super) const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// How often a message is tried at least, however old it is: while the service itself was down, nothing
/// was tried, and a webhook that is started with it may come up later.
const ATTEMPTS_MIN: u32 = 18;

/// What the waits between so many attempts come to: six that double, then the longest ones.
const ATTEMPTS_TAKE: SignedDuration = SignedDuration::from_hours(1);

/// The task, until it is stopped.
pub(super) struct Outbox {
    env: Arc<Env>,
    stopping: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Outbox {
    /// Starts the task; what a dead process left is sent, too.
    pub(super) fn start(env: Arc<Env>) -> Self {
        let stopping = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(tell_loop(Arc::clone(&env), Arc::clone(&stopping)));
        Self { env, stopping, task }
    }

    /// Whether anything is still sent.
    pub(super) fn is_alive(&self) -> bool {
        !self.task.is_finished()
    }

    /// Sends once more what is due, at most [`AT_ONCE`] and what is due together, and ends: the rest waits
    /// in the store.
    pub(super) async fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.env.tell.notify_one();
        if let Err(error) = self.task.await {
            tracing::error!(error = %error, "the task that tells people did not stop in order");
        }
    }
}

async fn tell_loop(env: Arc<Env>, stopping: Arc<AtomicBool>) {
    loop {
        // Before the look: what was written until the stop is still sent.
        let last = stopping.load(Ordering::Relaxed);
        let wait = match send_some(&env).await {
            Ok(0) => POLL,
            Ok(_) => Duration::ZERO,
            Err(error) => {
                tracing::error!(error = %error, "people could not be told; it is tried again");
                STORE_RETRY
            }
        };
        if last {
            return;
        }
        if wait.is_zero() {
            continue;
        }
        tokio::select! {
            () = env.tell.notified() => {}
            () = env.clock.sleep(wait) => {}
        }
    }
}

/// Sends all that is due. For tests, whose time is their own.
///
/// # Errors
/// When the store fails.
#[cfg(test)]
pub async fn send_due(env: &Env) -> Result<(), StoreError> {
    while send_some(env).await? > 0 {}
    Ok(())
}

/// Sends what is due, at most [`AT_ONCE`] and, where that is all, what is due together; says how many.
async fn send_some(env: &Env) -> Result<usize, StoreError> {
    let now = env.clock.now();
    let until = now.checked_add(SENT_WITHIN).unwrap_or(Timestamp::MAX);
    let due = env.store.claim_messages(now, until, AT_ONCE, gather::left(env)).await?;
    gather::count(env, &due);
    let together = async {
        // What goes last waits where more may be due that goes first.
        let is_all = due.len() < AT_ONCE as usize;
        if is_all { gather::send_gathered(env).await } else { Ok(0) }
    };
    let each = join_all(due.iter().map(|message| send(env, message)));
    let (sent, together) = join(each, together).await;
    let sent = sent.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(sent.len() + together?)
}

async fn send(env: &Env, row: &MessageRow) -> Result<(), StoreError> {
    if let Some(text) = needless(row) {
        let run = row.run.as_ref().map(RunId::as_str);
        tracing::info!(
            case = row.case.as_ref().map(CaseId::as_str),
            run,
            channel = row.channel,
            "a question that is over was not sent"
        );
        let note = tell::remark(env.clock.now(), &text);
        return settle(env, row, None, Some(note)).await;
    }
    let (id, case) = (row.id.clone(), row.case.clone());
    let message = Message { id, case, run: row.run.clone(), text: row.text.clone() };
    let sent = env.notifier.send(&row.channel, &message).await;
    let now = env.clock.now();
    let again = match &sent {
        Ok(_) => None,
        Err(_) => again(row, now),
    };
    if let Err(error) = &sent {
        let run = row.run.as_ref().map(RunId::as_str);
        tracing::warn!(case = row.case.as_ref().map(CaseId::as_str), run, channel = row.channel, attempts = row.attempts + 1, given_up = again.is_none(), error = %error, "people were not told");
    }
    let note = note(row, &sent, again, now);
    if let (None, Some(text)) = (&row.case, &note) {
        tracing::info!(channel = row.channel, text, "of a message about no case");
    }
    settle(env, row, again, note.map(|text| tell::remark(now, &text))).await
}

/// Says what became of a message. Where the timeline of its case takes no entry, because somebody has
/// changed it, the log alone knows what people were told: they are not told again and again.
async fn settle(
    env: &Env,
    row: &MessageRow,
    again: Option<Timestamp>,
    note: Option<Draft>,
) -> Result<(), StoreError> {
    match env.store.settle_message(row, again, note).await {
        Err(error) if takes_no_entry(&error) => {
            let case = row.case.as_ref().map(CaseId::as_str);
            tracing::error!(case, message = row.id, error = %error, "what became of a message can't be written down: run `tourniquet case verify` on the case");
            env.store.settle_message(row, again, None).await
        }
        other => other,
    }
}

/// Whether an entry can't be appended now, nor later.
fn takes_no_entry(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Conflict(_)
            | StoreError::Corrupt(_)
            | StoreError::NotFound
            | StoreError::Seal(_)
    )
}

/// Why a message is not sent (any more), for the timeline: nobody can answer its question. `None`: send
/// it.
fn needless(row: &MessageRow) -> Option<String> {
    let MessageRow { id, channel, .. } = row;
    let became = match row.question? {
        ApprovalState::Pending => return None,
        ApprovalState::Granted | ApprovalState::Denied => "was answered",
        ApprovalState::Expired => "ended without an answer",
        ApprovalState::Withdrawn => "was taken back",
    };
    let (of, after) = (of(row), after(row.attempts));
    Some(format!(
        "the question {id} {of}{became} before channel {channel} could be told{after}; it is not sent \
         any more"
    ))
}

/// When a message that did not arrive is sent again; `None`: never.
fn again(row: &MessageRow, now: Timestamp) -> Option<Timestamp> {
    let is_old = now.duration_since(row.created_at) >= GIVEN_UP_AFTER;
    if is_old && row.attempts + 1 >= ATTEMPTS_MIN {
        return None;
    }
    let doubled = 1_i32.checked_shl(row.attempts.min(30)).unwrap_or(i32::MAX);
    let wait = RETRY_FIRST.saturating_mul(doubled).min(RETRY_MAX);
    now.checked_add(wait).ok()
}

/// What the timeline says of an attempt, if anything.
fn note(
    row: &MessageRow,
    sent: &Result<Delivery, NotifyError>,
    again: Option<Timestamp>,
    now: Timestamp,
) -> Option<String> {
    let MessageRow { channel, text, .. } = row;
    let of = of(row);
    let written = row.created_at.strftime("%Y-%m-%d %H:%M:%SZ");
    let what = format!("the message {of}of {written} to channel {channel}");
    let failed = row.attempts + u32::from(sent.is_err());
    let after = after(failed);
    match (sent, again) {
        (Ok(Delivery::Posted), _) if failed == 0 => {
            Some(format!("channel {channel} was told: {text}"))
        }
        (Ok(Delivery::Posted), _) => Some(format!("{what} was delivered{after}: {text}")),
        (Ok(Delivery::Logged), _) => {
            Some(format!("no channel is configured, so the log alone was told{after}: {text}"))
        }
        (Err(error), None) => {
            Some(format!("{what} was given up after {}: {}", attempts(failed), error.plain()))
        }
        (Err(error), Some(_)) if row.attempts == 0 => {
            let after = |at: Timestamp, time| at.checked_add(time).unwrap_or(Timestamp::MAX);
            let until = after(row.created_at, GIVEN_UP_AFTER).max(after(now, ATTEMPTS_TAKE));
            let until = until.strftime("%Y-%m-%d %H:%MZ");
            let why = error.plain();
            Some(format!("{what} was not delivered: {why}; it is tried again until {until}"))
        }
        (Err(_), Some(_)) => None,
    }
}

/// Which run says it, and a space.
fn of(row: &MessageRow) -> String {
    row.run.as_ref().map(|run| format!("of {run} ")).unwrap_or_default()
}

/// What stands behind what became of a message, where attempts failed before.
fn after(failed: u32) -> String {
    match failed {
        0 => String::new(),
        _ => format!(", after {} that failed", attempts(failed)),
    }
}

fn attempts(n: u32) -> String {
    if n == 1 { "1 attempt".to_owned() } else { format!("{n} attempts") }
}
