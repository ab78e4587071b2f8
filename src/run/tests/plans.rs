//! What plans say of steps that would do nothing, what a script returned, and an undo of nothing.

use super::*;
use crate::case::RunState;
use serde_json::json;

/// One role that may be contained, one that does not exist, and a message; it returns what it saw.
const SOURCE: &str = "//! Speaks.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
    fn run(case, p) { contain::revoke_role_sessions(\"web-server\");\n\
    try { contain::revoke_role_sessions(\"no-such-role\"); } catch { log(\"gone\"); }\n\
    notify(\"oncall\", \"done\"); #{ role: \"web-server\", n: 2 } }";

/// The lines of the plan that is made now: what each is about, and its first words.
async fn planned(lab: &Lab) -> (Value, Vec<(String, String)>) {
    let plan = lab.desk.plan(by_hand("speaks", json!({}), Mode::Observe)).await.unwrap();
    let lines = plan["lines"].as_array().unwrap().iter();
    let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let lines = lines.map(|line| (text(line, "does"), text(line, "words"))).collect();
    (plan, lines)
}

#[tokio::test]
async fn a_plan_counts_changes_alone_and_hides_no_step() {
    let (lab, _) =
        lab_with(LabSettings { library: library_with("speaks", SOURCE), ..settings() }).await;
    let (plan, before) = planned(&lab).await;
    let does: Vec<&str> = before.iter().map(|(does, _)| does.as_str()).collect();
    assert_eq!(does, ["change", "refused", "say"], "{before:?}");
    assert!(before[1].1.starts_with("contain::revoke_role_sessions no-such-role: refused: "));
    assert_eq!(before[2].1, "would say to oncall: done");
    assert_eq!(plan["changes"].as_array().map(Vec::len), Some(1), "{plan}");
    assert_eq!(plan["counts"], json!({"change": 1, "refused": 1, "say": 1}));

    let role = json!({"role": "web-server"});
    lab.desk.start(by_hand("stolen-role-credentials", role, Mode::Contain)).await.unwrap();
    // Not settled: whoever asks later gets a later cut-off.
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    let observed = lab.desk.start(by_hand("speaks", json!({}), Mode::Observe)).await.unwrap();
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    let (plan, after) = planned(&lab).await;
    assert_eq!(plan["changes"], json!([]));
    assert_eq!(after[0].0, "already");
    let words = "contain::revoke_role_sessions web-server: already so, nothing to change";
    assert_eq!(after[0].1, words);
    // The entries of a run that observes say the same.
    let entries = lab.entries(&observed.case).await;
    let made = entries.iter().find(|entry| entry.kind == "plan.made").unwrap();
    assert_eq!(made.body["does"], json!(["already", "refused", "say"]));
    assert_eq!(made.body["changes"][0], words);
    lab.finish().await;
}

/// What is refused stops the runbook when it is carried out: the plan must not say what comes after.
#[tokio::test]
async fn a_plan_ends_where_the_runbook_will() {
    let source = SOURCE.replace("try { ", "").replace("} catch { log(\"gone\"); }", "");
    let library = library_with("speaks", &source);
    let (lab, _) = lab_with(LabSettings { library, ..settings() }).await;
    let (plan, lines) = planned(&lab).await;
    let does: Vec<&str> = lines.iter().map(|(does, _)| does.as_str()).collect();
    assert_eq!(does, ["change", "refused", "fail"], "{lines:?}");
    assert_eq!(
        lines[2].1,
        "then the runbook stops at line 4, column 10, because of what is refused"
    );
    assert!(!plan.to_string().contains("would say"), "{plan}");
    // A run that observes tells its script of no refusal, and says so.
    let observed = lab.desk.start(by_hand("speaks", json!({}), Mode::Observe)).await.unwrap();
    lab.settle().await;
    let entries = lab.entries(&observed.case).await;
    let made = entries.iter().find(|entry| entry.kind == "plan.made").unwrap();
    assert_eq!(made.body["does"], json!(["change", "refused", "say"]));
    let refused = made.body["changes"][1].as_str().unwrap();
    assert!(refused.ends_with(" (what follows is planned as if it were done)"), "{refused}");
    lab.finish().await;
}

#[tokio::test]
async fn what_a_script_returns_stands_in_its_last_entry() {
    let (lab, _) =
        lab_with(LabSettings { library: library_with("speaks", SOURCE), ..settings() }).await;
    let started = lab.desk.start(by_hand("speaks", json!({}), Mode::Observe)).await.unwrap();
    lab.settle().await;
    let entries = lab.entries(&started.case).await;
    let ended = entries.iter().find(|entry| entry.kind == "run.finished").unwrap();
    assert_eq!(ended.body["result"], json!({"role": "web-server", "n": 2}));
    lab.finish().await;
}

#[tokio::test]
async fn an_undo_of_a_run_that_changed_nothing_says_so() {
    let source = "//! Looks.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { look::role(\"web-server\"); }";
    let (lab, sandbox) =
        lab_with(LabSettings { library: library_with("looks", source), ..settings() }).await;
    let started = lab.desk.start(by_hand("looks", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    let undo = lab.desk.undo(&started.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    let undo = run(&lab, &undo.id).await;
    assert_eq!(undo.state, RunState::Succeeded);
    assert_eq!(undo.summary.as_deref(), Some("nothing to take back"));
    assert_eq!(sandbox.snapshot_world().mutations.len(), 0);
    assert!(!run(&lab, &started.id).await.released, "what was not taken back is not released");
    let again = lab.desk.undo(&started.id, "ada".to_owned(), false).await;
    again.expect("it may be asked for again, and says the same");
    lab.settle().await;
    let entries = lab.entries(&started.case).await;
    let ended = entries.iter().rfind(|entry| entry.kind == "run.finished").unwrap();
    assert_eq!(ended.body.get("result"), None, "an undo has no script");
    lab.finish().await;
}

#[tokio::test]
async fn an_undo_of_nothing_leaves_a_closed_case_closed() {
    let source = "//! Looks.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { look::role(\"web-server\"); }";
    let (lab, _) =
        lab_with(LabSettings { library: library_with("looks", source), ..settings() }).await;
    let started = lab.desk.start(by_hand("looks", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    lab.desk.close_case(&started.case, "ada".to_owned(), "nothing in it").await.unwrap();
    let before = lab.entries(&started.case).await.len();
    let refused = lab.desk.undo(&started.id, "ada".to_owned(), false).await.unwrap_err();
    assert_eq!(refused.code, crate::error::Code::CONFLICT);
    assert!(refused.detail.contains("nothing to take back; the case stays closed"), "{refused:?}");
    lab.settle().await;
    let case = lab.env.store.case(&started.case).await.unwrap().unwrap();
    assert_eq!(case.status, crate::case::Status::Closed);
    assert_eq!(lab.entries(&started.case).await.len(), before, "nothing was written");
    // What did change something can be taken back, and that opens the case.
    let role = json!({"role": "web-server"});
    let acts =
        lab.desk.start(by_hand("stolen-role-credentials", role, Mode::Contain)).await.unwrap();
    lab.settle().await;
    lab.desk.close_case(&acts.case, "ada".to_owned(), "done").await.unwrap();
    lab.desk.undo(&acts.id, "ada".to_owned(), true).await.unwrap();
    lab.settle().await;
    lab.finish().await;
}

/// How many questions are open.
async fn asked(lab: &Lab) -> usize {
    lab.env.store.approvals_pending().await.unwrap().len()
}

/// A plan that would change nothing: nobody has to agree to it, and it does not wait for anybody.
#[tokio::test]
async fn about_a_plan_that_changes_nothing_nobody_is_asked() {
    let (lab, sandbox) = lab().await;
    let role = || json!({"role": "no-such-role"});
    let wanted = by_hand("stolen-role-credentials", role(), Mode::Approve);
    let started = lab.desk.start(wanted).await.unwrap();
    lab.settle().await;
    assert_eq!(asked(&lab).await, 0);
    let ended = run(&lab, &started.id).await;
    assert!(ended.state.is_over() && ended.state != RunState::Succeeded, "{ended:?}");
    let entries = lab.entries(&started.case).await;
    let note = entries.iter().find(|entry| entry.kind == "note.added").unwrap();
    assert!(note.body["text"].as_str().unwrap().starts_with("nobody is asked about this plan"));
    assert!(sandbox.snapshot_world().mutations.is_empty());
    lab.finish().await;
}

/// What there was nothing to change about when the plan was made is asked about when there is.
#[tokio::test]
async fn what_is_to_be_changed_in_spite_of_an_idle_plan_is_asked_about() {
    const WAITS: &str = "//! Waits.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"approve\" };\n\
        fn run(case, p) { sleep(60); contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"); }";
    let (lab, sandbox) =
        lab_with(LabSettings { library: library_with("waits", WAITS), ..settings() }).await;
    let instance = json!({"instance": "i-0a1b2c3d4e5f60718"});
    let first = by_hand("compromised-instance", instance, Mode::Contain);
    let first = lab.desk.start(first).await.unwrap();
    lab.settle().await;
    let waits = lab.desk.start(by_hand("waits", json!({}), Mode::Approve)).await.unwrap();
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    assert_eq!((asked(&lab).await, run(&lab, &waits.id).await.state), (0, RunState::Parked));
    lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    let before = sandbox.snapshot_world().mutations.len();
    assert_eq!(asked(&lab).await, 1, "{:?}", run(&lab, &waits.id).await);
    let asked = lab.env.store.approvals_pending().await.unwrap().remove(0).question;
    let words = "Go on with runbook waits? When the plan was made there was nothing to change; now this \
                 step would do: contain::isolate_instance ";
    assert!(asked.starts_with(words), "{asked}");
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    assert!(sandbox.snapshot_world().mutations.len() > before);
    assert_eq!(run(&lab, &waits.id).await.state, RunState::Succeeded);
    lab.finish().await;
}

/// A plan without a case names none that never comes to be.
#[tokio::test]
async fn a_plan_without_a_case_says_so_where_it_would_name_it() {
    let source = "//! Names.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { notify(\"oncall\", `Case ${case.id}.`); }";
    let (lab, _) =
        lab_with(LabSettings { library: library_with("speaks", source), ..settings() }).await;
    let (_, lines) = planned(&lab).await;
    assert_eq!(lines[0].1, "would say to oncall: Case case-not-opened-yet.");
    lab.finish().await;
}
