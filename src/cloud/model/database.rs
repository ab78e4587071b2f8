//! Databases in RDS, as far as it matters who reaches them.

use serde::{Deserialize, Serialize};

use crate::id::{DatabaseClusterId, DatabaseId, GroupId, VpcId};

/// A DB instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its identifier.
    pub id: DatabaseId,
    /// `available`, `modifying`, `stopped` and many more (RDS User Guide, "Viewing Amazon RDS DB instance
    /// status").
    pub status: String,
    /// Such as `postgres` or `aurora-mysql`.
    pub engine: String,
    /// The VPC of its subnets; `None`: it is in none.
    pub vpc: Option<VpcId>,
    /// Its security groups; of a member of a cluster those of the cluster.
    pub groups: Vec<DatabaseGroup>,
    /// Whether its name leads to a public address for callers outside of its VPC.
    pub public: bool,
    /// Whether somebody's modifications wait for its maintenance window.
    pub pending: bool,
    /// The cluster that it is a member of.
    pub cluster: Option<DatabaseClusterId>,
}

/// A DB cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseCluster {
    /// Its identifier.
    pub id: DatabaseClusterId,
    /// As [`Database::status`].
    pub status: String,
    /// Its security groups.
    pub groups: Vec<DatabaseGroup>,
    /// Whether it is an Aurora Limitless Database: its shards are no DB instances.
    pub limitless: bool,
    /// As [`Database::pending`].
    pub pending: bool,
    /// Its DB instances.
    pub members: Vec<Database>,
}

/// A security group of a database, and how far RDS is with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseGroup {
    /// The group.
    pub id: GroupId,
    /// `active`, or on its way there `adding`, or away `removing`.
    pub status: String,
}

/// The status of a group that is in force.
pub const GROUP_ACTIVE: &str = "active";
/// The status of a group that goes.
pub const GROUP_REMOVING: &str = "removing";

/// The groups that a database has when RDS is through with what it was told.
#[must_use]
pub fn settled_groups(groups: &[DatabaseGroup]) -> Vec<GroupId> {
    let stays = groups.iter().filter(|group| group.status != GROUP_REMOVING);
    stays.map(|group| group.id.clone()).collect()
}
