//! Containments that end, or wait, half way.

use serde_json::json;
use tokio::sync::Semaphore;

use super::*;
use crate::change::Urgency;

/// Whether each change in the timeline has an outcome.
fn open_intents(entries: &[Entry]) -> usize {
    count(entries, "change.intent").saturating_sub(count(entries, "change.outcome"))
}

/// A branch runs into a limit while its sibling isolates the instance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_in_one_branch_leaves_no_sibling_in_the_open() {
    let mut bad = Vec::new();
    for looks in 1..40 {
        let source = format!(
            "//! Probe.\nconst RUNBOOK = #{{ on: [\"Never:X/*\"], mode: \"contain\" }};\n\
            fn run(case, p) {{\n\
            parallel([|| contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"), || {{\n\
            for n in 0..{looks} {{ look::role(\"web-server\"); }}\n\
            let n = 0; while true {{ n += 1; }} }}]); }}"
        );
        let (lab, sandbox, _) = faulty_lab(Plan::none(), &source).await;
        let done = isolate(&lab).await;
        let case = done.case.clone();
        let entries = lab.entries(&case).await;
        if in_the_open(&sandbox) || open_intents(&entries) > 0 {
            bad.push((looks, groups(&sandbox), open_intents(&entries), done.summary));
        }
        lab.finish().await;
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

/// The same while AWS throttles the second swap: the step rests half way, in the open group.
#[tokio::test]
async fn a_limit_in_one_branch_leaves_no_resting_sibling_in_the_open() {
    let n = second_swap().await;
    // More than one round of attempts.
    let plan = (n..n + 40).fold(changes(), |plan, n| plan.at(n, Fault::Throttled));
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) {\n\
        parallel([|| contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"), || {\n\
        sleep(\"5s\"); let n = 0; while true { n += 1; } }]); }";
    let (lab, sandbox, _) = faulty_lab(plan, source).await;
    let done = isolate(&lab).await;
    let entries = lab.entries(&done.case).await;
    assert!(!in_the_open(&sandbox), "{:?} {done:?}", groups(&sandbox));
    assert_eq!(open_intents(&entries), 0);
    lab.finish().await;
}

/// The disk is full between the two swaps: nothing more can be written down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_fails_half_way_leaves_no_instance_in_the_open() {
    let n = change_number("eni-0aaaaaaaaaaaaaaa2", 0).await;
    let store: Arc<std::sync::Mutex<Option<crate::store::Store>>> = Arc::default();
    let theirs = Arc::clone(&store);
    let event: Event = Arc::new(move || {
        let store = theirs.lock().unwrap().take().unwrap();
        let handle = tokio::runtime::Handle::current();
        std::thread::spawn(move || handle.block_on(store.close())).join().unwrap();
    });
    let (lab, sandbox, _) = faulty_lab(changes().before(n, event), ISOLATES).await;
    *store.lock().unwrap() = Some(lab.env.store.clone());
    lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    let ended = drive_once(&lab, &CancellationToken::new()).await.unwrap();
    assert!(ended.is_err(), "the database did not fail");
    assert!(!in_the_open(&sandbox), "{:?}", groups(&sandbox));
}

/// The process is stopped for an upgrade while AWS throttles the second swap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_leaves_no_instance_in_the_open() {
    let n = second_swap().await;
    let stopping = CancellationToken::new();
    let stop = stopping.clone();
    let event: Event = Arc::new(move || stop.cancel());
    let plan = (n..n + 12).fold(changes().before(n, event), |plan, n| plan.at(n, Fault::Throttled));
    let (lab, sandbox, _) = faulty_lab(plan, ISOLATES).await;
    lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    let driven = drive_once(&lab, &stopping).await.unwrap().unwrap();
    assert!(!in_the_open(&sandbox), "{driven:?} {:?}", groups(&sandbox));
    lab.finish().await;
}

/// AWS throttles the second swap for several rounds: only drives under way put anything back, so that
/// none ends while the instance stands in the open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_drive_ends_with_an_instance_in_the_open() {
    let n = second_swap().await;
    for fault in [Fault::Throttled, Fault::Transient] {
        let plan = (n..n + 40).fold(changes(), |plan, n| plan.at(n, fault));
        let (lab, sandbox, _) = faulty_lab(plan, ISOLATES).await;
        lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
        let driven = drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
        assert!(!in_the_open(&sandbox), "{fault:?} {driven:?} {:?}", groups(&sandbox));
        lab.finish().await;
    }
}

/// The process is stopped in the second round of that: it does not wait for the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_between_two_rounds_leaves_no_instance_in_the_open() {
    let n = second_swap().await;
    let stopping = CancellationToken::new();
    let stop = stopping.clone();
    let event: Event = Arc::new(move || stop.cancel());
    let plan = (n..n + 24).fold(changes(), |plan, n| plan.at(n, Fault::Throttled));
    let (lab, sandbox, _) = faulty_lab(plan.before(n + 13, event), ISOLATES).await;
    lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    let driven = drive_once(&lab, &stopping).await.unwrap().unwrap();
    assert_eq!(driven, Driven::Released);
    assert!(
        groups(&sandbox).iter().all(|groups| *groups != ["quarantine"]),
        "{:?}",
        groups(&sandbox)
    );
    assert!(!in_the_open(&sandbox), "{:?}", groups(&sandbox));
    lab.finish().await;
}

/// The same while evidence of the same run is in line, for as long as it takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_for_no_evidence_that_is_in_line() {
    let n = second_swap().await;
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { parallel([|| evidence::snapshot_volumes(\"i-0a1b2c3d4e5f60718\"), \
        || contain::isolate_instance(\"i-0a1b2c3d4e5f60718\")]); }";
    let (stopping, gate) = (CancellationToken::new(), Arc::new(Semaphore::new(0)));
    let stop = stopping.clone();
    let event: Event = Arc::new(move || stop.cancel());
    let plan = (n..n + 24).fold(changes(), |plan, n| plan.at(n, Fault::Throttled));
    let plan = plan.before(n + 13, event).holding(Urgency::Evidence, &gate);
    let (lab, sandbox, faulty) = faulty_lab(plan, source).await;
    let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    let driven = drive_once(&lab, &stopping).await.unwrap().unwrap();
    assert_eq!(driven, Driven::Released);
    assert!(faulty.met().len() > 12, "containment did rest");
    assert!(!in_the_open(&sandbox), "{:?}", groups(&sandbox));
    gate.add_permits(1_000);
    lab.settle().await;
    let done = run(&lab, &started.id).await;
    assert!(done.contained, "{:?}", done.summary);
    lab.finish().await;
}

/// What a run leaves to people is too much for one entry: what it did is written down all the same.
#[tokio::test]
async fn a_long_list_of_what_remains_loses_no_outcome() {
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) {\n\
        let long = \"\"; for n in 0..100 { long += \"0123456789\"; }\n\
        let branches = [];\n\
        for n in 0..80 { branches.push(|| throw `${n} ${long}`); }\n\
        parallel(branches, #{ keep_errors: true });\n\
        contain::revoke_role_sessions(\"web-server\"); }";
    let (lab, _, _) = faulty_lab(Plan::none(), source).await;
    let done = isolate(&lab).await;
    let entries = lab.entries(&done.case).await;
    let (asked, ended) = (count(&entries, "step.requested"), count(&entries, "step.finished"));
    assert_eq!((open_intents(&entries), asked), (0, ended), "{:?} {:?}", done.code, done.summary);
    lab.finish().await;
}

/// A run that sleeps keeps the containment of the same instance waiting.
#[tokio::test]
async fn a_run_that_sleeps_holds_up_no_containment() {
    let source = "//! Sleeps.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\", \
        params: #{ instance: #{ type: \"instance-id\" } } };\n\
        fn run(case, p) { sleep(\"12h\"); }";
    let (lab, sandbox, _) = faulty_lab(Plan::none(), source).await;
    let asleep = by_hand("probe", json!({"instance": "i-0a1b2c3d4e5f60718"}), Mode::Contain);
    lab.desk.start(asleep).await.unwrap();
    let began = crate::clock::Clock::now(&lab.clock);
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    assert!(groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]));
    let entries = lab.entries(&case).await;
    let intent = entries.iter().find(|entry| entry.kind == "change.intent").unwrap();
    let waited = intent.at.duration_since(began).as_secs();
    assert!(waited < 600, "contained after {waited} s");
    lab.finish().await;
}
