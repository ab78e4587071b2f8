//! What changes of a GuardDuty finding itself: whether it is archived, and what people say of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Permission;
use crate::id::{FindingId, Place};

/// A change of one finding in GuardDuty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "attribute", rename_all = "snake_case")]
pub enum FindingChange {
    /// Whether it is archived (`guardduty:ArchiveFindings`, `guardduty:UnarchiveFindings`).
    Archived {
        /// The finding.
        finding: FindingId,
        /// As it was looked up.
        before: bool,
        /// Afterwards.
        after: bool,
    },
    /// Whether it helped (`guardduty:UpdateFindingsFeedback`). GuardDuty takes no feedback back.
    Feedback {
        /// The finding.
        finding: FindingId,
        /// What GuardDuty showed; `None`: nothing that it takes.
        before: Option<Usefulness>,
        /// What is said of it now.
        after: Usefulness,
    },
}

/// What GuardDuty may be told of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Usefulness {
    /// It told of something.
    Useful,
    /// It did not.
    NotUseful,
}

impl Usefulness {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Useful, Self::NotUseful];

    /// As GuardDuty writes it (GuardDuty API, UpdateFindingsFeedback).
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Useful => "USEFUL",
            Self::NotUseful => "NOT_USEFUL",
        }
    }

    /// As a runbook writes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Useful => "useful",
            Self::NotUseful => "not_useful",
        }
    }
}

impl FindingChange {
    /// The name of the API operation.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Archived { after: true, .. } => "guardduty:ArchiveFindings",
            Self::Archived { after: false, .. } => "guardduty:UnarchiveFindings",
            Self::Feedback { .. } => "guardduty:UpdateFindingsFeedback",
        }
    }

    /// What it is about.
    #[must_use]
    pub fn finding(&self) -> &FindingId {
        match self {
            Self::Archived { finding, .. } | Self::Feedback { finding, .. } => finding,
        }
    }

    /// The attribute that changes, as a path.
    #[must_use]
    pub fn resource(&self) -> String {
        match self {
            Self::Archived { finding, .. } => format!("finding/{finding}/archived"),
            Self::Feedback { finding, .. } => format!("finding/{finding}/feedback"),
        }
    }

    /// One sentence: what becomes what.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Archived { finding, after: true, .. } => {
                format!("finding {finding}: archived in GuardDuty")
            }
            Self::Archived { finding, after: false, .. } => {
                format!("finding {finding}: taken out of GuardDuty's archive")
            }
            Self::Feedback { finding, after, .. } => {
                format!("finding {finding}: GuardDuty is told that it is {}", after.label())
            }
        }
    }

    /// What is so again now that it was taken back.
    #[must_use]
    pub fn given_back(&self) -> String {
        match self {
            Self::Archived { finding, before, .. } => {
                let again = if *before { "archived" } else { "not archived" };
                format!("finding {finding} is {again}, as before")
            }
            Self::Feedback { .. } => format!("no longer so: {}", self.words()),
        }
    }

    /// What the caller must be allowed to do. A finding has no ARN of its own that a policy
    /// takes: its detector has (service authorization reference, GuardDuty), and that is looked up first.
    #[must_use]
    pub fn permissions(&self, at: &Place) -> BTreeSet<Permission> {
        let detector = format!("arn:aws:guardduty:{}:{}:detector/*", at.region, at.account);
        [
            Permission::new("guardduty:ListDetectors", "*"),
            Permission::new(self.operation(), detector),
        ]
        .into()
    }

    /// Why it is not taken back, where it is not.
    #[must_use]
    pub fn kept(&self) -> Option<&'static str> {
        match self {
            Self::Archived { .. } => None,
            Self::Feedback { .. } => {
                Some("GuardDuty takes no feedback back: send the other one if it was wrong")
            }
        }
    }

    /// Swaps before and after, where there is a way back.
    pub fn swap(&mut self) {
        match self {
            Self::Archived { before, after, .. } => std::mem::swap(before, after),
            Self::Feedback { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Change, Inverse, Kind};

    fn change(kind: FindingChange) -> Change {
        let at = Place {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        Change { at, kind: Kind::Finding(kind) }
    }

    #[test]
    fn what_a_timeline_holds_says_which_attribute_it_is_about() {
        let finding: FindingId = "c0ffee0123456789".parse().unwrap();
        let archived = change(FindingChange::Archived {
            finding: finding.clone(),
            before: false,
            after: true,
        });
        let json = serde_json::to_value(&archived).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "at": {"account": "111122223333", "region": "eu-west-1"},
                "change": "finding", "attribute": "archived", "finding": "c0ffee0123456789",
                "before": false, "after": true,
            })
        );
        assert_eq!(serde_json::from_value::<Change>(json).unwrap(), archived);
        let Inverse::Change(back) = archived.inverse() else { panic!("{archived:?}") };
        assert_eq!(back.operation(), "guardduty:UnarchiveFindings");
        assert_eq!(back.inverse(), Inverse::Change(archived));
        let feedback =
            change(FindingChange::Feedback { finding, before: None, after: Usefulness::NotUseful });
        assert!(matches!(feedback.inverse(), Inverse::Kept(_)));
        assert!(feedback.words().ends_with("NOT_USEFUL"));
    }
}
