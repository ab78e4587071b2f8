//! What a hostile reader found: each of these failed when it was written.

use serde_json::json;

use super::siege::*;
use super::*;
use crate::case::{RunState, Status};
use crate::cloud::faulty::{Calls, Fault, Plan};

async fn status(lab: &Lab, case: &CaseId) -> Status {
    lab.env.store.case(case).await.unwrap().unwrap().status
}

async fn pending(lab: &Lab) -> usize {
    lab.env.store.approvals_pending().await.unwrap().len()
}

fn miner() -> Value {
    serde_json::from_str(mining()).unwrap()
}

/// Another finding about the same instance.
fn another(n: u32) -> Value {
    let mut event = miner();
    event["detail"]["id"] = json!(format!("0123456789abcdef0123456789ab{n:04}"));
    event
}

fn later(event: &Value, at: &str, count: u64) -> Value {
    let mut event = event.clone();
    event["detail"]["updatedAt"] = json!(at);
    event["detail"]["service"]["count"] = json!(count);
    event
}

/// The sequence with one more instance.
fn grown() -> Value {
    let mut grown = later(&sequence(), "2026-03-14T11:45:12.000Z", 2);
    let list = &mut grown["detail"]["service"]["detection"]["sequence"]["resources"];
    let mut more = list[0].clone();
    more["uid"] = json!("arn:aws:ec2:eu-west-1:111122223333:instance/i-0fffffffffffffff1");
    list.as_array_mut().unwrap().push(more);
    grown
}

fn confirming() -> LabSettings {
    LabSettings { confirm_findings: true, ..settings() }
}

async fn runs(lab: &Lab, case: &CaseId) -> Vec<String> {
    let runs = lab.env.store.runs_of(case).await.unwrap();
    let words = |run: &RunRow| {
        let state = run.state.label();
        format!("{} {} {state} contained={} {:?}", run.runbook, run.mode.label(), run.contained, run.summary)
    };
    runs.iter().map(words).collect()
}

// ---- a forged finding that is not refuted yet stands in the way of a genuine one ----

/// A forged finding about the instance comes just before the genuine one.
#[tokio::test]
async fn a_forged_finding_that_comes_first_swallows_no_genuine_one() {
    let (lab, sandbox) = lab_with(confirming()).await;
    said(&sandbox, &miner()["detail"]);
    let case = lab.deliver(&another(1).to_string()).await;
    // Before anybody has asked GuardDuty about the first.
    assert_eq!(lab.deliver(mining()).await, case);
    lab.settle().await;
    let told = runs(&lab, &case).await;
    assert!(groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]), "{told:#?}");
    lab.finish().await;
}

/// The same without a forgery: GuardDuty has archived the first one meanwhile.
#[tokio::test]
async fn a_finding_that_was_archived_meanwhile_swallows_no_other() {
    let (lab, sandbox) = lab_with(confirming()).await;
    said(&sandbox, &miner()["detail"]);
    let mut archived = another(1)["detail"].clone();
    archived["service"]["archived"] = json!(true);
    said(&sandbox, &archived);
    let case = lab.deliver(&another(1).to_string()).await;
    assert_eq!(lab.deliver(mining()).await, case);
    lab.settle().await;
    let told = runs(&lab, &case).await;
    assert!(groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]), "{told:#?}");
    lab.finish().await;
}

/// A forged version of the finding itself comes just before the genuine one.
#[tokio::test]
async fn a_forged_version_that_comes_first_swallows_no_genuine_one() {
    let (lab, sandbox) = lab_with(confirming()).await;
    said(&sandbox, &miner()["detail"]);
    let mut forged = later(&miner(), "2026-03-14T09:00:00.000Z", 1);
    forged["detail"]["type"] = json!("CryptoCurrency:EC2/BitcoinTool.C");
    let case = lab.deliver(&forged.to_string()).await;
    assert_eq!(lab.deliver(mining()).await, case);
    lab.settle().await;
    let told = runs(&lab, &case).await;
    assert!(groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]), "{told:#?}");
    lab.finish().await;
}

/// After the genuine finding was answered, somebody claims to know a version from the year 9999.
#[tokio::test]
async fn a_forged_version_from_the_future_hides_no_growth() {
    let (lab, sandbox) = lab_with(confirming()).await;
    said(&sandbox, &sequence()["detail"]);
    let case = lab.deliver(&sequence().to_string()).await;
    lab.settle().await;
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    let forged = later(&sequence(), "9999-01-01T00:00:00.000Z", 1);
    assert_eq!(lab.deliver(&forged.to_string()).await, case);
    lab.settle().await;
    said(&sandbox, &grown()["detail"]);
    assert_eq!(lab.deliver(&grown().to_string()).await, case);
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

// ---- superseded questions ----

/// The later version is a forgery, and nobody has looked yet.
#[tokio::test]
async fn no_question_is_given_up_for_a_forged_version() {
    let (lab, sandbox) = lab_with(confirming()).await;
    said(&sandbox, &sequence()["detail"]);
    let case = lab.deliver(&sequence().to_string()).await;
    assert_eq!(lab.deliver(&grown().to_string()).await, case);
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

/// The later version is genuine, but its run fails before it can ask.
#[tokio::test]
async fn no_question_is_given_up_for_a_run_that_can_t_ask() {
    let (lab, _) = lab().await;
    let mut broken = grown();
    let list = &mut broken["detail"]["service"]["detection"]["sequence"]["resources"];
    list.as_array_mut().unwrap().push(json!({"resourceType": "EC2_INSTANCE", "name": "no uid"}));
    let case = lab.deliver(&sequence().to_string()).await;
    assert_eq!(lab.deliver(&broken.to_string()).await, case);
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

/// What goes on after an undo is asked about, also where an earlier question was superseded.
#[tokio::test]
async fn a_superseded_run_does_not_answer_for_what_goes_on_after_an_undo() {
    let (lab, _) = lab().await;
    let case = lab.deliver(&sequence().to_string()).await;
    lab.settle().await;
    assert_eq!(lab.deliver(&grown().to_string()).await, case);
    lab.settle().await;
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    let all = lab.env.store.runs_of(&case).await.unwrap();
    let acted = all.iter().max_by_key(|run| run.named.len()).unwrap();
    lab.desk.undo(&acted.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    assert!(run(&lab, &acted.id).await.released, "{:#?}", runs(&lab, &case).await);
    let on = later(&grown(), "2026-03-14T23:45:12.000Z", 3);
    assert_eq!(lab.deliver(&on.to_string()).await, case);
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

/// As above with one instance only and another finding: a run that did nothing stands for nothing.
#[tokio::test]
async fn a_superseded_run_does_not_stand_for_another_finding() {
    let (lab, _) = lab().await;
    let case = lab.deliver(&sequence().to_string()).await;
    lab.settle().await;
    assert_eq!(lab.deliver(&grown().to_string()).await, case);
    lab.settle().await;
    decide(&lab, "grace", false).await.unwrap();
    lab.settle().await;
    let mut other = sequence();
    other["detail"]["id"] = json!("0123456789abcdef0123456789abcdef");
    assert_eq!(lab.deliver(&other.to_string()).await, case);
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

// ---- undo ----

/// The attack goes on while the undo is under way.
#[tokio::test]
async fn a_version_that_comes_during_an_undo_is_asked_about() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
    let on = later(&miner(), "2026-03-14T23:45:12.000Z", 99);
    assert_eq!(lab.deliver(&on.to_string()).await, case);
    lab.settle().await;
    let free = groups(&sandbox).iter().any(|groups| *groups != ["quarantine"]);
    let asks = pending(&lab).await;
    assert!(!free || asks == 1, "{:?} {:#?}", status(&lab, &case).await, runs(&lab, &case).await);
    lab.finish().await;
}

/// After an undo GuardDuty makes another finding of it, not a version of the same.
#[tokio::test]
async fn another_finding_after_an_undo_is_asked_about_as_a_version_is() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    assert_eq!(lab.deliver(&another(1).to_string()).await, case);
    lab.settle().await;
    let isolated = groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]);
    assert!(!isolated && pending(&lab).await == 1, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

/// A person said no a minute ago: another finding of the same instance acts without asking.
#[tokio::test]
async fn a_no_to_an_instance_is_not_passed_by_with_another_finding() {
    let (lab, sandbox) = lab().await;
    let mut doubtful = miner();
    doubtful["detail"]["service"]["resourceRole"] = json!("TARGET");
    let case = lab.deliver(&doubtful.to_string()).await;
    lab.settle().await;
    decide(&lab, "grace", false).await.unwrap();
    lab.settle().await;
    assert_eq!(lab.deliver(&another(1).to_string()).await, case);
    lab.settle().await;
    assert_eq!(sandbox.snapshot_world().mutations.len(), 0, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

// ---- contained, and it is not ----

/// The attacker puts another role's profile on the instance: a second finding names it.
#[tokio::test]
async fn a_finding_that_names_another_role_is_not_answered_by_the_first() {
    let (lab, _) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    assert_eq!(status(&lab, &case).await, Status::Contained);
    let mut second = another(1);
    second["detail"]["resource"]["instanceDetails"]["iamInstanceProfile"]["arn"] =
        json!("arn:aws:iam::111122223333:instance-profile/batch-worker");
    assert_eq!(lab.deliver(&second.to_string()).await, case);
    lab.settle().await;
    let all = runs(&lab, &case).await;
    assert!(all.len() > 1 || status(&lab, &case).await != Status::Contained, "{all:#?}");
    lab.finish().await;
}

/// The role's sessions are stolen again after they were revoked.
#[tokio::test]
async fn credentials_that_are_stolen_again_are_not_contained() {
    let stolen = fixtures::ALL.iter().find(|(name, _)| *name == "instance-credential-exfiltration");
    let first: Value = serde_json::from_str(stolen.unwrap().1).unwrap();
    for as_version in [true, false] {
        let (lab, _) = lab().await;
        let case = lab.deliver(&first.to_string()).await;
        lab.settle().await;
        assert_eq!(status(&lab, &case).await, Status::Contained);
        lab.clock.advance(std::time::Duration::from_secs(6 * 3600));
        // Another session, seen hours after the revocation.
        let mut again = later(&first, "2026-03-14T15:00:00.000Z", 7);
        again["detail"]["resource"]["accessKeyDetails"]["accessKeyId"] = json!("ASIAZ7Q2EXAMPLE00009");
        again["detail"]["service"]["eventLastSeen"] = json!("2026-03-14T14:55:00.000Z");
        if !as_version {
            again["detail"]["id"] = json!("0123456789abcdef0123456789abcdef");
        }
        assert_eq!(lab.deliver(&again.to_string()).await, case);
        lab.settle().await;
        let all = runs(&lab, &case).await;
        let told = lab.told();
        assert!(
            all.len() > 1 || status(&lab, &case).await != Status::Contained,
            "as version {as_version}: {all:#?} {told:#?}"
        );
        lab.finish().await;
    }
}

/// A branch that could not even look, where the script keeps its error.
#[tokio::test]
async fn a_branch_that_could_not_look_is_told_where_its_error_is_kept() {
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) {\n\
        parallel([|| { let u = look::user(\"deploy-bot\"); contain::disable_access_keys(u.name); }],\n\
        #{ keep_errors: true });\n\
        contain::revoke_role_sessions(\"web-server\"); }";
    let plan = Plan::none().counting(Calls::Reads).at(1, Fault::Denied);
    let (lab, _, _) = faulty_lab(plan, source).await;
    let done = isolate(&lab).await;
    assert!(!done.contained && done.state != RunState::Succeeded, "{done:?}");
    lab.finish().await;
}

/// The same outside of `parallel`.
#[tokio::test]
async fn a_caught_look_is_told() {
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) {\n\
        try { let u = look::user(\"deploy-bot\"); contain::disable_access_keys(u.name); } catch (e) { }\n\
        contain::revoke_role_sessions(\"web-server\"); }";
    let plan = Plan::none().counting(Calls::Reads).at(1, Fault::Denied);
    let (lab, _, _) = faulty_lab(plan, source).await;
    let done = isolate(&lab).await;
    assert!(!done.contained && done.state != RunState::Succeeded, "{done:?}");
    lab.finish().await;
}

/// A branch's own error that looks like a step's.
#[tokio::test]
async fn a_branch_can_t_pass_its_own_error_off_as_a_steps() {
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) {\n\
        parallel([|| throw #{ step: \"0\", message: \"the other role is not known\" }],\n\
        #{ keep_errors: true });\n\
        contain::revoke_role_sessions(\"web-server\"); }";
    let (lab, _, _) = faulty_lab(Plan::none(), source).await;
    let done = isolate(&lab).await;
    assert!(!done.contained && done.state != RunState::Succeeded, "{done:?}");
    lab.finish().await;
}

// ---- what GuardDuty is asked about ----

/// What the shipped runbook acts on in an attack sequence is all confirmed.
#[tokio::test]
async fn what_an_attack_sequence_is_contained_by_is_confirmed() {
    let mut genuine = sequence();
    let detection = "/detail/service/detection/sequence";
    genuine.pointer_mut(&format!("{detection}/actors")).unwrap().as_array_mut().unwrap().push(
        json!({"id": "user:deploy-bot", "user": {"name": "deploy-bot", "uid": "AIDA", "type": "IAMUser"}}),
    );
    let mut bad = Vec::new();
    for (path, value) in [
        ("actors/1/user/type", json!("Nobody")),
        ("resources/0/resourceType", json!("EC2_OTHER")),
        (
            "resources/0/data/ec2Instance/IamInstanceProfile/arn",
            json!("arn:aws:iam::111122223333:instance-profile/batch-worker"),
        ),
    ] {
        let (lab, sandbox) = lab_with(confirming()).await;
        said(&sandbox, &genuine["detail"]);
        let mut forged = genuine.clone();
        *forged.pointer_mut(&format!("{detection}/{path}")).unwrap() = value;
        let case = lab.deliver(&forged.to_string()).await;
        lab.settle().await;
        let done = only_run(&lab, &case).await;
        if done.state != RunState::Halted {
            bad.push((path, runs(&lab, &case).await));
        }
        lab.finish().await;
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

// ---- a closed case ----

/// An undo lifts the containment of a case that was closed.
#[tokio::test]
async fn an_undo_in_a_closed_case_is_seen() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    lab.desk.close_case(&case, "ada".to_owned(), "done").await.unwrap();
    lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    assert!(groups(&sandbox).iter().all(|groups| *groups != ["quarantine"]));
    assert_eq!(status(&lab, &case).await, Status::Released);
    lab.finish().await;
}

/// An undo in a closed case fails half way.
#[tokio::test]
async fn an_undo_that_fails_in_a_closed_case_is_seen() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    lab.desk.close_case(&case, "ada".to_owned(), "done").await.unwrap();
    protect(&sandbox);
    lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    assert_eq!(status(&lab, &case).await, Status::Attention, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

/// A run that is started by hand in a closed case waits for a person.
#[tokio::test]
async fn a_question_in_a_closed_case_is_seen() {
    let (lab, _) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    lab.desk.close_case(&case, "ada".to_owned(), "done").await.unwrap();
    let mut request =
        by_hand("stolen-role-credentials", json!({"role": "batch-worker"}), Mode::Approve);
    request.case = Some(case.clone());
    if lab.desk.start(request).await.is_ok() {
        lab.settle().await;
        assert_eq!(pending(&lab).await, 1);
        assert_eq!(status(&lab, &case).await, Status::Waiting);
    }
    lab.finish().await;
}

/// A case is closed while a finding arrives in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_case_is_closed_over_a_run_that_just_began() {
    let mut hidden = 0;
    for n in 0..40_u32 {
        let (lab, _) = lab().await;
        let case = lab.deliver(&{
            let mut quiet = miner();
            quiet["detail"]["type"] = json!("Recon:EC2/PortProbeUnprotectedPort");
            quiet["detail"]["service"]["resourceRole"] = json!("TARGET");
            quiet
        }
        .to_string())
        .await;
        lab.settle().await;
        let second = another(n).to_string();
        let close = async {
            for _ in 0..n % 8 {
                tokio::task::yield_now().await;
            }
            lab.desk.close_case(&case, "ada".to_owned(), "nothing to do").await
        };
        let (joined, _) = tokio::join!(lab.deliver(&second), close);
        let closed = status(&lab, &case).await == Status::Closed;
        let open = lab.env.store.runs_of(&case).await.unwrap().iter().any(|run| !run.state.is_over());
        hidden += u32::from(joined == case && closed && open);
        lab.finish().await;
    }
    assert_eq!(hidden, 0, "closed over a run under way");
}

// ---- waiting ----

/// A run that sleeps keeps the containment of the same instance waiting.
#[tokio::test]
async fn a_run_that_sleeps_holds_up_no_containment() {
    let source = "//! Sleeps.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\", \
        params: #{ instance: #{ type: \"instance-id\" } } };\n\
        fn run(case, p) { sleep(\"12h\"); }";
    let (lab, sandbox, _) = faulty_lab(Plan::none(), source).await;
    let asleep = by_hand("probe", json!({"instance": "i-0a1b2c3d4e5f60718"}), Mode::Contain);
    lab.desk.start(asleep).await.unwrap();
    let began = crate::clock::Clock::now(&lab.clock);
    use std::sync::atomic::AtomicBool;
    let stopping = AtomicBool::new(false);
    let (sleeper, fence) = lab.env.store.claim("lab", began).await.unwrap().unwrap();
    let lease = crate::run::lease::Lease::new(fence, crate::clock::Clock::monotonic(&lab.clock));
    crate::run::drive::drive(&lab.env, &sleeper, &lease, &stopping).await.unwrap();
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    assert!(groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]));
    let entries = lab.entries(&case).await;
    let intent = entries.iter().find(|entry| entry.kind == "change.intent").unwrap();
    let waited = intent.at.duration_since(began).as_secs();
    assert!(waited < 600, "contained after {waited} s");
    lab.finish().await;
}

// ---- a script that ends while a containment is under way ----

/// Whether each change in the timeline has an outcome.
fn open_intents(entries: &[Entry]) -> usize {
    count(entries, "change.intent").saturating_sub(count(entries, "change.outcome"))
}

/// A branch runs into a limit while its sibling isolates the instance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_in_one_branch_leaves_no_sibling_in_the_open() {
    let mut bad = Vec::new();
    for looks in 1..40 {
        let source = format!(
            "//! Probe.\nconst RUNBOOK = #{{ on: [\"Never:X/*\"], mode: \"contain\" }};\n\
            fn run(case, p) {{\n\
            parallel([|| contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"), || {{\n\
            for n in 0..{looks} {{ look::role(\"web-server\"); }}\n\
            let n = 0; while true {{ n += 1; }} }}]); }}"
        );
        let (lab, sandbox, _) = faulty_lab(Plan::none(), &source).await;
        let before = groups(&sandbox);
        let done = isolate(&lab).await;
        let case = done.case.clone();
        let entries = lab.entries(&case).await;
        let after = groups(&sandbox);
        let told = done.summary.clone().unwrap_or_default();
        let silent = after != before && !told.contains("isolate_instance") && !told.contains("half way");
        if in_the_open(&sandbox) || open_intents(&entries) > 0 || silent {
            bad.push((looks, after, open_intents(&entries), told));
        }
        lab.finish().await;
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

/// The same while AWS throttles the second swap: the step rests half way, in the open group.
#[tokio::test]
async fn a_limit_in_one_branch_leaves_no_resting_sibling_in_the_open() {
    let n = second_swap().await;
    // More than one round of attempts.
    let plan = (n..n + 40).fold(changes(), |plan, n| plan.at(n, Fault::Throttled));
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) {\n\
        parallel([|| contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"), || {\n\
        sleep(\"5s\"); let n = 0; while true { n += 1; } }]); }";
    let (lab, sandbox, _) = faulty_lab(plan, source).await;
    let done = isolate(&lab).await;
    let entries = lab.entries(&done.case).await;
    assert!(!in_the_open(&sandbox), "{:?} {done:?}", groups(&sandbox));
    assert_eq!(open_intents(&entries), 0);
    lab.finish().await;
}

/// A runbook's own error, raised with a field `step`, is no step's.
#[tokio::test]
async fn a_runbook_that_says_no_has_not_contained() {
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::revoke_role_sessions(\"web-server\");\n\
        throw #{ step: \"1\", message: \"the other role is not known\" }; }";
    let (lab, _, _) = faulty_lab(Plan::none(), source).await;
    let done = isolate(&lab).await;
    assert!(!done.contained, "{done:?}");
    lab.finish().await;
}

// ---- clocks ----

/// Our clock is some minutes behind AWS's; a session was issued a minute before the revocation.
#[tokio::test]
async fn sessions_are_revoked_also_where_our_clock_is_late() {
    let ahead = clock();
    ahead.advance(std::time::Duration::from_secs(240));
    let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(ahead.clone())).unwrap();
    let stolen = "ASIAZ7Q2EXAMPLE00001".parse().unwrap();
    let now = crate::clock::Clock::now(&ahead);
    sandbox
        .edit(|world| {
            let account = world.account_mut(&ours()).unwrap();
            let issued = account.sessions.get_mut(&stolen).unwrap();
            issued.issued_at = now.checked_sub(std::time::Duration::from_secs(60)).unwrap();
        })
        .unwrap();
    assert!(sandbox.attacker().can_call(&ours(), &stolen).allowed);
    let lab = Lab::new(Arc::new(sandbox.clone()), clock(), settings()).await;
    let role = json!({"role": "web-server"});
    let started =
        lab.desk.start(by_hand("stolen-role-credentials", role, Mode::Contain)).await.unwrap();
    lab.settle().await;
    ahead.advance(std::time::Duration::from_secs(600));
    let done = run(&lab, &started.id).await;
    let works = sandbox.attacker().can_call(&ours(), &stolen).allowed;
    assert!(!(done.contained && works), "contained and verified, and the stolen session works");
    lab.finish().await;
}

// ---- a closed case that goes on ----

/// GuardDuty sees more of a case that was closed as contained.
#[tokio::test]
async fn a_case_that_is_opened_again_comes_before_a_person() {
    let (lab, _) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    lab.desk.close_case(&case, "ada".to_owned(), "done").await.unwrap();
    let before = lab.told().len();
    let on = later(&miner(), "2026-03-15T23:45:12.000Z", 99);
    assert_eq!(lab.deliver(&on.to_string()).await, case);
    lab.settle().await;
    let needs = matches!(status(&lab, &case).await, Status::Attention | Status::Waiting);
    assert!(needs || lab.told().len() > before, "{:?}", status(&lab, &case).await);
    lab.finish().await;
}

/// A person says yes to a question whose run gives way to a later one before it goes on.
#[tokio::test]
async fn a_question_that_goes_with_its_run_stands_in_the_timeline() {
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) {\n\
        parallel([|| approve(\"And the other?\", #{ within: \"1d\" }), || {\n\
        sleep(\"5s\"); let n = 0; while true { n += 1; } }]); }";
    let (lab, _, _) = faulty_lab(Plan::none(), source).await;
    lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    // What waits for a person is not waited for by `settle`: the sleep ends first here.
    let case = lab.cases().await.remove(0);
    for _ in 0..4 {
        lab.settle().await;
        lab.clock.advance(std::time::Duration::from_secs(10));
    }
    let done = only_run(&lab, &case).await;
    assert!(done.state.is_over(), "{done:?}");
    let entries = lab.entries(&case).await;
    let told = count(&entries, "approval.decided");
    assert_eq!((count(&entries, "approval.requested"), told), (1, 1));
    lab.finish().await;
}

// ---- holds ----

/// An undo is stopped, because another run has come to hold the instance; somebody asks again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_that_was_stopped_for_another_run_is_stopped_again() {
    let mut bad = Vec::new();
    for n in 1..14 {
        let interlude = Interlude::default();
        let (lab, sandbox, _) = faulty_lab(interlude.at_call(n), ISOLATES).await;
        let params = json!({"instance": "i-0a1b2c3d4e5f60718"});
        let first = by_hand("compromised-instance", params, Mode::Contain);
        let first = lab.desk.start(first).await.unwrap();
        lab.settle().await;
        lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
        let other = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
        interlude.arm(&lab, None);
        lab.settle().await;
        assert!(run(&lab, &other.id).await.contained);
        if groups(&sandbox).iter().any(|groups| *groups != ["quarantine"]) {
            continue;
        }
        let again = lab.desk.undo(&first.id, "ada".to_owned(), false).await;
        lab.settle().await;
        let isolated = groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]);
        let other = run(&lab, &other.id).await;
        if !isolated && other.contained && !other.released {
            let words = match again {
                Ok(undo) => format!("{:?}", run(&lab, &undo.id).await.summary),
                Err(refused) => refused.detail,
            };
            bad.push((n, status(&lab, &other.case).await, words));
        }
    }
    assert!(bad.is_empty(), "the other run is said to contain what is free: {bad:#?}");
}

/// Two cases about one instance. The later one only finds it isolated, and revokes a role besides. It
/// is undone: its revocation is kept, so that it is not released; then the earlier one is undone, too.
#[tokio::test]
async fn no_case_is_contained_after_its_instance_was_set_free() {
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::isolate_instance(\"i-0a1b2c3d4e5f60718\");\n\
        contain::revoke_role_sessions(\"batch-worker\"); }";
    let (lab, sandbox, _) = faulty_lab(Plan::none(), source).await;
    let params = json!({"instance": "i-0a1b2c3d4e5f60718"});
    let first = by_hand("compromised-instance", params, Mode::Contain);
    let first = lab.desk.start(first).await.unwrap();
    lab.settle().await;
    let second = isolate(&lab).await;
    assert!(second.contained && first.case != second.case);
    lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap_err();
    let mut words = Vec::new();
    for of in [&second.id, &first.id] {
        let undo = lab.desk.undo(of, "ada".to_owned(), false).await.unwrap();
        lab.settle().await;
        words.push(run(&lab, &undo.id).await.summary);
    }
    let free = groups(&sandbox).iter().all(|groups| *groups != ["quarantine"]);
    assert!(free, "{words:?}");
    assert_ne!(status(&lab, &second.case).await, Status::Contained, "{words:?}");
    lab.finish().await;
}

// ---- entries ----

/// What a run leaves to people is too much for one entry: what it did is written down all the same.
#[tokio::test]
async fn a_long_list_of_what_remains_loses_no_outcome() {
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) {\n\
        let long = \"\"; for n in 0..100 { long += \"0123456789\"; }\n\
        let branches = [];\n\
        for n in 0..80 { branches.push(|| throw `${n} ${long}`); }\n\
        parallel(branches, #{ keep_errors: true });\n\
        contain::revoke_role_sessions(\"web-server\"); }";
    let (lab, _, _) = faulty_lab(Plan::none(), source).await;
    let done = isolate(&lab).await;
    let entries = lab.entries(&done.case).await;
    let (asked, ended) = (count(&entries, "step.requested"), count(&entries, "step.finished"));
    assert_eq!((open_intents(&entries), asked), (0, ended), "{:?} {:?}", done.code, done.summary);
    lab.finish().await;
}

/// A run that never contained anything is not "released" by an undo of it.
#[tokio::test]
async fn an_undo_of_a_run_that_did_nothing_hides_no_failure() {
    let (lab, _) = lab_with(LabSettings { confirm_findings: true, ..settings() }).await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    assert_eq!(status(&lab, &case).await, Status::Attention);
    let done = only_run(&lab, &case).await;
    lab.desk.undo(&done.id, "ada".to_owned(), false).await.ok();
    lab.settle().await;
    assert_eq!(status(&lab, &case).await, Status::Attention, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

/// What routing went by is confirmed: a finding that GuardDuty calls harmless is not acted on because
/// the payload calls it severe, nor a sample because the payload does not say so.
#[tokio::test]
async fn what_routing_went_by_is_confirmed() {
    let mut bad = Vec::new();
    for (path, theirs) in [
        ("/detail/severity", json!(2.0)),
        ("/detail/service/additionalInfo", json!({"sample": true})),
    ] {
        let (lab, sandbox) = lab_with(confirming()).await;
        let mut genuine = miner();
        *genuine.pointer_mut(path).unwrap() = theirs;
        said(&sandbox, &genuine["detail"]);
        lab.deliver(mining()).await;
        lab.settle().await;
        if !sandbox.snapshot_world().mutations.is_empty() {
            bad.push(path);
        }
        lab.finish().await;
    }
    assert!(bad.is_empty(), "acted on although GuardDuty says otherwise: {bad:?}");
}

/// Two people decide on a crown jewel, whichever finding names it.
#[tokio::test]
async fn one_person_does_not_cut_off_a_crown_jewel() {
    let (lab, sandbox) = lab().await;
    meddle(&sandbox, |region| {
        for machine in region.instances.values_mut() {
            machine.instance.tags.insert("criticality".to_owned(), "crown-jewel".to_owned());
        }
    });
    lab.deliver(&sequence().to_string()).await;
    lab.settle().await;
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    assert!(groups(&sandbox).iter().all(|groups| *groups != ["quarantine"]));
    lab.finish().await;
}

/// A containment can be lifted while its disks are still being copied, which may take three days.
#[tokio::test]
async fn a_wrong_isolation_can_be_lifted_while_evidence_is_awaited() {
    use std::sync::atomic::AtomicBool;
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    let stopping = AtomicBool::new(false);
    let now = crate::clock::Clock::now(&lab.clock);
    let (taken, fence) = lab.env.store.claim("lab", now).await.unwrap().unwrap();
    let lease = crate::run::lease::Lease::new(fence, crate::clock::Clock::monotonic(&lab.clock));
    crate::run::drive::drive(&lab.env, &taken, &lease, &stopping).await.unwrap();
    let waits = only_run(&lab, &case).await;
    assert!(groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]));
    if !waits.state.is_over() {
        let undone = lab.desk.undo(&waits.id, "ada".to_owned(), false).await;
        assert!(undone.is_ok(), "{:?}", undone.map_err(|refused| refused.detail));
    }
    lab.finish().await;
}
