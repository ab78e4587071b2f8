//! What is kept: the journal, the world file, the numbers.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use super::{HOME, NOW, Permission, SCENE, change, id, scope, stage};
use crate::clock::ManualClock;
use crate::cloud::sandbox::{Sandbox, Scenario, World};
use crate::cloud::{Cloud, ErrorClass};

fn off() -> crate::change::Change {
    change(json!({"change": "access_key", "user": "deploy", "key": "AKIA0000000000000001",
                  "before": "Active", "after": "Inactive"}))
}

fn open(file: PathBuf) -> Sandbox {
    let world = World::build(&Scenario::parse(SCENE).unwrap(), NOW.parse().unwrap()).unwrap();
    Sandbox::open(Some(file), world, Arc::new(ManualClock::at(NOW.parse().unwrap()))).unwrap()
}

#[tokio::test]
async fn every_effect_is_in_the_journal_once() {
    let stage = stage(SCENE);
    let first = stage.session.apply(&off()).await.unwrap();
    let second = stage.session.apply(&off()).await.unwrap();
    let world = stage.sandbox.snapshot_world();
    let [one, two] = world.mutations.as_slice() else { panic!("{:?}", world.mutations) };
    assert_eq!((one.n, two.n), (1, 2));
    assert_eq!((&one.request_id, &two.request_id), (&first.request_id, &second.request_id));
    assert_ne!(first.request_id, second.request_id);
    assert_eq!(one.operation, "iam:UpdateAccessKey");
    assert_eq!(one.resource, "user/deploy/access-key/AKIA0000000000000001");
    assert_eq!(
        (one.case.as_str(), one.step.as_str(), one.account.as_str()),
        ("case-0001", "1", HOME)
    );
    assert_eq!(world.calls["iam:UpdateAccessKey"], 2);
    assert_eq!(world.effects().into_values().collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn the_same_calls_give_the_same_world() {
    let run = async || {
        let stage = stage(SCENE);
        let create = json!({"change": "create_snapshots", "instance": "i-00000000000000001", "volumes": [],
                            "exclude_boot": false, "exclude": [], "tags": {}});
        stage.apply(create).await.unwrap();
        stage.session.apply(&off()).await.unwrap();
        stage.sandbox.snapshot_world()
    };
    assert_eq!(run().await, run().await);
}

#[tokio::test]
async fn the_world_file_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.json");
    let sandbox = open(file.clone());
    let session = sandbox.open(scope([Permission::new("*", "*")]));
    session.apply(&off()).await.unwrap();
    // What is in the file when the call returns is what a killed process leaves.
    let kept: World = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept, sandbox.snapshot_world());
    drop((session, sandbox));
    let again = open(file);
    assert_eq!(again.snapshot_world(), kept);
    let session = again.open(scope([Permission::new("*", "*")]));
    let receipt = session.apply(&off()).await.unwrap();
    assert_ne!(receipt.request_id, kept.mutations[0].request_id);
    assert!(!again.attacker().can_call(&id(HOME), &id("AKIA0000000000000001")).allowed);
}

#[tokio::test]
async fn what_can_not_be_kept_does_not_happen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.json");
    let sandbox = open(file);
    drop(folder);
    let session = sandbox.open(scope([Permission::new("*", "*")]));
    let error = session.apply(&off()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Transient);
    assert_eq!(sandbox.snapshot_world().mutations, Vec::new());
    assert!(sandbox.attacker().can_call(&id(HOME), &id("AKIA0000000000000001")).allowed);
    assert!(sandbox.edit(|_| ()).is_err());
}

#[test]
fn a_file_that_is_no_world_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.json");
    std::fs::write(&file, "not a world").unwrap();
    let clock = Arc::new(ManualClock::at(NOW.parse().unwrap()));
    let error = Sandbox::open(Some(file.clone()), World::default(), clock).err().unwrap();
    assert!(error.to_string().contains("world.json"), "{error}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "not a world");
}
