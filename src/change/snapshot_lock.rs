//! Locks of snapshots: what keeps evidence from being deleted, by whoever may delete snapshots.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Permission;
use crate::id::{Place, SnapshotId};

/// How a snapshot is locked (EC2 API, LockSnapshot). The later is the stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockMode {
    /// Whoever may unlock snapshots can unlock it.
    Governance,
    /// Nobody can, not even the root user and not AWS, until it expires.
    Compliance,
}

impl LockMode {
    /// As EC2 writes it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Governance => "governance",
            Self::Compliance => "compliance",
        }
    }
}

/// What a lock is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockTerms {
    /// How it is locked.
    pub mode: LockMode,
    /// For how long from when the snapshot is completed.
    pub days: u32,
    /// Hours in which a lock in compliance mode can still be lifted; `None`: it can't from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cool_off_hours: Option<u32>,
}

impl LockTerms {
    /// Days that EC2 takes (EC2 API, LockSnapshot, `LockDuration`): a hundred years at most.
    pub const DAYS_MAX: u32 = 36_500;
    /// Hours that EC2 takes (EC2 API, LockSnapshot, `CoolOffPeriod`).
    pub const COOL_OFF_HOURS_MAX: u32 = 72;

    /// For people.
    #[must_use]
    pub fn words(&self) -> String {
        let off = match self.cool_off_hours {
            Some(hours) => format!(", which can be lifted for {hours} h"),
            None => String::new(),
        };
        format!("in {} mode for {} days{off}", self.mode.label(), self.days)
    }

    /// Whether a lock keeps what these ask for.
    #[must_use]
    pub fn are_met_by(&self, mode: LockMode, days: u32) -> bool {
        mode >= self.mode && days >= self.days
    }
}

/// A lock on a snapshot (`ec2:LockSnapshot`), or a stronger one than there was. Evidence: it has no inverse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotLock {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// The lock that there was; `None`: there was none.
    pub before: Option<LockTerms>,
    /// The lock afterwards, never a weaker one.
    pub after: LockTerms,
}

impl SnapshotLock {
    /// The attribute that changes, as a path.
    #[must_use]
    pub fn resource(&self) -> String {
        format!("snapshot/{}/lock", self.snapshot)
    }

    /// One sentence: what becomes what.
    #[must_use]
    pub fn words(&self) -> String {
        format!("lock {} {}", self.snapshot, self.after.words())
    }

    /// What the caller must be allowed to do. A snapshot's ARN has no account.
    #[must_use]
    pub fn permissions(&self, at: &Place) -> BTreeSet<Permission> {
        let arn = format!("arn:aws:ec2:{}::snapshot/{}", at.region, self.snapshot);
        [Permission::new(Self::OPERATION, arn)].into()
    }

    /// The name of the API operation.
    pub const OPERATION: &str = "ec2:LockSnapshot";

    /// Why it is not taken back.
    pub const KEPT: &str = "a lock keeps evidence until it expires";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_enough_where_it_is_neither_weaker_nor_shorter() {
        use LockMode::{Compliance, Governance};
        let terms = |mode| LockTerms { mode, days: 30, cool_off_hours: None };
        for (wanted, mode, days, enough) in [
            (Governance, Governance, 30, true),
            (Governance, Compliance, 31, true),
            (Governance, Compliance, 29, false),
            (Compliance, Governance, 365, false),
            (Compliance, Compliance, 30, true),
        ] {
            assert_eq!(terms(wanted).are_met_by(mode, days), enough, "{wanted:?} {mode:?} {days}");
        }
    }
}
