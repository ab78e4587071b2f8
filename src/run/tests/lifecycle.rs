//! The plain way: a finding becomes a contained case; observation changes nothing; sleeps wake.

use serde_json::json;

use super::*;
use crate::case::{RunState, Status};
use crate::clock::Clock;
use crate::cloud::faulty::{Calls, Faulty, Plan};
use crate::id::Place;
use crate::run::drive::{Driven, drive};
use crate::run::lease::Lease;

#[tokio::test]
async fn a_finding_becomes_a_contained_case() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let done = only_run(&lab, &case).await;
    assert_eq!((done.state, done.contained), (RunState::Succeeded, true), "{:?}", done.summary);
    let row = lab.env.store.case(&case).await.unwrap().unwrap();
    assert_eq!(row.status, Status::Contained);
    assert!(row.contained_at.is_some());
    let entries = lab.entries(&case).await;
    assert_eq!(count(&entries, "change.intent"), count(&entries, "change.outcome"));
    assert_eq!(count(&entries, "evidence.recorded"), 2, "one record a volume");
    let place =
        Place { account: "111122223333".parse().unwrap(), region: "eu-west-1".parse().unwrap() };
    let attacker = sandbox.attacker();
    assert!(!attacker.can_reach_out(&place, &"i-0a1b2c3d4e5f60718".parse().unwrap()).allowed);
    assert!(!attacker.can_call(&place.account, &"ASIAZ7Q2EXAMPLE00001".parse().unwrap()).allowed);
    assert!(
        attacker.can_call(&place.account, &"ASIAZ7Q2EXAMPLE00002".parse().unwrap()).allowed,
        "not its role"
    );
    lab.finish().await;
}

#[tokio::test]
async fn every_mutation_in_aws_has_an_intent_before_it_and_an_outcome_with_its_request_id() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let entries = lab.entries(&case).await;
    let mut recorded: Vec<String> = entries
        .iter()
        .filter(|entry| entry.kind == "change.outcome")
        .map(|entry| entry.body["receipt"]["request_id"].as_str().unwrap().to_owned())
        .collect();
    let mut made: Vec<String> =
        sandbox.snapshot_world().mutations.into_iter().map(|m| m.request_id).collect();
    recorded.sort();
    made.sort();
    assert_eq!(recorded, made);
    lab.finish().await;
}

#[tokio::test]
async fn without_an_account_on_the_allow_list_everything_is_observed() {
    let (lab, sandbox) = lab_with(LabSettings { allowed: Default::default(), ..settings() }).await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let done = only_run(&lab, &case).await;
    assert_eq!(
        (done.mode, done.state, done.contained),
        (Mode::Observe, RunState::Succeeded, false)
    );
    assert_eq!(sandbox.snapshot_world().mutations.len(), 0);
    assert_eq!(lab.env.store.case(&case).await.unwrap().unwrap().status, Status::Open);
    let entries = lab.entries(&case).await;
    assert_eq!(count(&entries, "plan.made"), 1, "the plan says what would have been done");
    lab.finish().await;
}

#[tokio::test]
async fn a_hundred_deliveries_are_one_case_and_one_run() {
    let (lab, _) = lab().await;
    let case = lab.deliver(mining()).await;
    for _ in 0..99 {
        assert_eq!(lab.deliver(mining()).await, case);
    }
    lab.settle().await;
    only_run(&lab, &case).await;
    let row = lab.env.store.case(&case).await.unwrap().unwrap();
    assert_eq!((row.findings, row.deliveries), (1, 100));
    lab.finish().await;
}

#[tokio::test]
async fn a_run_sleeps_without_being_held_and_goes_on() {
    let source = "//! Waits.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { sleep(\"30m\"); act::tag_resource(\"role/web-server\", #{ \"slept\": \"yes\" }); }";
    let (lab, sandbox) =
        lab_with(LabSettings { library: library_with("waits", source), ..settings() }).await;
    let started = lab.desk.start(by_hand("waits", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    let done = run(&lab, &started.id).await;
    assert_eq!(done.state, RunState::Succeeded, "{:?}", done.summary);
    let entries = lab.entries(&started.case).await;
    let at =
        |kind: &str, n: usize| entries.iter().filter(|entry| entry.kind == kind).nth(n).unwrap().at;
    let slept = at("step.requested", 1).duration_since(at("step.requested", 0));
    assert!(slept.as_secs() >= 1800, "{slept:?}");
    assert_eq!(sandbox.snapshot_world().mutations.len(), 1);
    lab.finish().await;
}

#[tokio::test]
async fn a_run_that_a_stop_gives_back_goes_on_at_once() {
    let (lab, _) = lab().await;
    let case = lab.deliver(mining()).await;
    let now = lab.clock.now();
    let (row, fence) = lab.env.store.claim("lab", now).await.unwrap().unwrap();
    let lease = Lease::new(fence, lab.clock.monotonic());
    let stopping = CancellationToken::new();
    stopping.cancel();
    let driven = Box::pin(drive(&lab.env, &row, &lease, &stopping)).await.unwrap();
    assert_eq!(driven, Driven::Released);
    let row = only_run(&lab, &case).await;
    assert_eq!((row.state, row.wake_at), (RunState::Queued, None), "no wake-up to wait for");
    lab.settle().await;
    assert!(only_run(&lab, &case).await.contained);
    lab.finish().await;
}

#[tokio::test]
async fn a_script_that_fails_is_a_failed_run_and_contained_things_stay_contained() {
    let source = "//! Fails.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::revoke_role_sessions(\"web-server\"); throw \"no\"; }";
    let (lab, sandbox) =
        lab_with(LabSettings { library: library_with("fails", source), ..settings() }).await;
    let started = lab.desk.start(by_hand("fails", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    let done = run(&lab, &started.id).await;
    assert_eq!(done.state, RunState::Failed);
    assert_eq!(lab.env.store.case(&started.case).await.unwrap().unwrap().status, Status::Attention);
    let account = "111122223333".parse().unwrap();
    assert!(
        !sandbox.attacker().can_call(&account, &"ASIAZ7Q2EXAMPLE00001".parse().unwrap()).allowed
    );
    lab.finish().await;
}

#[tokio::test]
async fn what_a_script_says_after_its_last_step_is_in_the_timeline() {
    for (last, state) in [("", RunState::Succeeded), ("throw \"no\";", RunState::Failed)] {
        let source = format!(
            "//! Says.\nconst RUNBOOK = #{{ on: [\"Never:X/*\"], mode: \"contain\" }};\n\
             fn run(case, p) {{ contain::revoke_role_sessions(\"web-server\"); log(\"call the owner\"); {last} }}"
        );
        let (lab, _) =
            lab_with(LabSettings { library: library_with("says", &source), ..settings() }).await;
        let started = lab.desk.start(by_hand("says", json!({}), Mode::Contain)).await.unwrap();
        lab.settle().await;
        assert_eq!(run(&lab, &started.id).await.state, state);
        let entries = lab.entries(&started.case).await;
        let end = entries.iter().find(|entry| entry.kind == "run.finished").unwrap();
        assert_eq!(end.body["log"], json!(["call the owner"]));
        lab.finish().await;
    }
}

#[tokio::test]
async fn what_was_preserved_is_recorded_even_if_the_rest_is_lost() {
    let source = "//! Keeps.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { evidence::snapshot_volumes(\"i-0a1b2c3d4e5f60718\"); }";
    let clock = clock();
    let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap();
    // A volume is detached between the look and the snapshots.
    let world = sandbox.clone();
    let detach = move || {
        let edited = world.edit(|world| {
            let account = world.accounts.get_mut(&"111122223333".parse().unwrap()).unwrap();
            let region = account.regions.values_mut().next().unwrap();
            region.instances.values_mut().next().unwrap().instance.volumes.pop();
        });
        edited.unwrap();
    };
    let plan = Plan::none().counting(Calls::Changes).before(1, Arc::new(detach));
    let faulty = Arc::new(Faulty::new(Arc::new(sandbox), plan));
    let library = library_with("keeps", source);
    let lab = Lab::new(faulty, clock, LabSettings { library, ..settings() }).await;
    let started = lab.desk.start(by_hand("keeps", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    let done = run(&lab, &started.id).await;
    assert_eq!((done.state, done.contained), (RunState::Halted, false), "{:?}", done.summary);
    assert_eq!(count(&lab.entries(&started.case).await, "evidence.recorded"), 1);
    lab.finish().await;
}

#[tokio::test]
async fn a_caught_failure_of_containment_is_never_contained() {
    let source = "//! Catches.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { try { contain::revoke_role_sessions(\"absent\"); } catch (e) { log(e.message); }\n\
        contain::revoke_role_sessions(\"web-server\"); }";
    let (lab, _) =
        lab_with(LabSettings { library: library_with("catches", source), ..settings() }).await;
    let started = lab.desk.start(by_hand("catches", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    let done = run(&lab, &started.id).await;
    assert_eq!((done.state, done.contained), (RunState::Failed, false), "{:?}", done.summary);
    assert!(done.summary.unwrap().contains("absent"));
    lab.finish().await;
}

#[tokio::test]
async fn an_observed_finding_does_not_keep_a_later_one_from_being_contained() {
    let (lab, _) = lab().await;
    let archived = fixtures::CRYPTO_MINING_INSTANCE_ARCHIVED
        .replace("c0ffee0123456789c0ffee0123456781", "c0ffee0123456789c0ffee0123456799");
    let case = lab.deliver(&archived).await;
    lab.settle().await;
    assert_eq!(only_run(&lab, &case).await.mode, Mode::Observe);
    assert_eq!(lab.deliver(mining()).await, case);
    lab.settle().await;
    assert_eq!(lab.env.store.case(&case).await.unwrap().unwrap().status, Status::Contained);
    lab.finish().await;
}

/// Snapshots take up to 72 hours, and the attacker may have opened the instance again by then.
#[tokio::test]
async fn a_run_that_only_waits_for_snapshots_does_not_hold_up_an_isolation() {
    let (lab, _) = lab().await;
    let wanted = || {
        let params = json!({"instance": "i-0a1b2c3d4e5f60718"});
        by_hand("compromised-instance", params, Mode::Contain)
    };
    let first = lab.desk.start(wanted()).await.unwrap();
    let stopping = CancellationToken::new();
    let claimed = lab.env.clock.monotonic();
    let (row, fence) = lab.env.store.claim("lab", lab.clock.now()).await.unwrap().unwrap();
    let lease = crate::run::lease::Lease::new(fence, claimed);
    Box::pin(crate::run::drive::drive(&lab.env, &row, &lease, &stopping)).await.unwrap();
    let waits = run(&lab, &first.id).await;
    assert_eq!(waits.state, RunState::Parked);
    let told = lab.entries(&first.case).await;
    let told = told.iter().filter(|entry| {
        entry.kind == "step.finished" && entry.body.get("name") == Some(&json!("notify"))
    });
    assert_eq!(told.count(), 1, "on-call knows of the isolation already");
    let second = lab.desk.start(wanted()).await.unwrap();
    let (row, fence) = lab.env.store.claim("lab", lab.clock.now()).await.unwrap().unwrap();
    assert_eq!(row.id, second.id);
    let lease = crate::run::lease::Lease::new(fence, lab.env.clock.monotonic());
    Box::pin(crate::run::drive::drive(&lab.env, &row, &lease, &stopping)).await.unwrap();
    lab.settle().await;
    for id in [&first.id, &second.id] {
        let done = run(&lab, id).await;
        assert!(done.contained, "{:?}", done.summary);
    }
    lab.finish().await;
}

/// Evidence may take days: that is not how long the attacker could still act.
#[tokio::test]
async fn a_case_is_contained_since_its_last_containment_was_seen() {
    let (lab, _) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let entries = lab.entries(&case).await;
    let verb = |entry: &&Entry| {
        entry.body.get("name").and_then(Value::as_str).is_some_and(|it| it.starts_with("contain::"))
    };
    // That it is still contained when it is looked at again moves nothing.
    let again = |entry: &&Entry| entry.body["step"].as_str().is_some_and(|key| key.contains('~'));
    let steps = entries.iter().filter(|entry| entry.kind == "step.finished").filter(verb);
    let steps = steps.filter(|entry| !again(entry));
    let seen = steps.map(|entry| entry.at).max().unwrap();
    let row = lab.env.store.case(&case).await.unwrap().unwrap();
    assert_eq!(row.contained_at.map(|at| at.as_microsecond()), Some(seen.as_microsecond()));
    let ended = entries.iter().find(|entry| entry.kind == "run.finished").unwrap();
    assert!(seen < ended.at, "{seen} {}", ended.at);
    lab.finish().await;
}
