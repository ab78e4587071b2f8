//! What the isolation makes of Elastic IP addresses, of interfaces that are not ours to change, and
//! what it tells of the time in between.

use std::sync::Arc;

use serde_json::json;

use super::Bench;
use super::drive::{Point, Step, Stop};
use super::edge::{act, id, meanwhile, region};
use super::undo::fold;
use crate::action::{Params, Verdict, find};
use crate::change::{Change, Inverse, Kind, TAG_PURPOSE};
use crate::cloud::faulty::{Calls, Fault, Faulty, Plan};
use crate::cloud::sandbox::World;
use crate::cloud::{Address, Cloud, Interface, Standing, standing};
use crate::id::{InstanceId, Place};

const ISOLATE: &str = "contain::isolate_instance";

fn interfaces(bench: &Bench, instance: &str) -> Vec<Interface> {
    let mut world = bench.sandbox.snapshot_world();
    let machine = &region(&mut world, &bench.at).instances[&id::<InstanceId>(instance)];
    machine.instance.interfaces.clone()
}

async fn verdict(bench: &Bench, step: &Step, instance: &str) -> Verdict {
    let action = find(ISOLATE).unwrap();
    let given = json!({"instance": instance}).as_object().cloned().unwrap();
    let params = Params::check(action.params(), given).unwrap();
    step.look(&bench.sandbox, action, &params).await.unwrap()
}

#[tokio::test]
async fn what_a_service_manages_stays_open_and_the_step_says_so_and_does_not_end_as_contained() {
    let bench = Bench::new(false);
    let [ours, theirs] = interfaces(&bench, "i-000000000000000a4").try_into().unwrap();
    let mut step = bench.step("1");
    let params = json!({"instance": "i-000000000000000a4"});
    let stop = act(&bench, &mut step, &bench.sandbox, ISOLATE, params).await;
    let Err(Stop::Refused(reason)) = stop else { panic!("{stop:?}") };
    assert!(reason.contains(theirs.id.as_str()) && reason.contains("stays open"), "{reason}");
    assert!(!reason.contains(ours.id.as_str()), "{reason}");
    // Neither its groups nor its address were touched; the other one is contained all the same.
    let [now, untouched] = interfaces(&bench, "i-000000000000000a4").try_into().unwrap();
    assert_eq!(untouched, theirs);
    let mut world = bench.sandbox.snapshot_world();
    let purpose = region(&mut world, &bench.at).groups[&now.groups[0]].tags.get(TAG_PURPOSE);
    assert_eq!(purpose.map(String::as_str), Some("quarantine"));
    // Looking again changes nothing, says the same, and has the ids in its output.
    let Verdict::Short { output, reason: again } =
        verdict(&bench, &step, "i-000000000000000a4").await
    else {
        panic!("it ended")
    };
    assert_eq!((again, &output["unmanaged"]), (reason, &json!([theirs.id])));
    bench.take_back(&step.records).await;
    assert_eq!(interfaces(&bench, "i-000000000000000a4"), [ours, theirs]);
}

#[tokio::test]
async fn addresses_cost_no_stage_of_their_own_and_come_after_every_way_into_transition() {
    let bench = Bench::new(false);
    let action = find(ISOLATE).unwrap();
    let given = json!({"instance": "i-000000000000000a2"}).as_object().cloned().unwrap();
    let params = Params::check(action.params(), given).unwrap();
    let first = {
        let bench = Bench::new(false);
        let mut step = bench.step("1");
        step.drive(&bench.sandbox, action, &params, None).await.unwrap();
        let swaps = |kind: &Kind| matches!(kind, Kind::InterfaceGroups { .. });
        step.records.iter().position(|record| swaps(&record.change.kind)).unwrap() + 1
    };
    // The groups are ready, and nothing else was done.
    let mut step = bench.step("1");
    let crash = Some((first, Point::BeforeIntent));
    let died = step.drive(&bench.sandbox, action, &params, crash).await;
    assert_eq!(died, Err(Stop::Crashed));
    let Verdict::Change(stages) = verdict(&bench, &step, "i-000000000000000a2").await else {
        panic!("no swap")
    };
    let is_address = |change: &Change| matches!(change.kind, Kind::ElasticAddress { .. });
    let (last, earlier) = stages.split_last().unwrap();
    assert!(!earlier.iter().flatten().any(is_address), "{stages:?}");
    assert_eq!(last.iter().filter(|change| is_address(change)).count(), 3);
    assert!(matches!(last[0].kind, Kind::InterfaceGroups { .. }), "{last:?}");
}

#[tokio::test]
async fn a_refused_address_keeps_no_interface_open() {
    let bench = Bench::new(false);
    let params = || json!({"instance": "i-000000000000000a2"});
    let begin = {
        let bench = Bench::new(false);
        let mut step = bench.step("1");
        act(&bench, &mut step, &bench.sandbox, ISOLATE, params()).await.unwrap();
        let address = |kind: &Kind| matches!(kind, Kind::ElasticAddress { .. });
        step.records.iter().position(|record| address(&record.change.kind)).unwrap()
    };
    let n = u64::try_from(begin).unwrap() + 1;
    let plan = Plan::none().counting(Calls::Changes).at(n, Fault::Denied);
    let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), plan);
    let stop = act(&bench, &mut bench.step("1"), &cloud, ISOLATE, params()).await;
    let Err(Stop::Failed(error)) = stop else { panic!("{stop:?}") };
    assert_eq!(error.operation, "ec2:DisassociateAddress");
    let reach = bench.sandbox.attacker().can_reach_out(&bench.at, &id("i-000000000000000a2"));
    assert!(!reach.allowed, "{}", reach.why);
}

#[tokio::test]
async fn an_address_that_leads_elsewhere_by_now_is_not_taken_back_from_there() {
    for elsewhere in ["another one is on its place", "it is on another instance"] {
        let bench = Bench::new(false);
        let mut step = bench.step("1");
        let params = json!({"instance": "i-000000000000000a2"});
        act(&bench, &mut step, &bench.sandbox, ISOLATE, params).await.unwrap();
        let done = fold(&step.records);
        let mut of = done.iter().filter_map(|change| match &change.kind {
            Kind::ElasticAddress { allocation, association, private_ip, public_ip, .. } => {
                let address = Address {
                    allocation: allocation.clone(),
                    association: association.clone(),
                    public_ip: public_ip.clone(),
                    private_ip: private_ip.clone(),
                };
                Some((change.clone(), address))
            }
            _ => None,
        });
        let (change, mut address) = of.next().unwrap();
        let (on, expected) = match elsewhere {
            "it is on another instance" => ("i-000000000000000a3", Standing::After),
            _ => {
                address.allocation = id("eipalloc-00000000000000001");
                address.public_ip = "203.0.113.99".to_owned();
                let words = format!("{} on {}", address.public_ip, address.private_ip);
                ("i-000000000000000a2", Standing::Other(words))
            }
        };
        let moved = |world: &mut World, at: &Place| {
            let machine = region(world, at).instances.get_mut(&id::<InstanceId>(on)).unwrap();
            machine.instance.interfaces[0].addresses.push(address.clone());
        };
        bench.sandbox.edit(|world| moved(world, &bench.at)).unwrap();
        let session = bench.sandbox.open(Bench::anything());
        assert_eq!(standing(session.as_ref(), &change).await, Ok(expected.clone()), "{elsewhere}");
        if expected == Standing::After {
            let Inverse::Change(back) = change.inverse() else { panic!("no way back") };
            let refused = session.apply(&back).await.unwrap_err();
            assert_eq!(refused.code, "Resource.AlreadyAssociated");
        }
    }
}

#[tokio::test]
async fn the_time_in_the_open_is_told_per_interface() {
    let bench = Bench::new(false);
    let params = json!({"instance": "i-000000000000000a2"});
    let mut step = bench.step("1");
    let output = act(&bench, &mut step, &bench.sandbox, ISOLATE, params.clone()).await.unwrap();
    let told = output["interfaces"].as_object().unwrap();
    assert_eq!(told.len(), 3);
    for open in told.values().map(|interface| &interface["open"]) {
        let time = |key: &str| open[0][key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        // All three go in side by side, then out; the harness takes 200 ms for each call in turn.
        let took = time("end").duration_since(time("start"));
        assert_eq!(took, jiff::SignedDuration::from_millis(600), "{open}");
        assert_eq!(open.as_array().unwrap().len(), 1);
    }
    // A later step that finds it so was never in the open.
    let output = act(&bench, &mut bench.step("2"), &bench.sandbox, ISOLATE, params).await.unwrap();
    assert!(output["interfaces"].as_object().unwrap().values().all(|i| i["open"] == json!([])));
}

#[tokio::test]
async fn an_address_associated_meanwhile_is_taken_off_too() {
    let associate = |world: &mut World, at: &Place| {
        let target = id::<InstanceId>("i-000000000000000a1");
        let machine = region(world, at).instances.get_mut(&target).unwrap();
        machine.instance.interfaces[0].addresses.push(Address {
            allocation: id("eipalloc-00000000000000001"),
            association: id("eipassoc-00000000000000001"),
            public_ip: "203.0.113.99".to_owned(),
            private_ip: "10.0.0.10".to_owned(),
        });
    };
    for (bench, _, n) in meanwhile("i-000000000000000a1", associate).await {
        assert_eq!(interfaces(&bench, "i-000000000000000a1")[0].addresses, [], "{n}");
    }
}
