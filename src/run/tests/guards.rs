//! Guards hold whatever a script asks for.

use serde_json::json;

use super::*;
use crate::case::RunState;
use crate::error::Code;

#[tokio::test]
async fn a_protected_instance_is_left_alone_and_a_person_is_needed() {
    let (lab, sandbox) = lab().await;
    protect(&sandbox);
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let done = only_run(&lab, &case).await;
    assert_eq!(done.state, RunState::Halted, "{:?}", done.summary);
    let entries = lab.entries(&case).await;
    assert!(count(&entries, "guard.tripped") >= 1);
    let touched = sandbox.snapshot_world().mutations;
    assert!(touched.iter().all(|mutation| !mutation.resource.contains("eni-")), "{touched:?}");
    lab.finish().await;
}

#[tokio::test]
async fn a_run_stops_before_it_changes_more_targets_than_it_may() {
    let source = "//! Sweeps.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::revoke_role_sessions(\"web-server\"); contain::revoke_role_sessions(\"batch-worker\"); }";
    let library = library_with("sweeps", source);
    let (lab, sandbox) = lab_with(LabSettings { library, targets_per_run: 1, ..settings() }).await;
    let started = lab.desk.start(by_hand("sweeps", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    let done = run(&lab, &started.id).await;
    assert_eq!(done.state, RunState::Halted);
    assert!(done.summary.unwrap().contains(Code::GUARD_LIMIT.number));
    assert_eq!(sandbox.snapshot_world().mutations.len(), 1);
    lab.finish().await;
}

#[tokio::test]
async fn bad_requests_are_refused_with_a_number_and_start_nothing() {
    let (lab, _) = lab().await;
    let role = json!({"role": "batch-worker"});
    let mut elsewhere = by_hand("stolen-role-credentials", role.clone(), Mode::Contain);
    elsewhere.account = Some("444455556666".parse().unwrap());
    for (request, code) in [
        (by_hand("no-such", json!({}), Mode::Contain), Code::RUNBOOK_UNKNOWN),
        (by_hand("stolen-role-credentials", json!({}), Mode::Contain), Code::RUNBOOK_PARAMS),
        (
            by_hand("stolen-role-credentials", json!({"role": "*"}), Mode::Contain),
            Code::RUNBOOK_PARAMS,
        ),
        (
            by_hand("stolen-role-credentials", json!({"role": ""}), Mode::Contain),
            Code::RUNBOOK_PARAMS,
        ),
        (
            by_hand("stolen-role-credentials", json!({"role": "a", "x": 1}), Mode::Contain),
            Code::RUNBOOK_PARAMS,
        ),
        (elsewhere, Code::GUARD_ACCOUNT),
    ] {
        let words = format!("{request:?}");
        assert_eq!(lab.desk.start(request).await.unwrap_err().code, code, "{words}");
    }
    assert!(lab.env.store.runs_open().await.unwrap().is_empty());
    lab.finish().await;
}

#[tokio::test]
async fn by_hand_no_run_is_freer_than_its_account() {
    let (mut lab, sandbox) = lab().await;
    lab.limit(|limits| {
        limits.account_modes.insert("111122223333".parse().unwrap(), Mode::Approve);
    });
    let role = json!({"role": "batch-worker"});
    let freer = by_hand("stolen-role-credentials", role.clone(), Mode::Contain);
    assert_eq!(lab.desk.start(freer).await.unwrap_err().code, Code::GUARD_ACCOUNT);
    let asked = by_hand("stolen-role-credentials", role, Mode::Approve);
    lab.desk.start(asked).await.unwrap();
    lab.settle().await;
    assert_eq!(lab.env.store.approvals_pending().await.unwrap().len(), 1);
    assert_eq!(sandbox.snapshot_world().mutations.len(), 0);
    lab.finish().await;
}

#[tokio::test]
async fn a_forged_finding_is_held_for_a_person() {
    let (lab, sandbox) = lab_with(LabSettings { confirm_findings: true, ..settings() }).await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let done = only_run(&lab, &case).await;
    assert_eq!(done.state, RunState::Halted);
    assert!(done.summary.unwrap().contains("GuardDuty does not know this finding"));
    assert_eq!(sandbox.snapshot_world().mutations.len(), 0);
    lab.finish().await;
}

#[tokio::test]
async fn branches_beside_each_other_share_the_limit() {
    let source = "//! Sweeps.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { parallel([|| contain::revoke_role_sessions(\"web-server\"),\n\
        || contain::revoke_role_sessions(\"batch-worker\")]); }";
    let library = library_with("sweeps", source);
    let (lab, sandbox) = lab_with(LabSettings { library, targets_per_run: 1, ..settings() }).await;
    let started = lab.desk.start(by_hand("sweeps", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    assert_eq!(run(&lab, &started.id).await.state, RunState::Halted);
    assert_eq!(sandbox.snapshot_world().mutations.len(), 1);
    lab.finish().await;
}

#[tokio::test]
async fn a_protected_user_is_protected_by_any_of_its_names() {
    let source = "//! By key.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::disable_access_keys((), \"AKIAZ7Q2EXAMPLE00001\"); }";
    let (lab, sandbox) =
        lab_with(LabSettings { library: library_with("by-key", source), ..settings() }).await;
    sandbox
        .edit(|world| {
            for account in world.accounts.values_mut() {
                for user in account.users.values_mut() {
                    user.tags.insert("tourniquet:protected".to_owned(), "yes".to_owned());
                }
            }
        })
        .unwrap();
    let started = lab.desk.start(by_hand("by-key", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    let done = run(&lab, &started.id).await;
    assert_eq!(done.state, RunState::Halted, "{:?}", done.summary);
    assert_eq!(sandbox.snapshot_world().mutations.len(), 0);
    lab.finish().await;
}

#[tokio::test]
async fn by_hand_no_run_is_freer_than_its_runbook() {
    let (lab, sandbox) = lab().await;
    let wanted =
        |mode| by_hand("suspected-instance", json!({"instance": "i-0a1b2c3d4e5f60718"}), mode);
    let refused = lab.desk.start(wanted(Mode::Contain)).await.unwrap_err();
    assert_eq!(refused.code, Code::RUNBOOK_MODE);
    assert!(refused.detail.contains("mode approve at most"), "{}", refused.detail);
    assert!(lab.env.store.runs_open().await.unwrap().is_empty());
    for mode in [Mode::Observe, Mode::Approve] {
        lab.desk.start(wanted(mode)).await.unwrap();
        lab.settle().await;
        assert_eq!(sandbox.snapshot_world().mutations.len(), 0, "nobody has said yes");
    }
    lab.finish().await;
}

#[tokio::test]
async fn a_runbook_with_a_slip_in_its_name_is_told_the_one_that_was_meant() {
    let (lab, _) = lab().await;
    let request = by_hand("leaked-acces-key", json!({}), Mode::Observe);
    let detail = lab.desk.start(request).await.unwrap_err().detail;
    assert_eq!(detail, "no runbook is called leaked-acces-key (did you mean leaked-access-key?)");
    lab.finish().await;
}
