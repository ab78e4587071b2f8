//! Tasks and services in ECS, as far as containing them looks at them.

use super::Interface;
use crate::id::{ClusterName, RoleName, ServiceName, TaskId};

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its cluster.
    pub cluster: ClusterName,
    /// Its id.
    pub id: TaskId,
    /// How far it is (ECS API, `lastStatus`): `RUNNING`, `DEACTIVATING`, `STOPPED` and others.
    pub status: String,
    /// How far ECS takes it (`desiredStatus`): `RUNNING` or `STOPPED`.
    pub desired: String,
    /// `FARGATE`, `EC2` or `EXTERNAL`.
    pub launch: String,
    /// The service that it is one of.
    pub service: Option<ServiceName>,
    /// Its own network interfaces (network mode `awsvpc`).
    pub interfaces: Vec<Interface>,
    /// The role whose credentials its containers get.
    pub task_role: Option<RoleName>,
    /// The role with which ECS fetches its images and secrets.
    pub execution_role: Option<RoleName>,
}

/// The `desiredStatus` of what ends, and the `lastStatus` of what has ended.
pub const TASK_STOPPED: &str = "STOPPED";

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskService {
    /// How many tasks it is to have.
    pub desired: u32,
    /// How many of its tasks run or are about to.
    pub running: u32,
    /// Whether it runs one task on each container instance: then nobody sets how many.
    pub daemon: bool,
}
