//! More copies of snapshots than AWS works on at once: evidence waits in line for hours, and is not given up.

use std::time::Duration;

use super::*;
use crate::case::RunState;
use crate::clock::Clock;
use crate::cloud::sandbox::{COPIES_AT_ONCE_MAX, World};
use crate::id::SnapshotId;

const PRESERVES: &str = "//! Keeps the disks.
    const RUNBOOK = #{ on: [\"Never:EC2/Fits\"], mode: \"contain\" };
    fn run(case, p) { evidence::snapshot_volumes(\"i-0a1b2c3d4e5f60718\"); }";

/// As many copies of somebody else's as AWS makes at once, for this long.
fn crowd(world: &mut World, now: jiff::Timestamp, time: Duration) {
    let there = world.accounts.get_mut(&"999988887777".parse().unwrap()).unwrap();
    let region = there.regions.get_mut(&"eu-west-1".parse().unwrap()).unwrap();
    for n in 0..COPIES_AT_ONCE_MAX {
        let id: SnapshotId = format!("snap-0{n:016x}").parse().unwrap();
        region.snapshots.insert(id.clone(), somebody_elses(id, now + time));
    }
}

fn somebody_elses(id: SnapshotId, until: jiff::Timestamp) -> crate::cloud::sandbox::SnapshotRecord {
    serde_json::from_value(serde_json::json!({
        "snapshot": {
            "id": id, "owner": "999988887777", "volume": null, "state": "completed",
            "state_message": null, "encrypted": true, "kms_key": null, "size": 8,
            "started": null, "description": "a backup", "tags": {},
        },
        "shared_with": [], "copy": true, "looks_left": 0, "pending_until": until,
    }))
    .unwrap()
}

async fn crowded(time: Duration) -> (Lab, Sandbox, RunRow) {
    let library = library_with("preserves", PRESERVES);
    let (lab, sandbox) = lab_with(LabSettings { library, ..settings() }).await;
    sandbox.edit(|world| crowd(world, lab.clock.now(), time)).unwrap();
    let asked = by_hand("preserves", serde_json::json!({}), Mode::Contain);
    let begun = lab.desk.start(asked).await.unwrap();
    lab.settle().await;
    let ended = run(&lab, &begun.id).await;
    (lab, sandbox, ended)
}

#[tokio::test]
async fn a_copy_waits_for_hours_until_aws_has_room_for_it() {
    let began = clock().now();
    let (lab, sandbox, ended) = crowded(Duration::from_secs(6 * 3600)).await;
    assert_eq!(ended.state, RunState::Succeeded, "{ended:?}");
    let took = Duration::try_from(lab.clock.now().duration_since(began)).unwrap();
    assert!(
        took > Duration::from_secs(6 * 3600) && took < Duration::from_secs(7 * 3600),
        "{took:?}"
    );
    let copies = sandbox.snapshot_world().mutations.into_iter();
    let copies = copies.filter(|one| {
        one.operation == "ec2:CopySnapshot" && one.account.as_str() == "999988887777"
    });
    let mut of: Vec<String> = copies.map(|one| one.resource).collect();
    let all = of.len();
    of.dedup();
    assert!(all > 0 && all == of.len(), "each is copied once: {of:?}");
    lab.finish().await;
}
