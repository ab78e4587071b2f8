//! Databases for the contract suite.

use std::collections::BTreeMap;

use super::{DatabaseWish, OnSandbox, Outcome};
use crate::cloud::sandbox::database::active;
use crate::cloud::sandbox::world::{DatabaseClusterState, DatabaseState};
use crate::id::{DatabaseClusterId, DatabaseId, GroupId, Place};

pub(super) fn instance(
    fixture: &OnSandbox,
    at: &Place,
    wish: &DatabaseWish,
) -> Outcome<DatabaseId> {
    let id: DatabaseId = format!("database-{}", fixture.n()).parse().unwrap();
    let own = wish.cluster.is_none().then(|| wish.group.clone());
    let state = DatabaseState {
        status: "available".to_owned(),
        engine: "aurora-postgresql".to_owned(),
        vpc: Some(wish.vpc.clone()),
        groups: active(own.as_slice()),
        public: true,
        becomes_public: None,
        pending: false,
        cluster: wish.cluster.clone(),
        tags: BTreeMap::new(),
    };
    fixture.edit(|world| world.region_mut(at).unwrap().databases.insert(id.clone(), state))?;
    Ok(id)
}

pub(super) fn cluster(
    fixture: &OnSandbox,
    at: &Place,
    group: &GroupId,
) -> Outcome<DatabaseClusterId> {
    let id: DatabaseClusterId = format!("cluster-{}", fixture.n()).parse().unwrap();
    let state = DatabaseClusterState {
        status: "available".to_owned(),
        groups: active(std::slice::from_ref(group)),
        limitless: false,
        tags: BTreeMap::new(),
    };
    fixture
        .edit(|world| world.region_mut(at).unwrap().database_clusters.insert(id.clone(), state))?;
    Ok(id)
}
