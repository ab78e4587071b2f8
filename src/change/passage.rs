//! Changes that only let a resource pass: an interface goes through an open group, which ends tracked
//! connections, on its way into quarantine.

use super::{Change, Kind};

impl Change {
    /// Whether what it changes must not stay as this change leaves it.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self.kind, Kind::InterfaceGroups { passing: true, .. })
    }

    /// Whether it begins where `earlier` ends: if it has happened, `earlier` has, too, and if
    /// `earlier` has not, it has not.
    #[must_use]
    pub fn follows(&self, earlier: &Self) -> bool {
        let (
            Kind::InterfaceGroups { interface, before, .. },
            Kind::InterfaceGroups { interface: same, after, .. },
        ) = (&self.kind, &earlier.kind)
        else {
            return false;
        };
        self.at == earlier.at && interface == same && before == after
    }
}
