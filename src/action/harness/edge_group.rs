//! What the isolation makes of groups that are not what their tags say, and of refusals half-way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::drive::Stop;
use super::edge::{act, id, region};
use super::{BEGIN, Bench};
use crate::change::{Rule, TAG_PURPOSE};
use crate::cloud::SecurityGroup;
use crate::cloud::faulty::{Calls, Fault, Faulty, Plan};
use crate::cloud::sandbox::World;
use crate::id::{GroupId, InstanceId, Place};

const ISOLATE: &str = "contain::isolate_instance";

fn decoy(group: &str, vpc: &str, purpose: &str, rules: Vec<Rule>) -> SecurityGroup {
    SecurityGroup {
        id: id(group),
        name: format!("{purpose} by name of someone else"),
        vpc: id(vpc),
        ingress: rules.clone(),
        egress: rules,
        tags: [(TAG_PURPOSE.to_owned(), purpose.to_owned())].into(),
    }
}

/// Groups that only say that they are ours; their ids come first in every list.
fn decoys() -> BTreeMap<GroupId, SecurityGroup> {
    let one = Rule { protocol: "-1".to_owned(), ..Rule::everything_ipv6() };
    [
        // Open over IPv6 alone.
        decoy("sg-00000000000000001", "vpc-000000000000000c1", "quarantine", vec![one.clone()]),
        // Open over IPv4 alone: connections over IPv6 would stay tracked.
        decoy(
            "sg-00000000000000002",
            "vpc-000000000000000c2",
            "transition",
            vec![Rule::everything_ipv4()],
        ),
        // Good, but in another VPC.
        decoy("sg-00000000000000003", "vpc-000000000000000c9", "quarantine", vec![]),
    ]
    .map(|group| (group.id.clone(), group))
    .into()
}

fn groups_of(bench: &Bench, instance: &str) -> Vec<Vec<GroupId>> {
    let mut world = bench.sandbox.snapshot_world();
    let machine = &region(&mut world, &bench.at).instances[&id::<InstanceId>(instance)];
    machine.instance.interfaces.iter().map(|interface| interface.groups.clone()).collect()
}

#[tokio::test]
async fn a_group_that_only_says_that_it_is_ours_is_neither_used_nor_changed() {
    let bench = Bench::new(false);
    bench.sandbox.edit(|world| region(world, &bench.at).groups.extend(decoys())).unwrap();
    let params = json!({"instance": "i-000000000000000a2"});
    let output = act(&bench, &mut bench.step("1"), &bench.sandbox, ISOLATE, params).await.unwrap();
    let told = output.to_string();
    let mut world = bench.sandbox.snapshot_world();
    for (group, was) in decoys() {
        assert_eq!(region(&mut world, &bench.at).groups[&group], was, "{group}");
        assert!(!told.contains(group.as_str()), "{told}");
    }
    let reach = bench.sandbox.attacker().can_reach_out(&bench.at, &id("i-000000000000000a2"));
    assert!(!reach.allowed, "{}", reach.why);
}

#[tokio::test]
async fn a_tag_that_is_taken_off_our_group_hides_it_from_nobody() {
    let params = || json!({"instance": "i-000000000000000a1"});
    let calls = {
        let bench = Bench::new(false);
        let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), Plan::none());
        act(&bench, &mut bench.step("1"), &cloud, ISOLATE, params()).await.unwrap();
        cloud.calls()
    };
    for n in 1..=calls {
        let bench = Bench::new(false);
        bench.sandbox.edit(|world| region(world, &bench.at).groups.extend(decoys())).unwrap();
        let (sandbox, at) = (bench.sandbox.clone(), bench.at.clone());
        let untag = move || {
            let ours = |group: &&mut SecurityGroup| group.name.starts_with("tourniquet-");
            let edit = |world: &mut World| {
                region(world, &at).groups.values_mut().filter(ours).for_each(|g| g.tags.clear());
            };
            sandbox.edit(edit).unwrap();
        };
        let plan = Plan::none().before(n, Arc::new(untag));
        let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), plan);
        act(&bench, &mut bench.step("1"), &cloud, ISOLATE, params()).await.unwrap();
        assert_eq!(bench.effects()["ec2:CreateSecurityGroup"], [1, 1], "{n}");
        let began = BEGIN.parse::<jiff::Timestamp>().unwrap();
        let took = Duration::try_from(bench.now().duration_since(began)).unwrap();
        assert!(took < Duration::from_secs(30), "{n}: {took:?} is too long to stand open");
    }
}

#[tokio::test]
async fn a_group_of_an_earlier_step_that_lost_its_tags_is_found_by_its_name() {
    let bench = Bench::new(false);
    let params = |id: &str| json!({"instance": id});
    let first = params("i-000000000000000a1");
    act(&bench, &mut bench.step("1"), &bench.sandbox, ISOLATE, first).await.unwrap();
    let untag = |world: &mut World| {
        let ours = |group: &&mut SecurityGroup| group.name.starts_with("tourniquet-");
        region(world, &bench.at).groups.values_mut().filter(ours).for_each(|g| g.tags.clear());
    };
    bench.sandbox.edit(untag).unwrap();
    // A second one under that name would be refused for ever, and the instance stay open.
    let second = params("i-000000000000000a3");
    act(&bench, &mut bench.step("2"), &bench.sandbox, ISOLATE, second).await.unwrap();
    assert_eq!(bench.effects()["ec2:CreateSecurityGroup"], [1, 1]);
    let [first, second] =
        ["i-000000000000000a1", "i-000000000000000a3"].map(|id| groups_of(&bench, id));
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_refusal_half_way_leaves_no_other_interface_open() {
    let params = || json!({"instance": "i-000000000000000a2"});
    let changes = {
        let bench = Bench::new(false);
        let plan = Plan::none().counting(Calls::Changes);
        let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), plan);
        act(&bench, &mut bench.step("1"), &cloud, ISOLATE, params()).await.unwrap();
        cloud.calls()
    };
    for n in 1..=changes {
        let bench = Bench::new(false);
        let plan = Plan::none().counting(Calls::Changes).at(n, Fault::Denied);
        let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), plan);
        let mut step = bench.step("1");
        let stop = act(&bench, &mut step, &cloud, ISOLATE, params()).await;
        assert!(matches!(stop, Err(Stop::Failed(_))), "{n}: {stop:?}");
        let mut world = bench.sandbox.snapshot_world();
        let here = region(&mut world, &bench.at);
        let is_open = |groups: &&Vec<GroupId>| {
            groups.iter().any(|group| {
                let purpose = here.groups[group].tags.get(TAG_PURPOSE);
                purpose.is_some_and(|purpose| purpose == "transition")
            })
        };
        let groups = groups_of(&bench, "i-000000000000000a2");
        let open = groups.iter().filter(is_open).count();
        // Only the one whose way out of the transition group was refused.
        assert!(open <= 1, "{n}: {groups:?}");
        // Whoever looks next closes it first.
        act(&bench, &mut step, &cloud, ISOLATE, params()).await.unwrap();
    }
}

#[tokio::test]
async fn an_instance_that_was_behind_a_quarantine_group_before_is_not_vouched_for() {
    let bench = Bench::new(false);
    let walled = |world: &mut World, at: &Place| {
        let group = decoy("sg-00000000000000004", "vpc-000000000000000c1", "quarantine", vec![]);
        let here = region(world, at);
        let machine = here.instances.get_mut(&id("i-000000000000000a1")).unwrap();
        machine.instance.interfaces[0].groups = vec![group.id.clone()];
        here.groups.insert(group.id.clone(), group);
    };
    bench.sandbox.edit(|world| walled(world, &bench.at)).unwrap();
    let params = json!({"instance": "i-000000000000000a1"});
    let output = act(&bench, &mut bench.step("1"), &bench.sandbox, ISOLATE, params).await.unwrap();
    assert_eq!(output["already"], json!(true));
    let warned = output["warnings"].to_string();
    assert!(warned.contains("was in a quarantine group before this step"), "{warned}");
}
