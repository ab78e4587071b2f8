//! Changes of tasks and services in ECS: their network, their number, their end. One file for all that follows
//! from a kind.

use std::collections::BTreeSet;
use std::mem::swap;

use serde::{Deserialize, Serialize};

use super::Permission;
use super::words::list;
use crate::id::{ClusterName, GroupId, InterfaceId, Place, ServiceName, TaskId};

/// What ECS runs and gives tags to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum EcsRef {
    /// A task.
    Task {
        /// Its cluster.
        cluster: ClusterName,
        /// The task.
        task: TaskId,
    },
    /// A service.
    Service {
        /// Its cluster.
        cluster: ClusterName,
        /// The service.
        service: ServiceName,
    },
}

impl EcsRef {
    /// `type/cluster/id`.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Task { cluster, task } => format!("ecs-task/{cluster}/{task}"),
            Self::Service { cluster, service } => format!("ecs-service/{cluster}/{service}"),
        }
    }

    /// What a path of ours is about, after `ecs-`.
    #[must_use]
    pub fn from_path(kind: &str, rest: &str) -> Option<Self> {
        let (cluster, id) = rest.split_once('/')?;
        let cluster = cluster.parse().ok()?;
        match kind {
            "ecs-task" => Some(Self::Task { cluster, task: id.parse().ok()? }),
            "ecs-service" => Some(Self::Service { cluster, service: id.parse().ok()? }),
            _ => None,
        }
    }

    /// Its ARN in `at` (IAM service authorization reference, ECS).
    #[must_use]
    pub fn arn(&self, at: &Place) -> String {
        let Place { account, region } = at;
        match self {
            Self::Task { cluster, task } => {
                format!("arn:aws:ecs:{region}:{account}:task/{cluster}/{task}")
            }
            Self::Service { cluster, service } => {
                format!("arn:aws:ecs:{region}:{account}:service/{cluster}/{service}")
            }
        }
    }
}

/// One attribute of a task or service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "attribute", rename_all = "snake_case")]
pub enum TaskChange {
    /// The security groups of a task's own interface (`ec2:ModifyNetworkInterfaceAttribute`).
    Groups {
        /// The task's cluster.
        cluster: ClusterName,
        /// The task.
        task: TaskId,
        /// Its interface.
        interface: InterfaceId,
        /// As they were looked up.
        before: Vec<GroupId>,
        /// Afterwards; never empty.
        after: Vec<GroupId>,
        /// As of [`super::Kind::InterfaceGroups`].
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        passing: bool,
    },
    /// How many tasks a service is to have (`ecs:UpdateService`).
    DesiredCount {
        /// The service's cluster.
        cluster: ClusterName,
        /// The service.
        service: ServiceName,
        /// As it was looked up.
        before: u32,
        /// Afterwards.
        after: u32,
    },
    /// A task's end (`ecs:StopTask`). Nobody starts it again.
    Stop {
        /// Its cluster.
        cluster: ClusterName,
        /// The task.
        task: TaskId,
        /// What ECS shows as the reason.
        reason: String,
    },
}

impl TaskChange {
    /// The name of the API operation.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Groups { .. } => "ec2:ModifyNetworkInterfaceAttribute",
            Self::DesiredCount { .. } => "ecs:UpdateService",
            Self::Stop { .. } => "ecs:StopTask",
        }
    }

    /// What it belongs to.
    #[must_use]
    pub fn subject(&self) -> EcsRef {
        match self {
            Self::Groups { cluster, task, .. } | Self::Stop { cluster, task, .. } => {
                EcsRef::Task { cluster: cluster.clone(), task: task.clone() }
            }
            Self::DesiredCount { cluster, service, .. } => {
                EcsRef::Service { cluster: cluster.clone(), service: service.clone() }
            }
        }
    }

    /// The attribute, as `type/id`.
    #[must_use]
    pub fn resource(&self) -> String {
        match self {
            Self::Groups { interface, .. } => format!("network-interface/{interface}"),
            Self::DesiredCount { .. } => format!("{}/desired-count", self.subject().path()),
            Self::Stop { .. } => format!("{}/stop", self.subject().path()),
        }
    }

    /// What becomes what.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Groups { task, interface, before, after, .. } => {
                let (before, after) = (list(before), list(after));
                format!("{interface} of task {task}: security groups {before} become {after}")
            }
            Self::DesiredCount { cluster, service, before, after } => format!(
                "service {service} of cluster {cluster}: it is to have {after} tasks instead of {before}"
            ),
            Self::Stop { cluster, task, .. } => {
                format!("task {task} of cluster {cluster} is stopped for good")
            }
        }
    }

    /// What is so again when it was taken back.
    #[must_use]
    pub fn given_back(&self) -> String {
        match self {
            Self::Groups { task, interface, before, .. } => {
                format!("{interface} of task {task} has its groups {} again", list(before))
            }
            Self::DesiredCount { service, before, .. } => {
                format!("service {service} is to have {before} tasks again")
            }
            Self::Stop { .. } => format!("no longer so: {}", self.words()),
        }
    }

    /// What the caller must be allowed to do.
    #[must_use]
    pub fn permissions(&self, at: &Place) -> BTreeSet<Permission> {
        let Place { account, region } = at;
        let ec2 = |kind: &str, id: &str| {
            Permission::new(self.operation(), format!("arn:aws:ec2:{region}:{account}:{kind}/{id}"))
        };
        match self {
            Self::Groups { interface, after, .. } => {
                let groups = after.iter().map(|group| ec2("security-group", group.as_str()));
                groups.chain([ec2("network-interface", interface.as_str())]).collect()
            }
            Self::DesiredCount { .. } | Self::Stop { .. } => {
                [Permission::new(self.operation(), self.subject().arn(at))].into()
            }
        }
    }

    /// Why it can't be taken back, where it can't.
    pub(super) fn lost(&self) -> Option<&'static str> {
        matches!(self, Self::Stop { .. }).then_some(
            "a stopped task is not started again: its service starts new ones when it may have them, and a \
             task without a service is run anew, from a task definition and an image that are clean",
        )
    }

    /// Turns it round.
    pub(super) fn swap(&mut self) {
        match self {
            Self::Groups { before, after, passing, .. } => {
                swap(before, after);
                *passing = false;
            }
            Self::DesiredCount { before, after, .. } => swap(before, after),
            Self::Stop { .. } => {}
        }
    }

    /// This one and a later one of the same attribute as one; `None` where they are of two.
    #[must_use]
    pub fn and(self, later: Self) -> Option<Self> {
        if self.resource() != later.resource() {
            return None;
        }
        match (self, later) {
            (Self::Groups { cluster, task, interface, before, .. }, Self::Groups { after, .. }) => {
                Some(Self::Groups { cluster, task, interface, before, after, passing: false })
            }
            (
                Self::DesiredCount { cluster, service, before, .. },
                Self::DesiredCount { after, .. },
            ) => Some(Self::DesiredCount { cluster, service, before, after }),
            (stop @ Self::Stop { .. }, Self::Stop { .. }) => Some(stop),
            _ => None,
        }
    }
}
