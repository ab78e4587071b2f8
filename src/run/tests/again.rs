//! What was contained is looked at again: an attacker has seconds in which it can be undone.

use serde_json::json;

use super::siege::*;
use super::*;
use crate::case::{RunState, Status};
use crate::change::KeyStatus;
use crate::cloud::faulty::Plan;
use crate::cloud::sandbox::Settling;

async fn steps(lab: &Lab, case: &CaseId, kind: &str) -> Vec<String> {
    let entries = lab.entries(case).await;
    let of_kind = entries.iter().filter(|entry| entry.kind == kind);
    of_kind.map(|entry| entry.body["step"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_holds_is_seen_to_hold_twice_and_changed_once() {
    let (lab, sandbox, row) = begun(REVOKES).await;
    assert_eq!((row.state, row.preserves), (RunState::Parked, true), "it is in nobody's way");
    lab.settle().await;
    let done = run(&lab, &row.id).await;
    assert_eq!((done.state, done.contained), (RunState::Succeeded, true), "{:?}", done.summary);
    assert_eq!(steps(&lab, &row.case, "step.finished").await, ["1", "1~1", "1~2"]);
    assert_eq!(sandbox.snapshot_world().mutations.len(), 1);
    let entries = lab.entries(&row.case).await;
    let first = entries.iter().find(|entry| entry.kind == "step.finished").unwrap().at;
    let contained_at = lab.env.store.case(&row.case).await.unwrap().unwrap().contained_at;
    assert_eq!(contained_at, Some(first), "it was contained when that was first seen");
    assert_eq!(lab.told(), Vec::<String>::new());
    lab.finish().await;
}

#[tokio::test]
async fn what_is_undone_meanwhile_is_done_again_and_told() {
    for waits in [0, 1] {
        let (lab, sandbox, row) = begun(REVOKES).await;
        for _ in 0..waits {
            let at = run(&lab, &row.id).await.wake_at.unwrap();
            lab.clock.advance(lab.clock.now().duration_until(at).try_into().unwrap());
            drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
        }
        undo_the_deny(&sandbox);
        let undone_at = lab.clock.now();
        lab.clock.advance(std::time::Duration::from_secs(10));
        assert!(!is_denied(&sandbox));
        lab.settle().await;
        let done = run(&lab, &row.id).await;
        assert_eq!((done.state, done.contained), (RunState::Succeeded, true), "{:?}", done.summary);
        let contained_at = lab.env.store.case(&row.case).await.unwrap().unwrap().contained_at;
        assert!(contained_at > Some(undone_at), "it was not contained before that");
        lab.clock.advance(std::time::Duration::from_secs(60));
        assert!(is_denied(&sandbox), "undone after {waits} looks");
        let told = lab.told();
        assert!(told.len() == 1 && told[0].contains("fights back"), "{told:?}");
        lab.finish().await;
    }
}

#[tokio::test]
async fn a_key_that_is_made_meanwhile_is_disabled() {
    let source = "//! Disables.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::disable_access_keys(\"deploy-bot\"); }";
    let (lab, sandbox, row) = begun(source).await;
    assert_eq!(row.state, RunState::Parked, "{:?}", row.summary);
    let key: crate::id::AccessKeyId = "AKIAZ7Q2EXAMPLE00099".parse().unwrap();
    let new = key.clone();
    sandbox
        .edit(|world| {
            let user = world.account_mut(&ours()).unwrap().users.values_mut().next().unwrap();
            user.keys.insert(new, Settling::settled(KeyStatus::Active));
        })
        .unwrap();
    lab.settle().await;
    let done = run(&lab, &row.id).await;
    assert!(done.contained, "{:?}", done.summary);
    lab.clock.advance(std::time::Duration::from_secs(60));
    assert!(!sandbox.attacker().can_call(&ours(), &key).allowed);
    lab.finish().await;
}

#[tokio::test]
async fn who_undoes_it_each_time_is_left_to_people() {
    let (lab, sandbox, row) = begun(REVOKES).await;
    for _ in 0..20 {
        undo_the_deny(&sandbox);
        lab.clock.advance(std::time::Duration::from_secs(60));
        if drive_once(&lab, &CancellationToken::new()).await.is_none() {
            break;
        }
    }
    let done = run(&lab, &row.id).await;
    assert_eq!((done.state, done.contained), (RunState::Failed, false));
    assert!(done.summary.unwrap().contains("5 times"));
    assert_eq!(lab.env.store.case(&row.case).await.unwrap().unwrap().status, Status::Attention);
    lab.finish().await;
}

#[tokio::test]
async fn no_containment_and_nobody_who_must_hear_of_it_waits_for_a_look() {
    let next = REVOKES.replace(
        "contain::revoke_role_sessions(\"web-server\");",
        "contain::revoke_role_sessions(\"web-server\"); contain::isolate_instance(\"i-0a1b2c3d4e5f60718\");",
    );
    let (lab, _, row) = begun(&next).await;
    let entries = lab.entries(&row.case).await;
    let place = |kind: &str, step: &str| {
        entries.iter().position(|entry| entry.kind == kind && entry.body["step"] == step)
    };
    let isolates = place("change.intent", "2#1").unwrap();
    assert!(place("step.finished", "1~1").is_none_or(|looked| isolates < looked));
    lab.settle().await;
    assert!(run(&lab, &row.id).await.contained);
    lab.finish().await;

    let fails = REVOKES.replace("\"web-server\");", "\"web-server\"); throw \"no\";");
    let (lab, _, row) = begun(&fails).await;
    assert_eq!(row.state, RunState::Failed, "people hear of it at once");
    let entries = lab.entries(&row.case).await;
    let end = entries.iter().find(|entry| {
        entry.body.get("step") == Some(&json!("1~1")) && entry.kind == "step.finished"
    });
    assert!(
        end.unwrap().body["output"]["failed"].as_str().unwrap().contains("not looked at again")
    );
    lab.finish().await;
}

#[tokio::test]
async fn what_is_taken_back_is_not_contained_again() {
    let (lab, sandbox, row) = begun(REVOKES).await;
    let undo = lab.desk.undo(&row.id, "ada".to_owned(), true).await;
    let undo = undo.unwrap();
    lab.settle().await;
    assert_eq!(run(&lab, &undo.id).await.state, RunState::Succeeded);
    let first = run(&lab, &row.id).await;
    assert!(first.state.is_over(), "{first:?}");
    lab.clock.advance(std::time::Duration::from_secs(120));
    lab.settle().await;
    assert!(!is_denied(&sandbox), "it was taken back");
    assert_eq!(lab.env.store.case(&row.case).await.unwrap().unwrap().status, Status::Released);
    lab.finish().await;
}

#[tokio::test]
async fn a_process_that_dies_between_the_looks_repeats_none() {
    for kills in 1..=12 {
        let (sandbox, clock) = world();
        let (lab, _) = lab_on(&sandbox, clock, Plan::none(), REVOKES).await;
        let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
        for n in 0..kills {
            let stopping = CancellationToken::new();
            lab.clock.advance(std::time::Duration::from_secs(40 * u64::from(n % 2 == 0)));
            let (run, fence) = match lab.env.store.claim("lab", lab.clock.now()).await.unwrap() {
                Some(claimed) => claimed,
                None => continue,
            };
            let lease = Lease::new(fence, lab.clock.monotonic());
            // Dropped after some polls: as a process that is killed leaves it.
            let mut drive = Box::pin(drive(&lab.env, &run, &lease, &stopping));
            for _ in 0..=n {
                if futures::poll!(&mut drive).is_ready() {
                    break;
                }
                lab.env.store.runs_open().await.unwrap();
            }
        }
        lab.clock.advance(std::time::Duration::from_secs(60));
        lab.settle().await;
        let done = run(&lab, &started.id).await;
        assert!(done.contained, "{kills}: {:?}", done.summary);
        let changed = steps(&lab, &started.case, "change.intent").await;
        assert!(changed.iter().all(|change| change.starts_with("1#")), "{kills}: {changed:?}");
        let ended = steps(&lab, &started.case, "step.finished").await;
        assert_eq!(ended, ["1", "1~1", "1~2"], "{kills}");
        lab.finish().await;
    }
}

/// An undo gives a role's trust back unasked, while it waits to be looked at again: nobody fights back.
#[tokio::test]
async fn a_trust_policy_that_is_given_back_is_not_taken_again() {
    let source = "//! Shuts.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::deny_role_assumption(\"web-server\"); }";
    for undo_first in [true, false] {
        let (lab, sandbox, row) = begun(source).await;
        let account = "111122223333".parse().unwrap();
        let denied = || {
            let world = sandbox.snapshot_world();
            world.accounts[&account].roles[&"web-server".parse().unwrap()]
                .trust
                .to_string()
                .contains("Deny")
        };
        assert!(denied());
        if !undo_first {
            lab.settle().await;
            assert_eq!(steps(&lab, &row.case, "step.finished").await, ["1", "1~1", "1~2"]);
            assert!(denied(), "it has held");
        }
        let undo = lab.desk.undo(&row.id, "ada".to_owned(), false).await.unwrap();
        lab.settle().await;
        assert_eq!(run(&lab, &undo.id).await.state, RunState::Succeeded);
        lab.clock.advance(std::time::Duration::from_secs(120));
        lab.settle().await;
        assert!(!denied(), "it was taken back, looked at before: {undo_first}");
        assert!(run(&lab, &row.id).await.released);
        assert!(lab.told().iter().all(|told| !told.contains("fights back")), "{:?}", lab.told());
        lab.finish().await;
    }
}
