//! A run's states. Live code and recovery call the same function.

use serde::{Deserialize, Serialize};

use super::Illegal;

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Asked for; not claimed yet, or behind another run on the same target.
    Queued,
    /// Claimed by a replica.
    Running,
    /// Waits for a person or a time; no replica holds it.
    Parked,
    /// Ended: everything that it set out to do was done and verified.
    Succeeded,
    /// Ended: a step or the script failed; what was contained stays contained.
    Failed,
    /// Stopped for a person: a guard, a refusal, a divergence, an unknown outcome, a denied approval.
    Halted,
}

/// What happens to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunEvent {
    /// A replica takes it.
    Claimed,
    /// It has nothing to do before a time or a decision.
    Parked,
    /// It waits for nothing but evidence that AWS is making.
    Preserving,
    /// It gives itself back, for example at shutdown.
    Released,
    /// The script ended and everything is verified.
    Succeeded,
    /// It failed.
    Failed,
    /// It needs a person.
    Halted,
}

impl RunState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Parked, Self::Succeeded, Self::Failed, Self::Halted];

    /// The state after `event`.
    ///
    /// # Errors
    /// When the event is not possible in this state.
    pub fn next(self, event: RunEvent) -> Result<Self, Illegal> {
        match (self, event) {
            // A claim of a running run is recovery: its owner's lease ran out.
            (Self::Queued | Self::Parked | Self::Running, RunEvent::Claimed) => Ok(Self::Running),
            (Self::Running, RunEvent::Parked | RunEvent::Preserving) => Ok(Self::Parked),
            (Self::Running, RunEvent::Released) => Ok(Self::Queued),
            (Self::Running, RunEvent::Succeeded) => Ok(Self::Succeeded),
            (Self::Running, RunEvent::Failed) => Ok(Self::Failed),
            (Self::Running, RunEvent::Halted) => Ok(Self::Halted),
            (state, event) => Err(Illegal { state: state.label(), event: event.label() }),
        }
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Halted)
    }

    /// The stored label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Parked => "parked",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Halted => "halted",
        }
    }

    /// The state with this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.label() == label)
    }
}

impl RunEvent {
    /// In words, for errors.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Parked => "parked",
            Self::Preserving => "preserving",
            Self::Released => "released",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Halted => "halted",
        }
    }
}
