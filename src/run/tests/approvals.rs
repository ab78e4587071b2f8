//! People: the plan of mode `approve`, a runbook's own question, the rules of deciding.

use serde_json::json;

use super::*;
use crate::case::{RunState, Status};
use crate::cloud::faulty::{Calls, Fault, Faulty, Plan};
use crate::error::Code;

#[tokio::test]
async fn nothing_is_changed_before_the_plan_is_approved() {
    let (lab, sandbox) = lab().await;
    let request =
        by_hand("stolen-role-credentials", json!({"role": "batch-worker"}), Mode::Approve);
    let started = lab.desk.start(request).await.unwrap();
    lab.settle().await;
    assert_eq!(run(&lab, &started.id).await.state, RunState::Parked);
    assert_eq!(lab.env.store.case(&started.case).await.unwrap().unwrap().status, Status::Waiting);
    assert_eq!(sandbox.snapshot_world().mutations.len(), 0);

    let refused = decide(&lab, "ada", true).await.unwrap_err();
    assert_eq!(refused.code, Code::CONFLICT, "who asked does not approve");
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    let done = run(&lab, &started.id).await;
    assert_eq!((done.state, done.contained), (RunState::Succeeded, true), "{:?}", done.summary);
    lab.finish().await;
}

#[tokio::test]
async fn a_denied_plan_halts_the_run_and_changes_nothing() {
    let (lab, sandbox) = lab().await;
    let request =
        by_hand("stolen-role-credentials", json!({"role": "batch-worker"}), Mode::Approve);
    let started = lab.desk.start(request).await.unwrap();
    lab.settle().await;
    decide(&lab, "grace", false).await.unwrap();
    lab.settle().await;
    let done = run(&lab, &started.id).await;
    assert_eq!(done.state, RunState::Halted);
    assert!(done.summary.unwrap().contains(Code::APPROVAL_DENIED.number));
    assert_eq!(sandbox.snapshot_world().mutations.len(), 0);
    lab.finish().await;
}

#[tokio::test]
async fn who_asked_may_take_the_question_back() {
    let (lab, sandbox) = lab().await;
    let request =
        by_hand("stolen-role-credentials", json!({"role": "batch-worker"}), Mode::Approve);
    let started = lab.desk.start(request).await.unwrap();
    lab.settle().await;
    decide(&lab, "ada", false).await.unwrap();
    lab.settle().await;
    assert_eq!(run(&lab, &started.id).await.state, RunState::Halted);
    assert_eq!(sandbox.snapshot_world().mutations.len(), 0);
    lab.finish().await;
}

#[tokio::test]
async fn what_goes_beyond_what_was_approved_is_asked_again() {
    let (lab, sandbox) = lab().await;
    let params = json!({"instance": "i-0a1b2c3d4e5f60718"});
    let started =
        lab.desk.start(by_hand("compromised-instance", params, Mode::Approve)).await.unwrap();
    lab.settle().await;
    let first = lab.env.store.approvals_pending().await.unwrap().remove(0);
    // Somebody gives the instance another role meanwhile: it is not the one that was approved.
    sandbox
        .edit(|world| {
            let account = world.account_mut(&"111122223333".parse().unwrap()).unwrap();
            let profile = account.profiles.values_mut().next().unwrap();
            *profile = Some("batch-worker".parse().unwrap());
        })
        .unwrap();
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    assert_eq!(sandbox.snapshot_world().mutations.len(), 0, "this was not approved");
    assert_eq!(run(&lab, &started.id).await.state, RunState::Parked);
    let second = lab.env.store.approvals_pending().await.unwrap().remove(0);
    assert_ne!((&second.id, &second.hash), (&first.id, &first.hash));
    assert!(second.question.contains("batch-worker"), "{}", second.question);
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    let done = run(&lab, &started.id).await;
    assert_eq!((done.state, done.contained), (RunState::Succeeded, true), "{:?}", done.summary);
    assert_eq!(count(&lab.entries(&started.case).await, "plan.made"), 2);
    lab.finish().await;
}

#[tokio::test]
async fn another_way_to_what_was_approved_is_not_asked_again() {
    let (lab, _) = lab().await;
    let params = json!({"instance": "i-0a1b2c3d4e5f60718"});
    let asks =
        lab.desk.start(by_hand("compromised-instance", params, Mode::Approve)).await.unwrap();
    lab.settle().await;
    // Another case makes the quarantine group of this VPC, and revokes the role, before the yes.
    lab.deliver(mining()).await;
    lab.settle().await;
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    let done = run(&lab, &asks.id).await;
    assert_eq!((done.state, done.contained), (RunState::Succeeded, true), "{:?}", done.summary);
    assert_eq!(count(&lab.entries(&asks.case).await, "plan.made"), 1);
    lab.finish().await;
}

#[tokio::test]
async fn a_question_that_nobody_answers_closes_safely() {
    let (lab, sandbox) = lab().await;
    let request =
        by_hand("stolen-role-credentials", json!({"role": "batch-worker"}), Mode::Approve);
    let started = lab.desk.start(request).await.unwrap();
    lab.settle().await;
    lab.clock.advance(std::time::Duration::from_secs(13 * 3600));
    lab.settle().await;
    assert_eq!(run(&lab, &started.id).await.state, RunState::Halted);
    assert_eq!(sandbox.snapshot_world().mutations.len(), 0);
    let open = lab.env.store.approvals_pending().await.unwrap();
    assert!(open.is_empty(), "nothing is left to answer: {open:?}");
    lab.finish().await;
}

#[tokio::test]
async fn a_runbook_asks_with_a_quorum_and_goes_on_where_it_was() {
    let source = "//! Asks.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::revoke_role_sessions(\"web-server\");\n\
        approve(\"Go on?\", #{ quorum: 2, within: \"30m\" });\n\
        contain::revoke_role_sessions(\"batch-worker\"); }";
    let (lab, sandbox) =
        lab_with(LabSettings { library: library_with("asks", source), ..settings() }).await;
    let started = lab.desk.start(by_hand("asks", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    assert_eq!(sandbox.snapshot_world().mutations.len(), 1);
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    assert_eq!(sandbox.snapshot_world().mutations.len(), 1, "one of two is not enough");
    assert!(decide(&lab, "grace", true).await.is_err(), "nobody decides twice");
    decide(&lab, "linus", true).await.unwrap();
    lab.settle().await;
    assert_eq!(run(&lab, &started.id).await.state, RunState::Succeeded);
    assert_eq!(sandbox.snapshot_world().mutations.len(), 2);
    lab.finish().await;
}

/// AWS throttles the first look after the yes; before it answers, the profile has another role.
#[tokio::test]
async fn what_a_step_would_do_beyond_the_plan_is_asked_before_it_is_done() {
    let params = || json!({"instance": "i-0a1b2c3d4e5f60718"});
    let wanted = || by_hand("suspected-instance", params(), Mode::Approve);
    let faulty_lab = async |plan: Plan, sandbox: &Sandbox, clock: ManualClock| {
        let faulty = Faulty::new(Arc::new(sandbox.clone()), plan.counting(Calls::Reads));
        (Lab::new(Arc::new(faulty.clone()), clock, settings()).await, faulty)
    };
    let world = || {
        let clock = clock();
        (Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap(), clock)
    };
    let (sandbox, clock) = world();
    let (lab, faulty) = faulty_lab(Plan::none(), &sandbox, clock).await;
    lab.desk.start(wanted()).await.unwrap();
    lab.settle().await;
    let first = 2 * faulty.calls() + 1;
    for (grant, state) in [(true, RunState::Succeeded), (false, RunState::Halted)] {
        let (sandbox, clock) = world();
        let theirs = sandbox.clone();
        let event: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
            theirs
                .edit(|world| {
                    let account = world.account_mut(&"111122223333".parse().unwrap()).unwrap();
                    let other = Some("batch-worker".parse().unwrap());
                    account.profiles.insert("web-server".to_owned(), other);
                })
                .unwrap();
        });
        let plan = (first..first + 6).fold(Plan::none(), |plan, n| plan.at(n, Fault::Throttled));
        let (lab, _) = faulty_lab(plan.before(first + 6, event), &sandbox, clock).await;
        let started = lab.desk.start(wanted()).await.unwrap();
        lab.settle().await;
        decide(&lab, "grace", true).await.unwrap();
        lab.settle().await;
        let touched = |sandbox: &Sandbox, part: &str| {
            sandbox.snapshot_world().mutations.iter().any(|made| made.resource.contains(part))
        };
        assert!(!touched(&sandbox, "batch-worker"), "nobody has approved that");
        assert!(touched(&sandbox, "eni-"), "what was approved is done");
        let asked = lab.env.store.approvals_pending().await.unwrap().remove(0);
        assert!(asked.question.contains("batch-worker"), "{}", asked.question);
        decide(&lab, "grace", grant).await.unwrap();
        lab.settle().await;
        let done = run(&lab, &started.id).await;
        assert_eq!(done.state, state, "{:?}", done.summary);
        assert_eq!(touched(&sandbox, "batch-worker"), grant);
        assert_eq!(
            done.summary.unwrap().contains(Code::APPROVAL_DENIED.number),
            !grant,
            "it says what was not done"
        );
        // The answer was about that role, also where its own finding comes.
        let mut found = fixtures::ALL.iter();
        let (_, stolen) =
            found.find(|(name, _)| *name == "instance-credential-exfiltration").unwrap();
        let next = lab.deliver(stolen).await;
        lab.settle().await;
        let mode = if grant { Mode::Contain } else { Mode::Approve };
        let runs = lab.env.store.runs_of(&next).await.unwrap();
        assert_eq!((runs.len(), runs[0].mode), (1, mode), "{runs:?}");
        assert_eq!(touched(&sandbox, "batch-worker"), grant);
        lab.finish().await;
    }
}

#[tokio::test]
async fn whoever_is_asked_is_told_of_what_it_is_about() {
    let source = "//! Asks.\nconst RUNBOOK = #{ on: [\"CryptoCurrency:EC2/*\"], mode: \"contain\", severity: 4.0, \
        params: #{ instance: #{ type: \"instance-id\", from: \"resource.instance.id\" } } };\n\
        fn run(case, p) { approve(\"Shall I?\"); }";
    let library = library_with("asks-first", source);
    let (lab, _) = lab_with(LabSettings { library, ..settings() }).await;
    let params = json!({"instance": "i-0a1b2c3d4e5f60718"});
    let mut request = by_hand("asks-first", params, Mode::Contain);
    request.reason = Some(" it beacons ".to_owned());
    let started = lab.desk.start(request).await.unwrap();
    lab.settle().await;
    let told = lab.told().remove(0);
    let begin = "manual on instance/i-0a1b2c3d4e5f60718 in account 111122223333, eu-west-1: Shall I?: tourniquet approve ";
    assert!(told.starts_with(begin) && told.contains(", until 2026-"), "{told}");
    let entries = lab.entries(&started.case).await;
    let requested = entries.iter().find(|entry| entry.kind == "run.requested").unwrap();
    assert_eq!(requested.body["reason"], "it beacons");
    decide(&lab, "grace", false).await.unwrap();
    lab.settle().await;
    lab.finish().await;
}

#[tokio::test]
async fn a_message_about_a_finding_begins_with_it() {
    let (lab, sandbox) = lab().await;
    protect(&sandbox);
    lab.deliver(mining()).await;
    lab.settle().await;
    let told = lab.told();
    let words = "CryptoCurrency:EC2/BitcoinTool.B (severity 8.0) on instance/i-0a1b2c3d4e5f60718 \
        in account 111122223333, eu-west-1: compromised-instance halted: ";
    assert!(told.iter().any(|text| text.starts_with(words)), "{told:?}");
    lab.finish().await;
}
