//! Whose a snapshot is: what AWS answered with, and never what only carries our tags.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::Bench;
use super::drive::{Point, Stop};
use super::edge::{act, id, region};
use crate::action::{Params, find};
use crate::change::{Kind, TAG_CASE, TAG_STEP};
use crate::cloud::faulty::{Calls, Faulty, Plan};
use crate::cloud::sandbox::{RegionState, SnapshotRecord, World};
use crate::id::{Place, SnapshotId};

const SNAPSHOT: &str = "evidence::snapshot_volumes";
const INSTANCE: &str = "i-000000000000000a2";
const STAGE: &str = "tourniquet:stage";
const SOURCE: &str = "tourniquet:source";

fn params() -> Value {
    json!({"instance": INSTANCE})
}

/// A record like `like`, but for these fields of the snapshot.
fn altered(like: &SnapshotRecord, differing: Value) -> SnapshotRecord {
    let mut record = serde_json::to_value(like).unwrap();
    let fields = differing.as_object().unwrap().clone();
    record["snapshot"].as_object_mut().unwrap().extend(fields);
    serde_json::from_value(record).unwrap()
}

/// A snapshot of the instance's first volume with this step's tags, which this step did not make.
fn forged(snapshot: &str, stage: &str, source: &str) -> SnapshotRecord {
    serde_json::from_value(json!({
        "snapshot": {
            "id": snapshot, "owner": "111122223333", "volume": "vol-000000000000000b2",
            "state": "completed", "state_message": null, "encrypted": true,
            "kms_key": "alias/tourniquet-transfer", "size": 8, "started": "2025-03-01T10:00:01Z",
            "description": format!("Evidence: copy of {source}"),
            "tags": {
                TAG_CASE: "case-0001", TAG_STEP: "run-0001/1", STAGE: stage, SOURCE: source,
            },
        },
        "shared_with": [], "public": false, "looks_left": 0,
        "pending_until": "2025-03-01T00:00:00Z",
    }))
    .unwrap()
}

fn put(region: &mut RegionState, record: SnapshotRecord) {
    region.snapshots.insert(record.snapshot.id.clone(), record);
}

fn there<'a>(world: &'a mut World, at: &Place) -> &'a mut RegionState {
    region(world, &Place { account: id("999988887777"), region: at.region.clone() })
}

fn forensic_copies(bench: &Bench) -> usize {
    there(&mut bench.sandbox.snapshot_world(), &bench.at).snapshots.len()
}

/// A drive during which `event` happens to the world, just before the `n`-th call that counts.
async fn with_event(
    bench: &Bench,
    counted: Calls,
    n: u64,
    event: impl Fn(&mut World) + Send + Sync + 'static,
) -> Result<Value, Stop> {
    let sandbox = bench.sandbox.clone();
    let event = move || sandbox.edit(|world| event(world)).unwrap();
    let plan = Plan::none().counting(counted).before(n, Arc::new(event));
    let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), plan);
    act(bench, &mut bench.step("1"), &cloud, SNAPSHOT, params()).await
}

async fn calls_of_a_plain_drive() -> u64 {
    let bench = Bench::new(true);
    let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), Plan::none());
    act(&bench, &mut bench.step("1"), &cloud, SNAPSHOT, params()).await.unwrap();
    cloud.calls()
}

#[tokio::test]
async fn a_foreign_snapshot_with_our_tags_never_becomes_evidence() {
    // The first look and a look after the set was made, whatever station it pretends to be.
    for n in [1, 5] {
        let bench = Bench::new(true);
        let at = bench.at.clone();
        let forge = move |world: &mut World| {
            let here = region(world, &at);
            let sources: Vec<SnapshotId> = here.snapshots.keys().cloned().collect();
            put(here, forged("snap-00000000000000bad", "source", INSTANCE));
            for (n, source) in sources.iter().enumerate() {
                let copy = format!("snap-0000000000000bad{n}");
                put(here, forged(&copy, "transfer", source.as_str()));
            }
        };
        let output = with_event(&bench, Calls::All, n, forge).await.unwrap();
        assert_eq!(output["volumes"], json!(3), "{n}");
        assert!(!output["evidence"].to_string().contains("000bad"), "{n}: {output}");
        let warned = output["warnings"].to_string();
        assert!(warned.contains("snap-00000000000000bad carries this step's tags"), "{warned}");
        assert_eq!(bench.effects()["ec2:CreateSnapshots"], [1], "{n}");
        assert_eq!(forensic_copies(&bench), 3, "{n}");
    }
}

#[tokio::test]
async fn what_was_made_is_followed_by_its_id_when_its_tags_are_taken_off() {
    for n in 3..=calls_of_a_plain_drive().await {
        let bench = Bench::new(true);
        let at = bench.at.clone();
        let untag = move |world: &mut World| {
            region(world, &at)
                .snapshots
                .values_mut()
                .for_each(|record| record.snapshot.tags.clear());
        };
        let output = with_event(&bench, Calls::All, n, untag).await.unwrap();
        assert_eq!(output["volumes"], json!(3), "{n}");
        assert_eq!(bench.effects()["ec2:CreateSnapshots"], [1], "{n}");
        assert!(bench.effects()["ec2:CopySnapshot"].iter().all(|count| *count == 1), "{n}");
    }
}

/// Dies at a point of the `n`-th change, lets `edit` happen, and goes on.
async fn after_a_crash(
    n: usize,
    point: Point,
    edit: impl Fn(&mut RegionState),
) -> (Bench, Result<Value, Stop>) {
    let bench = Bench::new(true);
    let action = find(SNAPSHOT).unwrap();
    let given = Params::check(action.params(), params().as_object().cloned().unwrap()).unwrap();
    let mut step = bench.step("1");
    let died = step.drive(&bench.sandbox, action, &given, Some((n, point))).await;
    assert_eq!(died, Err(Stop::Crashed));
    bench.sandbox.edit(|world| edit(region(world, &bench.at))).unwrap();
    bench.clock.advance(Duration::from_secs(3));
    let output = step.drive(&bench.sandbox, action, &given, None).await;
    (bench, output)
}

/// What an attacker adds, given one of the snapshots that are there.
type Forgery = (Value, Option<&'static str>);

#[tokio::test]
async fn a_set_whose_answer_was_lost_is_taken_only_when_nothing_else_can_be_meant() {
    let table: [Forgery; 5] = [
        (json!(null), None),
        // Another step's tag is another matter.
        (json!({"tags": {TAG_STEP: "run-0001/2"}}), None),
        (json!({}), Some("are alike")),
        (json!({"started": "2025-02-01T00:00:00Z"}), Some("before it was asked for")),
        (json!({"volume": "vol-000000000000000b1"}), Some("not to be in the set")),
    ];
    for (differing, expected) in table {
        let (bench, output) = after_a_crash(1, Point::AfterCall, |here| {
            let first = here.snapshots.values().next().unwrap().clone();
            if let Some(fields) = differing.as_object() {
                let mut fields = fields.clone();
                fields.insert("id".to_owned(), json!("snap-00000000000000bad"));
                put(here, altered(&first, Value::Object(fields)));
            }
        })
        .await;
        assert_eq!(bench.effects()["ec2:CreateSnapshots"], [1], "{differing}");
        match (output, expected) {
            (Ok(output), None) => assert_eq!(output["volumes"], json!(3), "{differing}"),
            (Err(Stop::Refused(reason)), Some(part)) => {
                assert!(reason.contains(part) && reason.contains("snap-00000000000000bad"));
                assert_eq!(bench.effects().get("ec2:CopySnapshot"), None, "{differing}");
            }
            other => panic!("{differing}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_copy_whose_answer_was_lost_is_taken_only_when_nothing_else_can_be_meant() {
    let first_copy = {
        let bench = Bench::new(true);
        let mut step = bench.step("1");
        act(&bench, &mut step, &bench.sandbox, SNAPSHOT, params()).await.unwrap();
        let copy = |kind: &Kind| matches!(kind, Kind::CopySnapshot { .. });
        1 + step.records.iter().position(|record| copy(&record.change.kind)).unwrap()
    };
    let table: [Forgery; 6] = [
        (json!(null), None),
        (json!({}), Some("are alike")),
        (json!({"encrypted": false}), Some("is not encrypted")),
        (json!({"started": "2025-02-01T00:00:00Z"}), Some("before it was asked for")),
        (json!({"description": "a copy"}), Some("does not say that it is a copy of")),
        (
            json!({"kms_key": "arn:aws:kms:eu-west-1:444455556666:key/k"}),
            Some("is not under alias/tourniquet-transfer"),
        ),
    ];
    for (differing, expected) in table {
        let (bench, output) = after_a_crash(first_copy, Point::AfterCall, |here| {
            let made = |record: &&SnapshotRecord| record.snapshot.tags[STAGE] == "transfer";
            let first = here.snapshots.values().find(made).unwrap().clone();
            if let Some(fields) = differing.as_object() {
                let mut fields = fields.clone();
                fields.insert("id".to_owned(), json!("snap-00000000000000bad"));
                put(here, altered(&first, Value::Object(fields)));
            }
        })
        .await;
        match (output, expected) {
            (Ok(output), None) => assert_eq!(output["volumes"], json!(3), "{differing}"),
            (Err(Stop::Refused(reason)), Some(part)) => {
                assert!(reason.contains(part) && reason.contains("snap-00000000000000bad"));
                assert_eq!(forensic_copies(&bench), 2, "the others are preserved: {differing}");
            }
            other => panic!("{differing}: {other:?}"),
        }
        assert!(bench.effects()["ec2:CopySnapshot"].iter().all(|count| *count == 1));
    }
}

#[tokio::test]
async fn a_set_of_which_a_part_is_not_visible_yet_waits_for_the_rest() {
    let bench = Bench::new(false);
    let action = find(SNAPSHOT).unwrap();
    let given = Params::check(action.params(), params().as_object().cloned().unwrap()).unwrap();
    let mut step = bench.step("1");
    let died = step.drive(&bench.sandbox, action, &given, Some((1, Point::AfterCall))).await;
    assert_eq!(died, Err(Stop::Crashed));
    let mut hidden = None;
    let at = bench.at.clone();
    bench.sandbox.edit(|world| hidden = region(world, &at).snapshots.pop_first()).unwrap();
    let sandbox = bench.sandbox.clone();
    let appear = move || {
        let (_, record) = hidden.clone().unwrap();
        sandbox.edit(|world| put(region(world, &at), record)).unwrap();
    };
    let cloud =
        Faulty::new(Arc::new(bench.sandbox.clone()), Plan::none().before(30, Arc::new(appear)));
    let output = step.drive(&cloud, action, &given, None).await.unwrap();
    assert_eq!(output["volumes"], json!(3));
    assert_eq!(bench.effects()["ec2:CreateSnapshots"], [1]);
}

#[tokio::test]
async fn a_deletion_after_the_copy_costs_no_evidence() {
    for stage in ["source", "transfer"] {
        for n in 3..=calls_of_a_plain_drive().await {
            let bench = Bench::new(true);
            let at = bench.at.clone();
            // Every snapshot of the stage that has a copy in the forensics account.
            let delete = move |world: &mut World| {
                let copied: Vec<String> = there(world, &at)
                    .snapshots
                    .values()
                    .map(|record| record.snapshot.tags[SOURCE].clone())
                    .collect();
                let here = &mut region(world, &at).snapshots;
                here.retain(|id, record| {
                    record.snapshot.tags[STAGE] != stage || !copied.contains(&id.to_string())
                });
            };
            let output = with_event(&bench, Calls::All, n, delete).await.unwrap();
            assert_eq!(output["volumes"], json!(3), "{stage} {n}");
            assert_eq!(forensic_copies(&bench), 3, "{stage} {n}");
            assert!(
                bench.effects()["ec2:CopySnapshot"].iter().all(|count| *count == 1),
                "{stage} {n}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_lost_is_told_after_the_others_are_preserved() {
    type Event = fn(&mut World, &Place);
    let table: [(Calls, u64, Event, &str); 3] = [
        (
            Calls::Changes,
            1,
            |world, at| {
                let machine = region(world, at).instances.get_mut(&id(INSTANCE)).unwrap();
                machine.instance.volumes.pop();
            },
            "was attached and has no snapshot",
        ),
        (
            Calls::Changes,
            2,
            |world, at| drop(region(world, at).snapshots.pop_first()),
            "can't be found",
        ),
        (
            Calls::Changes,
            2,
            |world, at| {
                let first = region(world, at).snapshots.values().next().unwrap();
                let mut public = serde_json::to_value(first).unwrap();
                public["public"] = json!(true);
                put(region(world, at), serde_json::from_value(public).unwrap());
            },
            "is shared with everybody: make it private",
        ),
    ];
    for (counted, n, event, expected) in table {
        let bench = Bench::new(true);
        let at = bench.at.clone();
        let stop = with_event(&bench, counted, n, move |world| event(world, &at)).await;
        let Err(Stop::Refused(reason)) = stop else { panic!("{expected}: {stop:?}") };
        assert!(reason.contains(expected), "{reason}");
        assert_eq!(bench.effects()["ec2:CreateSnapshots"], [1], "{expected}");
        assert!(forensic_copies(&bench) >= 2, "{expected}");
    }
}
