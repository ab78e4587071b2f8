//! Stops a task of ECS for good, and lets its service start no other in its place.
//!
//! A stopped task of a service is replaced at once, from the same image and with the same role, and what was in
//! its memory and on its disk is gone. So the service is to have no tasks first, which an undo gives back, and
//! evidence goes before: the runbook's order. That something else, such as service auto scaling, raises the
//! number again shows in the next look, and it is lowered again.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::isolate_ecs_task::{no_task, target};
use super::params::TASK;
use super::reads::{Read, any, permissions_for, permissions_to};
use super::{Action, Context, LookError, ParamSpec, Params, Settings, Shape, Verdict};
use crate::change::{Change, Kind, Permission, TaskChange, Urgency};
use crate::cloud::{TASK_STOPPED, Task, TaskService};
use crate::id::{ClusterName, Place, ServiceName, TaskId};

/// Stops a task, and its service from starting another.
pub struct StopEcsTask;

/// Time between two looks at tasks that end: containers get 30 s to do so by themselves (ECS API, StopTask).
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What comes of it.
const FOR_GOOD: &str = "What was in the task's memory and on its own disk is gone. Give the service its tasks back \
    when its task definition, its image and its role are known to be clean.";

/// What the number of a service's tasks means.
const WHOLE_SERVICE: &str = "Its service has no tasks at all now, and what it did is down. Service auto scaling \
    that has a least number raises it again: suspend that, too.";

/// What runs besides.
const SAME_IMAGE: &str = "Other tasks and services may run the same image: look for them.";

#[async_trait]
impl Action for StopEcsTask {
    fn name(&self) -> &'static str {
        "contain::stop_ecs_task"
    }

    fn summary(&self) -> &'static str {
        "Stops an ECS task for good; its service is to have no tasks first, so that it starts no other."
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
            ("desired_before", Shape::Any),
            ("task_role", Shape::Text),
            ("execution_role", Shape::Text),
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
        let kinds = vec![
            Kind::Task(none(any(""), any(""), 1)),
            Kind::Task(TaskChange::Stop { cluster: any(""), task: any(""), reason: String::new() }),
        ];
        let mut needed = permissions_for(&[Read::Task, Read::TaskService], at);
        needed.extend(permissions_to(kinds, at));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let (cluster, id): (ClusterName, TaskId) = (params.id("cluster")?, params.id("task")?);
        let Some(task) = context.session.task(context.at, &cluster, &id).await? else {
            return Ok(no_task(context, &cluster, &id));
        };
        let service = match &task.service {
            Some(name) => service(context, &cluster, name).await?.map(|found| (name, found)),
            None => None,
        };
        if let Some((name, TaskService { daemon: true, .. })) = service {
            return Ok(Verdict::Refuse(format!(
                "task {id} is of the daemon service {name} of cluster {cluster}, which runs one on each container \
                 instance and starts another at once: isolate the instance, or delete the service"
            )));
        }
        let stages = left(context, &task, service);
        if !stages.is_empty() {
            return Ok(Verdict::Change(stages));
        }
        Ok(match (task.status.as_str(), service) {
            (TASK_STOPPED, None) => Verdict::Done(report(context, &task)),
            (TASK_STOPPED, Some((_, TaskService { running: 0, .. }))) => {
                Verdict::Done(report(context, &task))
            }
            (TASK_STOPPED, Some((name, TaskService { running, .. }))) => Verdict::Wait(
                LOOK_EVERY,
                format!("{running} tasks of service {name} are about to end"),
            ),
            (status, _) => Verdict::Wait(LOOK_EVERY, format!("task {id} is {status}")),
        })
    }
}

/// What one look misses is looked for once more: without its service in view the task would be stopped, and
/// another would take its place.
async fn service(
    context: &Context<'_>,
    cluster: &ClusterName,
    name: &ServiceName,
) -> Result<Option<TaskService>, LookError> {
    for _ in 0..2 {
        let found = context.session.task_service(context.at, cluster, name).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The service before the task: a stopped task of a service is replaced at once.
fn left(
    context: &Context<'_>,
    task: &Task,
    service: Option<(&ServiceName, TaskService)>,
) -> Vec<Vec<Change>> {
    let lowered = service
        .filter(|(_, service)| service.desired > 0)
        .map(|(name, service)| none(task.cluster.clone(), name.clone(), service.desired));
    let stopped = (task.desired != TASK_STOPPED).then(|| TaskChange::Stop {
        cluster: task.cluster.clone(),
        task: task.id.clone(),
        reason: format!("Contained by Tourniquet, {}", context.case),
    });
    // Never both at once: where the service keeps its number, stopping costs the evidence and ends nothing.
    let next = lowered.or(stopped);
    next.map(|kind| vec![Change { at: context.at.clone(), kind: Kind::Task(kind) }])
        .into_iter()
        .collect()
}

fn none(cluster: ClusterName, service: ServiceName, before: u32) -> TaskChange {
    TaskChange::DesiredCount { cluster, service, before, after: 0 }
}

fn report(context: &Context<'_>, task: &Task) -> Value {
    let before = context.applied.iter().find_map(|applied| match &applied.change.kind {
        Kind::Task(TaskChange::DesiredCount { before, .. }) => Some(*before),
        _ => None,
    });
    let mut notes = vec![FOR_GOOD, SAME_IMAGE];
    notes.extend(task.service.is_some().then_some(WHOLE_SERVICE));
    json!({
        "cluster": task.cluster,
        "task": task.id,
        "state": task.status,
        "service": task.service,
        "desired_before": before,
        "task_role": task.task_role,
        "execution_role": task.execution_role,
        "already": context.applied.is_empty(),
        "notes": notes,
    })
}
