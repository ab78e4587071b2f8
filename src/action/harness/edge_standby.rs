//! What taking an instance out of service makes of groups that are in between, and of refusals.

use serde_json::json;

use super::Bench;
use super::drive::Stop;
use super::edge::{act, id, region};
use super::undo::fold;
use crate::action::find;
use crate::change::{Duty, Kind, Urgency};
use crate::cloud::sandbox::World;
use crate::cloud::{Cloud, Standing, standing};
use crate::id::InstanceId;

const STANDBY: &str = "act::enter_standby";

/// Sets what the group makes of an instance.
fn set(bench: &Bench, instance: &str, lifecycle: &str) {
    let (target, lifecycle): (InstanceId, _) = (id(instance), lifecycle.to_owned());
    let change = |world: &mut World| {
        let groups = region(world, &bench.at).scaling_groups.values_mut();
        for group in groups {
            if let Some(now) = group.members.get_mut(&target) {
                now.clone_from(&lifecycle);
            }
        }
    };
    bench.sandbox.edit(change).unwrap();
}

#[tokio::test]
async fn an_instance_that_its_group_ends_is_refused_and_nothing_is_changed() {
    // Whatever becomes of it, the run goes on: the executor knows it by the urgency.
    assert_eq!(find(STANDBY).unwrap().urgency(), Urgency::Description);
    for lifecycle in ["Terminating", "Terminating:Wait", "Detaching", "Quarantined"] {
        let bench = Bench::new(false);
        set(&bench, "i-000000000000000a2", lifecycle);
        let params = json!({"instance": "i-000000000000000a2"});
        let stop = act(&bench, &mut bench.step("1"), &bench.sandbox, STANDBY, params).await;
        let Err(Stop::Refused(reason)) = stop else { panic!("{lifecycle}: {stop:?}") };
        assert!(reason.contains(lifecycle) && reason.contains("shop front/blue"), "{reason}");
        assert!(bench.sandbox.snapshot_world().mutations.is_empty());
    }
}

#[tokio::test]
async fn one_that_stands_by_already_is_left_as_it_is() {
    let bench = Bench::new(false);
    set(&bench, "i-000000000000000a2", "Standby");
    let params = json!({"instance": "i-000000000000000a2"});
    let output = act(&bench, &mut bench.step("1"), &bench.sandbox, STANDBY, params).await.unwrap();
    assert_eq!((&output["already"], &output["minimum"]), (&json!(true), &json!(2)));
    assert!(bench.sandbox.snapshot_world().mutations.is_empty());
}

/// What the group makes of it between the two counts as what it is about to be.
#[tokio::test]
async fn an_undo_knows_what_the_group_has_made_of_the_instance_since() {
    let bench = Bench::new(false);
    let mut step = bench.step("1");
    let params = json!({"instance": "i-000000000000000a2"});
    act(&bench, &mut step, &bench.sandbox, STANDBY, params).await.unwrap();
    let done = fold(&step.records);
    let [minimum, standby] = &done[..] else { panic!("{done:?}") };
    assert!(matches!(minimum.kind, Kind::GroupMinimum { before: 2, after: 1, .. }), "{minimum:?}");
    assert!(matches!(standby.kind, Kind::Standby { after: Duty::Standby, .. }), "{standby:?}");
    let session = bench.sandbox.open(Bench::anything());
    for (lifecycle, expected) in [
        ("EnteringStandby", Standing::After),
        ("Pending", Standing::Before),
        ("InService", Standing::Before),
        ("Terminating", Standing::Other("Terminating".to_owned())),
    ] {
        set(&bench, "i-000000000000000a2", lifecycle);
        let found = standing(session.as_ref(), standby).await;
        assert_eq!(found, Ok(expected), "{lifecycle}");
    }
    // The group was deleted, or the instance detached.
    let gone = |world: &mut World| region(world, &bench.at).scaling_groups.clear();
    bench.sandbox.edit(gone).unwrap();
    for change in &done {
        assert_eq!(standing(session.as_ref(), change).await, Ok(Standing::Gone));
    }
}
