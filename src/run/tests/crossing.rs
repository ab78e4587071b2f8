//! Two runs about one instance that cross each other.

use serde_json::json;

use super::*;
use crate::clock::Clock as _;
use crate::cloud::faulty::{Calls, Faulty, Plan};
use crate::id::AccountId;
use crate::run::Env;
use crate::run::drive::drive;
use crate::run::lease::Lease;

const ISOLATES: &str = "//! Isolates.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\", \
    params: #{ instance: #{ type: \"instance-id\", from: \"resource.instanceDetails.instanceId\" } } };\n\
    fn run(case, p) { contain::isolate_instance(p.instance); }";

/// What is driven inside a change of another run, once.
type Slot = Arc<std::sync::Mutex<Option<(Arc<Env>, ManualClock)>>>;

/// Drives everything else that can be driven. Time stands still.
fn nested(slot: &Slot) {
    let Some((env, clock)) = slot.lock().unwrap().take() else { return };
    let handle = tokio::runtime::Handle::current();
    let others = async move {
        let stopping = std::sync::atomic::AtomicBool::new(false);
        let now = clock.now();
        while let Some((run, fence)) = env.store.claim(&env.owner, now).await.unwrap() {
            let lease = Lease::new(fence, env.clock.monotonic());
            Box::pin(drive(&env, &run, &lease, &stopping)).await.unwrap();
        }
    };
    std::thread::spawn(move || handle.block_on(others)).join().unwrap();
}

fn groups(sandbox: &Sandbox) -> Vec<Vec<String>> {
    let world = sandbox.snapshot_world();
    let account: AccountId = "111122223333".parse().unwrap();
    let region = world.accounts[&account].regions.values().next().unwrap();
    let interfaces = &region.instances.values().next().unwrap().instance.interfaces;
    interfaces.iter().map(|one| one.groups.iter().map(ToString::to_string).collect()).collect()
}

/// An attack sequence, approved and ready to go.
async fn sequence(plan: Plan) -> (Lab, Sandbox, RunRow) {
    let clock = clock();
    let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap();
    let faulty = Arc::new(Faulty::new(Arc::new(sandbox.clone()), plan));
    let library = library_with("probe", ISOLATES);
    let lab = Lab::new(faulty, clock, LabSettings { library, ..settings() }).await;
    let text = fixtures::ALL
        .iter()
        .find(|(name, _)| *name == "attack-sequence-instance-group")
        .map(|(_, text)| *text)
        .unwrap();
    let case = lab.deliver(text).await;
    lab.settle().await;
    decide(&lab, "grace", true).await.unwrap();
    let first = only_run(&lab, &case).await;
    (lab, sandbox, first)
}

/// Nobody else touches anything, and nothing fails. Then a person wants the instance back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_crossing_runs_contained_can_be_taken_back() {
    let swaps: Vec<u64> = {
        let (lab, sandbox, _) = sequence(Plan::none()).await;
        lab.settle().await;
        let world = sandbox.snapshot_world();
        let made = (1..).zip(&world.mutations);
        made.filter(|(_, made)| made.resource.contains("eni-")).map(|(n, _)| n).collect()
    };
    assert_eq!(swaps.len(), 4);
    for n in swaps {
        let slot = Slot::default();
        let there = slot.clone();
        let event: Arc<dyn Fn() + Send + Sync> = Arc::new(move || nested(&there));
        let plan = Plan::none().counting(Calls::Changes).before(n, event);
        let (lab, sandbox, first) = sequence(plan).await;
        let before = groups(&sandbox);
        let second = by_hand("probe", json!({"instance": "i-0a1b2c3d4e5f60718"}), Mode::Contain);
        let second = lab.desk.start(second).await.unwrap();
        *slot.lock().unwrap() = Some((lab.env.clone(), lab.clock.clone()));
        lab.settle().await;
        let isolated = groups(&sandbox);
        assert!(isolated.iter().zip(&before).all(|(now, before)| now != before));
        let mut words = Vec::new();
        for _ in 0..2 {
            for of in [&second, &first] {
                match lab.desk.undo(&of.id, "ada".to_owned(), false).await {
                    Err(refused) => words.push(refused.detail),
                    Ok(undo) => {
                        lab.settle().await;
                        words.push(format!("{:?}", run(&lab, &undo.id).await.summary));
                    }
                }
            }
        }
        assert_eq!(groups(&sandbox), before, "change {n}: {words:#?}");
        lab.finish().await;
    }
}
