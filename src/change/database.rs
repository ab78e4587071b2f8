//! Changes of databases in RDS: who reaches them. One file for all that follows from a kind.
//!
//! The security groups of a member of a cluster are its cluster's (RDS API, `ModifyDBInstance`); whether it
//! has a public address is its own.

use std::collections::BTreeSet;
use std::mem::swap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Permission;
use super::words::list;
use crate::id::{DatabaseClusterId, DatabaseId, GroupId, Place};

/// How long RDS may take to show what it has taken: whether there is a public address shows only when it is
/// through, after about a minute.
pub const SHOWN_WITHIN: Duration = Duration::from_secs(120);

/// What RDS gives security groups and tags to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "is", content = "id", rename_all = "snake_case")]
pub enum DatabaseRef {
    /// A DB instance.
    Instance(DatabaseId),
    /// A DB cluster.
    Cluster(DatabaseClusterId),
}

impl DatabaseRef {
    /// `type/id`.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Instance(id) => format!("database/{id}"),
            Self::Cluster(id) => format!("database-cluster/{id}"),
        }
    }

    /// Its ARN in `at` (IAM service authorization reference, RDS).
    #[must_use]
    pub fn arn(&self, at: &Place) -> String {
        let Place { account, region } = at;
        match self {
            Self::Instance(id) => format!("arn:aws:rds:{region}:{account}:db:{id}"),
            Self::Cluster(id) => format!("arn:aws:rds:{region}:{account}:cluster:{id}"),
        }
    }

    /// For people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Instance(id) => format!("database {id}"),
            Self::Cluster(id) => format!("database cluster {id}"),
        }
    }
}

/// One attribute of a database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "attribute", rename_all = "snake_case")]
pub enum DatabaseChange {
    /// The VPC security groups (`rds:ModifyDBInstance`, of a cluster `rds:ModifyDBCluster`).
    Groups {
        /// Whose.
        database: DatabaseRef,
        /// Those that it had and was not losing when it was looked up.
        before: Vec<GroupId>,
        /// Those afterwards; never empty.
        after: Vec<GroupId>,
    },
    /// Whether its name leads to a public address for callers outside of its VPC (`rds:ModifyDBInstance`).
    PublicAccess {
        /// The DB instance.
        instance: DatabaseId,
        /// As it was looked up.
        before: bool,
        /// Afterwards.
        after: bool,
    },
}

impl DatabaseChange {
    /// The name of the API operation.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Groups { database: DatabaseRef::Cluster(_), .. } => "rds:ModifyDBCluster",
            Self::Groups { .. } | Self::PublicAccess { .. } => "rds:ModifyDBInstance",
        }
    }

    /// What it belongs to.
    #[must_use]
    pub fn subject(&self) -> DatabaseRef {
        match self {
            Self::Groups { database, .. } => database.clone(),
            Self::PublicAccess { instance, .. } => DatabaseRef::Instance(instance.clone()),
        }
    }

    /// The attribute, as `type/id/attribute`.
    #[must_use]
    pub fn resource(&self) -> String {
        let attribute = match self {
            Self::Groups { .. } => "groups",
            Self::PublicAccess { .. } => "public-access",
        };
        format!("{}/{attribute}", self.subject().path())
    }

    /// What becomes what.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Groups { database, before, after } => format!(
                "{}: security groups {} become {}",
                database.words(),
                list(before),
                list(after)
            ),
            Self::PublicAccess { instance, after, .. } => {
                let becomes = if *after { "gets a" } else { "has no" };
                let again = if *after { " again" } else { " any more" };
                format!("database {instance}: it {becomes} public address{again}")
            }
        }
    }

    /// What is so again when it was taken back.
    #[must_use]
    pub fn given_back(&self) -> String {
        match self {
            Self::Groups { database, before, .. } => {
                format!("{} has its security groups {} again", database.words(), list(before))
            }
            Self::PublicAccess { instance, before, .. } => {
                let again = if *before { "a" } else { "no" };
                format!("database {instance} has {again} public address again")
            }
        }
    }

    /// What the caller must be allowed to do.
    #[must_use]
    pub fn permissions(&self, at: &Place) -> BTreeSet<Permission> {
        [Permission::new(self.operation(), self.subject().arn(at))].into()
    }

    /// Turns it round.
    pub(super) fn swap(&mut self) {
        match self {
            Self::Groups { before, after, .. } => swap(before, after),
            Self::PublicAccess { before, after, .. } => swap(before, after),
        }
    }

    /// This one and a later one of the same attribute as one; `None` where they are of two.
    #[must_use]
    pub fn and(self, later: Self) -> Option<Self> {
        if self.resource() != later.resource() {
            return None;
        }
        match (self, later) {
            (Self::Groups { database, before, .. }, Self::Groups { after, .. }) => {
                Some(Self::Groups { database, before, after })
            }
            (Self::PublicAccess { instance, before, .. }, Self::PublicAccess { after, .. }) => {
                Some(Self::PublicAccess { instance, before, after })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_as_it_is_read_again_and_says_what_becomes_what() {
        let at = Place {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let groups = |database| DatabaseChange::Groups {
            database,
            before: vec!["sg-0a1b2c3d".parse().unwrap()],
            after: vec!["sg-0a1b2c3e".parse().unwrap()],
        };
        for (kind, kept, words, permission) in [
            (
                groups(DatabaseRef::Cluster("shop".parse().unwrap())),
                r#"{"change":"database","attribute":"groups","database":{"is":"cluster","id":"shop"},"before":["sg-0a1b2c3d"],"after":["sg-0a1b2c3e"]}"#,
                "database cluster shop: security groups sg-0a1b2c3d become sg-0a1b2c3e",
                ("rds:ModifyDBCluster", "arn:aws:rds:eu-west-1:111122223333:cluster:shop"),
            ),
            (
                groups(DatabaseRef::Instance("shop-1".parse().unwrap())),
                r#"{"change":"database","attribute":"groups","database":{"is":"instance","id":"shop-1"},"before":["sg-0a1b2c3d"],"after":["sg-0a1b2c3e"]}"#,
                "database shop-1: security groups sg-0a1b2c3d become sg-0a1b2c3e",
                ("rds:ModifyDBInstance", "arn:aws:rds:eu-west-1:111122223333:db:shop-1"),
            ),
            (
                DatabaseChange::PublicAccess {
                    instance: "shop-1".parse().unwrap(),
                    before: true,
                    after: false,
                },
                r#"{"change":"database","attribute":"public_access","instance":"shop-1","before":true,"after":false}"#,
                "database shop-1: it has no public address any more",
                ("rds:ModifyDBInstance", "arn:aws:rds:eu-west-1:111122223333:db:shop-1"),
            ),
        ] {
            let kind = crate::change::Kind::Database(kind);
            assert_eq!(serde_json::to_string(&kind).unwrap(), kept);
            assert_eq!(serde_json::from_str::<crate::change::Kind>(kept).unwrap(), kind);
            let change = crate::change::Change { at: at.clone(), kind };
            assert_eq!(change.words(), words);
            assert_eq!(change.permissions(), [Permission::new(permission.0, permission.1)].into());
        }
    }
}
