//! What isolating and stopping tasks of ECS makes of Fargate, of services and of others' doing.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Bench;
use super::drive::Stop;
use super::edge::{act, id, region};
use crate::action::GONE;
use crate::change::{EcsRef, Inverse, TAG_PURPOSE};
use crate::cloud::TASK_STOPPED;
use crate::cloud::faulty::{Calls, Fault, Faulty, Plan};
use crate::cloud::sandbox::{RegionState, World};

const ISOLATE: &str = "contain::isolate_ecs_task";
const STOP: &str = "contain::stop_ecs_task";

fn task(output: &Value) -> EcsRef {
    let part = |name: &str| output[name].as_str().unwrap().to_owned();
    EcsRef::Task { cluster: id(&part("cluster")), task: id(&part("task")) }
}

fn named(last: &str) -> Value {
    json!({"cluster": "prod", "task": format!("000000000000000000000000000000{last}")})
}

fn now(bench: &Bench) -> RegionState {
    let world = bench.sandbox.snapshot_world();
    world.accounts[&bench.at.account].regions[&bench.at.region].clone()
}

/// The check of the table, of isolations.
pub(super) fn isolated(bench: &Bench, before: &World, output: &Value) {
    let task = task(output);
    let reach = bench.sandbox.attacker().can_reach_out_of_task(&bench.at, &task);
    assert!(!reach.allowed, "{}", reach.why);
    let world = now(bench);
    let was = &before.accounts[&bench.at.account].regions[&bench.at.region].tasks[&task.path()];
    for (now, was) in world.tasks[&task.path()].interfaces.iter().zip(&was.interfaces) {
        let [group] = now.groups.as_slice() else { panic!("{:?}", now.groups) };
        let group = &world.groups[group];
        assert_eq!(group.tags.get(TAG_PURPOSE).map(String::as_str), Some("quarantine"));
        assert!(group.ingress.is_empty() && group.egress.is_empty(), "{group:?}");
        let told = &output["interfaces"][now.id.as_str()];
        if output["already"] == json!(false) && told["before"] != Value::Null {
            assert_eq!(told["before"], json!(was.groups), "the first `before` is what counts");
        }
    }
}

/// The check of the table, of ends.
pub(super) fn stopped(bench: &Bench, before: &World, output: &Value) {
    let world = now(bench);
    let task = &world.tasks[&task(output).path()];
    assert_eq!((task.status.as_str(), task.desired.as_str()), (TASK_STOPPED, TASK_STOPPED));
    assert!(task.reason.as_ref().unwrap().contains("case-0001"), "{:?}", task.reason);
    let was = &before.accounts[&bench.at.account].regions[&bench.at.region];
    let Some(service) = &task.service else {
        assert_eq!(output["desired_before"], Value::Null);
        return;
    };
    let path = EcsRef::Service { cluster: task.cluster.clone(), service: service.clone() }.path();
    assert_eq!(world.services[&path].desired, 0);
    let mut mine = world.tasks.values().filter(|one| one.service.as_ref() == Some(service));
    assert!(mine.all(|one| one.status == TASK_STOPPED));
    if output["already"] == json!(false) {
        assert_eq!(output["desired_before"], json!(was.services[&path].desired));
    }
}

#[tokio::test]
async fn what_can_not_be_contained_so_is_refused_with_what_to_do_and_nothing_changes() {
    for (verb, last, expected) in [
        (ISOLATE, "a3", "AWS manages it for FARGATE"),
        (ISOLATE, "b3", "isolate the instance"),
        (ISOLATE, "ff", GONE),
        (STOP, "b4", "daemon"),
        (STOP, "ff", GONE),
    ] {
        let bench = Bench::new(false);
        let stop = act(&bench, &mut bench.step("1"), &bench.sandbox, verb, named(last)).await;
        let Err(Stop::Refused(reason)) = stop else { panic!("{verb} {last}: {stop:?}") };
        assert!(reason.contains(expected), "{verb} {last}: {reason}");
        assert!(bench.effects().is_empty(), "{verb} {last}");
    }
}

#[tokio::test]
async fn nothing_is_started_in_the_place_of_a_task_that_is_stopped() {
    let bench = Bench::new(false);
    let was = now(&bench).tasks.len();
    act(&bench, &mut bench.step("1"), &bench.sandbox, STOP, named("b1")).await.unwrap();
    assert_eq!(now(&bench).tasks.len(), was);
}

#[tokio::test]
async fn a_task_is_not_stopped_while_its_service_would_start_another() {
    let bench = Bench::new(false);
    let plan = Plan::none().counting(Calls::Changes).at(1, Fault::Denied);
    let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), plan);
    let stop = act(&bench, &mut bench.step("1"), &cloud, STOP, named("b1")).await;
    assert!(matches!(stop, Err(Stop::Failed(_))), "{stop:?}");
    assert!(bench.effects().is_empty(), "{:?}", bench.effects());
}

#[tokio::test]
async fn a_number_that_something_raises_again_is_lowered_again_and_the_first_comes_back() {
    let bench = Bench::new(false);
    let raise = |world: &mut World| {
        let service = region(world, &bench.at).services.get_mut("ecs-service/prod/front").unwrap();
        service.raised_to = Some(4);
    };
    bench.sandbox.edit(raise).unwrap();
    let mut step = bench.step("1");
    let output = act(&bench, &mut step, &bench.sandbox, STOP, named("b1")).await.unwrap();
    assert_eq!(output["desired_before"], json!(2));
    let world = now(&bench);
    assert_eq!(world.services["ecs-service/prod/front"].desired, 0);
    let mut mine = world
        .tasks
        .values()
        .filter(|task| task.service == id::<crate::id::ServiceName>("front").into());
    assert!(mine.all(|task| task.status == TASK_STOPPED), "what was started meanwhile, too");
    let changes: Vec<_> = step.records.iter().map(|record| record.change.clone()).collect();
    let lost = changes.iter().filter(|change| matches!(change.inverse(), Inverse::Lost(_)));
    assert_eq!(lost.count(), 1, "{changes:?}");
}
