//! Taking a run back that waits for nothing but its evidence.

use tokio_util::sync::CancellationToken;

use serde_json::json;

use super::siege::*;
use super::*;
use crate::case::{RunState, Status};
use crate::clock::Clock as _;
use crate::cloud::faulty::{Fault, Plan};
use crate::error::Code;
use crate::run::drive::drive;
use crate::run::lease::Lease;

/// Isolates, keeps the disks, which takes a while, and would contain more after that.
const GOES_ON: &str = "//! Goes on.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
    fn run(case, p) { contain::isolate_instance(\"i-0a1b2c3d4e5f60718\");\n\
    evidence::snapshot_volumes(\"i-0a1b2c3d4e5f60718\");\n\
    notify(\"oncall\", \"isolated\");\n\
    contain::revoke_role_sessions(\"web-server\"); }";

/// Drives what can be driven now, while time stands still.
async fn drive_all(lab: &Lab) {
    let now = lab.clock.now();
    while let Some((run, fence)) = lab.env.store.claim("lab", now).await.unwrap() {
        let lease = Lease::new(fence, lab.clock.monotonic());
        Box::pin(drive(&lab.env, &run, &lease, &CancellationToken::new())).await.unwrap();
    }
}

/// A run that has isolated and waits for its snapshots.
async fn waiting(lab: &Lab) -> RunRow {
    let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    drive_all(lab).await;
    let waits = run(lab, &started.id).await;
    assert!(waits.state == RunState::Parked && waits.preserves, "{waits:?}");
    waits
}

fn free(sandbox: &Sandbox) -> bool {
    groups(sandbox).iter().all(|groups| *groups != ["quarantine"])
}

#[tokio::test]
async fn a_run_that_was_taken_back_keeps_its_evidence_and_contains_nothing_more() {
    let (lab, sandbox, _) = faulty_lab(Plan::none(), GOES_ON).await;
    let waits = waiting(&lab).await;
    let undo = lab.desk.undo(&waits.id, "ada".to_owned(), false).await.unwrap();
    drive_all(&lab).await;
    assert!(free(&sandbox) && run(&lab, &undo.id).await.state == RunState::Succeeded);
    assert!(!run(&lab, &waits.id).await.state.is_over(), "its disks are kept on");
    lab.settle().await;
    let done = run(&lab, &waits.id).await;
    assert_eq!((done.state, done.contained, done.released), (RunState::Halted, false, true));
    assert_eq!(done.code.as_deref(), Some(Code::TAKEN_BACK.number), "{:?}", done.summary);
    assert!(free(&sandbox));
    let denied = "ASIAZ7Q2EXAMPLE00001".parse().unwrap();
    assert!(sandbox.attacker().can_call(&ours(), &denied).allowed, "nothing more is contained");
    let entries = lab.entries(&waits.case).await;
    assert!(count(&entries, "evidence.recorded") > 0);
    assert!(lab.told().iter().any(|told| told.contains("taken back")), "{:?}", lab.told());
    let case = lab.env.store.case(&waits.case).await.unwrap().unwrap();
    assert_eq!(case.status, Status::Released);
    lab.finish().await;
}

/// The undo is kept waiting by AWS, and the run gets its evidence in between.
#[tokio::test]
async fn an_undo_goes_on_as_it_began_while_its_run_gets_further() {
    let source = GOES_ON.replace("contain::revoke_role_sessions(\"web-server\");", "");
    let mut seen = 0;
    for n in 1..40 {
        let plan = (n..n + 12).fold(changes(), |plan, n| plan.at(n, Fault::Throttled));
        let (lab, sandbox, _) = faulty_lab(plan, &source).await;
        let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
        drive_all(&lab).await;
        let waits = run(&lab, &started.id).await;
        if !waits.preserves {
            continue;
        }
        let undo = lab.desk.undo(&waits.id, "ada".to_owned(), false).await.unwrap();
        drive_all(&lab).await;
        seen += u32::from(!run(&lab, &undo.id).await.state.is_over());
        lab.settle().await;
        let (done, undone) = (run(&lab, &waits.id).await, run(&lab, &undo.id).await);
        assert_eq!(undone.state, RunState::Succeeded, "change {n}: {:?}", undone.summary);
        assert!(free(&sandbox) && done.released && !done.contained, "change {n}: {done:?}");
        let case = lab.env.store.case(&waits.case).await.unwrap().unwrap();
        assert_eq!(case.status, Status::Released, "change {n}: {:?}", done.summary);
        lab.finish().await;
    }
    assert!(seen > 0, "no undo was kept waiting");
}
