//! Databases as RDS treats them: a modification is taken while the status allows it, and groups are in force
//! only after a while.

use serde::{Deserialize, Serialize};

use super::refusal::Refused;
use super::world::{RegionState, World};
use crate::change::{DatabaseChange, DatabaseRef, Tags};
use crate::cloud::{
    Database, DatabaseCluster, DatabaseGroup, GROUP_ACTIVE, GROUP_REMOVING, settled_groups,
};
use crate::id::{DatabaseClusterId, DatabaseId, GroupId, Place, VpcId};

/// The status in which RDS takes modifications here.
const AVAILABLE: &str = "available";

/// The status while one is carried out.
const MODIFYING: &str = "modifying";

/// A DB instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatabaseState {
    /// Its status.
    pub status: String,
    /// Its engine.
    pub engine: String,
    /// The VPC of its subnets.
    pub vpc: Option<VpcId>,
    /// Its own groups; those of a member are its cluster's.
    #[serde(default)]
    pub groups: Vec<DatabaseGroup>,
    /// Whether it has a public address.
    pub public: bool,
    /// Whether it will, once RDS is through with what it was told.
    #[serde(default)]
    pub becomes_public: Option<bool>,
    /// Whether modifications wait for its maintenance window.
    #[serde(default)]
    pub pending: bool,
    /// Its cluster.
    pub cluster: Option<DatabaseClusterId>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A DB cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatabaseClusterState {
    /// Its status.
    pub status: String,
    /// Its groups.
    pub groups: Vec<DatabaseGroup>,
    /// Whether it is an Aurora Limitless Database.
    #[serde(default)]
    pub limitless: bool,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// Groups that are in force.
#[must_use]
pub fn active(groups: &[GroupId]) -> Vec<DatabaseGroup> {
    let one = |id: &GroupId| DatabaseGroup { id: id.clone(), status: GROUP_ACTIVE.to_owned() };
    groups.iter().map(one).collect()
}

/// What DescribeDBInstances shows; after one look RDS is through with what it was told.
pub fn look(world: &mut World, at: &Place, id: &DatabaseId) -> Option<Database> {
    let region = region(world, at)?;
    let seen = shown(region, id)?;
    settle(region, id);
    Some(seen)
}

/// What DescribeDBClusters and DescribeDBInstances show; after one look RDS is through, as above.
pub fn look_at_cluster(
    world: &mut World,
    at: &Place,
    id: &DatabaseClusterId,
) -> Option<DatabaseCluster> {
    let region = region(world, at)?;
    let cluster = region.database_clusters.get(id)?.clone();
    let members: Vec<DatabaseId> = members(region, id);
    let seen = DatabaseCluster {
        id: id.clone(),
        status: cluster.status,
        groups: cluster.groups,
        limitless: cluster.limitless,
        pending: false,
        members: members.iter().filter_map(|member| shown(region, member)).collect(),
    };
    members.iter().for_each(|member| settle(region, member));
    if let Some(cluster) = region.database_clusters.get_mut(id) {
        settle_groups(&mut cluster.groups);
    }
    Some(seen)
}

fn region<'a>(world: &'a mut World, at: &Place) -> Option<&'a mut RegionState> {
    world.accounts.get_mut(&at.account)?.regions.get_mut(&at.region)
}

fn members(region: &RegionState, id: &DatabaseClusterId) -> Vec<DatabaseId> {
    let of = region.databases.iter().filter(|(_, state)| state.cluster.as_ref() == Some(id));
    of.map(|(member, _)| member.clone()).collect()
}

fn shown(region: &RegionState, id: &DatabaseId) -> Option<Database> {
    let state = region.databases.get(id)?;
    let cluster = state.cluster.as_ref().and_then(|id| region.database_clusters.get(id));
    Some(Database {
        id: id.clone(),
        status: state.status.clone(),
        engine: state.engine.clone(),
        vpc: state.vpc.clone(),
        groups: cluster.map_or_else(|| state.groups.clone(), |cluster| cluster.groups.clone()),
        public: state.public,
        pending: state.pending,
        cluster: state.cluster.clone(),
    })
}

fn settle(region: &mut RegionState, id: &DatabaseId) {
    if let Some(state) = region.databases.get_mut(id) {
        settle_groups(&mut state.groups);
        if let Some(public) = state.becomes_public.take() {
            state.public = public;
            AVAILABLE.clone_into(&mut state.status);
        }
    }
}

fn settle_groups(groups: &mut Vec<DatabaseGroup>) {
    *groups = active(&settled_groups(groups));
}

/// ModifyDBInstance or ModifyDBCluster.
pub fn modify(world: &mut World, at: &Place, change: &DatabaseChange) -> Result<(), Refused> {
    match change {
        DatabaseChange::Groups { database, after, .. } => {
            check_groups(world, at, database, after)?;
            let region = world.region_mut(at)?;
            let groups = match database {
                DatabaseRef::Instance(id) => &mut instance(region, id)?.groups,
                DatabaseRef::Cluster(id) => &mut cluster(region, id)?.groups,
            };
            *groups = on_their_way(groups, after);
        }
        DatabaseChange::PublicAccess { instance: id, after, .. } => {
            let state = instance(world.region_mut(at)?, id)?;
            takes(&state.status)?;
            state.becomes_public = Some(*after);
            MODIFYING.clone_into(&mut state.status);
        }
    }
    Ok(())
}

/// Which groups RDS takes, and for what.
fn check_groups(
    world: &mut World,
    at: &Place,
    database: &DatabaseRef,
    after: &[GroupId],
) -> Result<(), Refused> {
    let region = world.region_mut(at)?;
    let vpc = match database {
        DatabaseRef::Instance(id) => {
            let state = instance(region, id)?;
            takes(&state.status)?;
            if state.cluster.is_some() {
                return Err(Refused::new(
                    "InvalidParameterCombination",
                    "The security groups of a member are managed by its DB cluster",
                ));
            }
            state.vpc.clone()
        }
        DatabaseRef::Cluster(id) => {
            takes(&cluster(region, id)?.status)?;
            let member = members(region, id).into_iter().next();
            member.and_then(|member| region.databases.get(&member)?.vpc.clone())
        }
    };
    let there = |id: &&GroupId| {
        region.groups.get(*id).is_some_and(|group| Some(&group.vpc) == vpc.as_ref())
    };
    match after.iter().find(|id| !there(id)) {
        None if !after.is_empty() => Ok(()),
        wrong => Err(Refused::new(
            "InvalidParameterValue",
            format!("Invalid security group {wrong:?}: it is not in the VPC of the database"),
        )),
    }
}

fn on_their_way(now: &[DatabaseGroup], after: &[GroupId]) -> Vec<DatabaseGroup> {
    let with =
        |id: &GroupId, status: &str| DatabaseGroup { id: id.clone(), status: status.to_owned() };
    let stays =
        |id: &GroupId| now.iter().any(|group| group.id == *id && group.status == GROUP_ACTIVE);
    let come = after.iter().map(|id| with(id, if stays(id) { GROUP_ACTIVE } else { "adding" }));
    let gone = now.iter().filter(|group| !after.contains(&group.id));
    come.chain(gone.map(|group| with(&group.id, GROUP_REMOVING))).collect()
}

fn takes(status: &str) -> Result<(), Refused> {
    if status == AVAILABLE {
        return Ok(());
    }
    Err(Refused::new("InvalidDBInstanceState", "Database instance is not in available state."))
}

/// The tags of a DB instance or cluster.
pub fn tags_mut<'a>(
    world: &'a mut World,
    at: &Place,
    database: &DatabaseRef,
) -> Result<&'a mut Tags, Refused> {
    let region = world.region_mut(at)?;
    match database {
        DatabaseRef::Instance(id) => Ok(&mut instance(region, id)?.tags),
        DatabaseRef::Cluster(id) => Ok(&mut cluster(region, id)?.tags),
    }
}

/// The same to look at.
pub fn tags<'a>(region: &'a RegionState, database: &DatabaseRef) -> Option<&'a Tags> {
    match database {
        DatabaseRef::Instance(id) => Some(&region.databases.get(id)?.tags),
        DatabaseRef::Cluster(id) => Some(&region.database_clusters.get(id)?.tags),
    }
}

/// Why somebody in the internet or in the VPC can open a connection to it; `None`: nobody can.
#[cfg(test)]
#[must_use]
pub fn reached_by(region: &RegionState, id: &DatabaseId) -> Option<String> {
    let now = shown(region, id)?;
    if region.databases.get(id)?.becomes_public.unwrap_or(now.public) {
        return Some(format!("{id} has a public address"));
    }
    let lets_in = |group: &&DatabaseGroup| {
        region.groups.get(&group.id).is_some_and(|group| !group.ingress.is_empty())
    };
    now.groups.iter().find(lets_in).map(|group| format!("{} of {id} has an inbound rule", group.id))
}

fn instance<'a>(
    region: &'a mut RegionState,
    id: &DatabaseId,
) -> Result<&'a mut DatabaseState, Refused> {
    let found = region.databases.get_mut(id);
    found.ok_or_else(|| Refused::new("DBInstanceNotFound", format!("DBInstance {id} not found.")))
}

fn cluster<'a>(
    region: &'a mut RegionState,
    id: &DatabaseClusterId,
) -> Result<&'a mut DatabaseClusterState, Refused> {
    let found = region.database_clusters.get_mut(id);
    found
        .ok_or_else(|| Refused::new("DBClusterNotFoundFault", format!("DBCluster {id} not found.")))
}
