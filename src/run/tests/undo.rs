//! Taking back: everything as it was, drift left alone, stolen credentials not revived unasked.

use super::siege::groups;
use super::*;
use crate::case::{RunState, Status};
use crate::change::TAG_PURPOSE;
use crate::clock::Clock;
use crate::error::Code;
use crate::id::AccountId;
use crate::run::TakeBack;
use crate::store::{Commit, Effect};
use crate::timeline::{Actor, Draft, Kind};
use serde_json::json;
use std::time::Duration;

async fn contained() -> (Lab, Sandbox, RunRow) {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let run = only_run(&lab, &case).await;
    assert!(run.contained, "{:?}", run.summary);
    (lab, sandbox, run)
}

#[tokio::test]
async fn an_undo_gives_back_the_groups_and_keeps_evidence_and_the_revocation() {
    let before = groups(&lab().await.1);
    let (lab, sandbox, done) = contained().await;
    assert_ne!(groups(&sandbox), before);
    let undo = lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    let undone = run(&lab, &undo.id).await;
    assert_eq!(undone.state, RunState::Succeeded, "{:?}", undone.summary);
    assert_eq!(groups(&sandbox), before);
    assert_eq!(lab.env.store.case(&done.case).await.unwrap().unwrap().status, Status::Released);
    let account = "111122223333".parse().unwrap();
    let stolen = "ASIAZ7Q2EXAMPLE00001".parse().unwrap();
    assert!(!sandbox.attacker().can_call(&account, &stolen).allowed, "stolen sessions stay denied");
    let again = lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap_err();
    assert_eq!(again.code, Code::CONFLICT);
    let held = lab.env.store.holds_of(&done.id).await.unwrap();
    assert_eq!(held.len(), 1, "what stays denied is held on");
    assert_eq!(held[0].resource, "111122223333/role/web-server");
    lab.finish().await;
}

/// Who lets stolen credentials in again says why, in the timeline.
#[tokio::test]
async fn what_keeps_stolen_credentials_out_is_not_taken_back_without_a_reason() {
    let (lab, _, done) = contained().await;
    let ask = |revive, reason: Option<&str>| {
        let (run, by) = (done.id.clone(), "ada".to_owned());
        lab.desk.take_back(TakeBack { run, by, revive, reason: reason.map(str::to_owned) })
    };
    let before = lab.entries(&done.case).await.len();
    for reason in [None, Some(""), Some(" \n")] {
        let refused = ask(true, reason).await.unwrap_err();
        assert_eq!(refused.code, Code::BAD_REQUEST);
        assert!(refused.detail.contains("`reason` is needed"), "{}", refused.detail);
    }
    assert_eq!(lab.entries(&done.case).await.len(), before, "nothing was written");
    ask(false, None).await.unwrap();
    lab.settle().await;
    ask(true, Some(" a false alarm\n")).await.unwrap();
    lab.settle().await;
    let entries = lab.entries(&done.case).await;
    let asked = entries.iter().filter(|entry| entry.body.get("kind") == Some(&json!("undo")));
    let reasons: Vec<_> = asked.map(|entry| entry.body.get("reason")).collect();
    assert_eq!(reasons, [None, Some(&json!("a false alarm"))]);
    lab.finish().await;
}

#[tokio::test]
async fn what_another_case_holds_too_is_not_given_back() {
    let (lab, sandbox, done) = contained().await;
    let role = serde_json::json!({"role": "web-server"});
    let other =
        lab.desk.start(by_hand("stolen-role-credentials", role, Mode::Contain)).await.unwrap();
    lab.settle().await;
    assert!(run(&lab, &other.id).await.contained);
    let isolated = groups(&sandbox);
    let refused = lab.desk.undo(&done.id, "ada".to_owned(), true).await.unwrap_err();
    assert_eq!(refused.code, Code::CONFLICT);
    assert!(refused.detail.contains(other.case.as_str()), "{}", refused.detail);
    lab.desk.undo(&other.id, "ada".to_owned(), true).await.unwrap();
    lab.settle().await;
    lab.desk.undo(&done.id, "ada".to_owned(), true).await.unwrap();
    lab.settle().await;
    assert_ne!(groups(&sandbox), isolated);
    lab.finish().await;
}

#[tokio::test]
async fn a_hold_that_is_taken_after_the_undo_was_asked_for_stops_it() {
    let (lab, sandbox, done) = contained().await;
    let isolated = groups(&sandbox);
    let undo = lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap();
    // Before anybody picks the undo up, another run has contained the same instance.
    let effects = vec![Effect::Hold {
        resource: "111122223333/instance/i-0a1b2c3d4e5f60718".to_owned(),
        run: undo.id.clone(),
        step: "1".to_owned(),
    }];
    let entry =
        Draft::new(lab.clock.now(), Actor::Service, Kind::NoteAdded, json!({"text": "held"}));
    let commit = Commit { case: done.case.clone(), fence: None, entries: vec![entry], effects };
    lab.env.store.commit(commit).await.unwrap();
    lab.settle().await;
    let undone = run(&lab, &undo.id).await;
    assert_eq!(undone.state, RunState::Halted);
    assert!(undone.summary.unwrap().contains("take run"));
    assert_eq!(groups(&sandbox), isolated);
    lab.finish().await;
}

#[tokio::test]
async fn guards_hold_for_an_undo_too() {
    let (lab, sandbox, done) = contained().await;
    let isolated = groups(&sandbox);
    protect(&sandbox);
    let undo = lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    let undone = run(&lab, &undo.id).await;
    assert_eq!(undone.state, RunState::Halted, "{:?}", undone.summary);
    assert!(undone.summary.unwrap().contains(Code::GUARD_PROTECTED.number));
    assert_eq!(groups(&sandbox), isolated);
    lab.finish().await;
}

#[tokio::test]
async fn nothing_is_given_back_where_the_account_is_off_the_list_or_only_observed() {
    for (allowed, mode) in [(false, Mode::Contain), (true, Mode::Observe)] {
        let (mut lab, sandbox, done) = contained().await;
        let isolated = groups(&sandbox);
        let account: AccountId = "111122223333".parse().unwrap();
        lab.limit(|limits| {
            if !allowed {
                limits.allowed_accounts.clear();
            }
            limits.account_modes.insert(account, mode);
        });
        match lab.desk.undo(&done.id, "ada".to_owned(), false).await {
            Err(refused) => assert_eq!(refused.code, Code::GUARD_ACCOUNT),
            Ok(undo) => panic!("{:?}", undo.state),
        }
        assert_eq!(groups(&sandbox), isolated);
        lab.finish().await;
    }
}

#[tokio::test]
async fn no_interface_is_put_back_behind_the_open_transition_group() {
    let (lab, sandbox) = lab().await;
    // What a run that died half way leaves, and nobody knows its groups before any more.
    sandbox
        .edit(|world| {
            let account = world.accounts.get_mut(&"111122223333".parse().unwrap()).unwrap();
            let region = account.regions.values_mut().next().unwrap();
            let machine = region.instances.values_mut().next().unwrap();
            let found = machine.instance.interfaces[0].groups[0].clone();
            let group = region.groups.get_mut(&found).unwrap();
            group.tags.insert(TAG_PURPOSE.to_owned(), "transition".to_owned());
        })
        .unwrap();
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let done = only_run(&lab, &case).await;
    let isolated = groups(&sandbox);
    let undo = lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    let undone = run(&lab, &undo.id).await;
    assert!(undone.summary.unwrap().contains("its groups before were ours"));
    assert_eq!(groups(&sandbox)[0], isolated[0], "it stays in quarantine");
    lab.finish().await;
}

#[tokio::test]
async fn with_revive_the_revocation_is_taken_back_too() {
    let (lab, sandbox, done) = contained().await;
    let undo = lab.desk.undo(&done.id, "ada".to_owned(), true).await.unwrap();
    lab.settle().await;
    assert_eq!(run(&lab, &undo.id).await.state, RunState::Succeeded);
    let account = "111122223333".parse().unwrap();
    assert!(
        sandbox.attacker().can_call(&account, &"ASIAZ7Q2EXAMPLE00001".parse().unwrap()).allowed
    );
    lab.finish().await;
}

#[tokio::test]
async fn a_leaked_key_and_its_users_deny_come_back_only_with_revive() {
    let key = "AKIAZ7Q2EXAMPLE00001";
    for (revive, works) in [(false, false), (true, true)] {
        let (lab, sandbox) = lab().await;
        let params = json!({"key": key, "user": "deploy-bot"});
        let done = by_hand("leaked-access-key", params, Mode::Contain);
        let done = lab.desk.start(done).await.unwrap();
        lab.settle().await;
        assert!(run(&lab, &done.id).await.contained);
        lab.desk.undo(&done.id, "ada".to_owned(), revive).await.unwrap();
        lab.settle().await;
        let world = sandbox.snapshot_world();
        let account: AccountId = "111122223333".parse().unwrap();
        let user = &world.accounts[&account].users[&"deploy-bot".parse().unwrap()];
        let later = lab.clock.now() + jiff::SignedDuration::from_mins(1);
        let denied = user.policies.values().any(|p| p.felt(later, Duration::ZERO).is_some());
        assert_eq!(denied, !works, "the deny");
        let called = sandbox.attacker().can_call(&account, &key.parse().unwrap());
        assert_eq!(called.allowed, works, "{called:?}");
        lab.finish().await;
    }
}

#[tokio::test]
async fn what_somebody_else_changed_is_reported_and_left_alone() {
    let (lab, sandbox, done) = contained().await;
    sandbox
        .edit(|world| {
            let account = world.accounts.get_mut(&"111122223333".parse().unwrap()).unwrap();
            let region = account.regions.values_mut().next().unwrap();
            let foreign = region.groups.keys().next().unwrap().clone();
            let machine = region.instances.values_mut().next().unwrap();
            machine.instance.interfaces[0].groups.push(foreign);
        })
        .unwrap();
    let drifted = groups(&sandbox);
    let undo = lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    let undone = run(&lab, &undo.id).await;
    assert_eq!(undone.state, RunState::Failed);
    assert!(undone.summary.unwrap().contains(Code::UNDO_DRIFT.number));
    let now = groups(&sandbox);
    assert_eq!(now[0], drifted[0], "the drifted interface is left alone");
    assert_ne!(now[1], drifted[1], "the other one is given back");
    lab.finish().await;
}

/// Two containments of one instance; an interface has got other groups by hand since.
#[tokio::test]
async fn what_somebody_else_changed_holds_up_no_earlier_undo() {
    let source = "//! Isolates.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"); }";
    let library = library_with("probe", source);
    let (lab, sandbox) = lab_with(LabSettings { library, ..settings() }).await;
    let before = groups(&sandbox);
    let put = |group: &str| {
        let group = group.parse().unwrap();
        sandbox
            .edit(|world| {
                let account = world.account_mut(&"111122223333".parse().unwrap()).unwrap();
                let region = account.regions.values_mut().next().unwrap();
                let machine = region.instances.values_mut().next().unwrap();
                machine.instance.interfaces[0].groups = vec![group];
            })
            .unwrap();
    };
    let isolate = async || {
        let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
        lab.settle().await;
        run(&lab, &started.id).await
    };
    let first = isolate().await;
    put("sg-0ddddddddddddddd2");
    let second = isolate().await;
    assert!(first.contained && second.contained);
    // By hand, and for good: to its first group.
    put("sg-0ddddddddddddddd1");
    let undo = lab.desk.undo(&second.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    let undone = run(&lab, &undo.id).await;
    assert_eq!(undone.state, RunState::Failed, "it says what it left alone");
    assert!(undone.summary.unwrap().contains(Code::UNDO_DRIFT.number));
    assert!(run(&lab, &second.id).await.released, "what it does not hold it does not contain");
    let undo = lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    let undone = run(&lab, &undo.id).await;
    assert_eq!(undone.state, RunState::Succeeded, "{:?}", undone.summary);
    assert_eq!(groups(&sandbox), before);
    lab.finish().await;
}
