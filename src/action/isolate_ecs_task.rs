//! Cuts a task of ECS off the network: its own interfaces go behind a verified, empty quarantine group, through
//! the transition group, as those of an instance do.
//!
//! Only a task in network mode `awsvpc` has interfaces of its own. Those that AWS manages for Fargate can't be
//! changed by us: the task is then not contained, and whoever asked is told to stop it. A service that misses
//! the task in its health checks stops it, with what is in its memory; that is told, too.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::interface_swap::{Next, Walls, lead};
use super::params::TASK;
use super::quarantine_group::{Purpose, quarantine_groups};
use super::reads::{Read, any, permissions_for, permissions_to};
use super::{Action, Context, LookError, ParamSpec, Params, Settings, Shape, Verdict, gone};
use crate::change::{EcsRef, Kind, Permission, TaskChange, Urgency};
use crate::cloud::{Interface, TASK_STOPPED, Task};
use crate::id::{ClusterName, GroupId, Place, TaskId};

/// Cuts a task off: every interface of its own behind a verified, empty quarantine group.
pub struct IsolateEcsTask;

/// What no security group cuts (VPC User Guide, "Security groups").
const NEVER_FILTERED: &str = "Security groups do not filter DNS to the VPC resolver or the task metadata \
    endpoint: data can still leave by DNS, and the task still gets credentials of its role. Revoke the role's \
    sessions.";

/// What becomes of a task that answers nobody.
const HEALTH_CHECKS: &str = "A service stops and replaces a task that fails its health checks, with all that is \
    in its memory and on its disk: collect what is needed now.";

/// What the name and the id of a task come to.
pub(super) fn target(params: &Params) -> Result<EcsRef, LookError> {
    Ok(EcsRef::Task { cluster: params.id("cluster")?, task: params.id("task")? })
}

/// The refusal for a task that is not there.
pub(super) fn no_task(context: &Context<'_>, cluster: &ClusterName, id: &TaskId) -> Verdict {
    gone(&format!("task {id} in cluster {cluster}"), context.at)
}

#[async_trait]
impl Action for IsolateEcsTask {
    fn name(&self) -> &'static str {
        "contain::isolate_ecs_task"
    }

    fn summary(&self) -> &'static str {
        "Cuts an ECS task off: every interface of its own behind a verified, empty quarantine group."
    }

    fn params(&self) -> &'static [ParamSpec] {
        TASK
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("cluster", Shape::Text),
            ("task", Shape::Text),
            ("state", Shape::Text),
            ("service", Shape::Text),
            ("task_role", Shape::Text),
            ("execution_role", Shape::Text),
            ("quarantine", Shape::Tags),
            ("interfaces", Shape::Any),
            ("already", Shape::Any),
            ("notes", Shape::List(&Shape::Text)),
        ])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Containment
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(target(params)?.path())
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let mut kinds = vec![Kind::Task(TaskChange::Groups {
            cluster: any(""),
            task: any(""),
            interface: any("eni-"),
            before: vec![any("sg-")],
            after: vec![any("sg-")],
            passing: false,
        })];
        kinds.extend(Purpose::Quarantine.kinds());
        kinds.extend(Purpose::Transition.kinds());
        let mut needed = permissions_for(&[Read::Task, Read::Groups], at);
        needed.extend(permissions_to(kinds, at));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let (cluster, id): (ClusterName, TaskId) = (params.id("cluster")?, params.id("task")?);
        let found = context.session.task(context.at, &cluster, &id).await?;
        let Some(task) = found.filter(|task| task.status != TASK_STOPPED) else {
            return Ok(no_task(context, &cluster, &id));
        };
        if let Some(reason) = untouchable(&task) {
            return Ok(Verdict::Refuse(reason));
        }
        let swap = |interface: &Interface, before: &[GroupId], after: &GroupId, passing| {
            Kind::Task(TaskChange::Groups {
                cluster: cluster.clone(),
                task: id.clone(),
                interface: interface.id.clone(),
                before: before.to_vec(),
                after: vec![after.clone()],
                passing,
            })
        };
        let interfaces: Vec<&Interface> = task.interfaces.iter().collect();
        let (walls, next) = lead(context, &interfaces, &swap).await?;
        Ok(match next {
            Next::Behind => Verdict::Done(report(context, &task, &walls)),
            Next::First(verdict) => verdict,
            Next::Swap(stages) => Verdict::Change(stages),
        })
    }
}

/// Why its network can't be changed, with what to do instead.
fn untouchable(task: &Task) -> Option<String> {
    let Task { id, cluster, launch, .. } = task;
    if task.interfaces.is_empty() {
        return Some(format!(
            "task {id} of cluster {cluster} has no network interface of its own: it uses those of its \
             container instance ({launch}). Stop it, or isolate the instance, which cuts off every task on it"
        ));
    }
    let managed: Vec<&str> = task
        .interfaces
        .iter()
        .filter(|interface| interface.requester_managed)
        .map(|interface| interface.id.as_str())
        .collect();
    (!managed.is_empty()).then(|| {
        format!(
            "{} of task {id} of cluster {cluster} stays open: AWS manages it for {launch}, and only ECS can \
             change its security groups. Keep the evidence and stop the task, or deny its subnet with a \
             network ACL",
            managed.join(", ")
        )
    })
}

fn report(context: &Context<'_>, task: &Task, walls: &Walls<'_>) -> Value {
    let mut interfaces = serde_json::Map::new();
    for interface in &task.interfaces {
        let mut told = context.applied.iter().filter_map(|applied| {
            let swap = applied.change.kind.interface_swap()?;
            (*swap.interface == interface.id).then_some((applied.at, swap.before))
        });
        let first = told.next();
        let told = json!({
            "before": first.map(|(_, before)| before),
            "after": interface.groups,
            "open_from": first.map(|(at, _)| at.to_string()),
            "open_until": told.next_back().map(|(at, _)| at.to_string()),
        });
        interfaces.insert(interface.id.to_string(), told);
    }
    json!({
        "cluster": task.cluster,
        "task": task.id,
        "state": task.status,
        "service": task.service,
        "task_role": task.task_role,
        "execution_role": task.execution_role,
        "quarantine": quarantine_groups(walls),
        "interfaces": interfaces,
        "already": context.applied.is_empty(),
        "notes": [NEVER_FILTERED, HEALTH_CHECKS],
    })
}
