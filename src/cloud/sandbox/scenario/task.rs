//! Tasks and services in a scenario.

use serde::Deserialize;

use super::InterfaceSpec;
use crate::change::Tags;
use crate::id::{ClusterName, RoleName, ServiceName, TaskId};

/// A running task, in the account's Region.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// Its cluster.
    pub cluster: ClusterName,
    /// Its id.
    pub id: TaskId,
    /// `EC2` when left out.
    pub launch: Option<String>,
    /// Its service, one of the scenario's.
    pub service: Option<ServiceName>,
    /// Its own interfaces; none when left out: it uses those of its container instance.
    #[serde(default)]
    pub interfaces: Vec<InterfaceSpec>,
    /// Its role.
    pub task_role: Option<RoleName>,
    /// The role of ECS for it.
    pub execution_role: Option<RoleName>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A service, in the account's Region.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
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
    pub raised_to: Option<u32>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}
