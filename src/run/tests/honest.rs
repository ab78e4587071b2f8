//! What a run must not keep to itself: a no that its script catches, a branch that failed, a genuine
//! finding that nothing acts on; and of two questions about one incident, the one that still counts.

use serde_json::json;

use super::siege::sequence;
use super::*;
use crate::case::{RunState, Status};
use crate::error::Code;
use crate::store::ApprovalState;

async fn status(lab: &Lab, case: &CaseId) -> Status {
    lab.env.store.case(case).await.unwrap().unwrap().status
}

/// A script that contains one role, whatever becomes of `risky`.
async fn on_script(risky: &str) -> Lab {
    let source = format!(
        "//! Probe.\nconst RUNBOOK = #{{ on: [\"Never:X/*\"], mode: \"contain\" }};\n\
         fn run(case, p) {{ contain::revoke_role_sessions(\"web-server\"); {risky} }}"
    );
    let library = library_with("probe", &source);
    let (lab, _) = lab_with(LabSettings { library, ..settings() }).await;
    lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    lab
}

#[tokio::test]
async fn a_no_that_the_script_catches_is_told_all_the_same() {
    let lab =
        on_script("try { approve(\"And the other?\", #{ within: \"30m\" }); } catch (e) { }").await;
    let asked = lab.env.store.approvals_pending().await.unwrap().remove(0);
    decide(&lab, "grace", false).await.unwrap();
    lab.settle().await;
    let run = only_run(&lab, &asked.case).await;
    assert_eq!((run.state, run.contained), (RunState::Halted, false), "{run:?}");
    assert_eq!(run.code.as_deref(), Some(Code::APPROVAL_DENIED.number));
    assert!(run.summary.unwrap().contains("a person said no (grace: seen)"));
    assert_eq!(status(&lab, &asked.case).await, Status::Attention);
    lab.finish().await;
}

#[tokio::test]
async fn silence_that_the_script_catches_is_told_all_the_same() {
    let lab =
        on_script("try { approve(\"And the other?\", #{ within: \"30m\" }); } catch (e) { }").await;
    let asked = lab.env.store.approvals_pending().await.unwrap().remove(0);
    lab.clock.advance(std::time::Duration::from_secs(31 * 60));
    lab.settle().await;
    let run = only_run(&lab, &asked.case).await;
    assert_eq!(run.state, RunState::Halted, "{run:?}");
    assert!(run.summary.unwrap().contains("nobody answered in time"));
    lab.finish().await;
}

#[tokio::test]
async fn a_branch_that_failed_by_itself_is_told_where_its_error_is_kept() {
    let lab = on_script(
        "parallel([|| throw \"the other role is not known\", || 1], #{ keep_errors: true });",
    )
    .await;
    let case = lab.cases().await.remove(0);
    let run = only_run(&lab, &case).await;
    assert_eq!((run.state, run.contained), (RunState::Failed, false), "{run:?}");
    assert!(run.summary.unwrap().contains("the other role is not known"));
    assert_eq!(status(&lab, &case).await, Status::Attention);
    lab.finish().await;
}

#[tokio::test]
async fn what_a_script_returns_stands_in_the_timeline() {
    let lab = on_script("#{ role: \"web-server\" }").await;
    let case = lab.cases().await.remove(0);
    let entries = lab.entries(&case).await;
    let end = entries.iter().find(|entry| entry.kind == "run.finished").unwrap();
    assert_eq!(end.body["result"], json!({"role": "web-server"}));
    lab.finish().await;
}

#[tokio::test]
async fn people_hear_of_a_genuine_finding_that_nothing_acts_on() {
    let mut unknown: Value = serde_json::from_str(mining()).unwrap();
    unknown["detail"]["type"] = json!("Novel:EC2/NobodyKnows");
    let unknown = unknown.to_string();
    let mut sample: Value = serde_json::from_str(mining()).unwrap();
    sample["detail"]["service"]["additionalInfo"] = json!({"sample": true});
    let sample = sample.to_string();
    let nobody = || LabSettings { allowed: [].into(), ..settings() };
    for (what, finding, settings, told) in [
        ("off the list", mining(), nobody(), Some("E0501: the account 111122223333 is not on")),
        ("no runbook", unknown.as_str(), settings(), Some("no runbook was written for it")),
        ("a sample", sample.as_str(), nobody(), None),
    ] {
        let (lab, sandbox) = lab_with(settings).await;
        let case = lab.deliver(finding).await;
        lab.settle().await;
        let run = only_run(&lab, &case).await;
        assert_eq!(run.state, RunState::Succeeded, "{what}: {run:?}");
        let summary = run.summary.unwrap();
        assert!(summary.starts_with("observed; nothing was changed"), "{what}: {summary}");
        assert!(told.is_none_or(|why| summary.contains(why)), "{what}: {summary}");
        let heard = lab.told();
        assert_eq!(heard.len(), usize::from(told.is_some()), "{what}: {heard:?}");
        assert!(heard.iter().all(|text| text.contains(told.unwrap())), "{what}: {heard:?}");
        assert_eq!(sandbox.snapshot_world().mutations.len(), 0, "{what}");
        lab.finish().await;
    }
}

/// GuardDuty updates an attack sequence while nobody has answered yet.
#[tokio::test]
async fn of_a_grown_attack_sequence_one_question_is_left() {
    let (lab, sandbox) = lab().await;
    let first = sequence();
    let case = lab.deliver(&first.to_string()).await;
    lab.settle().await;
    let older = lab.env.store.approvals_pending().await.unwrap().remove(0);
    let mut grown = first;
    grown["detail"]["updatedAt"] = json!("2026-03-14T11:45:12.000Z");
    grown["detail"]["service"]["count"] = json!(2);
    let list = &mut grown["detail"]["service"]["detection"]["sequence"]["resources"];
    let mut more = list[0].clone();
    more["uid"] = json!("arn:aws:ec2:eu-west-1:111122223333:instance/i-0fffffffffffffff1");
    list.as_array_mut().unwrap().push(more);
    assert_eq!(lab.deliver(&grown.to_string()).await, case);
    lab.settle().await;
    let pending = lab.env.store.approvals_pending().await.unwrap();
    assert_eq!(pending.len(), 1, "{pending:?}");
    let newer = &pending[0];
    assert_ne!(newer.run, older.run);
    let withdrawn = lab.env.store.approval(&older.id).await.unwrap().unwrap();
    assert_eq!(withdrawn.state, ApprovalState::Withdrawn);
    let ended = run(&lab, &older.run).await;
    assert_eq!((ended.state, ended.contained), (RunState::Succeeded, false), "{ended:?}");
    let summary = format!("not needed: {} asks for all of it, and more", newer.run);
    assert_eq!(ended.summary.as_deref(), Some(summary.as_str()));
    assert_eq!(status(&lab, &case).await, Status::Waiting);
    assert_eq!(sandbox.snapshot_world().mutations.len(), 0, "nobody has agreed to anything");
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    assert_ne!(sandbox.snapshot_world().mutations.len(), 0, "the question that is left counts");
    lab.finish().await;
}
