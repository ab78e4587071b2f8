//! How evidence is kept: whether, how and for how long its snapshots are locked.
//!
//! Nothing is locked unless the deployment says so: a lock costs storage for as long as it holds, and one in
//! compliance mode can't be taken back by anybody once its cooling-off period is over.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::check::{refuse, word};

/// How a snapshot may be locked.
const LOCKS: [&str; 3] = ["none", "governance", "compliance"];

/// The longest lock that EC2 takes (EC2 API, LockSnapshot, `LockDuration`): a hundred years.
const LOCK_DAYS_MAX: u32 = 36_500;

/// The longest cooling-off period that EC2 takes (EC2 API, LockSnapshot, `CoolOffPeriod`).
const COOL_OFF_HOURS_MAX: u32 = 72;

/// How the snapshots that are kept as evidence are locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvidenceConfig {
    /// `none`, `governance` or `compliance`. Default `none`.
    pub lock: String,
    /// For how many days, from 1 to 36,500. No default: nobody but the deployment knows for how long it has to
    /// keep evidence.
    pub lock_days: Option<u32>,
    /// For how many hours a lock in compliance mode can still be lifted, from 1 to 72. Default 72: what was
    /// locked by mistake can be unlocked for three days.
    pub cool_off_hours: u32,
}

impl Default for EvidenceConfig {
    fn default() -> Self {
        Self { lock: "none".to_owned(), lock_days: None, cool_off_hours: COOL_OFF_HOURS_MAX }
    }
}

impl EvidenceConfig {
    /// Checks what makes sense together.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        word("evidence.lock", &self.lock, &LOCKS)?;
        let (locks, compliance) = (self.lock != "none", self.lock == "compliance");
        match self.lock_days {
            None if locks => {
                return refuse(
                    "evidence.lock_days",
                    "must say for how long, where evidence.lock is set",
                );
            }
            Some(_) if !locks => {
                return refuse("evidence.lock_days", "has no use without evidence.lock");
            }
            Some(days) if !(1..=LOCK_DAYS_MAX).contains(&days) => {
                return refuse("evidence.lock_days", format!("must be from 1 to {LOCK_DAYS_MAX}"));
            }
            _ => {}
        }
        if !(1..=COOL_OFF_HOURS_MAX).contains(&self.cool_off_hours) {
            return refuse(
                "evidence.cool_off_hours",
                format!("must be from 1 to {COOL_OFF_HOURS_MAX}"),
            );
        }
        if !compliance && self.cool_off_hours != COOL_OFF_HOURS_MAX {
            return refuse("evidence.cool_off_hours", "has no use but with lock = \"compliance\"");
        }
        Ok(())
    }

    /// For people.
    pub(super) fn words(&self) -> String {
        let days = self.lock_days.unwrap_or_default();
        match self.lock.as_str() {
            "governance" => {
                format!(
                    "locked in governance mode for {days} days; whoever may unlock snapshots can"
                )
            }
            "compliance" => format!(
                "locked in compliance mode for {days} days; after {} h nobody can unlock it",
                self.cool_off_hours
            ),
            _ => "not locked: whoever may delete snapshots can delete it".to_owned(),
        }
    }
}
