//! The reads that runbooks may ask for, each with no permission but its own.

use serde_json::{Value, json};

use super::Bench;
use crate::action::{Params, queries};
use crate::cloud::{Cloud, Scope};

#[tokio::test]
async fn queries_read_with_their_own_permissions_and_say_null_for_what_is_absent() {
    let bench = Bench::new(false);
    let profile =
        |account: &str, name: &str| format!("arn:aws:iam::{account}:instance-profile/{name}");
    for (name, params, pointer, expected) in [
        ("look::instance", json!({"instance": "i-000000000000000a1"}), "/role", json!("web")),
        ("look::instance", json!({"instance": "i-000000000000000a1"}), "/tags/team", json!("web")),
        ("look::instance", json!({"instance": "i-000000000000000a2"}), "/role", Value::Null),
        ("look::instance", json!({"instance": "i-00000000000000fff"}), "", Value::Null),
        (
            "look::profile",
            json!({"profile": profile("111122223333", "web")}),
            "/role",
            json!("web"),
        ),
        ("look::profile", json!({"profile": profile("444455556666", "web")}), "", Value::Null),
        ("look::profile", json!({"profile": profile("111122223333", "none")}), "", Value::Null),
        ("look::role", json!({"role": "batch"}), "/path", json!("/jobs/")),
        ("look::role", json!({"role": "nobody"}), "", Value::Null),
        ("look::security_group", json!({"group": "sg-000000000000000f1"}), "/interfaces", json!(2)),
        (
            "look::security_group",
            json!({"group": "sg-000000000000000f1"}),
            "/users/0/instance",
            json!("i-000000000000000a7"),
        ),
        ("look::security_group", json!({"group": "sg-0ffffffffffffffff"}), "", Value::Null),
        (
            "look::task",
            json!({"cluster": "prod", "task": "000000000000000000000000000000a1"}),
            "/task_role",
            json!("web"),
        ),
        (
            "look::task",
            json!({"cluster": "other", "task": "000000000000000000000000000000a1"}),
            "",
            Value::Null,
        ),
        ("look::function", json!({"function": "export"}), "/role", json!("web")),
        ("look::function", json!({"function": "resize_images"}), "/concurrency", json!(20)),
        ("look::function", json!({"function": "no-such"}), "", Value::Null),
        ("look::user", json!({"user": "deploy"}), "/console", json!(true)),
        ("look::user", json!({"key": "AKIAAAAAAAAAAAAAAAA3"}), "/name", json!("legacy")),
        ("look::user", json!({"key": "AKIAAAAAAAAAAAAAAAA9"}), "", Value::Null),
        ("look::assumed_roles", json!({"user": "deploy"}), "/roles", json!(["batch", "web"])),
        (
            "look::assumed_roles",
            json!({"key": "AKIAAAAAAAAAAAAAAAA1"}),
            "/made",
            json!(["CreateUser eve at 2025-03-01T09:50:00.25Z"]),
        ),
        ("look::assumed_roles", json!({"user": "legacy"}), "/roles", json!([])),
        ("look::assumed_roles", json!({"user": "deploy"}), "/complete", json!(true)),
    ] {
        let query = queries().iter().find(|query| query.name() == name).unwrap();
        let permissions = query.permissions(&bench.at);
        let session = bench.sandbox.open(Scope { permissions, ..Bench::anything() });
        let given = Params::check(query.params(), params.as_object().cloned().unwrap()).unwrap();
        let value = query.read(session.as_ref(), &bench.at, &given).await.unwrap();
        assert_eq!(value.pointer(pointer), Some(&expected), "{name} {params}: {value}");
    }
}
