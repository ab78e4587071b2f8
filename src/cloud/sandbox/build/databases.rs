//! Databases from a scenario.

use super::super::database::{DatabaseClusterState, DatabaseState, active};
use super::super::naming::derived;
use super::super::network::default_egress;
use super::super::scenario::AccountSpec;
use super::super::world::{Account, RegionState};
use super::machines::{default_vpc, https};
use super::{state, words};
use crate::cloud::SecurityGroup;
use crate::id::{GroupId, VpcId};

/// Clusters first, so that a member of none is noticed.
pub(super) fn add_databases(account: &mut Account, spec: &AccountSpec) -> Result<(), String> {
    for cluster in &spec.database_cluster {
        let region = cluster.region.as_ref().unwrap_or(&spec.region);
        let vpc = default_vpc(spec, region)?;
        let region = state(account, region);
        let built = DatabaseClusterState {
            status: cluster.status.clone().unwrap_or_else(|| "available".to_owned()),
            groups: active(&groups(region, &vpc, &cluster.groups)?),
            limitless: cluster.limitless,
            tags: cluster.tags.clone(),
        };
        region.database_clusters.insert(cluster.id.clone(), built);
    }
    for database in &spec.database {
        let id = &database.id;
        let region = database.region.as_ref().unwrap_or(&spec.region);
        let vpc = database.vpc.clone().map_or_else(|| default_vpc(spec, region), Ok)?;
        let region = state(account, region);
        if let Some(cluster) = &database.cluster
            && !region.database_clusters.contains_key(cluster)
        {
            return Err(format!("database {id}: there is no cluster {cluster}"));
        }
        let own = match database.cluster {
            Some(_) => Vec::new(),
            None => groups(region, &vpc, &database.groups)?,
        };
        let built = DatabaseState {
            status: database.status.clone().unwrap_or_else(|| "available".to_owned()),
            engine: database.engine.clone().unwrap_or_else(|| "postgres".to_owned()),
            vpc: Some(vpc),
            groups: active(&own),
            public: database.public,
            becomes_public: None,
            pending: database.pending,
            cluster: database.cluster.clone(),
            tags: database.tags.clone(),
        };
        region.databases.insert(id.clone(), built);
    }
    Ok(())
}

/// Those that are given, or one, each made where it is not there.
fn groups(
    region: &mut RegionState,
    vpc: &VpcId,
    given: &[GroupId],
) -> Result<Vec<GroupId>, String> {
    let all = match given {
        [] => vec![derived("sg-", vpc.as_str()).parse::<GroupId>().map_err(words)?],
        given => given.to_vec(),
    };
    let ipv6 = region.vpcs.entry(vpc.clone()).or_default().ipv6;
    for id in &all {
        let found = region.groups.entry(id.clone()).or_insert_with(|| SecurityGroup {
            id: id.clone(),
            name: id.to_string(),
            vpc: vpc.clone(),
            ingress: vec![https()],
            egress: default_egress(ipv6),
            tags: std::collections::BTreeMap::new(),
        });
        if found.vpc != *vpc {
            return Err(format!("{id} is in {}, its database is in {vpc}", found.vpc));
        }
    }
    Ok(all)
}
