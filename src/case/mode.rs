//! How far a run may go by itself: what routing decides, and what a run has once it is asked for.

use serde::{Deserialize, Serialize};

/// How far a run may go by itself. Ordered from strict to free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Plans only.
    Observe,
    /// A person approves the plan first.
    Approve,
    /// Acts at once.
    Contain,
}

impl Mode {
    /// The stored label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Approve => "approve",
            Self::Contain => "contain",
        }
    }

    /// The mode with this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        [Self::Observe, Self::Approve, Self::Contain].into_iter().find(|mode| mode.label() == label)
    }
}
