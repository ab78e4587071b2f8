//! What a second hostile reader tried on the mends.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::json;

use super::*;
use crate::clock::Clock as _;
use crate::run::drive::{Driven, drive};
use crate::id::{AccountId, GroupId};
use crate::run::lease::Lease;

/// One drive of the oldest run that can go on.
async fn once(lab: &Lab) -> Option<Driven> {
    let stopping = AtomicBool::new(false);
    let (taken, fence) = lab.env.store.claim("lab", lab.clock.now()).await.unwrap()?;
    let lease = Lease::new(fence, lab.clock.monotonic());
    Some(drive(&lab.env, &taken, &lease, &stopping).await.unwrap())
}

fn isolated(sandbox: &Sandbox) -> bool {
    groups(sandbox).iter().all(|groups| *groups == ["quarantine"])
}

fn seen_at(event: &Value, at: &str) -> Value {
    let mut event = event.clone();
    event["detail"]["service"]["eventLastSeen"] = json!(at);
    event
}

/// Whoever has the intake token forges a later version that asks for nothing much, before EventBridge
/// delivers the genuine one.
#[tokio::test]
async fn a_forged_quiet_version_that_comes_first_swallows_no_genuine_one() {
    let mut lost = Vec::new();
    for kind in ["severity", "target", "archived", "sample", "type"] {
        let (lab, sandbox) = lab_with(confirming()).await;
        said(&sandbox, &miner()["detail"]);
        let mut forged = later(&miner(), "2099-01-01T00:00:00.000Z", 1);
        let detail = &mut forged["detail"];
        match kind {
            "severity" => detail["severity"] = json!(1.0),
            "target" => detail["service"]["resourceRole"] = json!("TARGET"),
            "archived" => detail["service"]["archived"] = json!(true),
            "sample" => detail["service"]["additionalInfo"] = json!({"sample": true}),
            _ => detail["type"] = json!("Never:EC2/Heard"),
        }
        let case = lab.deliver(&forged.to_string()).await;
        lab.settle().await;
        assert_eq!(lab.deliver(mining()).await, case);
        lab.settle().await;
        if !isolated(&sandbox) {
            lost.push((kind, status(&lab, &case).await, runs(&lab, &case).await, lab.told()));
        }
        lab.finish().await;
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

/// While disks are copied, the attacker frees the instance; GuardDuty sees it go on.
#[tokio::test]
async fn what_goes_on_while_evidence_is_awaited_is_contained_again() {
    let mut lost = Vec::new();
    for joined in [false, true] {
        let (lab, sandbox) = lab().await;
        let before = groups_of(&sandbox);
        let case = lab.deliver(mining()).await;
        once(&lab).await.unwrap();
        let first = only_run(&lab, &case).await;
        assert!(isolated(&sandbox) && !first.state.is_over() && first.preserves);
        set_groups(&sandbox, &before);
        let now = lab.clock.now();
        let seen = now.checked_add(std::time::Duration::from_secs(5)).unwrap().to_string();
        let event = if joined { another(1) } else { miner() };
        let event = later(&seen_at(&event, &seen), &seen, 9);
        assert_eq!(lab.deliver(&event.to_string()).await, case);
        lab.settle().await;
        let status = status(&lab, &case).await;
        if !isolated(&sandbox) && status == Status::Contained {
            lost.push((joined, runs(&lab, &case).await, lab.told()));
        }
        lab.finish().await;
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

/// The same, and GuardDuty tells of it when the disks are kept: it was seen after the isolation.
#[tokio::test]
async fn what_went_on_after_the_isolation_is_contained_again_once_evidence_is_kept() {
    let (lab, sandbox) = lab().await;
    let before = groups_of(&sandbox);
    let case = lab.deliver(mining()).await;
    once(&lab).await.unwrap();
    assert!(isolated(&sandbox));
    set_groups(&sandbox, &before);
    let seen = lab.clock.now().to_string();
    lab.clock.advance(std::time::Duration::from_secs(60));
    lab.settle().await;
    assert!(only_run(&lab, &case).await.state.is_over());
    let event = later(&seen_at(&another(1), &seen), &lab.clock.now().to_string(), 9);
    assert_eq!(lab.deliver(&event.to_string()).await, case);
    lab.settle().await;
    let status = status(&lab, &case).await;
    let told = runs(&lab, &case).await;
    assert!(isolated(&sandbox) || status != Status::Contained, "{status:?} {told:#?}");
    lab.finish().await;
}

fn groups_of(sandbox: &Sandbox) -> Vec<Vec<GroupId>> {
    let world = sandbox.snapshot_world();
    let region = world.accounts[&ours()].regions.values().next().unwrap();
    let machine = region.instances.values().next().unwrap();
    machine.instance.interfaces.iter().map(|interface| interface.groups.clone()).collect()
}

fn set_groups(sandbox: &Sandbox, to: &[Vec<GroupId>]) {
    let to = to.to_vec();
    meddle(sandbox, |region| {
        let machine = region.instances.values_mut().next().unwrap();
        for (interface, groups) in machine.instance.interfaces.iter_mut().zip(&to) {
            interface.groups = groups.clone();
        }
    });
}

/// The process is stopped while a run rests half way: nobody drives it at that moment.
#[tokio::test]
async fn a_stop_during_a_rest_leaves_no_instance_in_the_open() {
    let n = second_swap().await;
    let plan = (n..n + 40).fold(changes(), |plan, n| plan.at(n, Fault::Throttled));
    let (lab, sandbox, _) = faulty_lab(plan, ISOLATES).await;
    lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    let driven = once(&lab).await.unwrap();
    // The process stops now: only drives under way put anything back.
    let runs = lab.env.store.runs_open().await.unwrap();
    assert!(!in_the_open(&sandbox), "{driven:?} {:?} {runs:#?}", groups(&sandbox));
    lab.finish().await;
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
            let started =
                lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
            let stopping = AtomicBool::new(false);
            let (taken, fence) = lab.env.store.claim("lab", lab.clock.now()).await.unwrap().unwrap();
            let lease = Lease::new(fence, lab.clock.monotonic());
            let env = lab.env.clone();
            let work = tokio::spawn(async move {
                Box::pin(drive(&env, &taken, &lease, &stopping)).await.map(drop)
            });
            if work.await.is_ok() {
                continue;
            }
            tried += 1;
            lab.clock.advance(std::time::Duration::from_secs(31));
            lab.settle().await;
            let done = run(&lab, &started.id).await;
            if in_the_open(&sandbox) {
                bad.push((kill, reads, "open", done.summary.clone(), None));
            }
            let undo = lab.desk.undo(&started.id, "ada".to_owned(), false).await.unwrap();
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

/// An undo that is stopped by a guard, while evidence is awaited, takes nothing from the run.
#[tokio::test]
async fn an_undo_that_was_stopped_keeps_no_run_from_containing() {
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::isolate_instance(\"i-0a1b2c3d4e5f60718\");\n\
        evidence::snapshot_volumes(\"i-0a1b2c3d4e5f60718\"); }";
    let (lab, sandbox, _) = faulty_lab(Plan::none(), source).await;
    let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    once(&lab).await.unwrap();
    assert!(run(&lab, &started.id).await.preserves);
    protect(&sandbox);
    let undo = lab.desk.undo(&started.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    let (done, undo) = (run(&lab, &started.id).await, run(&lab, &undo.id).await);
    assert!(isolated(&sandbox) && undo.state != RunState::Succeeded);
    assert!(done.contained, "{:?} {:?}", done.summary, undo.summary);
    lab.finish().await;
}

/// Somebody asks for the same undo twice at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_that_is_asked_for_twice_at_once_is_one() {
    let mut bad = Vec::new();
    for n in 0..10 {
        let (lab, _) = lab().await;
        let case = lab.deliver(mining()).await;
        lab.settle().await;
        let first = only_run(&lab, &case).await;
        let (one, two) = tokio::join!(
            lab.desk.undo(&first.id, "ada".to_owned(), false),
            lab.desk.undo(&first.id, "eve".to_owned(), false)
        );
        lab.settle().await;
        let status = status(&lab, &case).await;
        if status != Status::Released || (one.is_ok() && two.is_ok()) {
            bad.push((n, status, runs(&lab, &case).await));
        }
        lab.finish().await;
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

/// A person lifts a containment and closes the case; GuardDuty has another finding about the instance.
#[tokio::test]
async fn what_a_person_lifted_and_closed_is_asked_about() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    lab.desk.close_case(&case, "ada".to_owned(), "it is ours").await.unwrap();
    let other = lab.deliver(&another(1).to_string()).await;
    lab.settle().await;
    assert!(!isolated(&sandbox), "{:#?}", runs(&lab, &other).await);
    lab.finish().await;
}

/// An undo and the evidence of its run go on beside each other, however they meet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_beside_evidence_gives_all_back() {
    let mut bad = Vec::new();
    for n in 1..40 {
        let interlude = Interlude::default();
        let (lab, sandbox, _) = faulty_lab(interlude.at_call(n), ISOLATES).await;
        let before = groups_of(&sandbox);
        let of = approved_sequence(&lab).await;
        once(&lab).await.unwrap();
        let waits = run(&lab, &of.id).await;
        assert!(waits.preserves, "{waits:#?}");
        let undo = lab.desk.undo(&of.id, "ada".to_owned(), false).await.unwrap();
        // Both are due.
        if n % 2 == 0 {
            lab.clock.advance(std::time::Duration::from_secs(900));
        }
        interlude.arm(&lab, None);
        lab.settle().await;
        let entries = lab.entries(&of.case).await;
        let open = count(&entries, "change.intent") - count(&entries, "change.outcome");
        let (of, undo) = (run(&lab, &of.id).await, run(&lab, &undo.id).await);
        let status = status(&lab, &of.case).await;
        if groups_of(&sandbox) != before || open > 0 || status != Status::Released {
            bad.push((n, open, status, of.summary, undo.summary, groups(&sandbox)));
        }
        lab.finish().await;
    }
    assert!(bad.is_empty(), "{bad:#?}");
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
            let started =
                lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
            let stopping = AtomicBool::new(false);
            let (taken, fence) = lab.env.store.claim("lab", lab.clock.now()).await.unwrap().unwrap();
            let lease = Lease::new(fence, lab.clock.monotonic());
            let env = lab.env.clone();
            let work = tokio::spawn(async move {
                Box::pin(drive(&env, &taken, &lease, &stopping)).await.map(drop)
            });
            if work.await.is_ok() {
                continue;
            }
            tried += 1;
            lab.clock.advance(std::time::Duration::from_secs(31));
            lab.settle().await;
            let done = run(&lab, &started.id).await;
            let entries = lab.entries(&done.case).await;
            let open = count(&entries, "change.intent") - count(&entries, "change.outcome");
            if in_the_open(&sandbox) || open > 0 || !done.state.is_over() {
                bad.push((kill, reads, open, done.summary.clone(), groups(&sandbox), None));
            }
            let undo = lab.desk.undo(&started.id, "ada".to_owned(), false).await.unwrap();
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

/// A person contains the role of the same name in another account, in the same case.
#[tokio::test]
async fn a_run_in_another_account_answers_no_finding() {
    let text = fixtures::ALL.iter().find(|(name, _)| *name == "instance-credential-exfiltration");
    let loud: Value = serde_json::from_str(text.unwrap().1).unwrap();
    let mut lost = Vec::new();
    for joined in [false, true] {
        let other: AccountId = "999988887777".parse().unwrap();
        let mut settings = settings();
        settings.allowed.insert(other.clone());
        settings.forensics = None;
        let (lab, sandbox) = lab_with(settings).await;
        sandbox
            .edit(|world| {
                let roles = world.account_mut(&ours()).unwrap().roles.clone();
                world.account_mut(&other).unwrap().roles = roles;
            })
            .unwrap();
        let mut quiet = loud.clone();
        quiet["detail"]["severity"] = json!(1.0);
        quiet["detail"]["updatedAt"] = json!("2026-03-14T09:00:00.000Z");
        let case = lab.deliver(&quiet.to_string()).await;
        lab.settle().await;
        let mut request =
            by_hand("stolen-role-credentials", json!({"role": "batch-worker"}), Mode::Contain);
        request.case = Some(case.clone());
        request.account = Some(other);
        lab.desk.start(request).await.unwrap();
        lab.settle().await;
        let mut event = loud.clone();
        if joined {
            event["detail"]["id"] = json!("0123456789abcdef0123456789abcdef");
        }
        assert_eq!(lab.deliver(&event.to_string()).await, case);
        lab.settle().await;
        let contained = lab.env.store.runs_of(&case).await.unwrap();
        if !contained.iter().any(|run| run.contained && run.account == ours()) {
            lost.push((joined, status(&lab, &case).await, runs(&lab, &case).await));
        }
        lab.finish().await;
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

/// In an account that is only looked at, a finding grows severe: people hear of that, too.
#[tokio::test]
async fn a_finding_that_grows_severe_where_nothing_acts_is_told() {
    let (lab, _) = lab_with(LabSettings { allowed: [].into(), ..settings() }).await;
    let mut quiet = later(&miner(), "2026-03-14T09:00:00.000Z", 1);
    quiet["detail"]["severity"] = json!(1.0);
    let case = lab.deliver(&quiet.to_string()).await;
    lab.settle().await;
    let before = lab.told();
    assert_eq!(lab.deliver(mining()).await, case);
    lab.settle().await;
    let told = lab.told();
    assert!(told.len() > before.len(), "{told:#?} {:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

/// Drives all as `settle` does; a process that is killed has a successor.
async fn settle_killed(lab: &Lab) {
    for _ in 0..200 {
        let Some((taken, fence)) = lab.env.store.claim("lab", lab.clock.now()).await.unwrap() else {
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

/// Nobody answers a question about what may be an attack on the instance; hours later the instance
/// mines, which needs no question.
#[tokio::test]
async fn silence_about_a_weak_finding_keeps_no_strong_one_from_containing() {
    let (lab, sandbox) = lab().await;
    let mut weak = miner();
    weak["detail"]["service"].as_object_mut().unwrap().remove("resourceRole");
    let case = lab.deliver(&weak.to_string()).await;
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1);
    lab.clock.advance(std::time::Duration::from_secs(12 * 3600 + 1));
    lab.settle().await;
    assert_eq!(pending(&lab).await, 0, "{:#?}", runs(&lab, &case).await);
    assert_eq!(lab.deliver(&another(1).to_string()).await, case);
    lab.settle().await;
    assert!(isolated(&sandbox), "{} {:#?}", pending(&lab).await, runs(&lab, &case).await);
    lab.finish().await;
}

/// GuardDuty's API is a few seconds behind its own event.
#[tokio::test]
async fn a_copy_of_guardduty_that_is_late_is_asked_for_again() {
    let mut lost = Vec::new();
    for known in [false, true] {
        let (lab, sandbox) = lab_with(confirming()).await;
        let seen = "2026-03-14T09:26:47.000Z";
        let genuine = seen_at(&miner(), seen);
        if known {
            // The version before: all the same but when it was seen last.
            said(&sandbox, &miner()["detail"]);
        }
        let case = lab.deliver(&genuine.to_string()).await;
        once(&lab).await;
        lab.clock.advance(std::time::Duration::from_secs(5));
        said(&sandbox, &genuine["detail"]);
        // EventBridge delivers at least once.
        assert_eq!(lab.deliver(&genuine.to_string()).await, case);
        lab.settle().await;
        if !isolated(&sandbox) {
            lost.push((known, status(&lab, &case).await, runs(&lab, &case).await));
        }
        lab.finish().await;
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

/// A containment whose undo fails half way stands for no later finding.
#[tokio::test]
async fn a_half_lifted_containment_answers_no_finding() {
    let (mut lost, mut tried) = (Vec::new(), 0);
    for n in 1..30 {
        let plan = changes().at(n, Fault::Denied);
        let (lab, sandbox, _) = faulty_lab(plan, ISOLATES).await;
        let case = lab.deliver(mining()).await;
        lab.settle().await;
        let first = only_run(&lab, &case).await;
        if !first.contained {
            continue;
        }
        let Ok(undo) = lab.desk.undo(&first.id, "ada".to_owned(), false).await else { continue };
        lab.settle().await;
        let undo = run(&lab, &undo.id).await;
        if undo.state == RunState::Succeeded || isolated(&sandbox) {
            continue;
        }
        tried += 1;
        assert_eq!(lab.deliver(&another(1).to_string()).await, case);
        lab.settle().await;
        if !isolated(&sandbox) && pending(&lab).await == 0 {
            lost.push((n, status(&lab, &case).await, runs(&lab, &case).await, groups(&sandbox)));
        }
        lab.finish().await;
    }
    assert!(lost.is_empty() && tried > 0, "{tried} {lost:#?}");
}
