//! Kills at awkward moments.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::json;

use super::mends::*;
use super::*;
use crate::clock::Clock as _;
use crate::run::drive::drive;
use crate::run::lease::Lease;

/// Starts the probe, whose process is killed on its way, and lets a successor bring it to its end;
/// `None`: nothing killed it.
async fn killed(lab: &Lab) -> Option<RunId> {
    let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    let stopping = AtomicBool::new(false);
    let (taken, fence) = lab.env.store.claim("lab", lab.clock.now()).await.unwrap().unwrap();
    let lease = Lease::new(fence, lab.clock.monotonic());
    let env = lab.env.clone();
    let work = async move { Box::pin(drive(&env, &taken, &lease, &stopping)).await.map(drop) };
    if tokio::spawn(work).await.is_ok() {
        return None;
    }
    lab.clock.advance(std::time::Duration::from_secs(31));
    lab.settle().await;
    Some(started.id)
}

/// The process is killed when both swaps are made, and its successor is refused a few reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_settled_after_a_kill_can_be_taken_back() {
    // Numbers of all calls: when does the successor begin?
    let (mut bad, mut tried) = (Vec::new(), 0);
    let all = calls().await;
    for kill in 1..=all {
        for reads in [4_u64, 8] {
            let armed = std::sync::Arc::new(AtomicU64::new(0));
            let count = std::sync::Arc::clone(&armed);
            let event: Event = std::sync::Arc::new(move || {
                assert!(count.fetch_add(1, Ordering::Relaxed) > 0, "killed");
            });
            let plan = Plan::none().before(kill, event);
            let plan = (kill + 1..=kill + reads).fold(plan, |plan, n| plan.at(n, Fault::Denied));
            let (lab, sandbox, _) = faulty_lab(plan, ISOLATES).await;
            let before = groups_of(&sandbox);
            let Some(started) = killed(&lab).await else { continue };
            tried += 1;
            let done = run(&lab, &started).await;
            if in_the_open(&sandbox) {
                bad.push((kill, reads, "open", done.summary.clone(), None));
            }
            let undo = lab.desk.undo(&started, "ada".to_owned(), false).await.unwrap();
            lab.settle().await;
            let undo = run(&lab, &undo.id).await;
            if groups_of(&sandbox) != before {
                bad.push((kill, reads, "kept", done.summary, undo.summary));
            }
            lab.finish().await;
        }
    }
    assert!(tried > 0);
    assert!(bad.is_empty(), "{tried} {bad:#?}");
}

/// A branch runs into a limit while its sibling isolates; the process is killed at any call, and its
/// successor may be throttled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_a_run_is_broken_off_leaves_nothing_open() {
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) {\n\
        parallel([|| contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"), || {\n\
        for n in 0..9 { look::role(\"web-server\"); }\n\
        let n = 0; while true { n += 1; } }]); }";
    let (mut bad, mut tried) = (Vec::new(), 0);
    for kill in 1..45 {
        for reads in [0_u64, 4, 12] {
            let event: Event = std::sync::Arc::new(|| panic!("killed"));
            let plan = Plan::none().before(kill, event);
            let plan = (kill + 1..=kill + reads).fold(plan, |plan, n| plan.at(n, Fault::Throttled));
            let (lab, sandbox, _) = faulty_lab(plan, source).await;
            let before = groups_of(&sandbox);
            let Some(started) = killed(&lab).await else { continue };
            tried += 1;
            let done = run(&lab, &started).await;
            let entries = lab.entries(&done.case).await;
            let open = count(&entries, "change.intent") - count(&entries, "change.outcome");
            if in_the_open(&sandbox) || open > 0 || !done.state.is_over() {
                bad.push((kill, reads, open, done.summary.clone(), groups(&sandbox), None));
            }
            let undo = lab.desk.undo(&started, "ada".to_owned(), false).await.unwrap();
            lab.settle().await;
            let undo = run(&lab, &undo.id).await;
            if groups_of(&sandbox) != before {
                bad.push((kill, reads, open, done.summary, groups(&sandbox), undo.summary));
            }
            lab.finish().await;
        }
    }
    assert!(bad.is_empty() && tried > 0, "{tried} {bad:#?}");
}

/// Drives all as `settle` does; a process that is killed has a successor.
async fn settle_killed(lab: &Lab) {
    for _ in 0..200 {
        let Some((taken, fence)) = lab.env.store.claim("lab", lab.clock.now()).await.unwrap()
        else {
            let open = lab.env.store.runs_open().await.unwrap();
            let wakes = open.iter().filter(|run| !run.asks).filter_map(|run| run.wake_at).min();
            if wakes.is_none() && !open.iter().any(|run| run.state == RunState::Running) {
                return;
            }
            lab.clock.advance(std::time::Duration::from_secs(31));
            continue;
        };
        let (lease, env) = (Lease::new(fence, lab.clock.monotonic()), lab.env.clone());
        let work = tokio::spawn(async move {
            let stopping = AtomicBool::new(false);
            Box::pin(drive(&env, &taken, &lease, &stopping)).await.map(drop)
        });
        work.await.ok();
    }
    panic!("it never ends");
}

/// A finding is answered and taken back while its disks are copied; the process is killed at any call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_call_of_a_containment_or_its_undo_is_survived() {
    let mut bad = Vec::new();
    for kill in (1..75).chain([1000]) {
        let event: Event = std::sync::Arc::new(|| panic!("killed"));
        let (lab, sandbox, faulty) = faulty_lab(Plan::none().before(kill, event), ISOLATES).await;
        let before = groups_of(&sandbox);
        let case = lab.deliver(mining()).await;
        let mut undone = false;
        for _ in 0..50 {
            let first = only_run(&lab, &case).await;
            if lab.desk.undo(&first.id, "ada".to_owned(), true).await.is_ok() {
                undone = true;
                break;
            }
            let Some((taken, fence)) = lab.env.store.claim("lab", lab.clock.now()).await.unwrap()
            else {
                lab.clock.advance(std::time::Duration::from_secs(31));
                continue;
            };
            let (lease, env) = (Lease::new(fence, lab.clock.monotonic()), lab.env.clone());
            let work = tokio::spawn(async move {
                let stopping = AtomicBool::new(false);
                Box::pin(drive(&env, &taken, &lease, &stopping)).await.map(drop)
            });
            work.await.ok();
        }
        settle_killed(&lab).await;
        let entries = lab.entries(&case).await;
        let open = count(&entries, "change.intent") - count(&entries, "change.outcome");
        let status = status(&lab, &case).await;
        if !undone || groups_of(&sandbox) != before || open > 0 || status != Status::Released {
            bad.push((kill, faulty.calls(), open, status, runs(&lab, &case).await));
        }
        lab.finish().await;
    }
    assert!(bad.is_empty(), "{bad:#?}");
}
