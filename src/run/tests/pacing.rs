//! What AWS's limits make of a run: who is urgent, what waits, and what is looked at again after.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{Either, FutureExt as _};
use tokio::sync::Semaphore;
use tokio::task::unconstrained;

use super::faults::{effects, undisturbed};
use super::*;
use crate::case::RunState;
use crate::change::{Permission, Urgency};
use crate::clock::Clock;
use crate::cloud::faulty::{Call, Calls, Fault, Faulty, Limits, Plan};
use crate::cloud::paced::Paced;
use crate::cloud::{Cloud as _, Scope};
use crate::id::Place;

/// A lab on a watched sandbox that has no limits.
async fn watched() -> (Lab, Arc<Limits>) {
    let clock = clock();
    let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap();
    let watch = Limits::none(Arc::new(clock.clone()));
    let cloud = Faulty::new(Arc::new(sandbox), Plan::none().limited(&watch));
    (Lab::new(Arc::new(cloud), clock, settings()).await, watch)
}

fn urgencies(calls: &[Call], step: &str) -> BTreeSet<Urgency> {
    calls.iter().filter(|call| call.step == step).map(|call| call.urgency).collect()
}

#[tokio::test]
async fn every_call_is_as_urgent_as_the_step_that_it_belongs_to() {
    let (lab, watch) = watched().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let calls = watch.calls();
    let mut seen = BTreeSet::new();
    for entry in lab.entries(&case).await.iter().filter(|entry| entry.kind == "step.requested") {
        let body: Value = serde_json::to_value(&entry.body).unwrap();
        let (step, name) = (body["step"].as_str().unwrap(), body["name"].as_str().unwrap());
        let of_step = urgencies(&calls, step);
        let Some((namespace, _)) = name.split_once("::") else {
            assert!(of_step.is_empty(), "{name} calls nothing");
            continue;
        };
        let expected = match namespace {
            // What is looked at decides what is contained.
            "contain" | "look" => Urgency::Containment,
            "evidence" => Urgency::Evidence,
            _ => Urgency::Description,
        };
        assert_eq!(of_step, BTreeSet::from([expected]), "{name}");
        seen.insert(namespace.to_owned());
    }
    assert!(seen.contains("contain") && seen.contains("evidence"), "{seen:?}");
    lab.finish().await;

    let (lab, watch) = watched().await;
    let role = serde_json::json!({"role": "batch-worker"});
    lab.desk.start(by_hand("stolen-role-credentials", role, Mode::Observe)).await.unwrap();
    lab.settle().await;
    let all: BTreeSet<Urgency> = watch.calls().iter().map(|call| call.urgency).collect();
    assert_eq!(all, BTreeSet::from([Urgency::Description]), "who only looks stands back");
    lab.finish().await;
}

#[tokio::test]
async fn in_a_storm_a_run_is_later_and_ends_the_same() {
    for seed in 1..=3 {
        let clock = clock();
        let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap();
        let plan = Plan::none().seeded(seed, 900, &[Fault::Throttled], 150);
        let storm = Faulty::new(Arc::new(sandbox.clone()), plan);
        let paced = Paced::new(Arc::new(storm.clone()), Arc::new(clock.clone()));
        let lab = Lab::new(Arc::new(paced), clock, settings()).await;
        let (case, began) = (lab.deliver(mining()).await, lab.clock.now());
        lab.settle().await;
        let done = only_run(&lab, &case).await;
        assert_eq!((done.state, done.contained), (RunState::Succeeded, true), "{:?}", done.summary);
        assert_eq!(storm.met().len(), 150, "seed {seed}: the storm was met to its end");
        let took = lab.clock.now().duration_since(began);
        assert!(took < jiff::SignedDuration::from_mins(60), "seed {seed}: {took}");
        // A cut-off time that is past when its policy gets there is chosen anew.
        let but_one = |mut effects: BTreeMap<(String, String), usize>| {
            effects.retain(|(operation, _), _| operation != "iam:PutRolePolicy");
            effects
        };
        assert_eq!(but_one(effects(&sandbox)), but_one(undisturbed().await.0), "seed {seed}");
        let entries = lab.entries(&case).await;
        assert_eq!(count(&entries, "change.intent"), count(&entries, "change.outcome"));
        lab.finish().await;
    }
}

/// Looks at the timeline until an action of this name has ended, and no more than `most` times.
async fn ends(lab: &Lab, case: &CaseId, name: &str, most: usize) -> bool {
    let named = |entry: &Entry| {
        entry.kind == "step.finished" && serde_json::to_value(&entry.body).unwrap()["name"] == name
    };
    for _ in 0..most {
        if lab.entries(case).await.iter().any(named) {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

#[tokio::test]
async fn containment_that_rests_goes_on_while_evidence_of_the_same_run_still_waits() {
    let clock = clock();
    let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let throttled = Plan::none().counting(Calls::Changes).holding(Urgency::Evidence, &gate);
    let plan = (1..=60).fold(throttled, |plan, n| plan.at(n, Fault::Throttled));
    let faulty = Faulty::new(Arc::new(sandbox), plan);
    let lab = Lab::new(Arc::new(faulty.clone()), clock, settings()).await;
    let case = lab.deliver(mining()).await;
    let mut runs = Box::pin(lab.settle());
    let contained = Box::pin(ends(&lab, &case, "contain::isolate_instance", 3_000));
    match futures::future::select(&mut runs, contained).await {
        Either::Left(_) => panic!("the evidence was not held"),
        Either::Right((contained, _)) => assert!(contained, "it waits for the evidence"),
    }
    assert_eq!(faulty.met().len(), 60, "containment did rest");
    gate.add_permits(1_000);
    runs.await;
    assert!(only_run(&lab, &case).await.contained);
    lab.finish().await;
}

/// A lab in which everything is contained, on a cloud with faults.
async fn contained(plan: Plan) -> (Lab, Sandbox, Faulty, RunRow) {
    let clock = clock();
    let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap();
    let faulty = Faulty::new(Arc::new(sandbox.clone()), plan);
    let lab = Lab::new(Arc::new(faulty.clone()), clock, settings()).await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let done = only_run(&lab, &case).await;
    assert!(done.contained, "{:?}", done.summary);
    (lab, sandbox, faulty, done)
}

#[tokio::test]
async fn in_a_storm_an_undo_is_later_and_gives_the_same_back() {
    let undone = async |plan| {
        let (lab, sandbox, faulty, done) = contained(plan).await;
        let calls = faulty.calls();
        let undo = lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap();
        lab.settle().await;
        let undone = run(&lab, &undo.id).await;
        assert_eq!(undone.state, RunState::Succeeded, "{:?}", undone.summary);
        lab.finish().await;
        (calls, faulty.met().len(), effects(&sandbox))
    };
    let (calls, _, calm) = undone(Plan::none()).await;
    let storm = (1..=60).fold(Plan::none(), |plan, n| plan.at(calls + n, Fault::Throttled));
    let (_, met, stormy) = undone(storm).await;
    assert_eq!(met, 60, "the storm was met to its end");
    assert_eq!(stormy, calm);
}

/// A lab in which `event` happens while the first step waits for a minute.
async fn waits_while(event: fn(&Sandbox)) -> (Lab, Sandbox, CaseId) {
    let clock = clock();
    let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap();
    let (outside, time, once) = (sandbox.clone(), clock.clone(), AtomicBool::new(false));
    let plan = Plan::none().while_admitting(Arc::new(move || {
        if !once.swap(true, Ordering::Relaxed) {
            time.advance(Duration::from_secs(60));
            event(&outside);
        }
    }));
    let faulty = Faulty::new(Arc::new(sandbox.clone()), plan);
    let lab = Lab::new(Arc::new(faulty), clock, settings()).await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    (lab, sandbox, case)
}

#[tokio::test]
async fn what_is_protected_while_its_containment_waits_is_left_alone() {
    let (lab, sandbox, case) = waits_while(protect).await;
    let done = only_run(&lab, &case).await;
    assert!(!done.contained, "{:?}", done.summary);
    let world = sandbox.snapshot_world();
    assert!(world.mutations.iter().all(|made| !made.operation.starts_with("ec2:Modify")));
    lab.finish().await;
}

#[tokio::test]
async fn what_was_seen_before_a_long_wait_is_looked_at_again() {
    const OTHERS: &str = "sg-0fedcba9876543210";
    let (lab, _, case) = waits_while(|sandbox| {
        let edit = |world: &mut crate::cloud::sandbox::World| {
            let regions = world.accounts.values_mut().flat_map(|a| a.regions.values_mut());
            for machine in regions.flat_map(|region| region.instances.values_mut()) {
                for interface in &mut machine.instance.interfaces {
                    interface.groups.push(OTHERS.parse().unwrap());
                }
            }
        };
        sandbox.edit(edit).unwrap();
    })
    .await;
    let done = only_run(&lab, &case).await;
    assert!(done.contained, "{:?}", done.summary);
    let entries = lab.entries(&case).await;
    let swap = entries.iter().find_map(|entry| {
        let body = serde_json::to_value(&entry.body).unwrap().to_string();
        (entry.kind == "change.intent" && body.contains("interface_groups")).then_some(body)
    });
    let told = |entry: &&Entry| {
        serde_json::to_value(&entry.body).unwrap().get("waited_s") == Some(&Value::from(60))
    };
    assert_eq!(entries.iter().filter(told).count(), 1, "what took so long is in the timeline");
    assert!(
        swap.as_ref().is_some_and(|swap| swap.contains(OTHERS)),
        "undo would lose it: {swap:?}"
    );
    lab.finish().await;
}

/// A stop while the run is in line for what it reads before anything is written: GuardDuty's answer, and
/// the looks of a plan.
#[tokio::test]
async fn a_stop_waits_for_no_read_that_is_in_line() {
    for mode in [Mode::Contain, Mode::Approve] {
        let clock = ManualClock::at("2026-03-14T09:27:12Z".parse().unwrap());
        let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap();
        let paced = Arc::new(Paced::new(Arc::new(sandbox), Arc::new(clock.clone())));
        let confirm_findings = mode == Mode::Contain;
        let lab =
            Lab::new(paced.clone(), clock, LabSettings { confirm_findings, ..settings() }).await;
        if confirm_findings {
            lab.deliver(mining()).await;
        } else {
            let instance = serde_json::json!({"instance": "i-0a1b2c3d4e5f60718"});
            lab.desk.start(by_hand("compromised-instance", instance, mode)).await.unwrap();
        }
        // Others have taken all tokens, and the clock stands.
        let row = lab.env.store.runs_open().await.unwrap().remove(0);
        let at = Place { account: row.account.clone(), region: row.region.clone() };
        let others = paced.open(Scope {
            case: "case-0000".parse().unwrap(),
            run: None,
            step: "1".to_owned(),
            permissions: BTreeSet::from([Permission::new("*", "*")]),
            urgency: Urgency::Containment,
        });
        let (instance, finding) =
            ("i-0a1b2c3d4e5f60718".parse().unwrap(), "0123456789abcdef".parse().unwrap());
        while unconstrained(others.instance(&at, &instance)).now_or_never().is_some() {}
        while unconstrained(others.finding(&at, &finding)).now_or_never().is_some() {}
        let stopping = CancellationToken::new();
        let stops = Box::pin(async {
            for moment in 0..500 {
                lab.env.store.runs_open().await.unwrap();
                if moment == 100 {
                    stopping.cancel();
                }
            }
        });
        let drives = Box::pin(drive_once(&lab, &stopping));
        let Either::Left((driven, _)) = futures::future::select(drives, stops).await else {
            panic!("{mode:?}: the stop waits until AWS's limits have room for a look");
        };
        assert!(stopping.is_cancelled(), "{mode:?}: it was not in line: {driven:?}");
        assert_eq!(driven.unwrap().unwrap(), Driven::Released, "{mode:?}");
        lab.finish().await;
    }
}
