//! Tasks and services of ECS.

use super::{Bench, Ip, Outcome, equal, holds, some, text};
use crate::change::{EcsRef, Kind, Taggable, TaskChange};
use crate::cloud::contract::TaskWish;
use crate::cloud::{ErrorClass, Standing, Task};
use crate::id::{ClusterName, GroupId, ServiceName, TaskId};

async fn read(bench: &Bench<'_>, cluster: &ClusterName, task: &TaskId) -> Outcome<Task> {
    some("task", bench.session.task(bench.here(), cluster, task).await.map_err(text)?)
}

/// A task with an interface of its own, and the group on that.
async fn with_interface(bench: &Bench<'_>) -> Outcome<(ClusterName, TaskId, GroupId, GroupId)> {
    let vpc = bench.fixture().vpc(bench.here(), Ip::V4).await?;
    let one = bench.fixture().group(bench.here(), &vpc).await?;
    let two = bench.fixture().group(bench.here(), &vpc).await?;
    let wish = TaskWish { network: Some((vpc, one.clone())) };
    let (cluster, task) = bench.fixture().task(bench.here(), &wish).await?;
    Ok((cluster, task, one, two))
}

pub async fn swaps_the_groups_of_a_task_s_interface(bench: &Bench<'_>) -> Outcome {
    let (cluster, task, one, two) = with_interface(bench).await?;
    let was = read(bench, &cluster, &task).await?;
    equal("status", &(was.status.as_str(), was.desired.as_str()), &("RUNNING", "RUNNING"))?;
    equal("service", &was.service, &None)?;
    equal("role", &was.task_role.as_ref().map(|role| role.as_str()), &Some("task-role"))?;
    equal("role", &was.execution_role.as_ref().map(|role| role.as_str()), &Some("ecs-role"))?;
    let [interface] = was.interfaces.as_slice() else {
        return Err(format!("not one interface: {:?}", was.interfaces));
    };
    equal("groups", &interface.groups, &vec![one.clone()])?;
    let groups = |before: &GroupId, after: &GroupId| {
        bench.change(Kind::Task(TaskChange::Groups {
            cluster: cluster.clone(),
            task: task.clone(),
            interface: interface.id.clone(),
            before: vec![before.clone()],
            after: vec![after.clone()],
            passing: false,
        }))
    };
    bench.passes(&groups(&one, &two)).await?;
    equal("groups", &read(bench, &cluster, &task).await?.interfaces[0].groups, &vec![two.clone()])?;
    bench.passes(&groups(&two, &one)).await?;
    equal("task", &read(bench, &cluster, &task).await?, &was)
}

pub async fn stops_a_task_for_good(bench: &Bench<'_>) -> Outcome {
    let (cluster, task) = bench.fixture().task(bench.here(), &TaskWish { network: None }).await?;
    holds("no interface", read(bench, &cluster, &task).await?.interfaces.is_empty())?;
    let stop = bench.change(Kind::Task(TaskChange::Stop {
        cluster: cluster.clone(),
        task: task.clone(),
        reason: "a check".to_owned(),
    }));
    bench.passes(&stop).await?;
    // It takes its time; each look is one step further here.
    for _ in 0..10 {
        if read(bench, &cluster, &task).await?.status == "STOPPED" {
            return Ok(());
        }
    }
    Err("it does not stop".to_owned())
}

pub async fn sets_how_many_tasks_a_service_has(bench: &Bench<'_>) -> Outcome {
    let (cluster, service) = bench.fixture().service(bench.here(), 2).await?;
    let read = async || {
        let found = bench.session.task_service(bench.here(), &cluster, &service).await;
        some("service", found.map_err(text)?)
    };
    let was = read().await?;
    equal("service", &(was.desired, was.daemon), &(2, false))?;
    let count = |before, after| {
        let (cluster, service) = (cluster.clone(), service.clone());
        bench.change(Kind::Task(TaskChange::DesiredCount { cluster, service, before, after }))
    };
    bench.passes(&count(2, 0)).await?;
    equal("desired", &read().await?.desired, &0)?;
    bench.passes(&count(0, 2)).await?;
    equal("desired", &read().await?.desired, &2)
}

pub async fn finds_no_task_and_no_service_of_that_name(bench: &Bench<'_>) -> Outcome {
    let (there, _) = bench.fixture().service(bench.here(), 1).await?;
    let task: TaskId = "0123456789abcdef0123456789abcdef".parse().unwrap();
    let service: ServiceName = "no-such-service".parse().unwrap();
    for cluster in [there, "no-such-cluster".parse().unwrap()] {
        let found = bench.session.task(bench.here(), &cluster, &task).await.map_err(text)?;
        equal("task", &found, &None)?;
        let found = bench.session.task_service(bench.here(), &cluster, &service).await;
        equal("service", &found.map_err(text)?, &None)?;
        let (name, of) = (cluster.clone(), service.clone());
        for resource in [
            EcsRef::Task { cluster: cluster.clone(), task: task.clone() },
            EcsRef::Service { cluster: name.clone(), service: of.clone() },
        ] {
            let found = bench.session.tags(bench.here(), &Taggable::Ecs(resource)).await;
            equal("tags", &found.map_err(text)?, &None)?;
        }
        let count = TaskChange::DesiredCount { cluster: name, service: of, before: 1, after: 0 };
        let change = bench.change(Kind::Task(count));
        bench.stands(&change, &Standing::Gone).await?;
        bench.refuses(&change, &[ErrorClass::Gone]).await?;
    }
    Ok(())
}
