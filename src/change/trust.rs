//! Who may assume a role: the change of its trust policy, and all that follows from it.

use std::collections::BTreeSet;
use std::mem::swap;

use serde::{Deserialize, Serialize};

use super::{Document, Inverse, Permission, Taggable};
use crate::id::{AccountId, RoleName};

/// A change of a role's trust.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "attribute", rename_all = "snake_case")]
pub enum TrustChange {
    /// Its trust policy (`iam:UpdateAssumeRolePolicy`). A role always has one.
    Policy {
        /// The role.
        role: RoleName,
        /// The document as it was looked up.
        before: Document,
        /// The document afterwards.
        after: Document,
    },
}

impl TrustChange {
    /// The name of the API operation.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Policy { .. } => "iam:UpdateAssumeRolePolicy",
        }
    }

    /// The attribute that changes, as `type/id`.
    #[must_use]
    pub fn resource(&self) -> String {
        match self {
            Self::Policy { role, .. } => format!("role/{role}/trust"),
        }
    }

    /// Whose life it touches.
    #[must_use]
    pub fn subject(&self) -> Taggable {
        match self {
            Self::Policy { role, .. } => Taggable::Role(role.clone()),
        }
    }

    /// One sentence, without the account.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Policy { role, .. } => {
                format!("role {role}: its trust policy, which says who may assume it, is replaced")
            }
        }
    }

    /// What is so again now that it was taken back.
    #[must_use]
    pub fn given_back(&self) -> String {
        match self {
            Self::Policy { role, .. } => {
                format!(
                    "role {role}: its trust policy is as it was, and whoever it lets in may assume it"
                )
            }
        }
    }

    /// What the caller must be allowed to do. The path of a role is not known, and is left open.
    #[must_use]
    pub fn permissions(&self, account: &AccountId) -> BTreeSet<Permission> {
        match self {
            Self::Policy { role, .. } => {
                let arn = format!("arn:aws:iam::{account}:role/*{role}");
                [Permission::new(self.operation(), arn)].into()
            }
        }
    }

    /// What takes it back. Nothing that was stolen works again by it: whoever is let in has to assume the
    /// role anew, as an isolated instance has to connect anew.
    #[must_use]
    pub fn inverse(&self, swapped: super::Change) -> Inverse {
        match self {
            Self::Policy { .. } => Inverse::Change(swapped),
        }
    }

    /// The other way round.
    pub fn swap(&mut self) {
        match self {
            Self::Policy { before, after, .. } => swap(before, after),
        }
    }

    /// This and a later change of the same role as one.
    #[must_use]
    pub fn merged(self, last: Self) -> Self {
        match (self, last) {
            (Self::Policy { role, before, .. }, Self::Policy { after, .. }) => {
                Self::Policy { role, before, after }
            }
        }
    }
}
