//! What people have decided, and what nobody has, when it goes on.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::error::Code;

/// A person took the containment back and closed the case; GuardDuty makes another finding of it.
#[tokio::test]
async fn what_was_taken_back_and_closed_is_asked_about_in_the_next_case() {
    let (lab, sandbox) = lab().await;
    let case = closed_case(&lab).await;
    let next = lab.deliver(&another(1).to_string()).await;
    assert_ne!(next, case);
    lab.settle().await;
    let isolated = groups(&sandbox).iter().any(|groups| *groups == ["quarantine"]);
    assert!(!isolated && pending(&lab).await == 1, "{:#?}", runs(&lab, &next).await);
    let entries = lab.entries(&next).await;
    let decided = entries.iter().find(|entry| entry.kind == "routing.decided").unwrap();
    assert!(decided.body["reasons"].to_string().contains("taken back"), "{:?}", decided.body);
    let asked = lab.env.store.approvals_pending().await.unwrap().remove(0);
    let lifted = lab.env.store.runs_of(&case).await.unwrap().remove(0).id;
    let mind = format!(
        " as planned? Mind: a run on this target was taken back: ada took back {lifted} of {case} \
         at 2026-"
    );
    assert!(asked.question.contains(&mind), "{}", asked.question);
    assert!(asked.question.ends_with(", because: a test of ours."), "{}", asked.question);
    lab.finish().await;
}

/// A day later the closed case binds nobody any more.
#[tokio::test]
async fn what_was_taken_back_days_ago_is_contained_again() {
    let (lab, sandbox) = lab().await;
    closed_case(&lab).await;
    lab.clock.advance(Duration::from_secs(25 * 3600));
    lab.deliver(&another(1).to_string()).await;
    lab.settle().await;
    assert!(groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]));
    lab.finish().await;
}

/// A person took the containment back a day after the last finding: that is the newest thing that is known.
#[tokio::test]
async fn what_was_taken_back_on_the_next_day_binds_from_then_on() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    lab.clock.advance(Duration::from_secs(25 * 3600));
    lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    lab.desk.close_case(&case, "ada".to_owned(), "a test of ours").await.unwrap();
    let next = lab.deliver(&another(1).to_string()).await;
    lab.settle().await;
    let isolated = groups(&sandbox).iter().any(|groups| *groups == ["quarantine"]);
    assert!(!isolated && pending(&lab).await == 1, "{:#?}", runs(&lab, &next).await);
    lab.finish().await;
}

/// Whoever asks for a run by hand knows what was said before; whoever is asked to agree does not. And when
/// it is done in the end, nothing is left to attend to.
#[tokio::test]
async fn who_must_agree_to_a_run_by_hand_reads_the_last_word_on_its_target() {
    let (lab, _) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    let by_hand = || {
        let mut request = by_hand("compromised-instance", json!({}), Mode::Approve);
        request.case = Some(case.clone());
        request
    };
    let mut questions = Vec::new();
    for (by, grant) in [("bob", false), ("grace", true)] {
        lab.desk.start(by_hand()).await.unwrap();
        lab.settle().await;
        questions.push(lab.env.store.approvals_pending().await.unwrap().remove(0).question);
        decide(&lab, by, grant).await.unwrap();
        lab.settle().await;
        let expected = if grant { Status::Contained } else { Status::Attention };
        assert_eq!(status(&lab, &case).await, expected, "{:#?}", runs(&lab, &case).await);
    }
    let undone = "Mind: a run on this target was taken back: ada took back run-";
    assert!(questions[0].contains(undone), "{questions:#?}");
    let denied = "Mind: a person said no to a run on this target: bob said no to run-";
    assert!(questions[1].contains(denied), "{questions:#?}");
    // Who is on call hears of the undo, too.
    let told = lab.told();
    assert!(
        told.iter().any(|text| text.contains(&format!("ada took {} back", first.id))),
        "{told:#?}"
    );
    lab.finish().await;
}

/// A case has several findings: each message names the one that it is about.
#[tokio::test]
async fn what_people_are_told_of_a_run_names_its_own_finding() {
    let (lab, _) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let mut other = another(1);
    other["detail"]["type"] = json!("Behavior:EC2/NetworkPortUnusual");
    other["detail"]["severity"] = json!(5.0);
    assert_eq!(lab.deliver(&other.to_string()).await, case);
    lab.settle().await;
    let told = lab.told().pop().unwrap();
    assert!(told.starts_with("Behavior:EC2/NetworkPortUnusual (severity 5.0) on "), "{told}");
    lab.finish().await;
}

/// A person said no to what an attack sequence would have had done to an instance; the instance's own
/// finding comes a minute later.
#[tokio::test]
async fn a_no_to_a_sequence_binds_what_its_plan_names() {
    let (lab, sandbox) = lab().await;
    let first = lab.deliver(&sequence().to_string()).await;
    lab.settle().await;
    decide(&lab, "grace", false).await.unwrap();
    lab.settle().await;
    let next = lab.deliver(mining()).await;
    lab.settle().await;
    let told = runs(&lab, &next).await;
    assert!(sandbox.snapshot_world().mutations.is_empty() && pending(&lab).await == 1, "{told:#?}");
    assert!(reasons(&lab, &next).await.contains("said no"));
    let asked = lab.env.store.approvals_pending().await.unwrap().remove(0).question;
    assert!(asked.contains("Mind: a person said no to a run on this target: grace said no to run"));
    assert!(asked.contains(&format!(" of {first} at 2026-")), "{asked}");
    assert!(asked.ends_with(", because: seen."), "{asked}");
    lab.finish().await;
}

/// A person took the isolation of an instance back; an attack sequence that names it would do it again.
#[tokio::test]
async fn what_was_taken_back_is_asked_about_as_a_part_of_a_sequence() {
    const SWEEPS: &str = "//! Sweeps.\nconst RUNBOOK = #{ on: [\"AttackSequence:EC2/CompromisedInstanceGroup\"], \
        mode: \"contain\" };\nfn run(case, p) { contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"); }";
    let LabSettings { library: shipped, .. } = settings();
    for library in [library_with("sweep", SWEEPS), shipped] {
        let (lab, sandbox) = lab_with(LabSettings { library, ..settings() }).await;
        closed_case(&lab).await;
        let next = lab.deliver(&sequence().to_string()).await;
        lab.settle().await;
        let isolated = groups(&sandbox).iter().any(|groups| *groups == ["quarantine"]);
        assert!(!isolated && pending(&lab).await == 1, "{:#?}", runs(&lab, &next).await);
        assert!(reasons(&lab, &next).await.contains("taken back"));
        lab.finish().await;
    }
}

/// Why routing decided as it did in a case.
async fn reasons(lab: &Lab, case: &CaseId) -> String {
    let entries = lab.entries(case).await;
    let decided = entries.iter().find(|entry| entry.kind == "routing.decided").unwrap();
    decided.body["reasons"].to_string()
}

/// Nothing acts in the account: on-call hears of a finding once, and again when it grows severe.
#[tokio::test]
async fn on_call_hears_of_a_finding_that_grows_severe_where_nothing_acts() {
    let (lab, _) = lab_with(LabSettings { allowed: [].into(), ..settings() }).await;
    let of = |severity: f64, hour: u32, n: Option<u32>| {
        let event = n.map_or_else(miner, another);
        let mut event = later(&event, &format!("2026-03-14T{hour}:45:12.000Z"), hour.into());
        event["detail"]["severity"] = json!(severity);
        event.to_string()
    };
    let mut told = Vec::new();
    for (severity, hour, n) in [
        (2.0, 10, None),
        (3.0, 11, None),
        (8.0, 12, None),
        (8.5, 13, None),
        (8.0, 14, Some(1)),
        (9.0, 15, Some(2)),
        (2.0, 16, None),
    ] {
        lab.deliver(&of(severity, hour, n)).await;
        lab.settle().await;
        told.push(lab.told().len());
    }
    assert_eq!(told, [1, 1, 2, 2, 2, 3, 3], "{:#?}", lab.told());
    assert!(lab.told().iter().all(|told| told.contains("allow list")), "{:#?}", lab.told());
    lab.finish().await;
}

/// Nobody answered a question, and the attack goes on: silence was no decision.
#[tokio::test]
async fn what_nobody_answered_is_asked_again_when_it_goes_on() {
    let (lab, _) = lab().await;
    let case = lab.deliver(&sequence().to_string()).await;
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1);
    lab.clock.advance(Duration::from_secs(13 * 3600));
    lab.settle().await;
    let silent = only_run(&lab, &case).await;
    assert_eq!(silent.state, RunState::Halted);
    assert_eq!(silent.code.as_deref(), Some(Code::UNANSWERED.number), "{silent:?}");
    assert_eq!((pending(&lab).await, status(&lab, &case).await), (0, Status::Attention));
    let on = later(&sequence(), "2026-03-14T23:45:12.000Z", 2);
    assert_eq!(lab.deliver(&on.to_string()).await, case);
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}
