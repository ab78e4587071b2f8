//! A value of IAM that is written now and felt later.
//!
//! IAM is eventually consistent: what a read of IAM shows at once is enforced only after a while
//! (IAM User Guide, "Changes that I make are not always immediately visible"). The twin's reads show
//! the written value; only the attacker's view asks for the felt one.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A written value with the one that was enforced before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settling<T> {
    /// As written, and as read.
    pub value: T,
    /// As it was enforced when the value was written.
    pub was: T,
    /// When it was written.
    pub since: Timestamp,
}

impl<T: Clone> Settling<T> {
    /// A value that has been there for long.
    pub fn settled(value: T) -> Self {
        Self { was: value.clone(), value, since: Timestamp::UNIX_EPOCH }
    }

    /// What is enforced at `now`, with changes felt after `delay`.
    pub fn felt(&self, now: Timestamp, delay: Duration) -> &T {
        let from = self.since.checked_add(delay).unwrap_or(Timestamp::MAX);
        if now >= from { &self.value } else { &self.was }
    }

    /// Writes a value at `now`.
    pub fn write(&mut self, value: T, now: Timestamp, delay: Duration) {
        self.was = self.felt(now, delay).clone();
        self.value = value;
        self.since = now;
    }
}
