//! Which calls go wrong, and how: decided by the number of the call.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Limits;
use crate::change::Urgency;

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// AWS says: too many calls. Nothing happens.
    Throttled,
    /// AWS fails. Nothing happens.
    Transient,
    /// The request is lost on the way. Nothing happens, and the caller can't know.
    LostRequest,
    /// The answer is lost on the way back. It happened, and the caller can't know.
    LostAnswer,
    /// AWS says: not allowed. Nothing happens.
    Denied,
    /// The target is not there (any more): a change is refused, a read finds nothing.
    Gone,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 6] = [
        Self::Throttled,
        Self::Transient,
        Self::LostRequest,
        Self::LostAnswer,
        Self::Denied,
        Self::Gone,
    ];

    /// Its name in test reports.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::LostRequest => "lost_request",
            Self::LostAnswer => "lost_answer",
            Self::Denied => "denied",
            Self::Gone => "gone",
        }
    }
}

/// Which calls count, and so may be hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Calls {
    /// Reads and changes.
    #[default]
    All,
    /// Changes only.
    Changes,
    /// Reads only.
    Reads,
}

/// What happens outside just before a call, such as the instance being terminated.
pub type Event = Arc<dyn Fn() + Send + Sync>;

/// Which calls go wrong.
#[derive(Clone, Default)]
pub struct Plan {
    pub(super) counted: Calls,
    at: BTreeMap<u64, Fault>,
    pub(super) events: BTreeMap<u64, Event>,
    pub(super) limits: Option<Arc<Limits>>,
    pub(super) admitting: Option<Event>,
    pub(super) held: Option<(Urgency, Arc<Semaphore>)>,
    seeded: Option<Seeded>,
}

#[derive(Clone)]
struct Seeded {
    seed: u64,
    per_mille: u16,
    faults: Vec<Fault>,
    most: u64,
}

impl Plan {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Counts only these calls.
    #[must_use]
    pub fn counting(mut self, counted: Calls) -> Self {
        self.counted = counted;
        self
    }

    /// The `n`-th counted call, from 1, meets `fault`.
    #[must_use]
    pub fn at(mut self, n: u64, fault: Fault) -> Self {
        self.at.insert(n, fault);
        self
    }

    /// Just before the `n`-th counted call, from 1, `event` happens outside.
    #[must_use]
    pub fn before(mut self, n: u64, event: Event) -> Self {
        self.events.insert(n, event);
        self
    }

    /// Whoever waits to be admitted waits while `event` happens outside.
    #[must_use]
    pub fn while_admitting(mut self, event: Event) -> Self {
        self.admitting = Some(event);
        self
    }

    /// Who is so urgent is admitted only when `gate` gives it a permit.
    #[must_use]
    pub fn holding(mut self, urgency: Urgency, gate: &Arc<Semaphore>) -> Self {
        self.held = Some((urgency, Arc::clone(gate)));
        self
    }

    /// Every call, counted or not, takes from these buckets, and is throttled when one is empty.
    #[must_use]
    pub fn limited(mut self, limits: &Arc<Limits>) -> Self {
        self.limits = Some(Arc::clone(limits));
        self
    }

    /// Each counted call meets one of `faults` with a chance of `per_mille` in 1,000, decided by
    /// `seed` and the call's number; after `most` faults no more.
    #[must_use]
    pub fn seeded(mut self, seed: u64, per_mille: u16, faults: &[Fault], most: u64) -> Self {
        self.seeded = Some(Seeded { seed, per_mille, faults: faults.to_vec(), most });
        self
    }

    pub(super) fn fault(&self, n: u64, met: u64) -> Option<Fault> {
        if let Some(fault) = self.at.get(&n) {
            return Some(*fault);
        }
        let seeded = self.seeded.as_ref()?;
        let count = u64::try_from(seeded.faults.len()).ok().filter(|count| *count > 0)?;
        let random = mix(seeded.seed ^ mix(n));
        if met >= seeded.most || random % 1000 >= u64::from(seeded.per_mille) {
            return None;
        }
        let chosen = usize::try_from((random / 1000) % count).ok()?;
        seeded.faults.get(chosen).copied()
    }
}

/// SplitMix64's output function: every bit of the input reaches every bit of the output.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
