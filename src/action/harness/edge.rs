//! What single actions do at the edges: refusals, things that move while they work, and reads.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::Bench;
use super::drive::{Record, Step, Stop};
use crate::action::{GONE, Params, Verdict, find};
use crate::change::{GroupOwner, Kind, Rule, RuleEffect};
use crate::cloud::faulty::{Faulty, Plan};
use crate::cloud::sandbox::{RegionState, World};
use crate::cloud::{Cloud, Interface};
use crate::id::{InstanceId, Place};

const ISOLATE: &str = "contain::isolate_instance";
const SNAPSHOT: &str = "evidence::snapshot_volumes";
const REVOKE: &str = "contain::revoke_role_sessions";
const ASSUME: &str = "contain::deny_role_assumption";
const DISABLE: &str = "contain::disable_access_keys";
const TAG: &str = "act::tag_resource";

pub(super) async fn act(
    bench: &Bench,
    step: &mut Step,
    cloud: &dyn Cloud,
    name: &str,
    params: Value,
) -> Result<Value, Stop> {
    let action = find(name).unwrap();
    let params = Params::check(action.params(), params.as_object().cloned().unwrap()).unwrap();
    step.drive(cloud, action, &params, None).await.inspect_err(|_| {
        assert_eq!(bench.at, step.at);
    })
}

pub(super) fn region<'a>(world: &'a mut World, at: &Place) -> &'a mut RegionState {
    world.accounts.get_mut(&at.account).unwrap().regions.get_mut(&at.region).unwrap()
}

pub(super) fn id<T: std::str::FromStr<Err = crate::id::IdError>>(text: &str) -> T {
    text.parse().unwrap()
}

#[tokio::test]
async fn what_can_not_be_contained_is_refused_with_what_to_do_and_nothing_changes() {
    for (name, params, expected) in [
        (ISOLATE, json!({"instance": "i-00000000000000fff"}), GONE),
        (ISOLATE, json!({"instance": "i-000000000000000a6"}), GONE),
        (SNAPSHOT, json!({"instance": "i-00000000000000fff"}), GONE),
        (SNAPSHOT, json!({"instance": "i-000000000000000a6"}), GONE),
        (REVOKE, json!({"role": "nobody"}), GONE),
        (REVOKE, json!({"role": "AWSServiceRoleForECS"}), "service-linked"),
        (REVOKE, json!({"role": "TourniquetResponder"}), "protected"),
        (ASSUME, json!({"role": "nobody"}), GONE),
        (ASSUME, json!({"role": "AWSServiceRoleForECS"}), "service-linked"),
        (ASSUME, json!({"role": "TourniquetResponder"}), "protected"),
        (DISABLE, json!({"user": "nobody"}), GONE),
        (DISABLE, json!({"user": "Root"}), "root"),
        (DISABLE, json!({"key": "AKIAAAAAAAAAAAAAAAA9"}), GONE),
        (DISABLE, json!({"key": "ASIAAAAAAAAAAAAAAAA1"}), "revoke_role_sessions"),
        (
            DISABLE,
            json!({"key": "AKIAAAAAAAAAAAAAAAA1", "user": "legacy"}),
            "belongs to user deploy",
        ),
        (TAG, json!({"resource": "role/nobody", "tags": {"a": "b"}}), GONE),
    ] {
        let bench = Bench::new(true);
        let terminated: InstanceId = id("i-000000000000000a6");
        bench
            .sandbox
            .edit(|world| {
                let machine =
                    region(world, &bench.at).instances[&id("i-000000000000000a1")].clone();
                region(world, &bench.at).instances.insert(terminated.clone(), machine);
                world.terminate(&bench.at, &terminated);
            })
            .unwrap();
        let stop = act(&bench, &mut bench.step("1"), &bench.sandbox, name, params.clone()).await;
        let Err(Stop::Refused(reason)) = stop else { panic!("{name} {params}: {stop:?}") };
        let fits =
            if expected == GONE { reason.starts_with(GONE) } else { reason.contains(expected) };
        assert!(fits, "{name} {params}: {reason}");
        assert!(bench.effects().is_empty(), "{name} {params}");
    }
}

#[tokio::test]
async fn a_session_key_with_its_user_disables_the_user() {
    let bench = Bench::new(false);
    let params = json!({"key": "ASIAAAAAAAAAAAAAAAA9", "user": "deploy"});
    let output = act(&bench, &mut bench.step("1"), &bench.sandbox, DISABLE, params).await.unwrap();
    assert_eq!(output["user"], json!("deploy"));
}

#[tokio::test]
async fn a_key_made_while_the_deny_spreads_is_found() {
    let bench = Bench::new(false);
    let (sandbox, at) = (bench.sandbox.clone(), bench.at.clone());
    // Looks: owner is given, so each look reads user and policy; the changes are calls 3-6.
    let attack = move || {
        sandbox
            .edit(|world| {
                let users = &mut world.accounts.get_mut(&at.account).unwrap().users;
                let user = users.get_mut(&id("deploy")).unwrap();
                let active =
                    crate::cloud::sandbox::Settling::settled(crate::change::KeyStatus::Active);
                user.keys.insert(id("AKIAAAAAAAAAAAAAAAA8"), active);
                user.policies.remove("TourniquetDenyAll");
            })
            .unwrap();
    };
    let (mut step, params) = (bench.step("1"), json!({"user": "deploy"}));
    act(&bench, &mut step, &bench.sandbox, DISABLE, params.clone()).await.unwrap();
    attack();
    // The same step, as it is looked at again.
    let output = act(&bench, &mut step, &bench.sandbox, DISABLE, params).await.unwrap();
    assert_eq!(output["keys"]["AKIAAAAAAAAAAAAAAAA8"], json!("Active"));
    bench.clock.advance(Duration::from_secs(5));
    let call = bench.sandbox.attacker().can_call(&bench.at.account, &id("AKIAAAAAAAAAAAAAAAA8"));
    assert!(!call.allowed, "{}", call.why);
}

#[tokio::test]
async fn a_user_without_room_for_the_deny_loses_its_keys_all_the_same() {
    let bench = Bench::new(false);
    let filler: Value = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "s3:*", "Resource": "a".repeat(2000),
    }]});
    bench
        .sandbox
        .edit(|world| {
            let users = &mut world.accounts.get_mut(&bench.at.account).unwrap().users;
            let policies = &mut users.get_mut(&id("deploy")).unwrap().policies;
            policies.insert(
                "filler".to_owned(),
                crate::cloud::sandbox::Settling::settled(Some(filler)),
            );
        })
        .unwrap();
    let stop =
        act(&bench, &mut bench.step("1"), &bench.sandbox, DISABLE, json!({"user": "deploy"})).await;
    let Err(Stop::Failed(error)) = stop else { panic!("{stop:?}") };
    assert_eq!(error.code, "LimitExceeded");
    // Until IAM's changes are felt.
    bench.clock.advance(Duration::from_secs(5));
    let attacker = bench.sandbox.attacker();
    for key in ["AKIAAAAAAAAAAAAAAAA1", "AKIAAAAAAAAAAAAAAAA2"] {
        let call = attacker.can_call(&bench.at.account, &id(key));
        assert!(!call.allowed, "{}", call.why);
    }
    assert!(!attacker.console_login(&bench.at.account, &id("deploy")).allowed);
}

#[tokio::test]
async fn every_other_credential_of_a_user_is_disabled_too() {
    let bench = Bench::new(false);
    let params = json!({"user": "deploy"});
    let output = act(&bench, &mut bench.step("1"), &bench.sandbox, DISABLE, params).await.unwrap();
    bench.clock.advance(Duration::from_secs(5));
    let told = output["credentials"].as_object().unwrap();
    assert_eq!(told["ACCAAAAAAAAAAAAAAAAA1"]["service"], "bedrock.amazonaws.com");
    for credential in told.keys() {
        assert_eq!(told[credential]["before"], "Active");
        let used = bench.sandbox.attacker().can_use(&bench.at.account, &id(credential));
        assert!(used.why.contains("inactive"), "not by the deny alone: {}", used.why);
    }
    assert_eq!(told.len(), 3);
}

#[tokio::test]
async fn a_role_that_may_not_list_other_credentials_does_all_else_and_says_so() {
    let bench = Bench::new(false);
    let mut step = bench.step("1");
    step.lacks = Some("iam:ListServiceSpecificCredentials".to_owned());
    let params = json!({"user": "deploy"});
    let stop = act(&bench, &mut step, &bench.sandbox, DISABLE, params).await;
    let Err(Stop::Refused(reason)) = stop else { panic!("{stop:?}") };
    assert!(reason.contains("iam:ListServiceSpecificCredentials"), "{reason}");
    bench.clock.advance(Duration::from_secs(5));
    let attacker = bench.sandbox.attacker();
    assert!(!attacker.can_call(&bench.at.account, &id("AKIAAAAAAAAAAAAAAAA1")).allowed);
    assert!(!attacker.console_login(&bench.at.account, &id("deploy")).allowed);
}

/// Isolates an instance, and before one of the calls somebody changes the world: the bench, what was
/// told and the number of the call, for any call but those of the last look, which are two reads.
pub(super) async fn meanwhile(
    instance: &str,
    meddle: impl Fn(&mut World, &Place) + Clone + Send + Sync + 'static,
) -> Vec<(Bench, Value, u64)> {
    let params = json!({"instance": instance});
    let calls = {
        let bench = Bench::new(false);
        let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), Plan::none());
        act(&bench, &mut bench.step("1"), &cloud, ISOLATE, params.clone()).await.unwrap();
        cloud.calls()
    };
    let mut ended = Vec::new();
    for n in 1..=calls - 2 {
        let bench = Bench::new(false);
        let (sandbox, at, meddle) = (bench.sandbox.clone(), bench.at.clone(), meddle.clone());
        let meddle = move || sandbox.edit(|world| meddle(world, &at)).unwrap();
        let plan = Plan::none().before(n, Arc::new(meddle));
        let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), plan);
        let output = act(&bench, &mut bench.step("1"), &cloud, ISOLATE, params.clone()).await;
        ended.push((bench, output.unwrap(), n));
    }
    ended
}

#[tokio::test]
async fn an_interface_attached_meanwhile_is_contained_too() {
    let attach = |world: &mut World, at: &Place| {
        let target = id::<InstanceId>("i-000000000000000a1");
        let machine = region(world, at).instances.get_mut(&target).unwrap();
        let first = machine.instance.interfaces[0].clone();
        let groups = vec![id("sg-000000000000000d1")];
        let interface = Interface { id: id("eni-000000000000000f1"), groups, ..first };
        machine.instance.interfaces.push(interface);
    };
    for (bench, output, n) in meanwhile("i-000000000000000a1", attach).await {
        let told = &output["interfaces"]["eni-000000000000000f1"];
        assert_eq!(told["before"], json!(["sg-000000000000000d1"]), "{n}");
        let reach = bench.sandbox.attacker().can_reach_out(&bench.at, &id("i-000000000000000a1"));
        assert!(!reach.allowed, "{n}: {}", reach.why);
    }
}

#[tokio::test]
async fn a_quarantine_group_that_is_opened_later_is_emptied_and_its_flows_are_cut() {
    let bench = Bench::new(false);
    let params = json!({"instance": "i-000000000000000a1"});
    let mut first = bench.step("1");
    let output = act(&bench, &mut first, &bench.sandbox, ISOLATE, params.clone()).await.unwrap();
    let group = output["quarantine"]["vpc-000000000000000c1"].as_str().unwrap().to_owned();
    // The attacker opens the group with a call, so that its flow is tracked.
    let session = bench.sandbox.open(Bench::anything());
    session
        .apply(&crate::change::Change {
            at: bench.at.clone(),
            kind: Kind::GroupRules {
                group: id(&group),
                direction: crate::change::Direction::Egress,
                effect: RuleEffect::Authorize,
                rules: vec![Rule::everything_ipv4()],
                owner: GroupOwner::Ours,
            },
        })
        .await
        .unwrap();
    let instance = id("i-000000000000000a1");
    assert!(bench.sandbox.attacker().can_reach_out(&bench.at, &instance).allowed);
    let mut second = bench.step("2");
    let output = act(&bench, &mut second, &bench.sandbox, ISOLATE, params).await.unwrap();
    assert_eq!(output["already"], json!(false));
    let reach = bench.sandbox.attacker().can_reach_out(&bench.at, &instance);
    assert!(!reach.allowed, "{}", reach.why);
    // The quarantine group never becomes the original.
    let all: Vec<Record> = first.records.iter().chain(&second.records).cloned().collect();
    bench.take_back(&all).await;
    let world = bench.sandbox.snapshot_world();
    let machine = &world.accounts[&bench.at.account].regions[&bench.at.region].instances[&instance];
    assert_ne!(machine.instance.interfaces[0].groups, vec![id(&group)]);
}

#[tokio::test]
async fn the_cut_off_only_moves_forward_and_covers_a_late_put() {
    for (found, delay, puts, cut_off) in [
        // Undelayed: 10:00:00.25 and 30 s, rounded up.
        (None, 0, 1, "2025-03-01T10:00:31Z"),
        // A policy of the console with a later cut-off stays.
        (Some("2025-03-01T11:00:00Z"), 0, 0, "2025-03-01T11:00:00Z"),
        (Some("2025-03-01T09:00:00Z"), 0, 1, "2025-03-01T10:00:31Z"),
        // The step waited 10 minutes for a person: sessions issued meanwhile are cut off too.
        (None, 600, 2, "2025-03-01T10:10:31Z"),
    ] {
        let bench = Bench::new(false);
        let mut step = bench.step("1");
        bench.clock.advance(Duration::from_secs(delay));
        if let Some(found) = found {
            let document = crate::action::revocation::document(found.parse().unwrap());
            bench
                .sandbox
                .edit(|world| {
                    let roles = &mut world.accounts.get_mut(&bench.at.account).unwrap().roles;
                    let policies = &mut roles.get_mut(&id("web")).unwrap().policies;
                    let settled = crate::cloud::sandbox::Settling::settled(Some(document));
                    policies.insert("AWSRevokeOlderSessions".to_owned(), settled);
                })
                .unwrap();
        }
        let output =
            act(&bench, &mut step, &bench.sandbox, REVOKE, json!({"role": "web"})).await.unwrap();
        assert_eq!(output["cut_off"], json!(cut_off), "{found:?} {delay}");
        assert_eq!(output["already"], json!(puts == 0), "{found:?} {delay}");
        assert_eq!(output["shared_by"], json!(["web"]));
        let made = bench.effects().get("iam:PutRolePolicy").map_or(0, |list| list.iter().sum());
        assert_eq!(made, puts, "{found:?} {delay}");
    }
}

#[tokio::test]
async fn a_date_that_an_attacker_planted_does_not_lock_the_role() {
    for (effect, resource) in [("Allow", "*"), ("Deny", "arn:aws:s3:::nothing")] {
        let bench = Bench::new(false);
        let planted = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": effect, "Action": "*", "Resource": resource,
            "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2099-01-01T00:00:00Z"}},
        }]});
        bench
            .sandbox
            .edit(|world| {
                let roles = &mut world.accounts.get_mut(&bench.at.account).unwrap().roles;
                let policies = &mut roles.get_mut(&id("web")).unwrap().policies;
                let settled = crate::cloud::sandbox::Settling::settled(Some(planted));
                policies.insert("AWSRevokeOlderSessions".to_owned(), settled);
            })
            .unwrap();
        let params = json!({"role": "web"});
        let output =
            act(&bench, &mut bench.step("1"), &bench.sandbox, REVOKE, params).await.unwrap();
        assert_eq!(output["cut_off"], json!("2025-03-01T10:00:31Z"), "{effect}");
    }
}

#[tokio::test]
async fn a_plan_is_a_look_and_changes_nothing() {
    let bench = Bench::new(false);
    let action = find(ISOLATE).unwrap();
    let given = json!({"instance": "i-000000000000000a1"}).as_object().cloned().unwrap();
    let params = Params::check(action.params(), given).unwrap();
    let verdict = bench.step("1").look(&bench.sandbox, action, &params).await.unwrap();
    assert!(matches!(verdict, Verdict::Change(_) | Verdict::Shared { .. }));
    assert!(bench.effects().is_empty());
}
