//! What taking a database off the network makes of its statuses, its cluster and of others' doing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::Bench;
use super::drive::Stop;
use super::edge::{act, id, region};
use crate::action::{GONE, Params, Verdict, find};
use crate::change::{DatabaseChange, Kind, TAG_PURPOSE};
use crate::cloud::faulty::{Faulty, Plan};
use crate::cloud::sandbox::World;
use crate::cloud::{Cloud, settled_groups};
use crate::id::{DatabaseId, GroupId, Place};

const RESTRICT: &str = "contain::restrict_database";

/// The check of the table.
pub(super) fn restricted(bench: &Bench, before: &World, output: &Value) {
    let database: DatabaseId = id(output["database"].as_str().unwrap());
    let attacker = bench.sandbox.attacker();
    let world = bench.sandbox.snapshot_world();
    let now = &world.accounts[&bench.at.account].regions[&bench.at.region];
    for member in output["members"].as_array().unwrap() {
        let reach = attacker.can_connect(&bench.at, &id(member.as_str().unwrap()));
        assert!(!reach.allowed, "{}", reach.why);
    }
    let group: GroupId = id(output["quarantine"].as_str().unwrap());
    let quarantine = &now.groups[&group];
    assert_eq!(quarantine.tags.get(TAG_PURPOSE).map(String::as_str), Some("quarantine"));
    assert!(quarantine.ingress.is_empty() && quarantine.egress.is_empty(), "{quarantine:?}");
    let was = &before.accounts[&bench.at.account].regions[&bench.at.region];
    let groups = |region: &crate::cloud::sandbox::RegionState| {
        let state = &region.databases[&database];
        match &state.cluster {
            Some(cluster) => settled_groups(&region.database_clusters[cluster].groups),
            None => settled_groups(&state.groups),
        }
    };
    assert_eq!(groups(now), std::slice::from_ref(&group));
    if output["already"] == json!(false) && output["groups_before"] != Value::Null {
        assert_eq!(
            output["groups_before"],
            json!(groups(was)),
            "the first `before` is what counts"
        );
    }
    let notes = output["notes"].to_string();
    assert!(notes.contains("stay open") && notes.contains("rotate the passwords"), "{notes}");
}

fn set(bench: &Bench, name: &str, change: impl FnOnce(&mut World, &Place, DatabaseId)) {
    bench.sandbox.edit(|world| change(world, &bench.at, id(name))).unwrap();
}

fn status(bench: &Bench, name: &str, status: &str) {
    set(bench, name, |world, at, id| {
        status.clone_into(&mut region(world, at).databases.get_mut(&id).unwrap().status);
    });
}

async fn refused(bench: &Bench, name: &str) -> String {
    let params = json!({"database": name});
    let stop = act(bench, &mut bench.step("1"), &bench.sandbox, RESTRICT, params).await;
    let Err(Stop::Refused(reason)) = stop else { panic!("{name}: {stop:?}") };
    assert!(bench.effects().is_empty(), "{name}: nothing is changed");
    reason
}

#[tokio::test]
async fn what_rds_does_not_change_is_refused_with_what_to_do() {
    for (found, expected) in [
        ("stopped", "seven days"),
        ("stopping", "seven days"),
        ("storage-full", "network ACL"),
        ("inaccessible-encryption-credentials-recoverable", "network ACL"),
        ("incompatible-network", "network ACL"),
        ("deleting", GONE),
    ] {
        let bench = Bench::new(false);
        status(&bench, "orders", found);
        let reason = refused(&bench, "orders").await;
        assert!(reason.contains(expected), "{found}: {reason}");
    }
    let bench = Bench::new(false);
    assert!(refused(&bench, "nobody").await.starts_with(GONE));
    set(&bench, "orders", |world, at, id| {
        let state = region(world, at).databases.get_mut(&id).unwrap();
        "custom-sqlserver-ee".clone_into(&mut state.engine);
    });
    assert!(refused(&bench, "orders").await.contains("RDS Custom"));
    set(&bench, "ledger", |world, at, id| {
        region(world, at).databases.get_mut(&id).unwrap().vpc = None;
    });
    assert!(refused(&bench, "ledger").await.contains("no VPC"));
    set(&bench, "shop-1", |world, at, _| {
        region(world, at).database_clusters.get_mut(&id("shop")).unwrap().limitless = true;
    });
    let reason = refused(&bench, "shop-1").await;
    assert!(reason.contains("Limitless") && reason.contains("by hand"), "{reason}");
}

#[tokio::test]
async fn a_status_that_passes_is_waited_for_and_nothing_is_changed_before() {
    let bench = Bench::new(false);
    // The group is there already, so that the first change would be the database's.
    let params = json!({"database": "ledger"});
    let action = find(RESTRICT).unwrap();
    let checked = Params::check(action.params(), params.as_object().cloned().unwrap()).unwrap();
    for found in ["backing-up", "modifying", "configuring-log-exports", "some-new-status"] {
        status(&bench, "ledger", found);
        let verdict = bench.step("1").look(&bench.sandbox, action, &checked).await.unwrap();
        let Verdict::Wait(time, reason) = verdict else { panic!("{found}: {verdict:?}") };
        assert!(time >= Duration::from_secs(5) && reason.contains(found), "{reason}");
    }
    status(&bench, "ledger", "storage-optimization");
    let verdict = bench.step("1").look(&bench.sandbox, action, &checked).await.unwrap();
    assert!(matches!(verdict, Verdict::Change(_)), "{verdict:?}");
}

#[tokio::test]
async fn a_whole_cluster_is_restricted_and_what_others_left_for_later_is_left() {
    let bench = Bench::new(false);
    let mut step = bench.step("1");
    let params = json!({"database": "shop-1"});
    let output = act(&bench, &mut step, &bench.sandbox, RESTRICT, params).await.unwrap();
    assert_eq!(
        (&output["cluster"], &output["members"], &output["public_before"]),
        (&json!("shop"), &json!(["shop-1", "shop-2"]), &json!(["shop-2"]))
    );
    let warnings = output["warnings"].to_string();
    assert!(warnings.contains("shop-2") && warnings.contains("maintenance window"), "{warnings}");
    let operations: Vec<&str> =
        step.records.iter().map(|record| record.change.operation()).collect();
    assert_eq!(operations.last_chunk(), Some(&["rds:ModifyDBCluster", "rds:ModifyDBInstance"]));
}

#[tokio::test]
async fn a_public_address_that_can_not_be_taken_away_is_told() {
    let bench = Bench::new(false);
    for name in ["shop-1", "shop-2"] {
        set(&bench, name, |world, at, id| {
            let state = region(world, at).databases.get_mut(&id).unwrap();
            "postgres".clone_into(&mut state.engine);
        });
    }
    let params = json!({"database": "shop-1"});
    let output = act(&bench, &mut bench.step("1"), &bench.sandbox, RESTRICT, params).await.unwrap();
    let warnings = output["warnings"].to_string();
    assert!(warnings.contains("shop-2 keeps its public address"), "{warnings}");
    assert_eq!(output["public_before"], json!([]));
}

#[tokio::test]
async fn groups_that_somebody_gives_back_meanwhile_are_taken_again() {
    let params = json!({"database": "orders"});
    let calls = {
        let bench = Bench::new(false);
        let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), Plan::none());
        act(&bench, &mut bench.step("1"), &cloud, RESTRICT, params.clone()).await.unwrap();
        cloud.calls()
    };
    for n in 1..calls {
        let bench = Bench::new(false);
        let (sandbox, at) = (bench.sandbox.clone(), bench.at.clone());
        let own = bench.sandbox.snapshot_world().accounts[&at.account].regions[&at.region]
            .databases[&id("orders")]
            .groups
            .clone();
        let meddle = move || {
            let give_back = |world: &mut World| {
                let state = region(world, &at).databases.get_mut(&id("orders")).unwrap();
                state.groups.clone_from(&own);
            };
            sandbox.edit(give_back).unwrap();
        };
        let plan = Plan::none().before(n, Arc::new(meddle));
        let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), plan);
        let before = bench.sandbox.snapshot_world();
        let mut step = bench.step("1");
        let output = act(&bench, &mut step, &cloud, RESTRICT, params.clone()).await.unwrap();
        restricted(&bench, &before, &output);
    }
}

#[tokio::test]
async fn an_undo_gives_each_attribute_back_and_says_which() {
    let bench = Bench::new(false);
    let mut step = bench.step("1");
    let params = json!({"database": "orders"});
    act(&bench, &mut step, &bench.sandbox, RESTRICT, params).await.unwrap();
    let told: Vec<&DatabaseChange> = step
        .records
        .iter()
        .filter_map(|record| match &record.change.kind {
            Kind::Database(change) => Some(change),
            _ => None,
        })
        .collect();
    let words: Vec<String> = told.iter().map(|change| change.given_back()).collect();
    assert!(words[0].starts_with("database orders has its security groups sg-"), "{words:?}");
    assert_eq!(words[1], "database orders has a public address again");
    let session = bench.sandbox.open(Bench::anything());
    let found = session.database(&bench.at, &id("orders")).await.unwrap().unwrap();
    assert!(!found.public);
}
