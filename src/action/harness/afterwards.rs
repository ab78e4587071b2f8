//! How the world must be after each action, seen from AWS and from the attacker. The table in `case` names them.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::Bench;
use crate::change::{Registration, Rule, TAG_PURPOSE};
use crate::cloud::sandbox::World;
use crate::id::{AccessKeyId, InstanceId};

pub fn isolated(bench: &Bench, before: &World, output: &Value) {
    let id: InstanceId = output["instance"].as_str().unwrap().parse().unwrap();
    let world = bench.sandbox.snapshot_world();
    let region = &world.accounts[&bench.at.account].regions[&bench.at.region];
    let was = &before.accounts[&bench.at.account].regions[&bench.at.region].instances[&id].instance;
    for (now, was) in region.instances[&id].instance.interfaces.iter().zip(&was.interfaces) {
        let [group] = now.groups.as_slice() else { panic!("{:?}", now.groups) };
        let group = &region.groups[group];
        assert_eq!(group.tags.get(TAG_PURPOSE).map(String::as_str), Some("quarantine"));
        assert!(group.ingress.is_empty() && group.egress.is_empty(), "{group:?}");
        assert_eq!(now.addresses, [], "no Elastic IP leads here any more");
        let told = &output["interfaces"][now.id.as_str()];
        assert_eq!(told["after"], json!(now.groups));
        if output["already"] == json!(false) {
            assert_eq!(
                told["before"],
                json!(was.groups),
                "the first `before` is the one that counts"
            );
            let ips = |list: &Value| -> BTreeSet<String> {
                list.as_array().unwrap().iter().map(|one| one["public_ip"].to_string()).collect()
            };
            assert_eq!(ips(&told["elastic_ips"]), ips(&json!(was.addresses)));
        }
    }
    // What was taken off stays the account's.
    let allocated = &before.accounts[&bench.at.account].regions[&bench.at.region].addresses;
    assert_eq!(&region.addresses, allocated);
    let reach = bench.sandbox.attacker().can_reach_out(&bench.at, &id);
    assert!(!reach.allowed, "{}", reach.why);
    let notes = output["notes"].to_string();
    assert!(["DNS", "IMDS", "IPv6", "NAT gateway"].iter().all(|word| notes.contains(word)));
}

pub fn guarded(bench: &Bench, _: &World, output: &Value) {
    let id: InstanceId = output["instance"].as_str().unwrap().parse().unwrap();
    let world = bench.sandbox.snapshot_world();
    let machine = &world.accounts[&bench.at.account].regions[&bench.at.region].instances[&id];
    let volumes = &machine.instance.volumes;
    assert!(volumes.iter().all(|(_, volume)| machine.ending.kept.contains(volume)));
    assert_eq!(output["volumes"].as_array().unwrap().len(), volumes.len());
    assert!(machine.ending.protected || machine.ending.spot);
    assert_eq!(output["termination_protection"], json!(machine.ending.protected));
    assert!(!machine.ending.terminates_itself);
    let notes = output["notes"].to_string();
    assert_eq!(notes.contains("Spot Instance"), machine.ending.spot, "{notes}");
    assert_eq!(notes.contains("instance store"), volumes.is_empty(), "{notes}");
}

pub fn stands_by(bench: &Bench, before: &World, output: &Value) {
    let id: InstanceId = output["instance"].as_str().unwrap().parse().unwrap();
    let region =
        |world: &World| world.accounts[&bench.at.account].regions[&bench.at.region].clone();
    let (was, now) = (region(before), region(&bench.sandbox.snapshot_world()));
    let Some(name) = output["group"].as_str() else {
        assert_eq!(was.scaling_groups, now.scaling_groups);
        assert!(was.scaling_groups.values().all(|group| !group.members.contains_key(&id)));
        return;
    };
    let name = name.parse().unwrap();
    let (was, now) = (&was.scaling_groups[&name], &now.scaling_groups[&name]);
    assert_eq!(now.members[&id], "Standby");
    // Nothing is launched in its place, and no other leaves.
    assert_eq!(now.desired + 1, was.desired);
    assert_eq!(now.minimum, was.minimum.min(now.desired));
    for (other, lifecycle) in was.members.iter().filter(|(other, _)| **other != id) {
        assert_eq!(&now.members[other], lifecycle);
    }
}

pub fn no_deny_profile(world: &mut World) {
    for account in world.accounts.values_mut() {
        account.profiles.remove(crate::action::DENY_PROFILE);
    }
}

pub fn false_deny_profile(world: &mut World) {
    for role in world.accounts.values_mut().flat_map(|account| account.roles.values_mut()) {
        role.policies.remove(crate::action::DENY_POLICY);
    }
}

pub fn without_credentials(bench: &Bench, before: &World, output: &Value) {
    let id: InstanceId = output["instance"].as_str().unwrap().parse().unwrap();
    let profile = |world: &World| {
        let region = &world.accounts[&bench.at.account].regions[&bench.at.region];
        region.instances[&id].instance.profile_arn.clone()
    };
    let (was, now) = (profile(before), profile(&bench.sandbox.snapshot_world()));
    assert_eq!(json!(now), output["profile"]);
    if output["already"] == json!(false) {
        assert_eq!(json!(was), output["before"], "the first `before` is the one that counts");
    }
    // Whatever the metadata service gives can do nothing.
    let got = bench.sandbox.attacker().metadata_session(&bench.at, &id);
    if let Some(key) = got.unwrap() {
        let call = bench.sandbox.attacker().can_call(&bench.at.account, &key);
        assert!(!call.allowed, "{}", call.why);
    }
    assert!(output["notes"].to_string().contains("revoke the sessions"), "{output}");
}

pub fn left(bench: &Bench, before: &World, output: &Value) {
    let id: InstanceId = output["instance"].as_str().unwrap().parse().unwrap();
    let region =
        |world: &World| world.accounts[&bench.at.account].regions[&bench.at.region].clone();
    let (was, now) = (region(before), region(&bench.sandbox.snapshot_world()));
    let ips: Vec<&String> =
        was.instances[&id].instance.interfaces.iter().flat_map(|i| &i.ips).collect();
    let mut gone = 0;
    for (arn, group) in &was.target_groups {
        for (key, (target, registration)) in &group.targets {
            let ours = target.id == id.as_str() || ips.contains(&&target.id);
            gone += usize::from(ours);
            let expected = if ours { Registration::Deregistered } else { *registration };
            // Whoever else is served goes on being served.
            assert_eq!(now.target_groups[arn].targets[key].1, expected, "{target}");
        }
    }
    for (name, behind) in &was.classic_balancers {
        let others: BTreeSet<_> = behind.iter().filter(|one| **one != id).cloned().collect();
        gone += behind.len() - others.len();
        assert_eq!(now.classic_balancers[name], others);
    }
    if output["already"] == json!(false) {
        assert_eq!(output["left"].as_array().unwrap().len(), gone, "{output}");
    }
}

pub fn preserved(bench: &Bench, before: &World, output: &Value) {
    let id: InstanceId = output["instance"].as_str().unwrap().parse().unwrap();
    let world = bench.sandbox.snapshot_world();
    let here = &world.accounts[&bench.at.account].regions[&bench.at.region];
    let was = &before.accounts[&bench.at.account].regions[&bench.at.region].instances[&id].instance;
    let records = output["evidence"].as_array().unwrap();
    let mut volumes: Vec<&str> = records.iter().map(|r| r["volume"].as_str().unwrap()).collect();
    let mut wanted: Vec<&str> = was.volumes.iter().map(|(_, volume)| volume.as_str()).collect();
    volumes.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(volumes, wanted, "every volume is preserved once");
    for record in records {
        assert!(record["collected_at"].is_string());
        held(bench, &world, record);
        let Some(forensics) = &bench.settings.forensics else {
            assert_eq!(record["copy"], Value::Null);
            continue;
        };
        let there = &world.accounts[&forensics.account].regions[&bench.at.region];
        let copy = &there.snapshots[&record["copy"]["snapshot"].as_str().unwrap().parse().unwrap()];
        assert_eq!(copy.shown(bench.now()).state, crate::cloud::SnapshotState::Completed);
        assert_eq!(copy.snapshot.owner, forensics.account);
        let key = there.key(&forensics.kms_key).unwrap();
        assert_eq!(copy.snapshot.kms_key.as_deref(), Some(key.arn.as_str()));
        assert_eq!(record["lineage"].as_array().unwrap().last(), Some(&record["copy"]["snapshot"]));
    }
    assert!(
        here.snapshots.values().all(|record| record.shared_with.is_empty()),
        "nothing stays shared"
    );
}

/// The last of the lineage is locked as the settings say, and nothing else is.
pub fn held(bench: &Bench, world: &World, record: &Value) {
    let place = match &bench.settings.forensics {
        Some(forensics) => &forensics.account,
        None => &bench.at.account,
    };
    let region = &world.accounts[place].regions[&bench.at.region];
    let last = record["lineage"].as_array().unwrap().last().unwrap();
    let last = last.as_str().unwrap().parse().unwrap();
    let lock = crate::cloud::sandbox::held(region, &last, bench.now());
    let wanted = bench.settings.lock.map(|terms| (terms.mode, terms.days));
    assert_eq!(lock.as_ref().map(|lock| (lock.mode, lock.days)), wanted);
    let told = &record["lock"];
    assert_eq!(told.is_null(), wanted.is_none(), "{record}");
    if let Some(lock) = lock {
        assert_eq!((&told["mode"], &told["expires"]), (&json!(lock.mode), &json!(lock.expires)));
        assert!(told["expires"].is_string(), "the custody record says until when: {told}");
    }
}

pub fn nothing_to_preserve(_: &Bench, _: &World, output: &Value) {
    assert_eq!(output["volumes"], json!(0));
    assert!(output["warnings"][0].as_str().unwrap().contains("instance store"));
}

pub fn revoked(bench: &Bench, _: &World, output: &Value) {
    // From the cut-off on, old sessions are dead and new ones live.
    bench.clock.advance(Duration::from_secs(40));
    let attacker = bench.sandbox.attacker();
    let role = output["role"].as_str().unwrap();
    let key: AccessKeyId = match role {
        "web" => "ASIAAAAAAAAAAAAAAAA1",
        _ => "ASIAAAAAAAAAAAAAAAA2",
    }
    .parse()
    .unwrap();
    let old = attacker.can_call(&bench.at.account, &key);
    assert!(!old.allowed, "{}", old.why);
    let fresh = attacker.new_session(&bench.at.account, &role.parse().unwrap()).unwrap();
    let new = attacker.can_call(&bench.at.account, &fresh);
    assert!(new.allowed, "{}", new.why);
}

pub fn not_assumed(bench: &Bench, before: &World, output: &Value) {
    let role: crate::id::RoleName = output["role"].as_str().unwrap().parse().unwrap();
    // Until IAM's changes are felt.
    bench.clock.advance(Duration::from_secs(5));
    let attacker = bench.sandbox.attacker();
    let fresh = attacker.new_session(&bench.at.account, &role);
    assert!(fresh.as_ref().is_err_and(|why| why.contains("lets nobody")), "{fresh:?}");
    let key = if role.as_str() == "web" { "ASIAAAAAAAAAAAAAAAA1" } else { "ASIAAAAAAAAAAAAAAAA2" };
    let old = attacker.can_call(&bench.at.account, &key.parse().unwrap());
    assert!(old.allowed, "what was issued before lives on, as the step says: {}", old.why);
    let was = &before.accounts[&bench.at.account].roles[&role].trust;
    let services = &output["services"];
    assert_eq!(*services == json!(["ec2.amazonaws.com"]), was.to_string().contains("ec2"));
    let warnings = output["warnings"].to_string();
    assert!(warnings.contains("contain::revoke_role_sessions"), "{warnings}");
    assert_eq!(warnings.contains("can't renew"), *services != json!([]), "{warnings}");
}

pub fn disabled(bench: &Bench, before: &World, output: &Value) {
    let user: crate::id::UserName = output["user"].as_str().unwrap().parse().unwrap();
    // Until IAM's changes are felt.
    bench.clock.advance(Duration::from_secs(5));
    let attacker = bench.sandbox.attacker();
    let was = &before.accounts[&bench.at.account].users[&user];
    for (key, status) in &was.keys {
        let call = attacker.can_call(&bench.at.account, key);
        assert!(!call.allowed, "{}", call.why);
        if output["already"] == json!(false) {
            assert_eq!(output["keys"][key.as_str()], json!(status.value.label()));
        }
    }
    let console = attacker.console_login(&bench.at.account, &user);
    assert!(!console.allowed, "{}", console.why);
    let world = bench.sandbox.snapshot_world();
    let now = &world.accounts[&bench.at.account].users[&user];
    assert!(now.keys.values().all(|key| key.value == crate::change::KeyStatus::Inactive));
    assert!(now.login_profile.is_none());
}

pub fn blocked(bench: &Bench, before: &World, output: &Value) {
    let bucket: crate::id::BucketName = output["bucket"].as_str().unwrap().parse().unwrap();
    let read = bench.sandbox.attacker().can_read_publicly(&bench.at.account, &bucket);
    assert!(!read.allowed, "{}", read.why);
    let world = bench.sandbox.snapshot_world();
    let now = &world.accounts[&bench.at.account].buckets[&bucket];
    let was = &before.accounts[&bench.at.account].buckets[&bucket];
    assert_eq!(now.block, Some(crate::change::PublicAccessBlock::ALL));
    // What is granted is nobody's to take away but its owner's.
    assert_eq!((now.public_policy, now.public_acl), (was.public_policy, was.public_acl));
    if output["already"] == json!(false) {
        assert_eq!(output["before"], json!(was.block), "the first `before` is the one that counts");
    }
    let notes = output["notes"].to_string();
    assert!(notes.contains("presigned"), "{notes}");
    assert_eq!(notes.contains("still grants"), was.public_policy, "{notes}");
}

pub fn tightened(bench: &Bench, before: &World, output: &Value) {
    let id: crate::id::GroupId = output["group"].as_str().unwrap().parse().unwrap();
    let port = u16::try_from(output["port"].as_u64().unwrap()).unwrap();
    let region =
        |world: &World| world.accounts[&bench.at.account].regions[&bench.at.region].clone();
    let (was, now) = (region(before), region(&bench.sandbox.snapshot_world()));
    let open = |rule: &Rule| rule.is_of_the_world() && rule.reaches(port);
    let (open, stays): (Vec<Rule>, Vec<Rule>) =
        was.groups[&id].ingress.iter().cloned().partition(open);
    assert_eq!(now.groups[&id].ingress, stays, "what is not open to the world stays, in its order");
    assert_eq!(now.groups[&id].egress, was.groups[&id].egress);
    if output["already"] == json!(false) {
        assert_eq!(output["before"], json!(open), "with their descriptions");
    }
    let left = stays.iter().filter(|rule| rule.reaches(port)).count();
    assert_eq!(output["left"].as_array().unwrap().len(), left);
    // Whom it concerns: every interface that the group is on, whoever's.
    let mut users: Vec<Value> = Vec::new();
    for (instance, machine) in &now.instances {
        let behind = machine.instance.interfaces.iter().filter(|one| one.groups.contains(&id));
        for interface in behind {
            users.push(json!({"interface": interface.id, "instance": instance}));
            let reach = bench.sandbox.attacker().can_reach_in(&bench.at, instance, port);
            let alone = machine.instance.interfaces.len() == 1;
            assert!(!(reach.allowed && alone), "{}", reach.why);
        }
    }
    users.sort_by_key(|user| user["interface"].to_string());
    assert_eq!((&output["interfaces"], &output["users"]), (&json!(users.len()), &json!(users)));
    let notes = output["notes"].to_string();
    assert!(notes.contains("go on"), "open connections are not closed: {notes}");
}

pub fn service(world: &World, bench: &Bench, output: &Value) -> Value {
    let id = output["finding"].as_str().unwrap().parse().unwrap();
    let region = &world.accounts[&bench.at.account].regions[&bench.at.region];
    region.findings[&id]["service"].clone()
}

pub fn archived(bench: &Bench, before: &World, output: &Value) {
    let (was, now) = (before, &bench.sandbox.snapshot_world());
    let (mut was, now) = (service(was, bench, output), service(now, bench, output));
    was["archived"] = json!(true);
    assert_eq!(now, was, "and nothing else");
    assert_eq!(output["archived"], json!(true));
}

pub fn rated(bench: &Bench, before: &World, output: &Value) {
    let (was, now) = (before, &bench.sandbox.snapshot_world());
    let (mut was, now) = (service(was, bench, output), service(now, bench, output));
    was["userFeedback"] = json!(output["feedback"].as_str().unwrap().to_uppercase());
    assert_eq!(now, was, "and nothing else");
    assert_eq!(output["shown"], json!(true));
}
pub fn restricted(bench: &Bench, before: &World, output: &Value) {
    super::edge_database::restricted(bench, before, output);
}

pub fn tagged(bench: &Bench, before: &World, output: &Value) {
    let resource = output["resource"].as_str().unwrap();
    let now = super::picture::picture(&bench.sandbox.snapshot_world());
    let was = super::picture::picture(before);
    // What others set stays.
    let mut wanted = was["tags"][resource].as_object().cloned().unwrap();
    wanted.extend(output["tags"].as_object().cloned().unwrap());
    assert_eq!(now["tags"][resource], json!(wanted));
}
