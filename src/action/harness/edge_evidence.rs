//! What the preservation of evidence does at the edges.

use std::sync::Arc;

use serde_json::json;

use super::drive::Stop;
use super::edge::{act, id, region};
use super::{BEGIN, Bench, LOCK};
use crate::change::{Kind, LockMode, LockTerms};
use crate::cloud::SnapshotState;
use crate::cloud::faulty::{Fault, Faulty, Plan};
use crate::cloud::sandbox::{Locked, World, held};
use crate::id::InstanceId;

const SNAPSHOT: &str = "evidence::snapshot_volumes";

#[tokio::test]
async fn a_snapshot_that_fails_is_told_after_the_others_are_preserved() {
    let bench = Bench::new(true);
    let instance: InstanceId = id("i-000000000000000a2");
    bench
        .sandbox
        .edit(|world| {
            let region = region(world, &bench.at);
            let (_, volume) = region.instances[&instance].instance.volumes[1].clone();
            region.bad_volumes.insert(volume, "the disk is\nbad".to_owned());
        })
        .unwrap();
    let stop =
        act(&bench, &mut bench.step("1"), &bench.sandbox, SNAPSHOT, json!({"instance": instance}))
            .await;
    let Err(Stop::Refused(reason)) = stop else { panic!("{stop:?}") };
    assert!(reason.contains("failed: the disk isbad"), "{reason}");
    let world = bench.sandbox.snapshot_world();
    let there = &world.accounts[&id("999988887777")].regions[&bench.at.region];
    assert_eq!(there.snapshots.len(), 2, "the other two volumes are in the forensics account");
}

/// The key that refuses is noticed minutes after the copy was made and locked: the lock goes with it.
#[tokio::test]
async fn a_copy_that_fails_after_it_was_locked_is_noticed_and_another_one_is_kept() {
    let mut bench = Bench::new(true);
    bench.settings.lock = Some(LOCK);
    let params = json!({"instance": "i-000000000000000a3"});
    let mut step = bench.step("1");
    let output = act(&bench, &mut step, &bench.sandbox, SNAPSHOT, params).await.unwrap();
    let locked: Vec<_> = step
        .records
        .iter()
        .filter_map(|record| match &record.change.kind {
            Kind::SnapshotLock(lock) => Some(lock.snapshot.clone()),
            _ => None,
        })
        .collect();
    let [failed, kept] = locked.as_slice() else { panic!("{locked:?}") };
    let world = bench.sandbox.snapshot_world();
    let there = &world.accounts[&id("999988887777")].regions[&bench.at.region];
    assert_eq!(there.snapshots[failed].shown(bench.now()).state, SnapshotState::Error);
    assert_eq!(held(there, failed, bench.now()), None);
    let record = &output["evidence"][0];
    assert_eq!(record["copy"]["snapshot"], json!(kept));
    assert_eq!(record["lock"]["mode"], json!("compliance"));
    assert_eq!(record["lock"]["cooling_off"], json!(true), "it may still be lifted for a while");
    // Where the transfer copy fails, too, there is nothing to keep, and that is no success.
    let mut bench = Bench::new(true);
    bench.settings.lock = Some(LOCK);
    bench.settings.forensics.as_mut().unwrap().kms_key = "alias/not-there".to_owned();
    let params = json!({"instance": "i-000000000000000a3"});
    let stop = act(&bench, &mut bench.step("1"), &bench.sandbox, SNAPSHOT, params).await;
    let Err(Stop::Refused(reason)) = stop else { panic!("{stop:?}") };
    assert!(reason.contains("the forensics copy") && reason.contains("failed"), "{reason}");
}

/// Somebody has locked it better already: their lock is neither shortened nor replaced.
#[tokio::test]
async fn a_lock_that_is_there_is_never_made_weaker() {
    let mut bench = Bench::new(false);
    bench.settings.lock =
        Some(LockTerms { mode: LockMode::Governance, days: 7, cool_off_hours: None });
    let params = json!({"instance": "i-000000000000000a1"});
    let (sandbox, at) = (bench.sandbox.clone(), bench.at.clone());
    let theirs = move || {
        let edit = |world: &mut World| {
            for record in region(world, &at).snapshots.values_mut() {
                record.lock = Some(Locked { terms: LOCK, at: BEGIN.parse().unwrap() });
            }
        };
        sandbox.edit(edit).unwrap();
    };
    // Call 1 looks, call 2 makes the set.
    let plan = Plan::none().before(3, Arc::new(theirs));
    let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), plan);
    let output = act(&bench, &mut bench.step("1"), &cloud, SNAPSHOT, params).await.unwrap();
    assert_eq!(bench.effects().get("ec2:LockSnapshot"), None);
    assert_eq!(output["evidence"][0]["lock"]["days"], json!(365));
}

#[tokio::test]
async fn a_custody_record_names_device_keys_and_the_whole_way() {
    let bench = Bench::new(true);
    let params = json!({"instance": "i-000000000000000a2"});
    let output = act(&bench, &mut bench.step("1"), &bench.sandbox, SNAPSHOT, params).await.unwrap();
    let mut ways: Vec<(&str, bool, bool)> = output["evidence"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| {
            let shared = &record["shared_from"];
            assert_eq!(record["transfer"].is_null(), *shared == record["snapshot"], "{record}");
            (
                record["device"].as_str().unwrap(),
                record["encrypted"].as_bool().unwrap(),
                record["transfer"].is_object(),
            )
        })
        .collect();
    ways.sort_unstable();
    // The root volume is plain, the second under the default key, the third under one to share.
    assert_eq!(
        ways,
        [("/dev/sdf", true, true), ("/dev/sdg", true, false), ("/dev/xvda", false, true)]
    );
}

#[tokio::test]
async fn evidence_goes_on_when_the_instance_is_terminated_meanwhile() {
    let calls = {
        let bench = Bench::new(true);
        let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), Plan::none());
        let params = json!({"instance": "i-000000000000000a2"});
        act(&bench, &mut bench.step("1"), &cloud, SNAPSHOT, params).await.unwrap();
        cloud.calls()
    };
    // Call 2 makes the snapshots; from the next on nothing of the instance is needed.
    for n in 3..=calls {
        let bench = Bench::new(true);
        let instance: InstanceId = id("i-000000000000000a2");
        let (sandbox, at, target) = (bench.sandbox.clone(), bench.at.clone(), instance.clone());
        let end = move || sandbox.edit(|world| world.terminate(&at, &target)).unwrap();
        let cloud =
            Faulty::new(Arc::new(bench.sandbox.clone()), Plan::none().before(n, Arc::new(end)));
        let output =
            act(&bench, &mut bench.step("1"), &cloud, SNAPSHOT, json!({"instance": instance}))
                .await;
        assert_eq!(output.unwrap()["volumes"], json!(3), "{n}");
    }
}

#[tokio::test]
async fn a_read_that_says_gone_never_makes_a_second_set_of_snapshots() {
    let bench = Bench::new(true);
    let plan = (3..40).step_by(3).fold(Plan::none(), |plan, n| plan.at(n, Fault::Gone));
    let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), plan);
    let mut step = bench.step("1");
    let params = json!({"instance": "i-000000000000000a2"});
    for _ in 0..40 {
        if act(&bench, &mut step, &cloud, SNAPSHOT, params.clone()).await.is_ok() {
            break;
        }
    }
    assert_eq!(bench.effects()["ec2:CreateSnapshots"], vec![1]);
    assert!(bench.effects()["ec2:CopySnapshot"].iter().all(|count| *count == 1));
}

#[tokio::test]
async fn a_create_without_an_answer_that_is_not_visible_yet_is_not_repeated() {
    // Call 2 makes the set, call 4 looks for it by tag.
    let bench = Bench::new(true);
    let plan = Plan::none().at(2, Fault::LostAnswer).at(4, Fault::Gone);
    let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), plan);
    let params = json!({"instance": "i-000000000000000a2"});
    act(&bench, &mut bench.step("1"), &cloud, SNAPSHOT, params).await.unwrap();
    assert_eq!(cloud.met().len(), 2);
    assert_eq!(bench.effects()["ec2:CreateSnapshots"], vec![1]);
}
