//! Findings that come later: grown, forged before, during an undo, after the case was closed.

use serde_json::json;

use super::siege::*;
use super::*;

/// GuardDuty updates an attack sequence that has grown: one more instance.
#[tokio::test]
async fn what_an_attack_sequence_names_later_is_not_lost() {
    let (lab, _) = lab().await;
    let first = sequence();
    let case = lab.deliver(&first.to_string()).await;
    lab.settle().await;
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    let mut grown = first.clone();
    grown["detail"]["updatedAt"] = json!("2026-03-14T11:45:12.000Z");
    grown["detail"]["service"]["count"] = json!(2);
    let resources =
        grown["detail"]["service"]["detection"]["sequence"]["resources"].as_array_mut().unwrap();
    let mut more = resources[0].clone();
    more["uid"] = json!("arn:aws:ec2:eu-west-1:111122223333:instance/i-0fffffffffffffff1");
    resources.push(more);
    assert_eq!(lab.deliver(&grown.to_string()).await, case);
    lab.settle().await;
    let runs = lab.env.store.runs_of(&case).await.unwrap();
    let status = lab.env.store.case(&case).await.unwrap().unwrap().status;
    assert_eq!((runs.len(), status), (2, crate::case::Status::Waiting), "a person is asked again");
}

/// Whoever has the intake token forges a finding that GuardDuty has, before EventBridge delivers it.
#[tokio::test]
async fn a_forgery_that_comes_first_does_not_keep_the_genuine_finding_from_its_run() {
    let mut lost = Vec::new();
    for later in [false, true] {
        let (lab, sandbox) = lab_with(LabSettings { confirm_findings: true, ..settings() }).await;
        let genuine: Value = serde_json::from_str(mining()).unwrap();
        said(&sandbox, &genuine["detail"]);
        let mut forged = genuine.clone();
        forged["detail"]["type"] = json!("Trojan:EC2/DriveBySourceTraffic!DNS");
        if later {
            forged["detail"]["updatedAt"] = json!("2099-01-01T00:00:00.000Z");
        } else {
            forged["detail"]["updatedAt"] = json!("2020-01-01T00:00:00.000Z");
        }
        let case = lab.deliver(&forged.to_string()).await;
        lab.settle().await;
        assert_eq!(lab.deliver(mining()).await, case);
        lab.settle().await;
        let runs = lab.env.store.runs_of(&case).await.unwrap();
        lost.extend((!runs.iter().any(|run| run.contained)).then_some(later));
    }
    assert!(lost.is_empty(), "forged with a later time: {lost:?}");
}

/// A new finding about an instance whose undo is queued.
#[tokio::test]
async fn a_finding_that_comes_while_an_undo_is_under_way_is_asked_about() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let done = only_run(&lab, &case).await;
    assert!(done.contained);
    lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap();
    let mut second: Value = serde_json::from_str(mining()).unwrap();
    second["detail"]["id"] = json!("0123456789abcdef0123456789abcdef");
    second["detail"]["type"] = json!("Backdoor:EC2/C&CActivity.B!DNS");
    assert_eq!(lab.deliver(&second.to_string()).await, case);
    lab.settle().await;
    let status = lab.env.store.case(&case).await.unwrap().unwrap().status;
    assert_eq!(status, crate::case::Status::Waiting);
    assert!(groups(&sandbox).iter().all(|groups| *groups != ["quarantine"]), "nobody has agreed");
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    assert!(groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]));
}

/// A late version, of a time before a person closed the case, asks for a run.
#[tokio::test]
async fn nothing_acts_in_a_case_that_stays_closed() {
    let mut hidden = Vec::new();
    for mode in ["contain", "approve"] {
        let (lab, _) = lab().await;
        let mut quiet: Value = serde_json::from_str(mining()).unwrap();
        quiet["detail"]["severity"] = json!(1.0);
        quiet["detail"]["updatedAt"] = json!("2026-03-14T09:20:00.000Z");
        let case = lab.deliver(&quiet.to_string()).await;
        lab.settle().await;
        lab.clock.advance(std::time::Duration::from_secs(24 * 3600));
        lab.desk.close_case(&case, "ada".to_owned(), "nothing").await.unwrap();
        let mut loud: Value = serde_json::from_str(mining()).unwrap();
        loud["detail"]["updatedAt"] = json!("2026-03-14T12:25:00.000Z");
        if mode == "approve" {
            loud["detail"]["service"].as_object_mut().unwrap().remove("resourceRole");
        }
        assert_eq!(lab.deliver(&loud.to_string()).await, case);
        lab.settle().await;
        let runs = lab.env.store.runs_of(&case).await.unwrap();
        let status = lab.env.store.case(&case).await.unwrap().unwrap().status;
        let acted = runs.iter().any(|run| run.mode != Mode::Observe);
        hidden.extend((acted && status == crate::case::Status::Closed).then_some(mode));
    }
    assert!(hidden.is_empty(), "closed, and a run acted or asks: {hidden:?}");
}

/// GuardDuty repeats a finding under its id: the attack goes on after somebody lifted the containment.
#[tokio::test]
async fn what_goes_on_after_an_undo_is_asked_about_once() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let done = only_run(&lab, &case).await;
    lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    let status = async || lab.env.store.case(&case).await.unwrap().unwrap().status;
    assert_eq!(status().await, crate::case::Status::Released);
    for hour in ["12", "18"] {
        let mut again: Value = serde_json::from_str(mining()).unwrap();
        again["detail"]["updatedAt"] = json!(format!("2026-03-14T{hour}:25:00.000Z"));
        again["detail"]["service"]["count"] = json!(40);
        assert_eq!(lab.deliver(&again.to_string()).await, case);
        lab.settle().await;
        // The containment, its undo, and one question however often it is repeated.
        assert_eq!(lab.env.store.runs_of(&case).await.unwrap().len(), 3);
        assert_eq!(status().await, crate::case::Status::Waiting);
    }
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    assert_eq!(status().await, crate::case::Status::Contained);
    assert!(groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]));
}

/// Two genuine findings about one instance come before anybody has asked GuardDuty about either.
#[tokio::test]
async fn of_two_findings_at_once_one_run_acts_and_the_other_was_not_needed() {
    let (lab, sandbox) = lab_with(LabSettings { confirm_findings: true, ..settings() }).await;
    let first: Value = serde_json::from_str(mining()).unwrap();
    let mut second = first.clone();
    second["detail"]["id"] = json!("0123456789abcdef0123456789abcdef");
    said(&sandbox, &first["detail"]);
    said(&sandbox, &second["detail"]);
    let case = lab.deliver(&first.to_string()).await;
    assert_eq!(lab.deliver(&second.to_string()).await, case);
    // The clock of a test stands still while nobody sleeps.
    lab.clock.advance(std::time::Duration::from_secs(1));
    lab.settle().await;
    let runs = lab.env.store.runs_of(&case).await.unwrap();
    let (acted, other): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run.contained);
    let ([acted], [other]) = (acted.as_slice(), other.as_slice()) else { panic!("{runs:#?}") };
    let summary = format!("not needed: {} answers it", acted.id);
    assert_eq!((other.summary.as_deref(), other.code.as_deref()), (Some(&*summary), Some("E0513")));
    let status = lab.env.store.case(&case).await.unwrap().unwrap().status;
    assert_eq!(status, crate::case::Status::Contained);
    assert!(lab.told().iter().all(|text| !text.contains("not needed")), "{:?}", lab.told());
    // What stands now, stands for a third one.
    let mut third = first.clone();
    third["detail"]["id"] = json!("0123456789abcdef0123456789abcde0");
    assert_eq!(lab.deliver(&third.to_string()).await, case);
    assert_eq!(lab.env.store.runs_of(&case).await.unwrap().len(), 2);
    lab.finish().await;
}
