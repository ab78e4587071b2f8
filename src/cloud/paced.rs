//! AWS's limits, kept to before AWS enforces them: any cloud, behind token buckets.
//!
//! AWS counts calls for each account, Region and API, and refuses what is too much. A refusal costs
//! as much as a call and favours nobody, so calls wait here instead, and containment goes before
//! evidence before description when a bucket runs dry. Everybody in the account shares AWS's bucket;
//! where it refuses all the same, ours is emptied, too, and what others took is learned that way.
//!
//! | File | Is |
//! |---|---|
//! | `size` | how large AWS's buckets are, with sources, and which calls share one |
//! | `bucket` | one bucket: arithmetic |
//! | `line` | the calls that wait for a bucket, who is next, and why nothing waits for ever |
//! | `pacer` | all buckets; waiting |
//! | `making` | what many steps need, made by one of them |
//! | `question` | what many steps have in line at once, asked once |
//! | `session` | which operations each call of ours makes |
//!
//! Why not the crate `governor`, which limits our HTTP tokens: its limiters take a clock, and could
//! forget keys, but they are one atomic number for a key. Who asks first is served first: there is no
//! line in which an urgent call could overtake, no taking several tokens as they come, and no way to
//! empty a bucket because AWS says so. What is left of it would be the arithmetic in `bucket`.
//!
//! What may not be here: retrying, which the executor does, and knowing what a call is for beyond
//! its [`Urgency`](crate::change::Urgency).

mod bucket;
mod line;
mod making;
mod pacer;
mod question;
mod session;
mod size;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use pacer::Pacer;
#[cfg(test)]
pub use session::NO_ROOM;
use session::{GroupQuestions, PacedSession};
#[cfg(test)]
pub use size::{Key, Size, size};
#[cfg(test)]
pub use tests::play;

use super::{Cloud, Scope, Session};
use crate::clock::Clock;

/// A cloud whose limits are kept to. All its sessions share the buckets, and what they have in line.
pub struct Paced {
    inner: Arc<dyn Cloud>,
    pacer: Arc<Pacer>,
    groups: Arc<GroupQuestions>,
}

impl Paced {
    /// `inner`, behind full buckets.
    #[must_use]
    pub fn new(inner: Arc<dyn Cloud>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, pacer: Arc::new(Pacer::new(clock)), groups: Arc::default() }
    }
}

impl Cloud for Paced {
    fn open(&self, scope: Scope) -> Arc<dyn Session> {
        let inner = self.inner.open(scope.clone());
        let (pacer, groups) = (Arc::clone(&self.pacer), Arc::clone(&self.groups));
        Arc::new(PacedSession::new(inner, pacer, groups, scope))
    }

    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn visible_within(&self) -> Duration {
        self.inner.visible_within()
    }

    fn spreads_within(&self) -> [Duration; 2] {
        self.inner.spreads_within()
    }
}
