//! Somebody has changed the timeline in the database.

use serde_json::json;

use super::*;
use crate::error::Code;

const ROLE: &str = "batch-worker";

/// The run asks, and while it waits its case is changed: the yes was given to something else.
#[tokio::test]
async fn a_run_does_not_go_on_on_a_changed_timeline() {
    let (lab, sandbox) = lab().await;
    let before = sandbox.snapshot_world().mutations.len();
    let started = lab
        .desk
        .start(by_hand("stolen-role-credentials", json!({"role": ROLE}), Mode::Approve))
        .await
        .unwrap();
    lab.settle().await;
    lab.env.store.falsify(&started.case, ROLE, "batch-wOrker").await.unwrap();
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    let halted = run(&lab, &started.id).await;
    assert_eq!(halted.state, RunState::Halted, "{halted:?}");
    assert_eq!(halted.code.as_deref(), Some(Code::STORE_CORRUPT.number), "{halted:?}");
    assert_eq!(sandbox.snapshot_world().mutations.len(), before, "nothing was changed");
    assert!(lab.told().iter().any(|told| told.contains("does not verify")), "{:?}", lab.told());
    assert_eq!(status(&lab, &started.case).await, Status::Attention);
}

/// What is to be given back is read from the timeline, too: an attacker would choose it.
#[tokio::test]
async fn an_undo_gives_nothing_back_on_the_word_of_a_changed_timeline() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    lab.env.store.falsify(&case, "sg-", "sG-").await.unwrap();
    let before = sandbox.snapshot_world().mutations.len();
    let undo = lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    let halted = run(&lab, &undo.id).await;
    assert_eq!(halted.code.as_deref(), Some(Code::STORE_CORRUPT.number), "{halted:?}");
    assert_eq!(sandbox.snapshot_world().mutations.len(), before);
    assert!(groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]));
}
