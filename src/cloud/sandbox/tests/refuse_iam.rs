//! What IAM and the tagging of all services refuse.

use serde_json::{Value, json};

use super::refuse::{INSTANCE, check, deny, role_policy};
use crate::cloud::ErrorClass::{Denied, Gone, Invalid};

fn tags(resource: Value, before: Value, after: Value) -> Value {
    json!({"change": "tags", "resource": resource, "before": before, "after": after})
}

#[tokio::test]
async fn roles_and_users() {
    let long = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Sid": "x".repeat(11_000)}]});
    let statement = |json: Value| json!({"Version": "2012-10-17", "Statement": [json]});
    let key = |user: &str, key: &str| json!({"change": "access_key", "user": user, "key": key, "before": "Active", "after": "Inactive"});
    let login = |user: &str| json!({"change": "delete_login_profile", "user": user, "before": {"created": "x", "reset_required": false}});
    let user_policy = |user: &str, after: Value| json!({"change": "user_policy", "user": user, "policy": "P", "before": null, "after": after});
    let mut table = vec![
        (role_policy("nobody", deny()), "NoSuchEntity", Gone),
        (role_policy("web-server", Value::Null), "NoSuchEntity", Gone),
        (role_policy("AWSServiceRoleForAmazonGuardDuty", deny()), "UnmodifiableEntity", Denied),
        (
            role_policy("AWSReservedSSO_Admin_0123456789abcdef", deny()),
            "UnmodifiableEntity",
            Denied,
        ),
        (role_policy("web-server", long.clone()), "LimitExceeded", Denied),
        (user_policy("nobody", deny()), "NoSuchEntity", Gone),
        (user_policy("deploy", Value::Null), "NoSuchEntity", Gone),
        (user_policy("deploy", long), "LimitExceeded", Denied),
        (key("deploy", "AKIA0000000000000009"), "NoSuchEntity", Gone),
        (key("nobody", "AKIA0000000000000001"), "NoSuchEntity", Gone),
        (login("no-console"), "NoSuchEntity", Gone),
        (login("nobody"), "NoSuchEntity", Gone),
    ];
    let malformed = [
        json!({}),
        json!([]),
        json!("text"),
        json!({"Version": "2025-01-01", "Statement": [deny()["Statement"]]}),
        json!({"Version": "2012-10-17", "Statement": []}),
        json!({"Version": "2012-10-17", "Statement": [deny()["Statement"]], "Other": 1}),
        statement(json!({"Effect": "deny", "Action": "*", "Resource": "*"})),
        statement(json!({"Effect": "Deny", "Resource": "*"})),
        statement(json!({"Effect": "Deny", "Action": "*"})),
        statement(json!({"Effect": "Deny", "Action": 7, "Resource": "*"})),
        statement(json!({"Effect": "Deny", "Action": "*", "NotAction": "*", "Resource": "*"})),
        statement(json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Principal": "*"})),
        statement(json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": []})),
    ];
    for document in malformed {
        table.push((
            role_policy("web-server", document.clone()),
            "MalformedPolicyDocument",
            Invalid,
        ));
        table.push((user_policy("deploy", document), "MalformedPolicyDocument", Invalid));
    }
    check(table).await;
}

#[tokio::test]
async fn tags_of_things() {
    let at = |kind: &str, id: &str| json!({"type": kind, "id": id});
    let one = json!({"a": "1"});
    let reserved = json!({"aws:a": "1"});
    let many: Value =
        (0..51).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>().into();
    let none = json!({});
    let instance = || at("instance", INSTANCE);
    check(vec![
        (
            tags(at("instance", "i-0ffffffffffffffff"), none.clone(), one.clone()),
            "InvalidInstanceID.NotFound",
            Gone,
        ),
        (
            tags(at("volume", "vol-0ffffffffffffffff"), none.clone(), one.clone()),
            "InvalidVolume.NotFound",
            Gone,
        ),
        (
            tags(at("snapshot", "snap-0ffffffffffffffff"), none.clone(), one.clone()),
            "InvalidSnapshot.NotFound",
            Gone,
        ),
        (tags(at("role", "nobody"), none.clone(), one.clone()), "NoSuchEntity", Gone),
        (tags(at("user", "nobody"), none.clone(), one.clone()), "NoSuchEntity", Gone),
        (tags(at("bucket", "nothing"), none.clone(), one.clone()), "NoSuchBucket", Gone),
        (
            tags(at("role", "AWSServiceRoleForAmazonGuardDuty"), none.clone(), one.clone()),
            "UnmodifiableEntity",
            Denied,
        ),
        (tags(instance(), none.clone(), reserved), "InvalidParameterValue", Invalid),
        (tags(instance(), none.clone(), json!({"": "1"})), "InvalidParameterValue", Invalid),
        (
            tags(instance(), none.clone(), json!({"k".repeat(129): "1"})),
            "InvalidParameterValue",
            Invalid,
        ),
        (
            tags(instance(), none.clone(), json!({"k": "v".repeat(257)})),
            "InvalidParameterValue",
            Invalid,
        ),
        (tags(instance(), none.clone(), many), "TagLimitExceeded", Denied),
        (tags(instance(), none.clone(), none.clone()), "MissingParameter", Invalid),
        (tags(instance(), one, json!({"b": "2"})), "InvalidParameterCombination", Invalid),
    ])
    .await;
}
