//! Tasks and services as ECS treats them: a service replaces what stops while it is to have it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::network;
use super::refusal::Refused;
use super::world::{RegionState, World};
use crate::change::{EcsRef, Tags, TaskChange};
use crate::cloud::{Interface, TASK_STOPPED, Task, TaskService};
use crate::id::{ClusterName, InterfaceId, Place, RoleName, ServiceName, TaskId};

/// The status of a task on its way to its end.
const DEACTIVATING: &str = "DEACTIVATING";

/// A task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskState {
    /// Its cluster.
    pub cluster: ClusterName,
    /// Its id.
    pub id: TaskId,
    /// `lastStatus`.
    pub status: String,
    /// `desiredStatus`.
    pub desired: String,
    /// `launchType`.
    pub launch: String,
    /// Its service.
    pub service: Option<ServiceName>,
    /// Its own interfaces.
    pub interfaces: Vec<Interface>,
    /// Those through which a tracked connection is still alive.
    #[serde(default)]
    pub tracked_open: BTreeSet<InterfaceId>,
    /// Its role.
    pub task_role: Option<RoleName>,
    /// The role of ECS for it.
    pub execution_role: Option<RoleName>,
    /// Why it was stopped.
    #[serde(default)]
    pub reason: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceState {
    /// Its cluster.
    pub cluster: ClusterName,
    /// Its name.
    pub name: ServiceName,
    /// How many tasks it is to have.
    pub desired: u32,
    /// Whether it runs one on each container instance.
    #[serde(default)]
    pub daemon: bool,
    /// What something sets the number to, once, after it was set to none.
    #[serde(default)]
    pub raised_to: Option<u32>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// What DescribeTasks shows; after one look a task that ends has ended, and its interfaces with it.
pub fn look(world: &mut World, at: &Place, wanted: &EcsRef) -> Option<Task> {
    let region = world.accounts.get_mut(&at.account)?.regions.get_mut(&at.region)?;
    let state = region.tasks.get_mut(&wanted.path())?;
    let seen = Task {
        cluster: state.cluster.clone(),
        id: state.id.clone(),
        status: state.status.clone(),
        desired: state.desired.clone(),
        launch: state.launch.clone(),
        service: state.service.clone(),
        interfaces: state.interfaces.clone(),
        task_role: state.task_role.clone(),
        execution_role: state.execution_role.clone(),
    };
    if state.status == DEACTIVATING {
        ended(state);
    }
    Some(seen)
}

/// What DescribeServices shows. Whatever raises the number again has done so by then, and ECS has begun to
/// end what the service is not to have; what ended already is gone after it.
pub fn look_at_service(world: &mut World, at: &Place, wanted: &EcsRef) -> Option<TaskService> {
    let region = world.accounts.get_mut(&at.account)?.regions.get_mut(&at.region)?;
    let state = region.services.get_mut(&wanted.path())?;
    if state.desired == 0
        && let Some(raised) = state.raised_to.take()
    {
        state.desired = raised;
        let state = state.clone();
        start(region, &state);
    }
    let state = region.services.get(&wanted.path())?.clone();
    let mine = |task: &TaskState| {
        task.cluster == state.cluster && task.service.as_ref() == Some(&state.name)
    };
    let ending: Vec<String> = region
        .tasks
        .iter()
        .filter(|(_, task)| mine(task) && task.status == DEACTIVATING)
        .map(|(path, _)| path.clone())
        .collect();
    // ECS takes its time: here until one of them was stopped by name.
    let begun = region.tasks.values().any(|task| mine(task) && task.desired == TASK_STOPPED);
    if state.desired == 0 && begun {
        region.tasks.values_mut().filter(|task| mine(task)).for_each(end);
    }
    let running = running(region, &state);
    ending.iter().for_each(|path| {
        region.tasks.get_mut(path).into_iter().for_each(ended);
    });
    Some(TaskService { desired: state.desired, running, daemon: state.daemon })
}

fn of<'a>(
    region: &'a RegionState,
    service: &'a ServiceState,
) -> impl Iterator<Item = &'a TaskState> {
    region.tasks.values().filter(|task| {
        task.cluster == service.cluster && task.service.as_ref() == Some(&service.name)
    })
}

fn running(region: &RegionState, service: &ServiceState) -> u32 {
    let count = of(region, service).filter(|task| task.status != TASK_STOPPED).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Starts one task more like those that the service has or had, where it is to have more.
fn start(region: &mut RegionState, service: &ServiceState) {
    let staying = of(region, service).filter(|task| task.desired != TASK_STOPPED).count();
    let pattern = of(region, service).next().cloned();
    let (Some(pattern), true) = (pattern, staying < service.desired as usize) else {
        return;
    };
    let n = region.tasks.len();
    let Ok(id) = format!("{n:032x}").parse::<TaskId>() else {
        return;
    };
    let fresh = TaskState {
        id: id.clone(),
        status: "RUNNING".to_owned(),
        desired: "RUNNING".to_owned(),
        interfaces: Vec::new(),
        tracked_open: BTreeSet::new(),
        reason: None,
        ..pattern
    };
    let path = EcsRef::Task { cluster: fresh.cluster.clone(), task: id }.path();
    region.tasks.insert(path, fresh);
}

/// ModifyNetworkInterfaceAttribute, UpdateService or StopTask.
pub fn change(world: &mut World, at: &Place, change: &TaskChange) -> Result<(), Refused> {
    let path = change.subject().path();
    match change {
        TaskChange::Groups { interface, after, .. } => {
            network::set_groups(world, at, interface, after)
        }
        TaskChange::DesiredCount { after, .. } => {
            let region = world.region_mut(at)?;
            let Some(state) = region.services.get_mut(&path) else {
                return Err(Refused::new("ServiceNotFoundException", "Service not found."));
            };
            if state.daemon {
                return Err(Refused::new(
                    "InvalidParameterException",
                    "The daemon scheduling strategy does not support a desired count.",
                ));
            }
            state.desired = *after;
            Ok(())
        }
        TaskChange::Stop { reason, .. } => {
            let region = world.region_mut(at)?;
            let Some(state) = region.tasks.get_mut(&path) else {
                return Err(Refused::new(
                    "InvalidParameterException",
                    "The referenced task was not found.",
                ));
            };
            end(state);
            state.reason = Some(reason.clone());
            let service = state
                .service
                .clone()
                .map(|service| EcsRef::Service { cluster: state.cluster.clone(), service });
            let service = service.and_then(|service| region.services.get(&service.path())).cloned();
            if let Some(service) = service {
                start(region, &service);
            }
            Ok(())
        }
    }
}

fn ended(task: &mut TaskState) {
    TASK_STOPPED.clone_into(&mut task.status);
    task.interfaces.clear();
    task.tracked_open.clear();
}

fn end(task: &mut TaskState) {
    if task.desired != TASK_STOPPED {
        TASK_STOPPED.clone_into(&mut task.desired);
        DEACTIVATING.clone_into(&mut task.status);
    }
}

/// The tags of a task or service.
pub fn tags_mut<'a>(
    world: &'a mut World,
    at: &Place,
    wanted: &EcsRef,
) -> Result<&'a mut Tags, Refused> {
    let (region, path) = (world.region_mut(at)?, wanted.path());
    let found = match wanted {
        EcsRef::Task { .. } => region.tasks.get_mut(&path).map(|task| &mut task.tags),
        EcsRef::Service { .. } => region.services.get_mut(&path).map(|service| &mut service.tags),
    };
    found.ok_or_else(|| Refused::new("ResourceNotFoundException", "The resource was not found."))
}

/// The same to look at.
pub fn tags<'a>(region: &'a RegionState, wanted: &EcsRef) -> Option<&'a Tags> {
    match wanted {
        EcsRef::Task { .. } => Some(&region.tasks.get(&wanted.path())?.tags),
        EcsRef::Service { .. } => Some(&region.services.get(&wanted.path())?.tags),
    }
}

/// Why a task can still reach hosts outside; `None`: it can't.
#[cfg(test)]
#[must_use]
pub fn reaches_out(region: &RegionState, wanted: &EcsRef) -> Option<String> {
    let task = region.tasks.get(&wanted.path())?;
    if task.status == TASK_STOPPED {
        return None;
    }
    let open = task.interfaces.iter().find(|one| network::reaches_out(region, one));
    match (open, task.tracked_open.first()) {
        (Some(open), _) => Some(format!("a group of {} has an egress rule", open.id)),
        (None, Some(id)) => Some(format!("a tracked connection through {id} is still alive")),
        (None, None) if task.interfaces.is_empty() => {
            Some("it uses the network of its container instance".to_owned())
        }
        (None, None) => None,
    }
}

impl RegionState {
    /// Every list of interfaces that one thing has, an instance or a task, with those of them through
    /// which a tracked connection is still alive.
    pub fn holders(&self) -> impl Iterator<Item = (&Vec<Interface>, &BTreeSet<InterfaceId>)> {
        let machines = self.instances.values().map(|m| (&m.instance.interfaces, &m.tracked_open));
        machines.chain(self.tasks.values().map(|task| (&task.interfaces, &task.tracked_open)))
    }

    /// The same of the thing that has this interface, to change it.
    pub fn holder_mut(
        &mut self,
        id: &InterfaceId,
    ) -> Option<(&mut Vec<Interface>, &mut BTreeSet<InterfaceId>)> {
        let machines =
            self.instances.values_mut().map(|m| (&mut m.instance.interfaces, &mut m.tracked_open));
        let tasks =
            self.tasks.values_mut().map(|task| (&mut task.interfaces, &mut task.tracked_open));
        machines.chain(tasks).find(|(all, _)| all.iter().any(|one| one.id == *id))
    }
}
