//! The same run under faults at every call, and restarted at every write: the same end, no effect
//! twice, every intent with an outcome, the chain intact.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::case::{RunState, Status};
use crate::clock::Clock;
use crate::cloud::faulty::{Calls, Fault, Faulty, Plan};
use crate::id::Place;
use crate::run::attempt::ROUNDS_MAX;

/// Effects per operation and resource; what is created is counted by what it is created for.
pub(super) fn effects(sandbox: &Sandbox) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for mutation in sandbox.snapshot_world().mutations {
        *counts.entry((mutation.operation, masked(&mutation.resource))).or_insert(0) += 1;
    }
    counts
}

/// Ids that AWS makes differ from world to world.
fn masked(resource: &str) -> String {
    let part = |part: &str| match part.split_once('-') {
        Some(("sg" | "snap", _)) => "made".to_owned(),
        _ => part.to_owned(),
    };
    resource.split('/').map(part).collect::<Vec<_>>().join("/")
}

pub(super) async fn undisturbed() -> (BTreeMap<(String, String), usize>, u64) {
    let clock = clock();
    let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap();
    let faulty = Arc::new(Faulty::new(Arc::new(sandbox.clone()), Plan::none()));
    let lab = Lab::new(faulty.clone(), clock, settings()).await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    assert!(only_run(&lab, &case).await.contained);
    lab.finish().await;
    (effects(&sandbox), faulty.calls())
}

/// Threads that play the pairs: the work is the script engine's and the database's, not waiting.
const THREADS: usize = 2;

#[test]
fn a_fault_at_any_call_changes_nothing_about_the_end() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (expected, calls) = runtime().block_on(undisturbed());
    let faults = [Fault::Throttled, Fault::Transient, Fault::LostRequest, Fault::LostAnswer];
    let pairs: Vec<(Fault, u64)> =
        faults.into_iter().flat_map(|fault| (1..=calls).map(move |call| (fault, call))).collect();
    let (next, played) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let runtime = runtime();
                while let Some(&(fault, call)) = pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    runtime.block_on(disturbed(fault, call, &expected));
                    played.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(played.into_inner(), 4 * usize::try_from(calls).unwrap(), "a pair was lost");
}

async fn disturbed(fault: Fault, call: u64, expected: &BTreeMap<(String, String), usize>) {
    let clock = clock();
    let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap();
    let faulty = Arc::new(Faulty::new(Arc::new(sandbox.clone()), Plan::none().at(call, fault)));
    let lab = Lab::new(faulty, clock, settings()).await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let done = only_run(&lab, &case).await;
    assert_eq!(done.state, RunState::Succeeded, "{fault:?} at call {call}: {:?}", done.summary);
    assert_eq!(effects(&sandbox), *expected, "{fault:?} at call {call}");
    let entries = lab.entries(&case).await;
    assert_eq!(
        count(&entries, "change.intent"),
        count(&entries, "change.outcome"),
        "{fault:?} at {call}"
    );
    lab.finish().await;
}

/// A lab whose AWS answers each call of `counted` with `fault`, for ever.
async fn always(fault: Fault, counted: Calls) -> (Lab, Sandbox) {
    let clock = clock();
    let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap();
    let plan = Plan::none().counting(counted).seeded(1, 1000, &[fault], u64::MAX);
    let faulty = Arc::new(Faulty::new(Arc::new(sandbox.clone()), plan));
    (Lab::new(faulty, clock, settings()).await, sandbox)
}

#[tokio::test]
async fn a_step_that_is_throttled_for_ever_ends_and_a_person_is_told() {
    for counted in [Calls::Changes, Calls::Reads] {
        let (lab, sandbox) = always(Fault::Throttled, counted).await;
        let role = serde_json::json!({"role": "batch-worker"});
        let began = lab.clock.now();
        let started =
            lab.desk.start(by_hand("stolen-role-credentials", role, Mode::Contain)).await.unwrap();
        lab.settle().await;
        let done = run(&lab, &started.id).await;
        assert_eq!(done.state, RunState::Failed, "{:?}", done.summary);
        let summary = done.summary.unwrap();
        assert!(summary.contains("Throttl"), "{summary}");
        let took = lab.clock.now().duration_since(began);
        assert!(took > jiff::SignedDuration::from_mins(30), "given up too early: {took}");
        assert!(took < jiff::SignedDuration::from_mins(90), "nobody is told for {took}");
        let entries = lab.entries(&started.case).await;
        let intents = count(&entries, "change.intent");
        assert!(intents <= ROUNDS_MAX, "{intents} intents pile up");
        assert_eq!(intents, count(&entries, "change.outcome"));
        assert_eq!(sandbox.snapshot_world().mutations.len(), 0);
        let case = lab.env.store.case(&started.case).await.unwrap().unwrap();
        assert_eq!(case.status, Status::Attention);
        lab.finish().await;
    }
}

#[tokio::test]
async fn a_snapshot_that_is_never_completed_ends_the_wait_and_keeps_the_isolation() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    sandbox.edit(|world| world.pace.seconds = u32::MAX).unwrap();
    let began = lab.clock.now();
    lab.settle().await;
    let done = only_run(&lab, &case).await;
    assert_eq!((done.state, done.contained), (RunState::Failed, false), "{:?}", done.summary);
    assert!(done.summary.unwrap().contains("given up after 72 h"));
    assert!(lab.clock.now().duration_since(began) > jiff::SignedDuration::from_hours(72));
    let reached = sandbox.attacker().can_reach_out(
        &Place { account: "111122223333".parse().unwrap(), region: "eu-west-1".parse().unwrap() },
        &"i-0a1b2c3d4e5f60718".parse().unwrap(),
    );
    assert!(!reached.allowed, "what was isolated stays isolated");
    lab.finish().await;
}
