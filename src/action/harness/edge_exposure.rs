//! What closing a port to the world makes of groups that are ours, and of rules that move meanwhile.

use std::sync::Arc;

use serde_json::json;

use super::Bench;
use super::drive::Stop;
use super::edge::{act, id, region};
use super::undo::fold;
use crate::change::{Inverse, Rule, RuleEffect, TAG_PURPOSE, Taggable};
use crate::cloud::faulty::{Calls, Faulty, Plan};
use crate::cloud::sandbox::World;
use crate::cloud::{Cloud, Standing, standing};
use crate::id::GroupId;

const TIGHTEN: &str = "contain::tighten_security_group";
const BASTION: &str = "sg-000000000000000f1";

/// Changes the inbound rules of the bastion's group, as its owner would.
fn meddle(bench: &Bench, change: impl Fn(&mut Vec<Rule>)) {
    let edit = |world: &mut World| {
        let groups = &mut region(world, &bench.at).groups;
        change(&mut groups.get_mut(&id::<GroupId>(BASTION)).unwrap().ingress);
    };
    bench.sandbox.edit(edit).unwrap();
}

fn rules(bench: &Bench) -> Vec<Rule> {
    let mut world = bench.sandbox.snapshot_world();
    region(&mut world, &bench.at).groups[&id::<GroupId>(BASTION)].ingress.clone()
}

#[tokio::test]
async fn a_group_of_ours_is_left_to_the_isolation() {
    let open = vec![Rule::everything_ipv4(), Rule::everything_ipv6()];
    for (name, tag, ingress, refused) in [
        ("tourniquet-transition-case-0001", Some("transition"), open.clone(), true),
        // Its tags can be taken off, its name can't.
        ("tourniquet-transition-case-0001", None, open.clone(), true),
        // Somebody has opened it: the isolation empties it and cuts what came in.
        ("tourniquet-quarantine-case-0001", Some("quarantine"), open.clone(), true),
        ("tourniquet-quarantine-case-0001", Some("quarantine"), Vec::new(), false),
        // Anybody may put our tag on a group of theirs.
        ("by name of someone else", Some("transition"), open, false),
    ] {
        let bench = Bench::new(false);
        let edit = |world: &mut World| {
            let group = region(world, &bench.at).groups.get_mut(&id::<GroupId>(BASTION)).unwrap();
            group.name = name.to_owned();
            group.ingress.clone_from(&ingress);
            group.tags.extend(tag.map(|tag| (TAG_PURPOSE.to_owned(), tag.to_owned())));
        };
        bench.sandbox.edit(edit).unwrap();
        let params = json!({"group": BASTION, "port": 22});
        let stop = act(&bench, &mut bench.step("1"), &bench.sandbox, TIGHTEN, params).await;
        match (refused, stop) {
            (true, Err(Stop::Refused(reason))) => {
                assert!(reason.contains(name) && reason.contains("isolate_instance"), "{reason}");
                assert!(bench.sandbox.snapshot_world().mutations.is_empty(), "{name}");
            }
            (false, Ok(_)) => assert_eq!(rules(&bench), [], "{name}"),
            (_, stop) => panic!("{name} {tag:?}: {stop:?}"),
        }
    }
}

#[tokio::test]
async fn a_group_that_is_not_there_is_gone() {
    let bench = Bench::new(false);
    let params = json!({"group": "sg-0ffffffffffffffff", "port": 22});
    let stop = act(&bench, &mut bench.step("1"), &bench.sandbox, TIGHTEN, params).await;
    assert!(matches!(&stop, Err(Stop::Refused(reason)) if reason.starts_with(crate::action::GONE)));
}

#[tokio::test]
async fn a_rule_that_somebody_takes_away_meanwhile_is_not_ours_to_give_back() {
    let bench = Bench::new(false);
    let (sandbox, at) = (bench.sandbox.clone(), bench.at.clone());
    let owner = move || {
        let edit = |world: &mut World| {
            let group = region(world, &at).groups.get_mut(&id::<GroupId>(BASTION)).unwrap();
            group.ingress.remove(0);
        };
        sandbox.edit(edit).unwrap();
    };
    let plan = Plan::none().counting(Calls::Changes).before(1, Arc::new(owner));
    let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), plan);
    let (mut step, params) = (bench.step("1"), json!({"group": BASTION, "port": 22}));
    let output = act(&bench, &mut step, &cloud, TIGHTEN, params).await.unwrap();
    // The first call was refused as a whole, and the next look saw what was left.
    assert_eq!(output["before"].as_array().unwrap().len(), 1, "{output}");
    let left = rules(&bench);
    bench.take_back(&step.records).await;
    assert_eq!(rules(&bench).len(), left.len() + 1);
}

/// What EC2 tells apart decides, not what somebody has written on it.
#[tokio::test]
async fn an_undo_gives_back_the_very_rules_and_leaves_what_its_owner_has_added_since() {
    let bench = Bench::new(false);
    let was = rules(&bench);
    let (mut step, params) = (bench.step("1"), json!({"group": BASTION, "port": 22}));
    act(&bench, &mut step, &bench.sandbox, TIGHTEN, params).await.unwrap();
    let [done] = &fold(&step.records)[..] else { panic!("{:?}", step.records) };
    assert_eq!(done.subject(), Some(Taggable::SecurityGroup(id(BASTION))));
    let Inverse::Change(back) = done.inverse() else { panic!("{done:?}") };
    assert_eq!(back.operation(), "ec2:AuthorizeSecurityGroupIngress");
    assert_eq!(back.inverse(), Inverse::Change(done.clone()));
    let session = bench.sandbox.open(Bench::anything());
    let renamed = Rule { description: Some("ssh, again".to_owned()), ..was[0].clone() };
    meddle(&bench, |rules| rules.push(renamed.clone()));
    let stands = standing(session.as_ref(), done).await.unwrap();
    assert_eq!(stands, Standing::Other("1 of 2 rules are there".to_owned()));
    meddle(&bench, |rules| {
        rules.pop();
    });
    assert_eq!(standing(session.as_ref(), done).await, Ok(Standing::After));
    bench.take_back(&step.records).await;
    let mut now = rules(&bench);
    assert_eq!(standing(session.as_ref(), done).await, Ok(Standing::Before));
    let mut was = was;
    now.sort();
    was.sort();
    assert_eq!(now, was, "descriptions included");
    meddle(&bench, Vec::clear);
    bench.sandbox.edit(|world| region(world, &bench.at).groups.clear()).unwrap();
    assert_eq!(standing(session.as_ref(), done).await, Ok(Standing::Gone));
}

/// An attacker who may add rules adds many: each change fits an entry of the timeline.
#[tokio::test]
async fn many_rules_go_in_parts() {
    let bench = Bench::new(false);
    let rule = |n: i32| Rule {
        protocol: "tcp".to_owned(),
        from_port: Some(n % 22),
        to_port: Some(22 + n),
        description: Some("x".repeat(255)),
        ..Rule::everything_ipv4()
    };
    meddle(&bench, |rules| *rules = (0..150).map(rule).collect());
    let (mut step, params) = (bench.step("1"), json!({"group": BASTION, "port": 22}));
    let output = act(&bench, &mut step, &bench.sandbox, TIGHTEN, params).await.unwrap();
    assert_eq!(step.records.len(), 2);
    // The largest entry that a timeline takes.
    for record in &step.records {
        assert!(serde_json::to_vec(&record.change).unwrap().len() < 60_000);
    }
    assert!(output.to_string().len() < 60_000);
    assert_eq!(rules(&bench), []);
    assert!(step.records.iter().all(|record| matches!(
        record.change.kind,
        crate::change::Kind::GroupRules { effect: RuleEffect::Revoke, .. }
    )));
}
