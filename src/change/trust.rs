//! Who may assume a role: the change of its trust policy, and all that follows from it.

use std::collections::BTreeSet;
use std::mem::swap;

use serde::{Deserialize, Serialize};

use super::{Document, Permission, Taggable};
use crate::id::{AccountId, RoleName};

/// A change of a role's trust policy (`iam:UpdateAssumeRolePolicy`). A role always has one. Nothing that was
/// stolen works again when it is taken back: whoever is let in has to assume the role anew, as an isolated
/// instance has to connect anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrustChange {
    /// The role.
    pub role: RoleName,
    /// The document as it was looked up.
    pub before: Document,
    /// The document afterwards.
    pub after: Document,
}

impl TrustChange {
    /// The name of the API operation.
    pub const OPERATION: &str = "iam:UpdateAssumeRolePolicy";

    /// The attribute that changes, as `type/id`.
    #[must_use]
    pub fn resource(&self) -> String {
        format!("role/{}/trust", self.role)
    }

    /// Whose life it touches.
    #[must_use]
    pub fn subject(&self) -> Taggable {
        Taggable::Role(self.role.clone())
    }

    /// One sentence, without the account.
    #[must_use]
    pub fn words(&self) -> String {
        format!("role {}: its trust policy, which says who may assume it, is replaced", self.role)
    }

    /// What is so again now that it was taken back.
    #[must_use]
    pub fn given_back(&self) -> String {
        let role = &self.role;
        format!("role {role}: its trust policy is as it was, and whoever it lets in may assume it")
    }

    /// What the caller must be allowed to do. The path of a role is not known, and is left open.
    #[must_use]
    pub fn permissions(&self, account: &AccountId) -> BTreeSet<Permission> {
        let arn = format!("arn:aws:iam::{account}:role/*{}", self.role);
        [Permission::new(Self::OPERATION, arn)].into()
    }

    /// The other way round.
    pub(super) fn swap(&mut self) {
        swap(&mut self.before, &mut self.after);
    }

    /// This one and a later one of the same role as one.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        Self { after: later.after, ..self }
    }
}
