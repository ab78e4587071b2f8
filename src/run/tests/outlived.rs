//! What keeps stolen credentials out is safe to take back once they have expired, and not a second before.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::case::RunState;
use crate::clock::Clock;
use crate::error::Code;
use crate::id::AccountId;

fn ours() -> AccountId {
    "111122223333".parse().unwrap()
}

/// When it is safe to take back what the run did, as its step said.
async fn unsafe_before(lab: &Lab, case: &CaseId) -> jiff::Timestamp {
    let entries = lab.entries(case).await;
    let said = |entry: &Entry| {
        entry.body.get("output")?.get("unsafe_to_undo_before")?.as_str()?.parse().ok()
    };
    entries.iter().find_map(said).expect("a step said it")
}

/// Lets time pass until `left` before `at`.
fn pass_until(lab: &Lab, at: jiff::Timestamp, left: Duration) {
    let wait = Duration::try_from(at.duration_since(lab.clock.now())).unwrap();
    lab.clock.advance(wait - left);
}

async fn undone(lab: &Lab, of: &RunRow) -> RunRow {
    let undo = lab.desk.undo(&of.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    run(lab, &undo.id).await
}

fn denies(sandbox: &Sandbox, role: &str) -> usize {
    let world = sandbox.snapshot_world();
    let role = &world.accounts[&ours()].roles[&role.parse().unwrap()];
    role.policies.values().filter(|policy| policy.value.is_some()).count()
}

#[tokio::test]
async fn a_revocation_is_taken_back_unasked_when_the_stolen_sessions_have_expired() {
    let role = json!({"role": "web-server"});
    // The undo itself looks a moment after it was asked for.
    for (left, given_back) in [(Duration::from_secs(60), false), (Duration::ZERO, true)] {
        let (lab, sandbox) = lab().await;
        let done = by_hand("stolen-role-credentials", role.clone(), Mode::Contain);
        let done = lab.desk.start(done).await.unwrap();
        lab.settle().await;
        let at = unsafe_before(&lab, &done.case).await;
        let life = at.duration_since(done.requested_at).as_hours();
        assert_eq!(life, 12, "as long as a role's session may last");
        pass_until(&lab, at, left);
        let undo = undone(&lab, &done).await;
        assert_eq!(undo.state, RunState::Succeeded, "{:?}", undo.summary);
        assert_eq!(denies(&sandbox, "web-server") == 0, given_back);
        let stolen = "ASIAZ7Q2EXAMPLE00001".parse().unwrap();
        let called = sandbox.attacker().can_call(&ours(), &stolen);
        assert!(!called.allowed, "nothing is revived: {called:?}");
        let told = lab.entries(&done.case).await;
        let kept =
            told.iter().rev().find_map(|entry| entry.body.get("output")?.get("kept")?.as_str());
        assert_eq!(
            kept.is_some_and(|kept| kept.contains(&at.to_string())),
            !given_back,
            "{kept:?}"
        );
        lab.finish().await;
    }
}

#[tokio::test]
async fn what_an_undo_kept_is_refused_with_the_time_and_given_back_after_it() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let done = only_run(&lab, &case).await;
    let at = unsafe_before(&lab, &case).await;
    assert_eq!(undone(&lab, &done).await.state, RunState::Succeeded);
    assert_eq!(denies(&sandbox, "web-server"), 1);
    pass_until(&lab, at, Duration::from_millis(1));
    let refused = lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap_err();
    assert_eq!(refused.code, Code::CONFLICT);
    assert!(refused.detail.contains(&format!("safe to take back from {at}")), "{}", refused.detail);
    pass_until(&lab, at, Duration::ZERO);
    let undo = undone(&lab, &done).await;
    assert_eq!(undo.state, RunState::Succeeded, "{:?}", undo.summary);
    assert_eq!(denies(&sandbox, "web-server"), 0);
    assert!(lab.env.store.holds_of(&done.id).await.unwrap().is_empty());
    let told = lab.entries(&case).await;
    let revived = |entry: &Entry| {
        let text = entry.body.get("text").and_then(Value::as_str).unwrap_or_default();
        text.contains("what kept stolen credentials out, too")
    };
    assert!(!told.iter().any(revived), "nobody is told of a revival");
    let refused = lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap_err();
    assert_eq!(refused.detail, "the run was taken back before");
    lab.finish().await;
}

#[tokio::test]
async fn a_users_deny_outlives_its_sessions_and_its_keys_stay_disabled() {
    let key = "AKIAZ7Q2EXAMPLE00001";
    for (left, given_back) in [(Duration::from_secs(60), false), (Duration::ZERO, true)] {
        let (lab, sandbox) = lab().await;
        let params = json!({"key": key, "user": "deploy-bot"});
        let done =
            lab.desk.start(by_hand("leaked-access-key", params, Mode::Contain)).await.unwrap();
        lab.settle().await;
        let at = unsafe_before(&lab, &done.case).await;
        assert_eq!(
            at.duration_since(done.requested_at).as_hours(),
            36,
            "GetSessionToken's longest"
        );
        pass_until(&lab, at, left);
        let undo = undone(&lab, &done).await;
        assert_eq!(undo.state, RunState::Succeeded, "{:?}", undo.summary);
        let world = sandbox.snapshot_world();
        let user = &world.accounts[&ours()].users[&"deploy-bot".parse().unwrap()];
        let denied = user.policies.values().any(|policy| policy.value.is_some());
        assert_eq!(denied, !given_back);
        let called = sandbox.attacker().can_call(&ours(), &key.parse().unwrap());
        assert!(!called.allowed, "a key does not expire: {called:?}");
        lab.finish().await;
    }
}

/// A later run has found the role still in need of the deny: it is not taken from under it.
#[tokio::test]
async fn what_a_later_run_holds_stays_without_a_failure() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    let at = unsafe_before(&lab, &case).await;
    pass_until(&lab, at, Duration::from_secs(600));
    let role = json!({"role": "web-server"});
    lab.desk.start(by_hand("stolen-role-credentials", role, Mode::Contain)).await.unwrap();
    lab.settle().await;
    lab.clock.advance(Duration::from_secs(600));
    let undo = undone(&lab, &first).await;
    assert_eq!(undo.state, RunState::Succeeded, "{:?}", undo.summary);
    assert_eq!(denies(&sandbox, "web-server"), 1);
    lab.finish().await;
}
