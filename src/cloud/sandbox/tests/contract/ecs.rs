//! Tasks and services of ECS for the contract suite.

use std::collections::{BTreeMap, BTreeSet};

use super::{OnSandbox, Outcome, TaskWish};
use crate::change::EcsRef;
use crate::cloud::Interface;
use crate::cloud::sandbox::world::{ServiceState, TaskState};
use crate::id::{ClusterName, Place, ServiceName, TaskId};

pub(super) fn task(
    fixture: &OnSandbox,
    at: &Place,
    wish: &TaskWish,
) -> Outcome<(ClusterName, TaskId)> {
    let cluster: ClusterName = format!("cluster-{}", fixture.n()).parse().unwrap();
    let id: TaskId = format!("{:032x}", fixture.n()).parse().unwrap();
    let own = wish.network.iter().map(|(vpc, group)| Interface {
        id: fixture.id("eni-"),
        vpc: vpc.clone(),
        groups: vec![group.clone()],
        requester_managed: false,
        ips: Vec::new(),
        addresses: Vec::new(),
    });
    let state = TaskState {
        cluster: cluster.clone(),
        id: id.clone(),
        status: "RUNNING".to_owned(),
        desired: "RUNNING".to_owned(),
        launch: "EC2".to_owned(),
        service: None,
        interfaces: own.collect(),
        tracked_open: BTreeSet::new(),
        task_role: "task-role".parse().ok(),
        execution_role: "ecs-role".parse().ok(),
        reason: None,
        tags: BTreeMap::new(),
    };
    let path = EcsRef::Task { cluster: cluster.clone(), task: id.clone() }.path();
    fixture.edit(|world| world.region_mut(at).unwrap().tasks.insert(path, state))?;
    Ok((cluster, id))
}

pub(super) fn service(
    fixture: &OnSandbox,
    at: &Place,
    desired: u32,
) -> Outcome<(ClusterName, ServiceName)> {
    let cluster: ClusterName = format!("cluster-{}", fixture.n()).parse().unwrap();
    let name: ServiceName = format!("service-{}", fixture.n()).parse().unwrap();
    let state = ServiceState {
        cluster: cluster.clone(),
        name: name.clone(),
        desired,
        daemon: false,
        raised_to: None,
        tags: BTreeMap::new(),
    };
    let path = EcsRef::Service { cluster: cluster.clone(), service: name.clone() }.path();
    fixture.edit(|world| world.region_mut(at).unwrap().services.insert(path, state))?;
    Ok((cluster, name))
}
