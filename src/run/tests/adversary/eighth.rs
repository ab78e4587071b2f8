//! The eighth reader: plans that change nothing, closed cases whose run goes on, reasons in questions.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::change::KeyStatus;
use crate::id::AccessKeyId;

const DISABLES: &str = "//! Disables.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
    fn run(case, p) { contain::disable_access_keys(\"deploy-bot\"); }";

/// Somebody makes a key for the user.
fn make_a_key(sandbox: &Sandbox) {
    let key: AccessKeyId = "AKIAZ7Q2EXAMPLE00099".parse().unwrap();
    sandbox
        .edit(|world| {
            let user = world.account_mut(&ours()).unwrap().users.values_mut().next().unwrap();
            user.keys.insert(key, crate::cloud::sandbox::Settling::settled(KeyStatus::Active));
        })
        .unwrap();
}

/// A run of this script that was taken back while it waits, and its case closed.
async fn taken_back_and_closed(source: &str) -> (Lab, Sandbox, RunRow) {
    let (lab, sandbox, row) = begun(source).await;
    assert_eq!((row.state, row.preserves), (RunState::Parked, true), "{row:?}");
    lab.desk.undo(&row.id, "ada".to_owned(), false).await.unwrap();
    // The undo alone: what the run waits for is not due yet.
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    let released = run(&lab, &row.id).await;
    assert!(released.released && !released.state.is_over(), "{released:?}");
    lab.desk.close_case(&row.case, "ada".to_owned(), "a test of ours").await.unwrap();
    assert_eq!(status(&lab, &row.case).await, Status::Closed);
    (lab, sandbox, row)
}

/// Every yes that anybody ever gave.
async fn yeses(lab: &Lab) -> usize {
    let mut yes = 0;
    for case in lab.cases().await {
        let entries = lab.entries(&case).await;
        let decided = entries.iter().filter(|entry| entry.kind == "approval.decided");
        yes += decided.filter(|entry| entry.body["decision"] == "approve").count();
    }
    yes
}

/// A plan that changes nothing asks nobody; the look that comes after it changes something all the same.
#[tokio::test]
async fn what_an_idle_plan_looks_at_again_is_not_changed_without_a_yes() {
    let (lab, sandbox, _) = faulty_lab(Plan::none(), DISABLES).await;
    let first = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    assert!(run(&lab, &first.id).await.contained);
    let second = lab.desk.start(by_hand("probe", json!({}), Mode::Approve)).await.unwrap();
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    assert_eq!(pending(&lab).await, 0, "the plan is idle");
    let before = sandbox.snapshot_world().mutations.len();
    // The owner of the user makes a key, seconds later.
    make_a_key(&sandbox);
    lab.settle().await;
    let changed: Vec<String> = sandbox.snapshot_world().mutations[before..]
        .iter()
        .map(|made| made.resource.clone())
        .collect();
    assert!(
        changed.is_empty(),
        "changed in mode approve with {} yeses: {changed:?}; {:?}",
        yeses(&lab).await,
        run(&lab, &second.id).await
    );
    lab.finish().await;
}

const REVOKES_ROLE_AND_ISOLATES: &str = "//! Both.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
    fn run(case, p) { contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"); \
    contain::revoke_role_sessions(\"web-server\"); }";

/// A run that looks at what holds is taken back; its case is closed at once; the look contains anew.
#[tokio::test]
async fn nothing_is_contained_anew_in_a_closed_case() {
    let (lab, sandbox, row) = taken_back_and_closed(REVOKES_ROLE_AND_ISOLATES).await;
    let before = sandbox.snapshot_world().mutations.len();
    undo_the_deny(&sandbox);
    lab.settle().await;
    let changed: Vec<String> = sandbox.snapshot_world().mutations[before..]
        .iter()
        .map(|made| made.resource.clone())
        .collect();
    let now = status(&lab, &row.case).await;
    assert!(
        changed.is_empty() || now != Status::Closed,
        "{changed:?} changed in a case that is {now:?}; told {:?}",
        lab.told()
    );
    lab.finish().await;
}

/// The same, and it never holds: the run fails, and the case says closed.
#[tokio::test]
async fn a_containment_that_never_holds_is_not_hidden_in_a_closed_case() {
    let (lab, sandbox, row) = taken_back_and_closed(REVOKES_ROLE_AND_ISOLATES).await;
    for _ in 0..20 {
        undo_the_deny(&sandbox);
        lab.clock.advance(Duration::from_secs(60));
        if drive_once(&lab, &CancellationToken::new()).await.is_none() {
            break;
        }
    }
    let done = run(&lab, &row.id).await;
    assert_eq!(done.state, RunState::Failed, "{done:?}");
    lab.wait(Duration::from_secs(1)).await;
    let now = status(&lab, &row.case).await;
    assert_eq!(now, Status::Attention, "{:?}; told {:?}", done.summary, lab.told());
    lab.finish().await;
}

/// A yes to one thing is none to what was already so, and is not any more.
#[tokio::test]
async fn what_an_approved_plan_does_not_name_is_not_changed_when_it_is_looked_at_again() {
    let source =
        DISABLES.replace("\"); }", "\"); contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"); }");
    let (lab, sandbox, _) = faulty_lab(Plan::none(), &source).await;
    let user = json!({"user": "deploy-bot"});
    lab.desk.start(by_hand("leaked-access-key", user, Mode::Contain)).await.unwrap();
    lab.settle().await;
    let second = lab.desk.start(by_hand("probe", json!({}), Mode::Approve)).await.unwrap();
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    let entries = lab.entries(&second.case).await;
    let plan = entries.iter().find(|entry| entry.kind == "plan.made").unwrap();
    assert!(!plan.body["scope"].to_string().contains("deploy-bot"), "{:?}", plan.body);
    decide(&lab, "grace", true).await.unwrap();
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    make_a_key(&sandbox);
    lab.settle().await;
    assert!(
        changes_of(&sandbox, "AKIAZ7Q2EXAMPLE00099").is_empty() || pending(&lab).await > 0,
        "{:?}",
        plan.body
    );
    lab.finish().await;
}

/// The script goes on after its evidence, and asks: its run was taken back, its case closed.
#[tokio::test]
async fn a_question_in_a_case_that_was_closed_over_a_run_taken_back_is_seen() {
    let source = "//! Keeps.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::isolate_instance(\"i-0a1b2c3d4e5f60718\");\n\
        evidence::snapshot_volumes(\"i-0a1b2c3d4e5f60718\");\n\
        approve(\"Go on?\");\n\
        contain::revoke_role_sessions(\"web-server\"); }";
    let (lab, _, row) = taken_back_and_closed(source).await;
    lab.settle().await;
    let (asks, now) = (pending(&lab).await, status(&lab, &row.case).await);
    assert!(asks == 0 || now == Status::Waiting, "{asks} questions in a case that is {now:?}");
    lab.finish().await;
}

/// Evidence fails after its run was taken back and its case closed.
#[tokio::test]
async fn evidence_that_fails_is_not_hidden_in_a_closed_case() {
    let source = "//! Keeps.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::isolate_instance(\"i-0a1b2c3d4e5f60718\");\n\
        evidence::snapshot_volumes(\"i-0a1b2c3d4e5f60718\"); }";
    let (lab, sandbox, row) = taken_back_and_closed(source).await;
    // The snapshots go on for more than the longest wait.
    meddle(&sandbox, |region| region.snapshots.clear());
    meddle(&sandbox, |region| region.instances.clear());
    lab.settle().await;
    lab.wait(Duration::from_secs(1)).await;
    let done = run(&lab, &row.id).await;
    let now = status(&lab, &row.case).await;
    let shows = now == Status::Attention || done.state == RunState::Succeeded;
    assert!(shows, "{now:?} {:?}; told {:?}", done.summary, lab.told());
    lab.finish().await;
}

/// The group of an isolation is yet to be made when a person says no to it: the plan names no instance.
#[tokio::test]
async fn a_no_to_an_isolation_whose_group_is_not_there_yet_binds_its_instance() {
    const SWEEPS: &str = "//! Sweeps.\nconst RUNBOOK = #{ on: [\"AttackSequence:EC2/CompromisedInstanceGroup\"], \
        mode: \"approve\" };\nfn run(case, p) { contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"); }";
    let library = library_with("sweep", SWEEPS);
    let (lab, sandbox) = lab_with(LabSettings { library, ..settings() }).await;
    let first = lab.deliver(&sequence().to_string()).await;
    lab.settle().await;
    assert_eq!(only_run(&lab, &first).await.runbook.as_str(), "sweep");
    decide(&lab, "grace", false).await.unwrap();
    lab.settle().await;
    assert!(sandbox.snapshot_world().mutations.is_empty());
    let next = lab.deliver(mining()).await;
    lab.settle().await;
    let isolated = groups(&sandbox).iter().any(|groups| *groups == ["quarantine"]);
    let told = runs(&lab, &next).await;
    assert!(!isolated && pending(&lab).await == 1, "isolated after a no: {told:#?}");
    lab.finish().await;
}

/// The same where a step asks: its plan was idle, and the group was deleted since.
#[tokio::test]
async fn a_no_to_a_step_whose_group_is_not_there_yet_binds_its_instance() {
    const WAITS: &str = "//! Waits.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"approve\" };\n\
        fn run(case, p) { sleep(600); contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"); }";
    let library = library_with("waits", WAITS);
    let (lab, sandbox) = lab_with(LabSettings { library, ..settings() }).await;
    let before = sandbox.snapshot_world();
    let id = json!({"instance": "i-0a1b2c3d4e5f60718"});
    lab.desk.start(by_hand("compromised-instance", id, Mode::Contain)).await.unwrap();
    lab.settle().await;
    lab.desk.start(by_hand("waits", json!({}), Mode::Approve)).await.unwrap();
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    assert_eq!(pending(&lab).await, 0, "its plan is idle");
    sandbox.edit(|world| world.accounts = before.accounts).unwrap();
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1);
    decide(&lab, "grace", false).await.unwrap();
    lab.settle().await;
    let next = lab.deliver(mining()).await;
    lab.settle().await;
    let isolated = groups(&sandbox).iter().any(|groups| *groups == ["quarantine"]);
    let told = runs(&lab, &next).await;
    assert!(!isolated && pending(&lab).await == 1, "isolated after a no: {told:#?}");
    lab.finish().await;
}

/// Another instance in the same network.
const SECOND: &str = "i-0fffffffffffffff2";

/// Adds it.
fn with_a_second(sandbox: &Sandbox) {
    meddle(sandbox, |region| {
        let mut machine = region.instances.values().next().unwrap().clone();
        machine.instance.id = SECOND.parse().unwrap();
        machine.instance.interfaces.truncate(1);
        machine.instance.interfaces[0].id = "eni-0fffffffffffffff2".parse().unwrap();
        region.instances.insert(SECOND.parse().unwrap(), machine);
    });
}

/// Whether each interface of an instance is behind the quarantine group.
fn is_isolated(sandbox: &Sandbox, id: &str) -> bool {
    let world = sandbox.snapshot_world();
    let region = world.accounts[&ours()].regions.values().next().unwrap();
    let machine = &region.instances[&id.parse::<crate::id::InstanceId>().unwrap()];
    let ours = |group| region.groups[group].name.starts_with("tourniquet-quarantine");
    machine.instance.interfaces.iter().all(|interface| interface.groups.iter().all(ours))
}

/// A person agreed to isolate two instances of one network, whose group the first of them makes.
#[tokio::test]
async fn a_yes_to_two_isolations_is_not_asked_for_again() {
    let source = format!(
        "//! Two.\nconst RUNBOOK = #{{ on: [\"Never:X/*\"], mode: \"contain\" }};\n\
        fn run(case, p) {{ contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"); \
        contain::isolate_instance(\"{SECOND}\"); }}"
    );
    let (lab, sandbox, _) = faulty_lab(Plan::none(), &source).await;
    with_a_second(&sandbox);
    lab.desk.start(by_hand("probe", json!({}), Mode::Approve)).await.unwrap();
    lab.settle().await;
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    let asked = lab.env.store.approvals_pending().await.unwrap();
    let words: Vec<&str> = asked.iter().map(|row| row.question.as_str()).collect();
    assert!(asked.is_empty() && is_isolated(&sandbox, SECOND), "{words:?}");
    lab.finish().await;
}

/// Two questions about two instances of one network are open, and both are answered with yes.
#[tokio::test]
async fn a_yes_counts_though_the_one_before_it_made_the_group() {
    let source = format!(
        "//! Two.\nconst RUNBOOK = #{{ on: [\"Never:X/*\"], mode: \"contain\" }};\n\
        fn run(case, p) {{ sleep(600); parallel([|| contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"), \
        || contain::isolate_instance(\"{SECOND}\")]); }}"
    );
    let (lab, sandbox, _) = faulty_lab(Plan::none(), &source).await;
    with_a_second(&sandbox);
    let before = sandbox.snapshot_world();
    lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    let two = lab.desk.start(by_hand("probe", json!({}), Mode::Approve)).await.unwrap();
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    assert_eq!(pending(&lab).await, 0, "its plan is idle");
    sandbox.edit(|world| world.accounts = before.accounts).unwrap();
    lab.settle().await;
    assert_eq!(pending(&lab).await, 2);
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    let done = run(&lab, &two.id).await;
    assert!(done.contained, "{done:?}");
    lab.finish().await;
}

/// A run sleeps, or makes evidence, before it contains anything: a person takes it back meanwhile.
async fn taken_back_before_it_contains(first: &str) {
    let source = format!(
        "//! Later.\nconst RUNBOOK = #{{ on: [\"Never:X/*\"], mode: \"contain\" }};\n\
        fn run(case, p) {{ {first} contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"); }}"
    );
    let (lab, sandbox, row) = begun(&source).await;
    assert_eq!((row.state, row.preserves), (RunState::Parked, true), "{row:?}");
    let back = lab.desk.undo(&row.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    let (back, done) = (run(&lab, &back.id).await, run(&lab, &row.id).await);
    assert!(
        groups(&sandbox).iter().all(|groups| *groups != ["quarantine"]),
        "the undo {:?} {:?}; then the run {:?} {:?}; the case is {:?}",
        back.state,
        back.summary,
        done.state,
        done.summary,
        status(&lab, &row.case).await
    );
    lab.finish().await;
}

#[tokio::test]
async fn a_run_that_was_taken_back_in_its_sleep_contains_nothing() {
    taken_back_before_it_contains("sleep(600);").await;
}

#[tokio::test]
async fn a_run_that_was_taken_back_over_its_evidence_contains_nothing() {
    taken_back_before_it_contains("evidence::snapshot_volumes(\"i-0a1b2c3d4e5f60718\");").await;
}
