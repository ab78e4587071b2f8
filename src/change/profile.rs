//! Which instance profile an instance has: of which role the instance metadata service gives it credentials.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Permission, Taggable};
use crate::id::{Arn, InstanceId, Place, RoleName};

/// An instance profile, with the role that it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileUse {
    /// The profile.
    pub arn: Arn,
    /// Its role, which whoever gives the profile to an instance must be allowed to pass; `None`: it holds
    /// none any more.
    pub role: Option<RoleName>,
}

/// The instance profile of an instance (`ec2:ReplaceIamInstanceProfileAssociation`,
/// `ec2:DisassociateIamInstanceProfile`, `ec2:AssociateIamInstanceProfile`). The association that is replaced
/// or ended is looked up by the call itself: each has another id, which nobody could know for an undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileChange {
    /// The instance.
    pub instance: InstanceId,
    /// As it was looked up; `None`: it has none.
    pub before: Option<ProfileUse>,
    /// Afterwards; `None`: it has none.
    pub after: Option<ProfileUse>,
}

impl ProfileChange {
    pub(super) fn operation(&self) -> &'static str {
        match (&self.before, &self.after) {
            (Some(_), Some(_)) => "ec2:ReplaceIamInstanceProfileAssociation",
            (Some(_), None) => "ec2:DisassociateIamInstanceProfile",
            (None, _) => "ec2:AssociateIamInstanceProfile",
        }
    }

    pub(super) fn resource(&self) -> String {
        format!("instance/{}/profile", self.instance)
    }

    pub(super) fn subject(&self) -> Taggable {
        Taggable::Instance(self.instance.clone())
    }

    /// All three take the instance; the role is passed with the profile (EC2 User Guide, "Permissions to
    /// attach an IAM role to an instance").
    pub(super) fn permissions(&self, at: &Place) -> BTreeSet<Permission> {
        let Place { account, region } = at;
        let instance = format!("arn:aws:ec2:{region}:{account}:instance/{}", self.instance);
        let mut needed = BTreeSet::from([Permission::new(self.operation(), instance)]);
        if self.before.is_some() {
            needed.insert(Permission::new("ec2:DescribeIamInstanceProfileAssociations", "*"));
        }
        if let Some(role) = self.after.as_ref().and_then(|after| after.role.as_ref()) {
            // IAM ids carry no path here, so the path is left open.
            let role = format!("arn:aws:iam::{account}:role/*{role}");
            needed.insert(Permission::new("iam:PassRole", role));
        }
        needed
    }

    pub(super) fn words(&self) -> String {
        let (before, after) = (named(self.before.as_ref()), named(self.after.as_ref()));
        format!("{}: instance profile {before} becomes {after}", self.instance)
    }

    /// What is so again once it was taken back.
    #[must_use]
    pub fn given_back(&self) -> String {
        format!("{}: its instance profile is {} again", self.instance, named(self.before.as_ref()))
    }

    pub(super) fn swap(&mut self) {
        std::mem::swap(&mut self.before, &mut self.after);
    }
}

fn named(profile: Option<&ProfileUse>) -> &str {
    profile.map_or("none", |profile| {
        profile.arn.as_str().rsplit('/').next().unwrap_or(profile.arn.as_str())
    })
}
