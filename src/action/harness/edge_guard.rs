//! What guarding an instance makes of refusals, and of what changes while it works.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::Bench;
use super::drive::Stop;
use super::edge::{act, id, region};
use super::undo::fold;
use crate::action::find;
use crate::change::Urgency;
use crate::cloud::faulty::{Calls, Fault, Faulty, Plan};
use crate::cloud::{Cloud, Standing, standing};
use crate::id::InstanceId;

const GUARD: &str = "act::guard_instance";

#[tokio::test]
async fn a_guard_that_is_refused_keeps_none_of_the_others_back() {
    // Whatever fails here, the run goes on: the executor knows it by the urgency.
    assert_eq!(find(GUARD).unwrap().urgency(), Urgency::Description);
    for n in 1..=4 {
        let bench = Bench::new(false);
        let plan = Plan::none().counting(Calls::Changes).at(n, Fault::Denied);
        let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), plan);
        let params = json!({"instance": "i-000000000000000a2"});
        let stop = act(&bench, &mut bench.step("1"), &cloud, GUARD, params).await;
        assert!(matches!(stop, Err(Stop::Failed(_))), "{stop:?}");
        let made: usize = bench.effects()["ec2:ModifyInstanceAttribute"].iter().sum();
        assert_eq!(made, 3, "all but number {n}");
    }
}

#[tokio::test]
async fn what_somebody_has_set_since_is_seen_before_it_is_taken_back() {
    let bench = Bench::new(false);
    let mut step = bench.step("1");
    let params = json!({"instance": "i-000000000000000a3"});
    act(&bench, &mut step, &bench.sandbox, GUARD, params).await.unwrap();
    let done = fold(&step.records);
    // It had termination protection before; what is left to do is one volume and the shutdown.
    let operations: BTreeSet<String> =
        done.iter().map(|change| change.resource().split('/').nth(2).unwrap().to_owned()).collect();
    assert_eq!(
        operations,
        ["delete-on-termination", "shutdown-behavior"].map(str::to_owned).into()
    );
    let target: InstanceId = id("i-000000000000000a3");
    let swap = |world: &mut crate::cloud::sandbox::World| {
        let machine = region(world, &bench.at).instances.get_mut(&target).unwrap();
        machine.ending.terminates_itself = true;
        machine.instance.volumes[0].1 = id("vol-0000000000000000f");
    };
    bench.sandbox.edit(swap).unwrap();
    let session = bench.sandbox.open(Bench::anything());
    for change in &done {
        let expected = match change.resource().contains("shutdown") {
            true => Standing::Before,
            // Another volume is attached there now: it is not ours to let go.
            false => Standing::Gone,
        };
        assert_eq!(standing(session.as_ref(), change).await, Ok(expected), "{}", change.words());
    }
}
