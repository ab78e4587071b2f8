//! Changes that only let a resource pass: an interface goes through an open group, which ends tracked
//! connections, on its way into quarantine. An instance's interface and a task's go the same way.

use super::{Change, Kind, TaskChange};
use crate::id::{GroupId, InterfaceId};

/// The groups of an interface as a change has them, whatever it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceSwap<'a> {
    /// The interface.
    pub interface: &'a InterfaceId,
    /// Its groups as they were looked up.
    pub before: &'a [GroupId],
    /// Its groups afterwards.
    pub after: &'a [GroupId],
    /// Whether it only passes there.
    pub passing: bool,
}

impl Kind {
    /// The groups of an interface, where that is what changes.
    #[must_use]
    pub fn interface_swap(&self) -> Option<InterfaceSwap<'_>> {
        match self {
            Self::InterfaceGroups { interface, before, after, passing, .. }
            | Self::Task(TaskChange::Groups { interface, before, after, passing, .. }) => {
                Some(InterfaceSwap { interface, before, after, passing: *passing })
            }
            _ => None,
        }
    }
}

impl Change {
    /// Whether what it changes must not stay as this change leaves it.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.kind.interface_swap().is_some_and(|swap| swap.passing)
    }

    /// Whether it begins where `earlier` ends: if it has happened, `earlier` has, too, and if
    /// `earlier` has not, it has not.
    #[must_use]
    pub fn follows(&self, earlier: &Self) -> bool {
        match (self.kind.interface_swap(), earlier.kind.interface_swap()) {
            (Some(this), Some(that)) => {
                self.at == earlier.at
                    && this.interface == that.interface
                    && this.before == that.after
            }
            _ => false,
        }
    }
}
