//! A case's status: what a responder reads first. One total function of the case's runs, so that
//! live code, recovery and a rebuild of the projection agree.

use serde::{Deserialize, Serialize};

use super::RunState;

/// Where a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Opened; nothing was done and nothing is being done.
    Open,
    /// A run is on its way.
    Active,
    /// A run waits for a person.
    Waiting,
    /// Every acting run ended, and the containment was verified by a look.
    Contained,
    /// Something failed, was refused or halted: a person must look.
    Attention,
    /// Containment was taken back.
    Released,
    /// A person closed it.
    Closed,
}

/// What a run contributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunFacts {
    /// Where it is.
    pub state: RunState,
    /// Whether it may change anything: its mode is not `observe`.
    pub acts: bool,
    /// Whether a containment action ended verified in it.
    pub contained: bool,
    /// Whether it waits for a person.
    pub asks: bool,
    /// Whether a later undo took it back.
    pub released: bool,
    /// Whether another run of the case has done since what this one failed to do, or was denied.
    pub made_good: bool,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Active,
        Self::Waiting,
        Self::Contained,
        Self::Attention,
        Self::Released,
        Self::Closed,
    ];

    /// The status of a case with these runs. The worst news wins: a run that contained never hides
    /// one that failed, unless it did all that the other one should have. One that only observes counts,
    /// too: what nobody could look at, in an account that gives no role perhaps, must not pass for a case
    /// in which nothing was to be done.
    #[must_use]
    pub fn of(closed: bool, runs: &[RunFacts]) -> Self {
        let any = |test: fn(&RunFacts) -> bool| runs.iter().any(test);
        if closed {
            Self::Closed
        } else if any(|run| {
            let failed = matches!(run.state, RunState::Failed | RunState::Halted);
            failed && !run.released && !run.made_good
        }) {
            Self::Attention
        } else if any(|run| run.asks && !run.state.is_over()) {
            Self::Waiting
        } else if any(|run| run.acts && !run.state.is_over() && !run.released) {
            // One that was taken back goes on with its evidence alone, for hours perhaps.
            Self::Active
        } else if any(|run| run.contained && !run.released) {
            Self::Contained
        } else if any(|run| run.released) {
            Self::Released
        } else {
            Self::Open
        }
    }

    /// The stored label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Contained => "contained",
            Self::Attention => "attention",
            Self::Released => "released",
            Self::Closed => "closed",
        }
    }

    /// The status with this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.label() == label)
    }
}
