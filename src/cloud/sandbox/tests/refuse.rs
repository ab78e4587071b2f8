//! What AWS refuses: change, code, class. A refused change leaves no trace.

use serde_json::{Value, json};

use super::{SCENE, stage};
use crate::cloud::ErrorClass::{self, Conflict, Denied, Gone, Invalid};

const WEB: &str = "sg-00000000000000001";
const OTHER_VPC: &str = "sg-00000000000000002";
const UNKNOWN: &str = "sg-0ffffffffffffffff";
const VPC: &str = "vpc-00000000000000001";
pub(super) const INSTANCE: &str = "i-00000000000000001";

fn groups(interface: &str, after: &[&str]) -> Value {
    json!({"change": "interface_groups", "interface": interface, "instance": INSTANCE, "before": [WEB], "after": after})
}

fn create(vpc: &str, name: &str, description: &str) -> Value {
    json!({"change": "create_group", "vpc": vpc, "name": name, "description": description, "tags": {}})
}

fn rule(protocol: &str, ports: Option<(i32, i32)>, peer: Value) -> Value {
    json!({"protocol": protocol, "from_port": ports.map(|p| p.0), "to_port": ports.map(|p| p.1), "peer": peer})
}

fn rules(group: &str, effect: &str, rules: &[Value]) -> Value {
    json!({"change": "group_rules", "group": group, "direction": "egress", "effect": effect, "rules": rules})
}

fn snapshots(instance: &str, boot: bool, exclude: &[&str]) -> Value {
    json!({"change": "create_snapshots", "instance": instance, "volumes": [], "exclude_boot": boot,
           "exclude": exclude, "tags": {}})
}

pub(super) fn role_policy(role: &str, after: Value) -> Value {
    json!({"change": "role_policy", "role": role, "policy": "P", "before": null, "after": after})
}

pub(super) fn deny() -> Value {
    json!({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}})
}

pub(super) async fn check(table: Vec<(Value, &str, ErrorClass)>) {
    for (json, code, class) in table {
        let stage = stage(SCENE);
        let before = stage.sandbox.snapshot_world();
        let error = stage.apply(json.clone()).await.expect_err(&format!("{json} was not refused"));
        assert_eq!((error.code.as_str(), error.class), (code, class), "{json}: {error}");
        assert!(error.request_id.is_some(), "{json}");
        let after = stage.sandbox.snapshot_world();
        assert_eq!(
            (&before.accounts, &before.mutations),
            (&after.accounts, &after.mutations),
            "{json}"
        );
        assert_eq!(after.calls.values().sum::<u64>(), 1, "{json}");
    }
}

#[tokio::test]
async fn interfaces_and_groups() {
    let v4 = |cidr: &str| json!({"ipv4": cidr});
    let all = rule("-1", None, v4("0.0.0.0/0"));
    let many: Vec<_> = (0..60).map(|n| rule("tcp", Some((n, n)), v4("192.0.2.0/24"))).collect();
    let six = [WEB; 6];
    check(vec![
        (groups("eni-00000000000000001", &[UNKNOWN]), "InvalidGroup.NotFound", Gone),
        (groups("eni-00000000000000001", &[OTHER_VPC]), "InvalidGroup.NotFound", Gone),
        (groups("eni-00000000000000001", &[]), "InvalidParameterValue", Invalid),
        (groups("eni-00000000000000001", &six), "SecurityGroupsPerInterfaceLimitExceeded", Denied),
        (groups("eni-00000000000000002", &[WEB]), "AuthFailure", Denied),
        (groups("eni-0ffffffffffffffff", &[WEB]), "InvalidNetworkInterfaceID.NotFound", Gone),
        (create(VPC, "web", "d"), "InvalidGroup.Duplicate", Conflict),
        (create(VPC, "WEB", "d"), "InvalidGroup.Duplicate", Conflict),
        (create(VPC, "default", "d"), "InvalidGroup.Duplicate", Conflict),
        (create(VPC, "sg-name", "d"), "InvalidParameterValue", Invalid),
        (create(VPC, "", "d"), "InvalidParameterValue", Invalid),
        (create(VPC, "name", ""), "InvalidParameterValue", Invalid),
        (create(VPC, "name", "<script>"), "InvalidParameterValue", Invalid),
        (create(VPC, &"n".repeat(256), "d"), "InvalidParameterValue", Invalid),
        (create("vpc-0ffffffffffffffff", "name", "d"), "InvalidVpcID.NotFound", Gone),
        (
            rules(WEB, "authorize", std::slice::from_ref(&all)),
            "InvalidPermission.Duplicate",
            Conflict,
        ),
        (rules(WEB, "authorize", &many), "RulesPerSecurityGroupLimitExceeded", Denied),
        (rules(WEB, "authorize", &[]), "MissingParameter", Invalid),
        (
            rules(WEB, "authorize", &[rule("tcp", None, v4("0.0.0.0/0"))]),
            "InvalidParameterValue",
            Invalid,
        ),
        (
            rules(WEB, "authorize", &[rule("tcp", Some((9, 1)), v4("0.0.0.0/0"))]),
            "InvalidParameterValue",
            Invalid,
        ),
        (
            rules(WEB, "authorize", &[rule("xyz", None, v4("0.0.0.0/0"))]),
            "InvalidParameterValue",
            Invalid,
        ),
        (
            rules(WEB, "authorize", &[rule("-1", None, v4("0.0.0.0/33"))]),
            "InvalidParameterValue",
            Invalid,
        ),
        (
            rules(WEB, "authorize", &[rule("-1", None, json!({"ipv6": "::/129"}))]),
            "InvalidParameterValue",
            Invalid,
        ),
        (
            rules(WEB, "authorize", &[rule("-1", None, json!({"group": UNKNOWN}))]),
            "InvalidGroup.NotFound",
            Gone,
        ),
        (
            rules(WEB, "revoke", &[rule("-1", None, json!({"ipv6": "::/0"}))]),
            "InvalidPermission.NotFound",
            Conflict,
        ),
        (rules(WEB, "revoke", &[all.clone(), all.clone()]), "InvalidPermission.NotFound", Conflict),
        (rules(UNKNOWN, "revoke", &[all]), "InvalidGroup.NotFound", Gone),
    ])
    .await;
}

#[tokio::test]
async fn disks() {
    let share = |snapshot: &str, before: Value, after: Value| json!({"change": "snapshot_sharing", "snapshot": snapshot, "before": before, "after": after});
    check(vec![
        (snapshots("i-0ffffffffffffffff", false, &[]), "InvalidInstanceID.NotFound", Gone),
        (snapshots("i-00000000000000003", false, &[]), "IncorrectInstanceState", Conflict),
        (snapshots("i-00000000000000002", false, &[]), "InvalidParameterValue", Invalid),
        (snapshots(INSTANCE, false, &["vol-00000000000000001"]), "InvalidParameterValue", Invalid),
        (snapshots(INSTANCE, true, &["vol-0ffffffffffffffff"]), "InvalidParameterValue", Invalid),
        (
            share("snap-0ffffffffffffffff", json!([]), json!(["444455556666"])),
            "InvalidSnapshot.NotFound",
            Gone,
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_unknown_account_is_no_account_of_ours() {
    let stage = stage(SCENE);
    let nowhere = super::place("999999999999");
    let error = stage.session.groups(&nowhere, &[]).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.class), ("AccessDenied", Denied));
    let mut change = super::change(role_policy("web-server", deny()));
    change.at = nowhere;
    assert_eq!(stage.session.apply(&change).await.unwrap_err().class, Denied);
}
