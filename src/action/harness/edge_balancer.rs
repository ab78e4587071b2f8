//! What leaving load balancers makes of targets that others change meanwhile, and of groups that can't have
//! the instance.

use serde_json::json;

use super::Bench;
use super::edge::{act, id, region};
use super::undo::fold;
use crate::action::find;
use crate::change::{BalancerChange, Kind, Registration, Urgency};
use crate::cloud::sandbox::World;
use crate::cloud::{Cloud, Standing, standing};
use crate::id::{InstanceId, VpcId};

const LEAVE: &str = "act::leave_load_balancers";

#[tokio::test]
async fn a_target_on_two_ports_is_given_back_on_both() {
    // Whatever becomes of it, the run goes on: the executor knows it by the urgency.
    assert_eq!(find(LEAVE).unwrap().urgency(), Urgency::Description);
    let bench = Bench::new(false);
    let before = bench.sandbox.snapshot_world();
    let mut step = bench.step("1");
    let params = json!({"instance": "i-000000000000000a1"});
    let output = act(&bench, &mut step, &bench.sandbox, LEAVE, params).await.unwrap();
    assert_eq!(
        output["left"],
        json!(["shop (i-000000000000000a1 port 80)", "shop-admin (i-000000000000000a1 port 8080)"])
    );
    assert_eq!(bench.take_back(&step.records).await, 2);
    let after = bench.sandbox.snapshot_world();
    let groups = |world: &World| {
        world.accounts[&bench.at.account].regions[&bench.at.region].target_groups.clone()
    };
    assert_eq!(groups(&before), groups(&after));
}

/// Whoever has another address of the same number in another VPC is somebody else.
#[tokio::test]
async fn a_target_in_another_vpc_is_left_alone() {
    let bench = Bench::new(false);
    let target: InstanceId = id("i-000000000000000a1");
    let elsewhere: VpcId = id("vpc-000000000000000f9");
    let change = |world: &mut World| {
        for group in region(world, &bench.at).target_groups.values_mut() {
            group.vpc = elsewhere.clone();
        }
    };
    bench.sandbox.edit(change).unwrap();
    let params = json!({"instance": target});
    let output = act(&bench, &mut bench.step("1"), &bench.sandbox, LEAVE, params).await.unwrap();
    assert_eq!((&output["left"], &output["already"]), (&json!([]), &json!(true)));
    assert!(bench.sandbox.snapshot_world().mutations.is_empty());
}

#[tokio::test]
async fn what_was_deleted_since_is_gone_and_what_was_registered_again_is_left_so() {
    let bench = Bench::new(false);
    let mut step = bench.step("1");
    let params = json!({"instance": "i-000000000000000a2"});
    act(&bench, &mut step, &bench.sandbox, LEAVE, params).await.unwrap();
    let done = fold(&step.records);
    assert_eq!(done.len(), 3, "{done:?}");
    let session = bench.sandbox.open(Bench::anything());
    for change in &done {
        assert_eq!(standing(session.as_ref(), change).await, Ok(Standing::After));
    }
    // Somebody has registered one of them again.
    let again = |world: &mut World| {
        for change in &done {
            if let Kind::Balancer(BalancerChange::Target { group, target, .. }) = &change.kind {
                let groups = &mut region(world, &bench.at).target_groups;
                groups.get_mut(group).unwrap().set(target.clone(), Registration::Registered);
            }
        }
    };
    bench.sandbox.edit(again).unwrap();
    for change in &done {
        let expected = match &change.kind {
            Kind::Balancer(BalancerChange::Target { .. }) => Standing::Before,
            _ => Standing::After,
        };
        assert_eq!(standing(session.as_ref(), change).await, Ok(expected));
    }
    let gone = |world: &mut World| {
        let here = region(world, &bench.at);
        here.target_groups.clear();
        here.classic_balancers.clear();
    };
    bench.sandbox.edit(gone).unwrap();
    for change in &done {
        assert_eq!(standing(session.as_ref(), change).await, Ok(Standing::Gone));
    }
}
