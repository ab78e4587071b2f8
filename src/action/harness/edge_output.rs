//! What looks and actions say of their output, held against what they give in the sandbox: a field
//! that is not declared would be an error of lint in a good script, one that is never there would
//! let a bad one pass.

use std::collections::BTreeSet;

use serde_json::json;

use super::Bench;
use super::case::CASES;
use crate::action::{Params, queries, registry};
use crate::cloud::Cloud;

#[tokio::test]
async fn every_action_gives_the_fields_that_it_declares() {
    for action in registry() {
        let mut seen = BTreeSet::new();
        for case in CASES.iter().filter(|case| case.action == action.name()) {
            let (_, _, output, _) = case.plain().await;
            assert_eq!(action.output().untrue_of(&output), [""; 0], "{}", action.name());
            seen.extend(action.output().seen_in(&output));
        }
        assert_eq!(seen, action.output().declared(), "{}", action.name());
    }
}

#[tokio::test]
async fn every_look_gives_the_fields_that_it_declares() {
    let bench = Bench::new(false);
    let session = bench.sandbox.open(Bench::anything());
    let looks = [
        // One with Elastic IP addresses, one with a profile: together they have every field.
        ("look::instance", json!({"instance": "i-000000000000000a1"})),
        ("look::instance", json!({"instance": "i-000000000000000a2"})),
        ("look::profile", json!({"profile": "arn:aws:iam::111122223333:instance-profile/web"})),
        ("look::role", json!({"role": "batch"})),
        ("look::task", json!({"cluster": "prod", "task": "000000000000000000000000000000a1"})),
        ("look::task", json!({"cluster": "prod", "task": "000000000000000000000000000000a3"})),
        ("look::function", json!({"function": "export"})),
        ("look::user", json!({"user": "deploy"})),
        ("look::security_group", json!({"group": "sg-000000000000000f1"})),
        ("look::assumed_roles", json!({"user": "deploy"})),
    ];
    for query in queries() {
        let mut seen = BTreeSet::new();
        for (_, params) in looks.iter().filter(|(name, _)| *name == query.name()) {
            let params = params.as_object().cloned().unwrap();
            let params = Params::check(query.params(), params).unwrap();
            let value = query.read(session.as_ref(), &bench.at, &params).await.unwrap();
            assert_eq!(query.output().untrue_of(&value), [""; 0], "{}", query.name());
            seen.extend(query.output().seen_in(&value));
        }
        assert_eq!(seen, query.output().declared(), "{}", query.name());
    }
}
