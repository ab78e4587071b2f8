//! What becomes of a role's trust while somebody else changes it, too.

use serde_json::json;

use super::Bench;
use super::drive::Record;
use super::edge::{act, id};
use super::undo::fold;
use crate::change::{Kind, TrustChange};
use crate::cloud::sandbox::World;
use crate::cloud::{Cloud, Standing, standing};

const ASSUME: &str = "contain::deny_role_assumption";

/// Somebody lets everybody in again.
fn open(bench: &Bench) {
    let open = |world: &mut World| {
        let roles = &mut world.account_mut(&bench.at.account).unwrap().roles;
        roles.get_mut(&id("web")).unwrap().trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]});
    };
    bench.sandbox.edit(open).unwrap();
}

fn trust(records: &[Record]) -> TrustChange {
    match fold(records).as_slice() {
        [one] => match &one.kind {
            Kind::Trust(change) => change.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_opens_a_role_again_is_shut_out_again_and_the_first_document_is_kept() {
    let bench = Bench::new(false);
    let was =
        bench.sandbox.snapshot_world().accounts[&bench.at.account].roles[&id("web")].trust.clone();
    let (mut step, params) = (bench.step("1"), json!({"role": "web"}));
    act(&bench, &mut step, &bench.sandbox, ASSUME, params.clone()).await.unwrap();
    open(&bench);
    let output = act(&bench, &mut step, &bench.sandbox, ASSUME, params).await.unwrap();
    assert_eq!(output["already"], json!(false));
    let TrustChange { before, after, .. } = trust(&step.records);
    assert_eq!(before, was, "the first `before` is the one that counts");
    assert_eq!(after["Statement"][0]["Effect"], json!("Deny"));
    let session = bench.sandbox.open(Bench::anything());
    let done = fold(&step.records).remove(0);
    assert_eq!(standing(session.as_ref(), &done).await, Ok(Standing::After));
    open(&bench);
    let drifted = standing(session.as_ref(), &done).await;
    assert!(matches!(drifted, Ok(Standing::Other(_))), "an undo leaves it alone: {drifted:?}");
}
