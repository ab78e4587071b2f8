//! Permissions: each derived policy is enough for its change, and nothing less is.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::allow::matches;
use super::{HOME, Permission, SCENE, change, id, place, scope, stage};
use crate::cloud::{Cloud, ErrorClass};

fn changes() -> Vec<Value> {
    let all = json!({"protocol": "-1", "from_port": null, "to_port": null, "peer": {"ipv4": "0.0.0.0/0"}});
    let deny = json!({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}});
    let case = json!({"tourniquet:case": "case-0001"});
    let none = json!({});
    vec![
        json!({"change": "interface_groups", "interface": "eni-00000000000000001",
               "instance": "i-00000000000000001", "before": [], "after": ["sg-00000000000000003"]}),
        json!({"change": "create_group", "vpc": "vpc-00000000000000001", "name": "q", "description": "d",
               "tags": case}),
        json!({"change": "group_rules", "group": "sg-00000000000000001", "direction": "egress",
               "effect": "revoke", "rules": [all]}),
        json!({"change": "group_rules", "group": "sg-00000000000000001", "direction": "ingress",
               "effect": "authorize", "rules": [all]}),
        json!({"change": "create_snapshots", "instance": "i-00000000000000001",
               "volumes": ["vol-00000000000000001"], "exclude_boot": false, "exclude": [], "tags": case}),
        json!({"change": "role_policy", "role": "web-server", "policy": "P", "before": null, "after": deny}),
        json!({"change": "user_policy", "user": "deploy", "policy": "P", "before": null, "after": deny}),
        json!({"change": "access_key", "user": "deploy", "key": "AKIA0000000000000001",
               "before": "Active", "after": "Inactive"}),
        json!({"change": "delete_login_profile", "user": "deploy",
               "before": {"created": "x", "reset_required": false}}),
        json!({"change": "tags", "resource": {"type": "instance", "id": "i-00000000000000001"},
               "before": none, "after": case}),
        json!({"change": "tags", "resource": {"type": "role", "id": "web-server"}, "before": none, "after": case}),
        json!({"change": "tags", "resource": {"type": "user", "id": "deploy"}, "before": none, "after": case}),
        json!({"change": "tags", "resource": {"type": "volume", "id": "vol-00000000000000001"},
               "before": {"old": ""}, "after": none}),
    ]
}

#[tokio::test]
async fn a_changes_own_permissions_are_enough_and_fewer_are_denied() {
    for json in changes() {
        let change = change(json);
        let all = change.permissions();
        let enough = stage(SCENE);
        enough
            .sandbox
            .open(scope(all.clone()))
            .apply(&change)
            .await
            .unwrap_or_else(|e| panic!("{e}"));
        let actions: std::collections::BTreeSet<_> = all.iter().map(|p| p.action.clone()).collect();
        for without in actions {
            let stage = stage(SCENE);
            let fewer = scope(all.iter().filter(|p| p.action != without).cloned());
            let error = stage.sandbox.open(fewer).apply(&change).await.unwrap_err();
            assert_eq!(error.class, ErrorClass::Denied, "{error}");
            assert!(error.message.contains(&without), "{error} does not name {without}");
            let code =
                if without.starts_with("ec2:") { "UnauthorizedOperation" } else { "AccessDenied" };
            assert_eq!(error.code, code);
            assert_eq!(stage.sandbox.snapshot_world().mutations, Vec::new());
        }
        let elsewhere = all
            .iter()
            .map(|p| Permission::new(&p.action, p.resource.replace(HOME, "999999999999")));
        let denied =
            stage(SCENE).sandbox.open(scope(elsewhere.filter(|p| p.resource.contains("999"))));
        assert_eq!(denied.apply(&change).await.unwrap_err().class, ErrorClass::Denied);
    }
}

#[tokio::test]
async fn each_read_needs_its_actions() {
    // What a session with just this action may read, of the reads below.
    let reads = async |actions: &[&str]| {
        let stage = stage(SCENE);
        let session =
            stage.sandbox.open(scope(actions.iter().map(|action| Permission::new(action, "*"))));
        let at = place(HOME);
        let instance = crate::change::Taggable::Instance(id("i-00000000000000001"));
        [
            ("instance", session.instance(&at, &id("i-00000000000000001")).await.is_ok()),
            ("groups", session.groups(&at, &[]).await.is_ok()),
            (
                "groups_for",
                session.groups_for(&at, &id("vpc-00000000000000001"), "q").await.is_ok(),
            ),
            ("snapshot", session.snapshot(&at, &id("snap-0ffffffffffffffff")).await.is_ok()),
            ("snapshots_tagged", session.snapshots_tagged(&at, "k", "v").await.is_ok()),
            ("sharing", session.snapshot_sharing(&at, &id("snap-0ffffffffffffffff")).await.is_ok()),
            (
                "default_key",
                session.is_default_key(&at, "arn:aws:kms:eu-west-1:1:key/x").await.is_ok(),
            ),
            ("role", session.role(&at, &id("web-server")).await.is_ok()),
            (
                "profile_role",
                session.profile_role(&at, "arn:aws:iam::1:instance-profile/x").await.is_ok(),
            ),
            ("role_policy", session.role_policy(&at, &id("web-server"), "P").await.is_ok()),
            ("key_owner", session.key_owner(&at, &id("AKIA0000000000000001")).await.is_ok()),
            ("user", session.user(&at, &id("deploy")).await.is_ok()),
            ("user_policy", session.user_policy(&at, &id("deploy"), "P").await.is_ok()),
            ("tags", session.tags(&at, &instance).await.is_ok()),
            ("finding", session.finding(&at, &id("f")).await.is_ok()),
        ]
        .into_iter()
        .filter_map(|(name, allowed)| allowed.then_some(name))
        .collect::<Vec<_>>()
    };
    let table: &[(&[&str], &[&str])] = &[
        (&[], &[]),
        (&["ec2:DescribeInstances"], &[]),
        (&["ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces"], &["instance"]),
        (&["ec2:DescribeSecurityGroups"], &["groups", "groups_for"]),
        (&["ec2:DescribeSnapshots"], &["snapshot", "snapshots_tagged"]),
        (&["ec2:DescribeSnapshotAttribute"], &["sharing"]),
        (&["ec2:GetEbsDefaultKmsKeyId"], &["default_key"]),
        (&["iam:GetRole"], &[]),
        (&["iam:GetRole", "iam:ListInstanceProfilesForRole"], &["role"]),
        (&["iam:GetInstanceProfile"], &["profile_role"]),
        (&["iam:GetRolePolicy"], &["role_policy"]),
        (&["iam:GetAccessKeyLastUsed"], &["key_owner"]),
        (&["iam:GetUser", "iam:ListAccessKeys"], &[]),
        (&["iam:GetUser", "iam:ListAccessKeys", "iam:GetLoginProfile"], &["user"]),
        (&["iam:GetUserPolicy"], &["user_policy"]),
        // The instance has no tags, so that its being there must be looked at.
        (&["ec2:DescribeTags"], &[]),
        (&["ec2:DescribeTags", "ec2:DescribeInstances"], &["tags"]),
        (&["guardduty:ListDetectors"], &[]),
        (&["guardduty:ListDetectors", "guardduty:GetFindings"], &["finding"]),
    ];
    for (actions, wanted) in table {
        assert_eq!(reads(actions).await, *wanted, "{actions:?}");
    }
    assert_eq!(reads(&["*"]).await.len(), 15);
    assert_eq!(reads(&["EC2:describe*"]).await.len(), 7, "actions are compared without case");
}

#[tokio::test]
async fn nobody_asks_when_the_world_does_not_enforce() {
    let stage = stage(&format!("enforce = false\n{SCENE}"));
    let session = stage.sandbox.open(scope([]));
    for json in changes() {
        session.apply(&change(json)).await.unwrap();
    }
    assert_eq!(stage.sandbox.snapshot_world().mutations.len(), changes().len());
}

#[test]
fn stars_and_question_marks() {
    let table = [
        ("*", "", true),
        ("*", "anything", true),
        ("", "", true),
        ("", "a", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("arn:aws:iam::1:role/*web", "arn:aws:iam::1:role/web", true),
        ("arn:aws:iam::1:role/*web", "arn:aws:iam::1:role/app/web", true),
        ("arn:aws:iam::1:role/*web", "arn:aws:iam::1:role/web2", false),
        ("a*b*c", "axxbyyc", true),
        ("a*b*c", "axxbyy", false),
        ("ec2:Describe*", "ec2:DescribeTags", true),
        ("ec2:Describe*", "ec2:CreateTags", false),
    ];
    for (pattern, text, wanted) in table {
        assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
    }
}

/// The definition of a match, too slow for hostile patterns.
fn plainly(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|n| plainly(rest, &text[n..])),
        Some((c, rest)) => {
            text.split_first().is_some_and(|(t, left)| (*c == '?' || c == t) && plainly(rest, left))
        }
    }
}

proptest! {
    #[test]
    fn matching_follows_its_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
        let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
        prop_assert_eq!(matches(&pattern, &text), plainly(&p, &t));
    }
}
