//! Snapshots over time and over accounts.

use std::time::Duration;

use serde_json::json;

use super::{
    Change, FORENSICS, HOME, Kind, Permission, SCENE, Stage, Tags, change, place, scope, stage,
};
use crate::cloud::{Cloud, Created, ErrorClass, Session, Snapshot, SnapshotState};
use crate::id::{Place, SnapshotId};

const PLAIN: &str = "vol-00000000000000001";
const DEFAULT: &str = "vol-00000000000000002";
const TRANSFER: &str = "vol-00000000000000003";
const PRIVATE: &str = "vol-00000000000000004";
const FAILING: &str = "vol-00000000000000005";

/// Snapshots of all volumes of the first instance: the one of `volume`.
async fn snapshot_of(stage: &Stage, volume: &str) -> SnapshotId {
    let json = json!({"change": "create_snapshots", "instance": "i-00000000000000001", "volumes": [],
        "exclude_boot": false, "exclude": [], "tags": {"tourniquet:step": "run-0001/1"}});
    let Some(Created::Snapshots(made)) = stage.apply(json).await.unwrap().created else {
        panic!("no snapshots")
    };
    assert_eq!(made.len(), 5);
    made.into_iter().find(|(_, v)| v.as_ref().is_some_and(|v| v.as_str() == volume)).unwrap().0
}

async fn share(stage: &Stage, snapshot: &SnapshotId) -> Result<(), crate::cloud::CloudError> {
    let json = json!({"change": "snapshot_sharing", "snapshot": snapshot, "before": [], "after": [FORENSICS]});
    stage.apply(json).await.map(drop)
}

fn copy(source: &SnapshotId, to: &str, kms_key: &str) -> Change {
    let kind = Kind::CopySnapshot {
        source: source.clone(),
        source_at: place(HOME),
        kms_key: kms_key.to_owned(),
        tags: Tags::new(),
    };
    Change { at: place(to), kind }
}

async fn copied(session: &dyn Session, change: &Change) -> Snapshot {
    let Some(Created::Snapshots(made)) = session.apply(change).await.unwrap().created else {
        panic!("no copy")
    };
    session.snapshot(&change.at, &made[0].0).await.unwrap().unwrap()
}

#[tokio::test]
async fn pending_lasts_for_looks_and_for_time() {
    for (looks, seconds) in [(0, 0), (3, 0), (0, 60), (2, 60)] {
        let text = SCENE.replace("looks = 0", &format!("looks = {looks}\nseconds = {seconds}"));
        let stage = stage(&text);
        let snapshot = snapshot_of(&stage, PLAIN).await;
        let at: Place = place(HOME);
        let look =
            || async { stage.session.snapshot(&at, &snapshot).await.unwrap().unwrap().state };
        for _ in 0..looks {
            assert_eq!(look().await, SnapshotState::Pending, "{looks} {seconds}");
        }
        if seconds > 0 {
            assert_eq!(look().await, SnapshotState::Pending, "{looks} {seconds}");
            let early =
                stage.session.apply(&copy(&snapshot, HOME, "alias/transfer")).await.unwrap_err();
            assert_eq!(
                (early.code.as_str(), early.class),
                ("IncorrectState", ErrorClass::Conflict)
            );
            stage.clock.advance(Duration::from_secs(60));
        }
        assert_eq!(look().await, SnapshotState::Completed, "{looks} {seconds}");
    }
}

#[tokio::test]
async fn a_failing_volume_ends_in_error_with_words() {
    let stage = stage(SCENE);
    let snapshot = snapshot_of(&stage, FAILING).await;
    let found = stage.session.snapshot(&place(HOME), &snapshot).await.unwrap().unwrap();
    assert_eq!(found.state, SnapshotState::Error);
    assert_eq!(found.state_message.as_deref(), Some("Client.InternalError"));
    let refused = stage.session.apply(&copy(&snapshot, HOME, "alias/transfer")).await.unwrap_err();
    assert_eq!(refused.code, "IncorrectState");
}

#[tokio::test]
async fn only_what_is_not_under_the_default_key_can_be_shared() {
    for (volume, shareable) in [(PLAIN, true), (DEFAULT, false), (TRANSFER, true), (PRIVATE, true)]
    {
        let stage = stage(SCENE);
        let snapshot = snapshot_of(&stage, volume).await;
        let code = share(&stage, &snapshot).await.err().map(|error| error.code);
        assert_eq!(code.as_deref(), (!shareable).then_some("InvalidParameter"), "{volume}");
    }
}

#[tokio::test]
async fn two_accounts_at_once_are_no_single_call() {
    let stage = stage(SCENE);
    let snapshot = snapshot_of(&stage, PLAIN).await;
    for after in [json!([]), json!([FORENSICS, "999999999999"])] {
        let json = json!({"change": "snapshot_sharing", "snapshot": snapshot, "before": [], "after": after});
        assert_eq!(stage.apply(json).await.unwrap_err().code, "InvalidParameterCombination");
    }
}

#[tokio::test]
async fn copies_end_as_their_keys_allow() {
    // The volume, the account and key of the copy, whether it is shared before, how it ends.
    let table = [
        (PLAIN, HOME, "alias/transfer", false, Ok(())),
        (DEFAULT, HOME, "alias/transfer", false, Ok(())),
        (PRIVATE, HOME, "alias/transfer", false, Ok(())),
        (DEFAULT, HOME, "alias/nothing", false, Err("not accessible")),
        (PLAIN, FORENSICS, "alias/evidence", true, Ok(())),
        (TRANSFER, FORENSICS, "alias/evidence", true, Ok(())),
        (PRIVATE, FORENSICS, "alias/evidence", true, Err("not accessible")),
        // An alias of the other account means nothing here.
        (TRANSFER, FORENSICS, "alias/transfer", true, Err("not accessible")),
        (PLAIN, FORENSICS, "alias/evidence", false, Err("InvalidSnapshot.NotFound")),
    ];
    for (volume, to, key, shared, wanted) in table {
        let stage = stage(SCENE);
        let snapshot = snapshot_of(&stage, volume).await;
        if shared {
            share(&stage, &snapshot).await.unwrap();
        }
        let change = copy(&snapshot, to, key);
        let what = format!("{volume} to {to} under {key}");
        match wanted {
            Err(code @ "InvalidSnapshot.NotFound") => {
                assert_eq!(stage.session.apply(&change).await.unwrap_err().code, code, "{what}");
            }
            Err(words) => {
                let copy = copied(stage.session.as_ref(), &change).await;
                assert_eq!(copy.state, SnapshotState::Error, "{what}");
                assert!(copy.state_message.unwrap().contains(words), "{what}");
            }
            Ok(()) => {
                let copy = copied(stage.session.as_ref(), &change).await;
                assert_eq!(
                    (copy.state, copy.encrypted),
                    (SnapshotState::Completed, true),
                    "{what}"
                );
                assert!(copy.kms_key.unwrap().contains(&format!(":{to}:key/")), "{what}");
                assert_eq!(copy.volume.unwrap().as_str(), "vol-ffffffff", "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_copy_needs_its_keys_and_says_which_action_is_missing() {
    let stage = stage(SCENE);
    let snapshot = snapshot_of(&stage, TRANSFER).await;
    share(&stage, &snapshot).await.unwrap();
    let change = copy(&snapshot, FORENSICS, "alias/evidence");
    let all = change.permissions();
    let look = Permission::new("ec2:DescribeSnapshots", "*");
    for without in
        ["kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptTo"]
    {
        let some = all.iter().filter(|p| p.action != without).cloned().chain([look.clone()]);
        let session = stage.sandbox.open(scope(some));
        let copy = copied(session.as_ref(), &change).await;
        assert_eq!(copy.state, SnapshotState::Error, "{without}");
        assert!(copy.state_message.unwrap().contains(without), "{without}");
    }
    let session = stage.sandbox.open(scope(all.into_iter().chain([look])));
    assert_eq!(copied(session.as_ref(), &change).await.state, SnapshotState::Completed);
}

#[tokio::test]
async fn the_sharer_keeps_its_tags_to_itself() {
    let stage = stage(SCENE);
    let snapshot = snapshot_of(&stage, PLAIN).await;
    share(&stage, &snapshot).await.unwrap();
    let seen = stage.session.snapshot(&place(FORENSICS), &snapshot).await.unwrap().unwrap();
    assert_eq!(seen.tags, Tags::new());
    for (account, count) in [(HOME, 5), (FORENSICS, 0)] {
        let at = place(account);
        let tagged =
            stage.session.snapshots_tagged(&at, "tourniquet:step", "run-0001/1").await.unwrap();
        assert_eq!(tagged.len(), count, "{account}");
    }
    let own = change(
        json!({"change": "snapshot_sharing", "snapshot": snapshot, "before": [FORENSICS], "after": []}),
    );
    let theirs = Change { at: place(FORENSICS), ..own };
    assert_eq!(stage.session.apply(&theirs).await.unwrap_err().class, ErrorClass::Gone);
}
