//! Undo, and what goes on beside or after it.

use serde_json::json;

use super::*;

/// The attack goes on while the undo is under way.
#[tokio::test]
async fn a_version_that_comes_during_an_undo_is_asked_about() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
    let on = later(&miner(), "2026-03-14T23:45:12.000Z", 99);
    assert_eq!(lab.deliver(&on.to_string()).await, case);
    lab.settle().await;
    let free = groups(&sandbox).iter().any(|groups| *groups != ["quarantine"]);
    let asks = pending(&lab).await;
    assert!(!free || asks == 1, "{:?} {:#?}", status(&lab, &case).await, runs(&lab, &case).await);
    lab.finish().await;
}

/// After an undo GuardDuty makes another finding of it, not a version of the same.
#[tokio::test]
async fn another_finding_after_an_undo_is_asked_about_as_a_version_is() {
    let (lab, sandbox) = lab().await;
    let case = lifted_case(&lab).await;
    assert_eq!(lab.deliver(&another(1).to_string()).await, case);
    lab.settle().await;
    let isolated = groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]);
    assert!(!isolated && pending(&lab).await == 1, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

/// An undo is stopped, because another run has come to hold the instance; somebody asks again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_that_was_stopped_for_another_run_is_stopped_again() {
    let mut bad = Vec::new();
    for n in 1..14 {
        let interlude = Interlude::default();
        let (lab, sandbox, _) = faulty_lab(interlude.at_call(n), ISOLATES).await;
        let params = json!({"instance": "i-0a1b2c3d4e5f60718"});
        let first = by_hand("compromised-instance", params, Mode::Contain);
        let first = lab.desk.start(first).await.unwrap();
        lab.settle().await;
        lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
        let other = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
        interlude.arm(&lab, None);
        lab.settle().await;
        assert!(run(&lab, &other.id).await.contained);
        if groups(&sandbox).iter().any(|groups| *groups != ["quarantine"]) {
            continue;
        }
        let again = lab.desk.undo(&first.id, "ada".to_owned(), false).await;
        lab.settle().await;
        let isolated = groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]);
        let other = run(&lab, &other.id).await;
        if !isolated && other.contained && !other.released {
            let words = match again {
                Ok(undo) => format!("{:?}", run(&lab, &undo.id).await.summary),
                Err(refused) => refused.detail,
            };
            bad.push((n, status(&lab, &other.case).await, words));
        }
    }
    assert!(bad.is_empty(), "the other run is said to contain what is free: {bad:#?}");
}

/// Two cases about one instance. The later one only finds it isolated, and revokes a role besides. It
/// is undone: its revocation is kept, so that it is not released; then the earlier one is undone, too.
#[tokio::test]
async fn no_case_is_contained_after_its_instance_was_set_free() {
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::isolate_instance(\"i-0a1b2c3d4e5f60718\");\n\
        contain::revoke_role_sessions(\"batch-worker\"); }";
    let (lab, sandbox, _) = faulty_lab(Plan::none(), source).await;
    let params = json!({"instance": "i-0a1b2c3d4e5f60718"});
    let first = by_hand("compromised-instance", params, Mode::Contain);
    let first = lab.desk.start(first).await.unwrap();
    lab.settle().await;
    let second = isolate(&lab).await;
    assert!(second.contained && first.case != second.case);
    lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap_err();
    let mut words = Vec::new();
    for of in [&second.id, &first.id] {
        let undo = lab.desk.undo(of, "ada".to_owned(), false).await.unwrap();
        lab.settle().await;
        words.push(run(&lab, &undo.id).await.summary);
    }
    let free = groups(&sandbox).iter().all(|groups| *groups != ["quarantine"]);
    assert!(free, "{words:?}");
    assert_ne!(status(&lab, &second.case).await, Status::Contained, "{words:?}");
    lab.finish().await;
}

/// A run that never contained anything is not "released" by an undo of it.
#[tokio::test]
async fn an_undo_of_a_run_that_did_nothing_hides_no_failure() {
    let (lab, _) = lab_with(LabSettings { confirm_findings: true, ..settings() }).await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    assert_eq!(status(&lab, &case).await, Status::Attention);
    let done = only_run(&lab, &case).await;
    lab.desk.undo(&done.id, "ada".to_owned(), false).await.ok();
    lab.settle().await;
    assert_eq!(status(&lab, &case).await, Status::Attention, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

/// A containment can be lifted while its disks are still being copied, which may take three days.
#[tokio::test]
async fn a_wrong_isolation_can_be_lifted_while_evidence_is_awaited() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    let waits = only_run(&lab, &case).await;
    assert!(groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]));
    if !waits.state.is_over() {
        let undone = lab.desk.undo(&waits.id, "ada".to_owned(), false).await;
        assert!(undone.is_ok(), "{:?}", undone.map_err(|refused| refused.detail));
    }
    lab.finish().await;
}
