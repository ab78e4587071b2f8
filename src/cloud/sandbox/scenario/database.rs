//! Databases in a scenario.

use serde::Deserialize;

use crate::change::Tags;
use crate::id::{DatabaseClusterId, DatabaseId, GroupId, Region, VpcId};

/// A DB instance.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSpec {
    /// Its identifier.
    pub id: DatabaseId,
    /// Its Region.
    pub region: Option<Region>,
    /// `available` when left out.
    pub status: Option<String>,
    /// `postgres` when left out.
    pub engine: Option<String>,
    /// Its VPC; the account's default VPC when left out.
    pub vpc: Option<VpcId>,
    /// Its security groups; one when left out. Those of a member are its cluster's.
    #[serde(default)]
    pub groups: Vec<GroupId>,
    /// Whether it has a public address.
    #[serde(default)]
    pub public: bool,
    /// Whether modifications wait for its maintenance window.
    #[serde(default)]
    pub pending: bool,
    /// The cluster of the scenario that it is a member of.
    pub cluster: Option<DatabaseClusterId>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A DB cluster.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseClusterSpec {
    /// Its identifier.
    pub id: DatabaseClusterId,
    /// Its Region.
    pub region: Option<Region>,
    /// `available` when left out.
    pub status: Option<String>,
    /// Its security groups, in the VPC of its members; one when left out.
    #[serde(default)]
    pub groups: Vec<GroupId>,
    /// Whether it is an Aurora Limitless Database.
    #[serde(default)]
    pub limitless: bool,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}
