//! The first look at a world: the example of the documentation is one.

use super::super::*;
use crate::clock::ManualClock;
use std::sync::Arc;
#[test]
fn the_example_of_the_documentation_builds() {
    let text = r#"
[[account]]
id = "111122223333"
region = "eu-west-1"

[[account.instance]]
id = "i-0a1b2c3d4e5f60718"
profile = "web-server"
volumes = [{ size = 8 }, { size = 100, encrypted = true }]

[[account.role]]
name = "web-server"
sessions = ["ASIAIOSFODNN7EXAMPLE"]

[[account.user]]
name = "deploy"
keys = ["AKIAIOSFODNN7EXAMPLE"]
console = true
"#;
    let clock = Arc::new(ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap()));
    let sandbox = Sandbox::from_scenario(text, clock).unwrap();
    let world = sandbox.snapshot_world();
    let again: World = serde_json::from_str(&serde_json::to_string(&world).unwrap()).unwrap();
    assert_eq!(world, again);
    let account = "111122223333".parse().unwrap();
    for key in ["ASIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"] {
        assert!(
            sandbox
                .attacker()
                .can_call(&account, &key.parse().unwrap())
                .allowed,
            "{key}"
        );
    }
}
