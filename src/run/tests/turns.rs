//! Containment and undo of one resource take turns, whatever their runs were started for.

use serde_json::json;

use super::siege::*;
use super::*;
use crate::clock::Clock as _;
use crate::cloud::faulty::{Calls, Fault, Plan};

type Slot = Arc<std::sync::Mutex<Option<(Arc<crate::run::Env>, ManualClock)>>>;

type Yes = (crate::run::Desk, crate::id::ApprovalId, crate::id::Digest);
static YES: std::sync::Mutex<Option<Yes>> = std::sync::Mutex::new(None);

/// Drives everything else that can be driven, inside a fault's event.
fn nested(slot: &Slot) {
    let Some((env, clock)) = slot.lock().unwrap().take() else { return };
    let handle = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        handle.block_on(async move {
            let yes = YES.lock().unwrap().take();
            if let Some((desk, approval, hash)) = yes {
                let (by, reason) = ("grace".to_owned(), "seen".to_owned());
                let at = "2026-03-14T09:27:12Z".parse().unwrap();
                desk.decide(Decide { approval, by, grant: true, reason, hash, at }).await.unwrap();
            }
            // Time stands still: what waits for AWS is left where it is.
            let stopping = std::sync::atomic::AtomicBool::new(false);
            let now = clock.now();
            while let Some((run, fence)) = env.store.claim(&env.owner, now).await.unwrap() {
                let lease = crate::run::lease::Lease::new(fence, env.clock.monotonic());
                Box::pin(crate::run::drive::drive(&env, &run, &lease, &stopping)).await.unwrap();
            }
        });
    })
    .join()
    .unwrap();
}

/// Two runs about one instance, of a finding and of an attack sequence: the second one is refused its
/// second swap by AWS, after the first one has contained.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_on_one_instance_do_not_open_what_one_of_them_contained() {
    let n = {
        let (sandbox, clock) = world();
        let (lab, _) = lab_on(&sandbox, clock, Plan::none(), ISOLATES_ANY).await;
        lab.deliver(&sequence().to_string()).await;
        lab.settle().await;
        decide(&lab, "grace", true).await.unwrap();
        lab.settle().await;
        let world = sandbox.snapshot_world();
        let swaps = (1..)
            .zip(&world.mutations)
            .filter(|(_, made)| made.resource.contains("eni-0aaaaaaaaaaaaaaa1"));
        swaps.map(|(n, _)| n).nth(1).unwrap()
    };
    let (sandbox, clock) = world();
    let slot: Slot = Slot::default();
    let there = slot.clone();
    let event: Event = Arc::new(move || nested(&there));
    let plan = Plan::none().counting(Calls::Changes).before(n, event).at(n, Fault::Denied);
    let (lab, _) = lab_on(&sandbox, clock, plan, ISOLATES_ANY).await;
    lab.deliver(&sequence().to_string()).await;
    lab.settle().await;
    decide(&lab, "grace", true).await.unwrap();
    let second = by_hand("probe", json!({"instance": "i-0a1b2c3d4e5f60718"}), Mode::Contain);
    let second = lab.desk.start(second).await.unwrap();
    *slot.lock().unwrap() = Some((lab.env.clone(), lab.clock.clone()));
    lab.settle().await;
    let second = run(&lab, &second.id).await;
    if second.contained {
        assert_eq!(groups(&sandbox), [["quarantine"], ["quarantine"]]);
    }
}

/// An undo is under way, and another run (with another target) contains the same instance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_gives_nothing_back_that_another_run_has_come_to_hold_meanwhile() {
    let mut bad = Vec::new();
    for n in 1..14 {
        let (sandbox, clock) = world();
        let slot: Slot = Slot::default();
        let there = slot.clone();
        let armed = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let counter = armed.clone();
        let event: Event = Arc::new(move || {
            let seen = counter.load(std::sync::atomic::Ordering::Relaxed);
            if seen > 0 {
                counter.store(seen + 1, std::sync::atomic::Ordering::Relaxed);
                if seen == n {
                    nested(&there);
                }
            }
        });
        let plan = (1..3000).fold(Plan::none(), |plan, n| plan.before(n, event.clone()));
        let (lab, _) = lab_on(&sandbox, clock, plan, ISOLATES).await;
        let instance = by_hand(
            "compromised-instance",
            json!({"instance": "i-0a1b2c3d4e5f60718"}),
            Mode::Contain,
        );
        let instance = lab.desk.start(instance).await.unwrap();
        lab.settle().await;
        assert!(run(&lab, &instance.id).await.contained);
        lab.desk.undo(&instance.id, "ada".to_owned(), false).await.unwrap();
        let other = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
        *slot.lock().unwrap() = Some((lab.env.clone(), lab.clock.clone()));
        armed.store(1, std::sync::atomic::Ordering::Relaxed);
        lab.settle().await;
        armed.store(0, std::sync::atomic::Ordering::Relaxed);
        let other = run(&lab, &other.id).await;
        let isolated = groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]);
        if other.contained && !isolated {
            bad.push(n);
        }
    }
    assert!(bad.is_empty(), "the other run says contained and the instance is free: {bad:?}");
}

/// As h5, with what is shipped: the yes to an attack sequence comes while the undo works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attack_sequence_that_is_approved_while_an_undo_works_is_not_undone() {
    let mut bad = Vec::new();
    for n in [1, 4, 8] {
        let (sandbox, clock) = world();
        let slot: Slot = Slot::default();
        let there = slot.clone();
        let armed = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let counter = armed.clone();
        let event: Event = Arc::new(move || {
            let seen = counter.load(std::sync::atomic::Ordering::Relaxed);
            if seen > 0 {
                counter.store(seen + 1, std::sync::atomic::Ordering::Relaxed);
                if seen == n {
                    nested(&there);
                }
            }
        });
        let plan = (1..3000).fold(Plan::none(), |plan, n| plan.before(n, event.clone()));
        let (lab, _) = lab_on(&sandbox, clock, plan, ISOLATES_ANY).await;
        let params = json!({"instance": "i-0a1b2c3d4e5f60718"});
        let first = lab.desk.start(by_hand("probe", params, Mode::Contain)).await.unwrap();
        lab.settle().await;
        assert!(run(&lab, &first.id).await.contained);
        // Without a forensics account nothing waits; the snapshots are there at once or never.
        let case = lab.deliver(&sequence().to_string()).await;
        lab.settle().await;
        lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
        let asked = lab.env.store.approvals_pending().await.unwrap().remove(0);
        *slot.lock().unwrap() = Some((lab.env.clone(), lab.clock.clone()));
        *YES.lock().unwrap() = Some((lab.desk.clone(), asked.id, asked.hash));
        armed.store(1, std::sync::atomic::Ordering::Relaxed);
        lab.settle().await;
        armed.store(0, std::sync::atomic::Ordering::Relaxed);
        let other = only_run(&lab, &case).await;
        let isolated = groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]);
        if other.contained && !isolated {
            bad.push(n);
        }
    }
    assert!(bad.is_empty(), "the sequence's case says contained and the instance is free: {bad:?}");
}
