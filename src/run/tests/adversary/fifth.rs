//! What a hostile reader found of the looks at what was contained.

use std::time::Duration;

use super::*;
use crate::change::KeyStatus;
use crate::cloud::sandbox::Settling;
use crate::id::AccessKeyId;

/// Whether the role's stolen session is denied everything, once all has spread.
fn denies(lab: &Lab, sandbox: &Sandbox) -> bool {
    lab.clock.advance(Duration::from_secs(60));
    is_denied(sandbox)
}

/// Time passes, as when the machine sleeps or the disk is slow, between the request of a look and it.
#[tokio::test]
async fn a_look_that_is_due_at_once_knows_what_was_contained() {
    for pause in 0..60 {
        let (lab, sandbox, _) = faulty_lab(Plan::none(), REVOKES).await;
        let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
        let (row, fence) = lab.env.store.claim("lab", lab.clock.now()).await.unwrap().unwrap();
        let (lease, stopping) =
            (Lease::new(fence, lab.clock.monotonic()), CancellationToken::new());
        let mut drive = Box::pin(drive(&lab.env, &row, &lease, &stopping));
        for n in 0.. {
            let millis = if n == pause { 6_000 } else { 150 };
            lab.clock.advance(Duration::from_millis(millis));
            if futures::poll!(&mut drive).is_ready() {
                break;
            }
            lab.env.store.runs_open().await.unwrap();
        }
        drop(drive);
        lab.settle().await;
        let done = run(&lab, &started.id).await;
        assert!(done.contained, "{pause}: {:?}", done.summary);
        let entries = lab.entries(&started.case).await;
        let intents = entries.iter().filter(|entry| entry.kind == "change.intent");
        let again: Vec<_> = intents.skip(1).map(|entry| entry.body.clone()).collect();
        assert!(again.is_empty(), "pause {pause}: nobody undid anything: {again:#?}");
        assert_eq!(lab.told(), Vec::<String>::new(), "pause {pause}");
        assert_eq!(sandbox.snapshot_world().mutations.len(), 1, "{pause}");
        lab.finish().await;
    }
}

/// The role is revoked once more while its second look waits, and that look then has to do it again.
#[tokio::test]
async fn an_undo_gives_back_what_a_look_did_after_a_later_step() {
    let revoke = "contain::revoke_role_sessions(\"web-server\");";
    let twice = REVOKES.replace(revoke, &format!("{revoke} sleep(3); {revoke}"));
    let (lab, sandbox, row) = begun(&twice).await;
    for _ in 0..2 {
        let at = run(&lab, &row.id).await.wake_at.unwrap();
        lab.clock.advance(lab.clock.now().duration_until(at).try_into().unwrap());
        drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    }
    undo_the_deny(&sandbox);
    lab.clock.advance(Duration::from_secs(60));
    lab.settle().await;
    let done = run(&lab, &row.id).await;
    assert!(done.contained, "{:?}", done.summary);
    assert!(denies(&lab, &sandbox));
    let undo = lab.desk.undo(&row.id, "ada".to_owned(), true).await.unwrap();
    lab.settle().await;
    let undo = run(&lab, &undo.id).await;
    let denied = denies(&lab, &sandbox);
    assert_eq!((undo.state, denied), (RunState::Succeeded, false), "{:?}", undo.summary);
    lab.finish().await;
}

/// An undo gives the instance back and keeps the deny, which an attacker then takes away before the look.
#[tokio::test]
async fn what_an_undo_keeps_is_looked_at_all_the_same() {
    let revoke = "contain::revoke_role_sessions(\"web-server\");";
    let both = format!("{revoke} contain::isolate_instance(\"i-0a1b2c3d4e5f60718\");");
    let (lab, sandbox, row) = begun(&REVOKES.replace(revoke, &both)).await;
    assert_eq!(row.state, RunState::Parked, "{:?}", row.summary);
    let undo = lab.desk.undo(&row.id, "ada".to_owned(), false).await.unwrap();
    for _ in 0..100 {
        if run(&lab, &undo.id).await.state.is_over() {
            break;
        }
        let _ = drive_once(&lab, &CancellationToken::new()).await;
        lab.clock.advance(Duration::from_millis(200));
    }
    assert_eq!(run(&lab, &undo.id).await.state, RunState::Succeeded);
    undo_the_deny(&sandbox);
    lab.settle().await;
    let entries = lab.entries(&row.case).await;
    let kept = entries.iter().any(|entry| format!("{:?}", entry.body).contains("left in place"));
    assert!(kept);
    assert!(denies(&lab, &sandbox), "nobody lifted it: {:#?}", runs(&lab, &row.case).await);
    lab.finish().await;
}

/// Whoever has the key makes another one, takes the deny away and deletes the key by which it was found.
#[tokio::test]
async fn a_key_that_was_deleted_hides_no_new_one() {
    let source = "//! Disables.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::disable_access_keys((), \"AKIAZ7Q2EXAMPLE00001\"); }";
    let (lab, sandbox, row) = begun(source).await;
    assert_eq!(row.state, RunState::Parked, "{:?}", row.summary);
    let key: AccessKeyId = "AKIAZ7Q2EXAMPLE00099".parse().unwrap();
    let new = key.clone();
    sandbox
        .edit(|world| {
            let user = world.account_mut(&ours()).unwrap().users.values_mut().next().unwrap();
            user.keys.clear();
            user.policies.clear();
            user.keys.insert(new, Settling::settled(KeyStatus::Active));
        })
        .unwrap();
    lab.settle().await;
    let done = run(&lab, &row.id).await;
    lab.clock.advance(Duration::from_secs(60));
    assert!(!sandbox.attacker().can_call(&ours(), &key).allowed, "{:?}", done.summary);
    lab.finish().await;
}

/// The service was down for days; meanwhile people lifted the containment in AWS.
#[tokio::test]
async fn a_look_that_comes_days_late_denies_nothing_anew() {
    let (lab, sandbox, row) = begun(REVOKES).await;
    lab.clock.advance(Duration::from_secs(3 * 86_400));
    undo_the_deny(&sandbox);
    lab.settle().await;
    let role = "web-server".parse().unwrap();
    let world = sandbox.snapshot_world();
    assert!(world.accounts[&ours()].roles[&role].policies.is_empty(), "{:?}", lab.told());
    let done = run(&lab, &row.id).await;
    assert_eq!(done.state, RunState::Failed, "people are told: {:?}", done.summary);
    lab.finish().await;
}

/// Only claims that end in a crash add up to a run that is given up.
#[tokio::test]
async fn stops_in_order_never_add_up_to_a_run_that_is_given_up() {
    let (lab, _, _) = faulty_lab(Plan::none(), REVOKES).await;
    let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    let stopping = CancellationToken::new();
    stopping.cancel();
    for _ in 0..20 {
        drive_once(&lab, &stopping).await.unwrap().unwrap();
    }
    lab.settle().await;
    let done = run(&lab, &started.id).await;
    assert!(done.contained, "{:?} {:?}", done.state, done.summary);
    lab.finish().await;
}

/// A stop in order is no death.
#[tokio::test]
async fn a_stop_in_order_is_not_told_as_a_death() {
    let (lab, _, _) = faulty_lab(Plan::none(), REVOKES).await;
    let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    let stopping = CancellationToken::new();
    stopping.cancel();
    drive_once(&lab, &stopping).await.unwrap().unwrap();
    lab.settle().await;
    let entries = lab.entries(&started.case).await;
    let notes: Vec<_> = entries.iter().filter(|entry| entry.kind == "note.added").collect();
    assert!(notes.is_empty(), "{notes:?}");
    lab.finish().await;
}

/// One target is allowed, and it is one: the user of the key.
#[tokio::test]
async fn a_look_counts_no_target_twice() {
    let source = "//! Disables.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::disable_access_keys((), \"AKIAZ7Q2EXAMPLE00001\"); }";
    let (sandbox, clock) = world();
    let library = library_with("probe", source);
    let with = LabSettings { library, targets_per_run: 1, ..settings() };
    let lab = Lab::new(Arc::new(sandbox.clone()), clock, with).await;
    let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    let key: AccessKeyId = "AKIAZ7Q2EXAMPLE00099".parse().unwrap();
    let new = key.clone();
    sandbox
        .edit(|world| {
            let user = world.account_mut(&ours()).unwrap().users.values_mut().next().unwrap();
            user.policies.clear();
            user.keys.insert(new, Settling::settled(KeyStatus::Active));
        })
        .unwrap();
    lab.settle().await;
    let done = run(&lab, &started.id).await;
    lab.clock.advance(Duration::from_secs(60));
    assert!(!sandbox.attacker().can_call(&ours(), &key).allowed, "{:?}", done.summary);
    lab.finish().await;
}

/// A person gave a role its sessions back, or refused to take them; then an instance is found that has that
/// role, and whose runbook revokes it.
#[tokio::test]
async fn what_was_decided_on_a_role_binds_the_run_of_an_instance_that_has_it() {
    for denied in [false, true] {
        let (lab, sandbox) = lab().await;
        let (role, mode) =
            (json!({"role": "web-server"}), if denied { Mode::Approve } else { Mode::Contain });
        let start = by_hand("stolen-role-credentials", role, mode);
        let first = lab.desk.start(start).await.unwrap();
        lab.settle().await;
        if denied {
            decide(&lab, "grace", false).await.unwrap();
        } else {
            lab.desk.undo(&first.id, "ada".to_owned(), true).await.unwrap();
        }
        lab.settle().await;
        let case = lab.deliver(mining()).await;
        lab.settle().await;
        let world = sandbox.snapshot_world();
        let policies = &world.accounts[&ours()].roles[&"web-server".parse().unwrap()].policies;
        assert!(policies.values().all(|policy| policy.value.is_none()), "{denied}");
        let asked = lab.env.store.approvals_pending().await.unwrap();
        assert_eq!(asked.len(), 1, "{denied}");
        assert!(asked[0].question.contains("Mind: 111122223333/role/web-server"), "{asked:?}");
        assert!(groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]), "{denied}");
        decide(&lab, "grace", true).await.unwrap();
        lab.settle().await;
        assert!(only_run(&lab, &case).await.contained, "{denied}");
        assert!(denies(&lab, &sandbox), "{denied}");
        lab.finish().await;
    }
}
