//! Evidence, and an undo, in line for AWS's limits: nobody else waits for them.

use std::time::Duration;

use futures::future::Either;
use serde_json::json;
use tokio::sync::{Notify, Semaphore};

use super::*;
use crate::change::Urgency;
use crate::cloud::faulty::Faulty;
use crate::id::InstanceId;
use crate::run::Driver;

fn quarantined(sandbox: &Sandbox) -> bool {
    groups(sandbox).iter().any(|groups| *groups == ["quarantine"])
}

/// Lets the others go on for a moment: their database is on threads of its own.
async fn moment(lab: &Lab) {
    for _ in 0..10 {
        lab.env.store.runs_open().await.unwrap();
    }
}

/// Whether the instance is isolated in some moments while a drive goes on, or the drive ends, so
/// that the next claim goes on.
async fn isolated_beside(
    lab: &Lab,
    drive: impl Future<Output = Option<Result<Driven, StoreError>>>,
    sandbox: &Sandbox,
    before: impl Future<Output = ()>,
) -> bool {
    let waits = Box::pin(async {
        before.await;
        for _ in 0..1_000 {
            if quarantined(sandbox) {
                return true;
            }
            moment(lab).await;
        }
        false
    });
    match futures::future::select(Box::pin(drive), waits).await {
        Either::Left(_) => true,
        Either::Right((isolated, _)) => isolated,
    }
}

const KEEPS: &str = "|| evidence::snapshot_volumes(\"i-0a1b2c3d4e5f60718\")";

fn beside_evidence(branch: &str) -> String {
    format!(
        "//! Probe.\nconst RUNBOOK = #{{ on: [\"Never:X/*\"], mode: \"contain\" }};\n\
        fn run(case, p) {{ parallel([{KEEPS}, || {{ {branch} \
        contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"); }}]); }}"
    )
}

/// A person says yes while evidence of the same run is in line for AWS's limits.
#[tokio::test]
async fn a_yes_is_not_left_lying_while_evidence_is_in_line() {
    let gate = Arc::new(Semaphore::new(0));
    let source = beside_evidence("approve(\"Isolate the crown jewel?\");");
    let plan = Plan::none().holding(Urgency::Evidence, &gate);
    let (lab, sandbox, _) = faulty_lab(plan, &source).await;
    lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    let stopping = CancellationToken::new();
    let says = async {
        while pending(&lab).await == 0 {
            tokio::task::yield_now().await;
        }
        decide(&lab, "grace", true).await.unwrap();
    };
    let isolated = isolated_beside(&lab, drive_once(&lab, &stopping), &sandbox, says).await;
    assert!(isolated, "approved, and not isolated before the evidence is through the line");
}

/// The look before a containment is throttled once, and rests; evidence of the same run is in line.
#[tokio::test]
async fn a_look_that_rests_goes_on_while_evidence_is_in_line() {
    let mut bad = Vec::new();
    for n in 1..=12 {
        let gate = Arc::new(Semaphore::new(0));
        let source = beside_evidence("look::role(\"web-server\");");
        let plan = Plan::none().counting(Calls::Reads).holding(Urgency::Evidence, &gate);
        let plan = (n..n + 6).fold(plan, |plan, n| plan.at(n, Fault::Throttled));
        let (lab, sandbox, _) = faulty_lab(plan, &source).await;
        lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
        let stopping = CancellationToken::new();
        if !isolated_beside(&lab, drive_once(&lab, &stopping), &sandbox, async {}).await {
            bad.push(n);
        }
    }
    assert!(bad.is_empty(), "throttled from read {bad:?} on: not isolated before the evidence");
}

/// The same after a pause that the script makes.
#[tokio::test]
async fn a_sleep_ends_while_evidence_is_in_line() {
    let gate = Arc::new(Semaphore::new(0));
    let plan = Plan::none().holding(Urgency::Evidence, &gate);
    let (lab, sandbox, _) = faulty_lab(plan, &beside_evidence("sleep(\"5s\");")).await;
    lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    let (stopping, clock) = (CancellationToken::new(), lab.clock.clone());
    let later = async move { clock.advance(Duration::from_secs(60)) };
    let isolated = isolated_beside(&lab, drive_once(&lab, &stopping), &sandbox, later).await;
    assert!(isolated, "not isolated before the evidence is through the line");
}

/// A false alarm: a person takes the isolation back, while nothing but the evidence of its run goes on,
/// which is in line.
#[tokio::test]
async fn a_run_can_be_taken_back_while_its_evidence_is_in_line() {
    let gate = Arc::new(Semaphore::new(0));
    let plan = Plan::none().holding(Urgency::Evidence, &gate);
    let (lab, sandbox, _) = faulty_lab(plan, &beside_evidence("")).await;
    let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    let stopping = CancellationToken::new();
    let refused = std::sync::Mutex::new(None);
    let undoes = async {
        while !quarantined(&sandbox) {
            moment(&lab).await;
        }
        for _ in 0..400 {
            match lab.desk.undo(&started.id, "ada".to_owned(), false).await {
                Ok(_) => return,
                Err(error) => *refused.lock().unwrap() = Some(error.to_string()),
            }
            moment(&lab).await;
        }
        panic!("{:?}", refused.lock().unwrap());
    };
    isolated_beside(&lab, drive_once(&lab, &stopping), &sandbox, undoes).await;
}

/// The process is stopped while an undo is in line.
#[tokio::test]
async fn a_stop_waits_for_no_undo_that_is_in_line() {
    let (gate, stopping) = (Arc::new(Semaphore::new(0)), CancellationToken::new());
    let armed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (stop, is_armed) = (stopping.clone(), Arc::clone(&armed));
    let plan =
        Plan::none().holding(Urgency::Evidence, &gate).while_admitting(Arc::new(move || {
            if is_armed.load(std::sync::atomic::Ordering::Relaxed) {
                stop.cancel();
            }
        }));
    let (lab, _, _) = faulty_lab(plan, ISOLATES).await;
    let done = isolate(&lab).await;
    assert!(done.contained);
    lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap();
    armed.store(true, std::sync::atomic::Ordering::Relaxed);
    let moments = Box::pin(async {
        for _ in 0..1_000 {
            moment(&lab).await;
        }
    });
    let drives = Box::pin(drive_once(&lab, &stopping));
    let ended = matches!(futures::future::select(drives, moments).await, Either::Left(_));
    assert!(stopping.is_cancelled());
    assert!(ended, "the stop waits until AWS's limits have room for the undo");
}

/// The instance of the incident, as number `n` of a wave.
fn wave(sandbox: &Sandbox, n: u32) -> (InstanceId, String) {
    let id: InstanceId = format!("i-0fffffffffffff{n:03}").parse().unwrap();
    let own = id.clone();
    meddle(sandbox, move |region| {
        let mut machine = region.instances.values().next().unwrap().clone();
        machine.instance.id = own.clone();
        for (k, interface) in machine.instance.interfaces.iter_mut().enumerate() {
            interface.id = format!("eni-0fffffffffff{n:03}{k:02}").parse().unwrap();
        }
        region.instances.insert(own, machine);
    });
    let mut event = another(n);
    event["detail"]["resource"]["instanceDetails"]["instanceId"] = json!(id);
    (id, event.to_string())
}

fn is_isolated(sandbox: &Sandbox, id: &InstanceId) -> bool {
    let world = sandbox.snapshot_world();
    let region = world.accounts[&ours()].regions.values().next().unwrap();
    region.instances[id].instance.interfaces.iter().all(|interface| {
        let group = &region.groups[&interface.groups[0]].name;
        group.starts_with("tourniquet-quarantine")
    })
}

/// A wave of 66 findings: the evidence of the first ones is in line for AWS's limits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_in_line_keeps_no_place_from_containment() {
    let clock = ManualClock::at("2026-03-14T09:27:12Z".parse().unwrap());
    let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let faulty =
        Faulty::new(Arc::new(sandbox.clone()), Plan::none().holding(Urgency::Evidence, &gate));
    let settings = LabSettings { targets_per_run: 100, ..settings() };
    let lab = Lab::new(Arc::new(faulty), clock.clone(), settings).await;
    let mut ids = Vec::new();
    for n in 0..66 {
        let (id, event) = wave(&sandbox, n);
        lab.deliver(&event).await;
        ids.push(id);
    }
    let driver = Driver::spawn(Arc::clone(&lab.env), Arc::new(Notify::new())).await.unwrap();
    let isolated = |sandbox: &Sandbox| ids.iter().filter(|id| is_isolated(sandbox, id)).count();
    let mut last = (0, 0);
    // Until it gets no further for 5 minutes of the lab's time.
    let mut stands = 0;
    while last.0 < 66 && stands < 300 {
        clock.advance(Duration::from_secs(1));
        moment(&lab).await;
        let now = isolated(&sandbox);
        stands = if now == last.0 { stands + 1 } else { 0 };
        last = (now, last.1 + 1);
    }
    gate.add_permits(100_000);
    let ticks = Box::pin(async {
        loop {
            clock.advance(Duration::from_secs(1));
            moment(&lab).await;
        }
    });
    let drained = futures::future::select(Box::pin(driver.drain()), ticks).await;
    assert!(matches!(drained, Either::Left(_)));
    assert_eq!(last.0, 66, "isolated within {} s, while the evidence of others is in line", last.1);
}
