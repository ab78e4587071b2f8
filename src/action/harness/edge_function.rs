//! What throttling makes of functions: how each row must end, and what is on its way, ours or gone.

use serde_json::{Value, json};

use super::Bench;
use super::drive::Stop;
use super::edge::{act, region};
use super::undo::fold;
use crate::change::{FunctionChange, Inverse, Kind, Polling};
use crate::cloud::sandbox::World;
use crate::cloud::{Cloud, ErrorClass, Standing, standing};
use crate::id::FunctionName;

const THROTTLE: &str = "contain::throttle_function";

/// How a row of the table must end.
pub fn throttled(bench: &Bench, before: &World, output: &Value) {
    let name: FunctionName = output["function"].as_str().unwrap().parse().unwrap();
    let of = |world: &World| {
        let region = &world.accounts[&bench.at.account].regions[&bench.at.region];
        region.functions[&name].clone()
    };
    let (was, now) = (of(before), of(&bench.sandbox.snapshot_world()));
    assert_eq!(now.concurrency, Some(0));
    assert!(now.sources.iter().all(|source| source.polling == Polling::Off));
    let run = bench.sandbox.attacker().can_invoke(&bench.at, &name);
    assert!(!run.allowed, "{}", run.why);
    assert_eq!(output["role"], json!(was.role));
    assert_eq!(output["code_sha256"].as_str().map(str::len), Some(44));
    if output["already"] == json!(false) {
        // 0, a number and nothing are three things.
        assert_eq!(output["before"], json!(was.concurrency));
        let told = output["sources"].as_array().unwrap();
        for (told, was) in told.iter().zip(&was.sources) {
            assert_eq!(told["before"], json!(was.polling.label()));
        }
    }
    let notes = output["notes"].to_string();
    assert!(
        ["in flight", "pile up", "triggers"].iter().all(|word| notes.contains(word)),
        "{notes}"
    );
    assert_eq!(notes.contains("lets everybody"), was.public, "{notes}");
}

#[tokio::test]
async fn an_undo_turns_on_only_what_was_on_and_deletes_what_was_not_set() {
    let bench = Bench::new(false);
    let mut step = bench.step("1");
    act(&bench, &mut step, &bench.sandbox, THROTTLE, json!({"function": "export"})).await.unwrap();
    let done = fold(&step.records);
    assert_eq!(done.len(), 3, "{done:?}");
    assert!(done.iter().any(|change| matches!(
        &change.kind,
        Kind::Function(FunctionChange::Concurrency { before: None, after: Some(0), .. })
    )));
    assert!(!done.iter().any(|change| change.resource().contains("0000000000f2")), "{done:?}");
    bench.take_back(&step.records).await;
    let world = bench.sandbox.snapshot_world();
    let operations: Vec<&str> =
        world.mutations.iter().skip(3).map(|made| made.operation.as_str()).collect();
    assert!(operations.contains(&"lambda:DeleteFunctionConcurrency"), "{operations:?}");
}

/// Another function may have got what this one had: AWS then gives it back to nobody (Lambda Developer Guide,
/// "Configuring reserved concurrency": 100 are left for all that reserve none).
#[tokio::test]
async fn what_is_reserved_by_others_meanwhile_can_not_be_given_back() {
    let bench = Bench::new(false);
    let mut step = bench.step("1");
    let params = json!({"function": "resize_images"});
    act(&bench, &mut step, &bench.sandbox, THROTTLE, params).await.unwrap();
    let export: FunctionName = "export".parse().unwrap();
    let taken = |world: &mut World| {
        let functions = &mut region(world, &bench.at).functions;
        functions.get_mut(&export).unwrap().concurrency = Some(890);
    };
    bench.sandbox.edit(taken).unwrap();
    let Inverse::Change(back) = fold(&step.records)[0].inverse() else { panic!() };
    let session = bench.sandbox.open(Bench::anything());
    let error = session.apply(&back).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(error.message.contains("below its minimum value of [100]"), "{error}");
}

#[tokio::test]
async fn a_function_that_runs_in_a_protected_role_is_refused() {
    let bench = Bench::new(false);
    let params = json!({"function": "responder"});
    let stop = act(&bench, &mut bench.step("1"), &bench.sandbox, THROTTLE, params).await;
    let Err(Stop::Refused(reason)) = stop else { panic!("{stop:?}") };
    assert!(reason.contains("TourniquetResponder"), "{reason}");
    assert!(bench.sandbox.snapshot_world().mutations.is_empty());
}

#[tokio::test]
async fn a_function_that_is_gone_is_told_as_gone() {
    let bench = Bench::new(false);
    let params = json!({"function": "no-such"});
    let stop = act(&bench, &mut bench.step("1"), &bench.sandbox, THROTTLE, params).await;
    let Err(Stop::Refused(reason)) = stop else { panic!("{stop:?}") };
    assert!(reason.starts_with(crate::action::GONE), "{reason}");
}

/// AWS refuses to change an event source on its way: the function is throttled at once, and the rest waits.
#[tokio::test]
async fn what_is_on_its_way_is_waited_for_and_then_turned_off() {
    let bench = Bench::new(false);
    let export: FunctionName = "export".parse().unwrap();
    let on_its_way = |world: &mut World| {
        let function = region(world, &bench.at).functions.get_mut(&export).unwrap();
        function.sources.iter_mut().for_each(|source| source.looks_left = 3);
    };
    bench.sandbox.edit(on_its_way).unwrap();
    let mut step = bench.step("1");
    let params = json!({"function": "export"});
    act(&bench, &mut step, &bench.sandbox, THROTTLE, params).await.unwrap();
    let first = step.records.first().unwrap();
    assert!(first.change.resource().ends_with("/concurrency"), "{:?}", step.records);
    assert_eq!(step.records.len(), 3, "nothing was refused: {:?}", step.records);
}

#[tokio::test]
async fn an_undo_knows_what_others_have_made_of_the_function_since() {
    let bench = Bench::new(false);
    let mut step = bench.step("1");
    act(&bench, &mut step, &bench.sandbox, THROTTLE, json!({"function": "export"})).await.unwrap();
    let done = fold(&step.records);
    let throttle = done.iter().find(|change| change.resource().ends_with("/concurrency")).unwrap();
    let session = bench.sandbox.open(Bench::anything());
    let export: FunctionName = "export".parse().unwrap();
    for (now, expected) in [
        (Some(0), Standing::After),
        (None, Standing::Before),
        (Some(5), Standing::Other("Some(5)".to_owned())),
    ] {
        let set = |world: &mut World| {
            region(world, &bench.at).functions.get_mut(&export).unwrap().concurrency = now;
        };
        bench.sandbox.edit(set).unwrap();
        assert_eq!(standing(session.as_ref(), throttle).await, Ok(expected), "{now:?}");
    }
    bench.sandbox.edit(|world| region(world, &bench.at).functions.clear()).unwrap();
    for change in &done {
        assert_eq!(standing(session.as_ref(), change).await, Ok(Standing::Gone));
    }
}
