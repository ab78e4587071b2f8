//! Tasks and services from a scenario.

use super::super::scenario::AccountSpec;
use super::super::task::{ServiceState, TaskState};
use super::super::world::Account;
use super::machines::add_interfaces;
use super::state;
use crate::change::EcsRef;

/// Services first, so that a task of none is noticed.
pub(super) fn add_tasks(account: &mut Account, spec: &AccountSpec) -> Result<(), String> {
    let region = state(account, &spec.region);
    for service in &spec.service {
        let (cluster, name) = (service.cluster.clone(), service.name.clone());
        let path = EcsRef::Service { cluster: cluster.clone(), service: name.clone() }.path();
        let built = ServiceState {
            cluster,
            name,
            desired: service.desired,
            daemon: service.daemon,
            raised_to: service.raised_to,
            tags: service.tags.clone(),
        };
        region.services.insert(path, built);
    }
    for task in &spec.task {
        let (cluster, id) = (task.cluster.clone(), task.id.clone());
        if let Some(name) = &task.service {
            let service = EcsRef::Service { cluster: cluster.clone(), service: name.clone() };
            if !region.services.contains_key(&service.path()) {
                return Err(format!("task {id}: there is no service {name} in cluster {cluster}"));
            }
        }
        let interfaces = add_interfaces(region, spec, &spec.region, id.as_str(), &task.interfaces)?;
        let path = EcsRef::Task { cluster: cluster.clone(), task: id.clone() }.path();
        let built = TaskState {
            cluster,
            id,
            status: "RUNNING".to_owned(),
            desired: "RUNNING".to_owned(),
            launch: task.launch.clone().unwrap_or_else(|| "EC2".to_owned()),
            service: task.service.clone(),
            interfaces,
            tracked_open: std::collections::BTreeSet::new(),
            task_role: task.task_role.clone(),
            execution_role: task.execution_role.clone(),
            reason: None,
            tags: task.tags.clone(),
        };
        region.tasks.insert(path, built);
    }
    Ok(())
}
