//! The attacker's view, before and after containment.

use std::time::Duration;

use serde_json::{Value, json};

use super::{HOME, SCENE, Stage, id, place, stage};
use crate::change::Rule;
use crate::cloud::sandbox::Verdict;

const INSTANCE: &str = "i-00000000000000001";
const WEB: &str = "sg-00000000000000001";
const QUARANTINE: &str = "sg-00000000000000003";
const TRANSITION: &str = "sg-00000000000000004";
const KEY: &str = "AKIA0000000000000001";
const ROLE_SESSION: &str = "ASIA0000000000000001";
const USER_SESSION: &str = "ASIA0000000000000002";

fn can_call(stage: &Stage, key: &str) -> Verdict {
    stage.sandbox.attacker().can_call(&id(HOME), &id(key))
}

fn deny(condition: Value) -> Value {
    let mut statement = json!({"Effect": "Deny", "Action": ["*"], "Resource": ["*"]});
    if !condition.is_null() {
        statement["Condition"] = condition;
    }
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

fn policy_of(kind: &str, name: &str, after: Value) -> Value {
    json!({"change": format!("{kind}_policy"), kind: name, "policy": "P", "before": null, "after": after})
}

#[tokio::test]
async fn denies_stop_whom_they_are_for() {
    let later = json!({"DateLessThan": {"aws:TokenIssueTime": "2026-01-02T03:04:35Z"}});
    let earlier = json!({"DateLessThan": {"aws:TokenIssueTime": "2026-01-01T00:00:00Z"}});
    let if_exists = json!({"DateLessThanIfExists": {"aws:TokenIssueTime": "2026-01-02T03:04:35Z"}});
    let other = json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}});
    let both = json!({"DateLessThan": {"aws:TokenIssueTime": "2026-01-02T03:04:35Z"},
                      "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}});
    let narrow = json!({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}});
    let allow = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    // The policy, and whom it leaves: the user's key, the user's session, the role's session.
    let table = [
        (deny(Value::Null), [false, false, false]),
        (deny(later.clone()), [true, false, false]),
        (deny(earlier), [true, true, true]),
        (deny(if_exists), [false, false, false]),
        (deny(other), [true, true, true]),
        (deny(both), [true, true, true]),
        (narrow, [true, true, true]),
        (allow, [true, true, true]),
    ];
    for (document, wanted) in table {
        let stage = stage(SCENE);
        stage.apply(policy_of("user", "deploy", document.clone())).await.unwrap();
        stage.apply(policy_of("role", "web-server", document.clone())).await.unwrap();
        let found = [KEY, USER_SESSION, ROLE_SESSION].map(|key| can_call(&stage, key));
        assert_eq!(found.each_ref().map(|verdict| verdict.allowed), wanted, "{document} {found:?}");
    }
}

#[tokio::test]
async fn a_new_session_works_after_the_cut_off_and_only_then() {
    let stage = stage(SCENE);
    let cut_off = json!({"DateLessThan": {"aws:TokenIssueTime": "2026-01-02T03:04:35Z"}});
    stage.apply(policy_of("role", "web-server", deny(cut_off))).await.unwrap();
    let attacker = stage.sandbox.attacker();
    let early = attacker.new_session(&id(HOME), &id("web-server")).unwrap();
    assert!(!can_call(&stage, early.as_str()).allowed);
    stage.clock.advance(Duration::from_secs(31));
    let late = attacker.new_session(&id(HOME), &id("web-server")).unwrap();
    assert!(can_call(&stage, late.as_str()).allowed);
    assert!(!can_call(&stage, early.as_str()).allowed);
    stage.clock.advance(Duration::from_secs(12 * 60 * 60));
    assert!(!can_call(&stage, late.as_str()).allowed, "sessions end by themselves");
    assert!(attacker.new_session(&id(HOME), &id("nobody")).is_err());
}

#[tokio::test]
async fn changes_of_iam_are_felt_after_a_while() {
    let stage = stage(&format!("iam_delay = 10\n{SCENE}"));
    let off = json!({"change": "access_key", "user": "deploy", "key": KEY, "before": "Active", "after": "Inactive"});
    stage.apply(off).await.unwrap();
    stage.apply(policy_of("role", "web-server", deny(Value::Null))).await.unwrap();
    for (advance, allowed) in [(0, true), (9, true), (1, false), (3600, false)] {
        stage.clock.advance(Duration::from_secs(advance));
        for key in [KEY, ROLE_SESSION] {
            assert_eq!(can_call(&stage, key).allowed, allowed, "{key} {advance}");
        }
    }
    // Taking the deny away is felt late as well.
    let mut back = policy_of("role", "web-server", Value::Null);
    back["before"] = deny(Value::Null);
    stage.apply(back).await.unwrap();
    assert!(!can_call(&stage, ROLE_SESSION).allowed);
    stage.clock.advance(Duration::from_secs(10));
    assert!(can_call(&stage, ROLE_SESSION).allowed);
}

#[tokio::test]
async fn unknown_inactive_and_orphaned_credentials_do_not_work() {
    let stage = stage(SCENE);
    for key in ["AKIA0000000000000002", "AKIA0000000000000009", "ASIA0000000000000009"] {
        assert!(!can_call(&stage, key).allowed, "{key}");
    }
    stage.sandbox.edit(|world| world.accounts.get_mut(&id(HOME)).unwrap().roles.clear()).unwrap();
    assert!(!can_call(&stage, ROLE_SESSION).allowed);
}

#[tokio::test]
async fn the_console_is_open_until_password_or_user_are_gone() {
    let login = |stage: &Stage, user: &str| {
        stage.sandbox.attacker().console_login(&id(HOME), &id(user)).allowed
    };
    let stage = stage(SCENE);
    assert!(login(&stage, "deploy"));
    assert!(!login(&stage, "no-console"));
    assert!(!login(&stage, "nobody"));
    stage.apply(policy_of("user", "deploy", deny(Value::Null))).await.unwrap();
    assert!(!login(&stage, "deploy"));
    let other = super::stage(SCENE);
    let json = json!({"change": "delete_login_profile", "user": "deploy",
                      "before": {"created": "x", "reset_required": false}});
    other.apply(json).await.unwrap();
    assert!(!login(&other, "deploy"));
}

/// The scene with a transition group that lets everything in and out, in both families or in one.
fn with_transition(ipv6: bool, both: bool) -> Stage {
    let text = SCENE.replacen(
        "id = \"vpc-00000000000000001\"",
        &format!("id = \"vpc-00000000000000001\"\nipv6 = {ipv6}"),
        1,
    );
    let stage = stage(&text);
    stage
        .sandbox
        .edit(|world| {
            let groups = &mut world.region_mut(&place(HOME)).unwrap().groups;
            let mut group = groups[&id(QUARANTINE)].clone();
            group.id = id(TRANSITION);
            group.name = "transition".to_owned();
            group.ingress = vec![Rule::everything_ipv4()];
            group.ingress.extend(both.then(Rule::everything_ipv6));
            group.egress = group.ingress.clone();
            groups.insert(group.id.clone(), group);
            let machine =
                world.region_mut(&place(HOME)).unwrap().instances.get_mut(&id(INSTANCE)).unwrap();
            machine.instance.interfaces.truncate(1);
        })
        .unwrap();
    stage
}

#[tokio::test]
async fn connection_tracking_outlives_a_direct_swap_and_not_a_two_stage_one() {
    // Whether the VPC has IPv6, whether the transition group is open in both families, the groups
    // in turn, and whether the attacker's connection flows in the end.
    let table: &[(bool, bool, &[&str], bool)] = &[
        (false, false, &[], true),
        (false, false, &[QUARANTINE], true),
        (false, false, &[QUARANTINE, QUARANTINE], true),
        (false, false, &[TRANSITION], true),
        (false, false, &[TRANSITION, QUARANTINE], false),
        (false, false, &[QUARANTINE, TRANSITION, QUARANTINE], false),
        (false, false, &[TRANSITION, WEB, QUARANTINE], true),
        (true, false, &[TRANSITION, QUARANTINE], true),
        (true, true, &[TRANSITION, QUARANTINE], false),
    ];
    for (ipv6, both, groups, wanted) in table {
        let stage = with_transition(*ipv6, *both);
        for group in *groups {
            let json = json!({"change": "interface_groups", "interface": "eni-00000000000000001",
                              "instance": INSTANCE, "before": [WEB], "after": [group]});
            stage.apply(json).await.unwrap();
        }
        let verdict = stage.sandbox.attacker().can_reach_out(&place(HOME), &id(INSTANCE));
        assert_eq!(verdict.allowed, *wanted, "{ipv6} {both} {groups:?}: {}", verdict.why);
    }
}

#[tokio::test]
async fn taking_a_groups_rules_away_does_not_cut_tracked_connections() {
    let stage = with_transition(false, false);
    let revoke = |group: &str| {
        let all = json!({"protocol": "-1", "from_port": null, "to_port": null, "peer": {"ipv4": "0.0.0.0/0"}});
        json!({"change": "group_rules", "group": group, "direction": "egress", "effect": "revoke", "rules": [all]})
    };
    stage.apply(revoke(WEB)).await.unwrap();
    let verdict = stage.sandbox.attacker().can_reach_out(&place(HOME), &id(INSTANCE));
    assert!(verdict.allowed && verdict.why.contains("tracked"), "{}", verdict.why);
    stage.sandbox.edit(|world| world.terminate(&place(HOME), &id(INSTANCE))).unwrap();
    assert!(!stage.sandbox.attacker().can_reach_out(&place(HOME), &id(INSTANCE)).allowed);
    assert!(
        !stage.sandbox.attacker().can_reach_out(&place(HOME), &id("i-0ffffffffffffffff")).allowed
    );
}
