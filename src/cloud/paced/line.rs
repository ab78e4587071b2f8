//! A bucket with the calls that wait for it, and who is next.
//!
//! The most urgent goes first: containment, then evidence, then description. Among calls of one
//! urgency the step goes first that came first, so that a step which has begun is ended before the
//! next one begins: an interface that is already in the open transition group does not wait behind
//! two hundred that are not.
//!
//! Nothing waits for ever. A call that has waited for [`PATIENCE`] is *due*, and while more urgent
//! ones wait too, every [`SHARE`]th token goes to the due call that has waited longest. So a call
//! with `n` due calls before it waits at most `PATIENCE + (n + 1) * SHARE / per_second`, whatever
//! comes after it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::bucket::Bucket;
use super::size::Size;
use crate::change::Urgency;

/// How long less urgent calls stand back. Two hundred instances are isolated in half of it; memory
/// and disks of a cut-off instance are still there after it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Of how many tokens one goes to a due call: containment is a quarter slower then, at worst.
pub const SHARE: u32 = 5;

/// A call in line.
#[derive(Debug)]
pub struct Waiter {
    /// Its number: unique, in the order of arrival.
    pub ticket: u64,
    /// How urgent it is.
    pub urgency: Urgency,
    /// The order of arrival of its step.
    pub turn: u64,
    /// Since when it waits.
    pub since: Duration,
    /// Tokens it was given.
    pub given: u32,
    /// Tokens it needs.
    pub needs: u32,
    /// Told when it has all of them, or when the line has become shorter.
    pub told: Arc<Notify>,
}

impl Waiter {
    fn order(&self) -> (Urgency, u64, u64) {
        (self.urgency, self.turn, self.ticket)
    }

    fn missing(&self) -> u32 {
        self.needs.saturating_sub(self.given)
    }
}

/// A bucket and its line.
#[derive(Debug)]
pub struct Line {
    bucket: Bucket,
    waiting: Vec<Waiter>,
    /// Tokens that went to more urgent calls since a due one was served.
    passed: u32,
}

impl Line {
    /// A full bucket and nobody in line.
    #[must_use]
    pub fn new(size: Size, now: Duration) -> Self {
        Self { bucket: Bucket::full(size, now), waiting: Vec::new(), passed: 0 }
    }

    /// Puts a call in line.
    pub fn join(&mut self, waiter: Waiter) {
        self.waiting.push(waiter);
    }

    /// Gives out the tokens that are there. Who has all it needs leaves the line and is told.
    pub fn serve(&mut self, now: Duration) {
        self.bucket.refill(now);
        while let Some(next) = self.next(now) {
            if !self.bucket.take() {
                return;
            }
            self.note(next, now);
            let waiter = &mut self.waiting[next];
            waiter.given += 1;
            if waiter.given >= waiter.needs {
                self.waiting.swap_remove(next).told.notify_one();
            }
        }
    }

    /// The time until a call's turn comes, if nobody overtakes it; `None`: it was served. Who then
    /// looks serves everybody, so that it is enough when each looks at its own time.
    #[must_use]
    pub fn wait(&self, ticket: u64) -> Option<Duration> {
        let own = self.waiting.iter().find(|waiter| waiter.ticket == ticket)?;
        let before = self.waiting.iter().filter(|waiter| waiter.order() < own.order());
        let tokens: u32 = before.map(Waiter::missing).sum();
        Some(self.bucket.until(tokens.saturating_add(1)))
    }

    /// Takes a call out of line that is not wanted any more, with the tokens it was given. Those who
    /// were behind it look again.
    pub fn leave(&mut self, ticket: u64) {
        if let Some(at) = self.waiting.iter().position(|waiter| waiter.ticket == ticket) {
            self.bucket.give_back(self.waiting.swap_remove(at).given);
            self.waiting.iter().for_each(|waiter| waiter.told.notify_one());
        }
    }

    /// Takes a token for a call that can't wait: where there is one, and nobody stands in line.
    pub fn try_take(&mut self, now: Duration) -> bool {
        self.serve(now);
        self.waiting.is_empty() && self.bucket.take()
    }

    /// AWS's bucket is empty.
    pub fn dry(&mut self, now: Duration) {
        self.bucket.empty(now);
    }

    /// Whether nothing is lost by forgetting it.
    #[must_use]
    pub fn is_idle(&mut self, now: Duration) -> bool {
        self.bucket.refill(now);
        self.waiting.is_empty() && self.bucket.is_full()
    }

    fn next(&self, now: Duration) -> Option<usize> {
        let first = self.first()?;
        match self.due(now, self.waiting[first].urgency) {
            Some(due) if self.passed + 1 >= SHARE => Some(due),
            _ => Some(first),
        }
    }

    fn first(&self) -> Option<usize> {
        (0..self.waiting.len()).min_by_key(|at| self.waiting[*at].order())
    }

    /// The call that has waited longest among those that are less urgent and have waited too long.
    fn due(&self, now: Duration, urgency: Urgency) -> Option<usize> {
        let due = |waiter: &Waiter| {
            waiter.urgency > urgency && now.saturating_sub(waiter.since) >= PATIENCE
        };
        let all = (0..self.waiting.len()).filter(|at| due(&self.waiting[*at]));
        all.min_by_key(|at| (self.waiting[*at].since, self.waiting[*at].ticket))
    }

    fn note(&mut self, served: usize, now: Duration) {
        let first = self.first();
        let due = first.and_then(|first| self.due(now, self.waiting[first].urgency));
        self.passed = if due.is_none() || due == Some(served) { 0 } else { self.passed + 1 };
    }
}
