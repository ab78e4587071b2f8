//! Forged findings, and what GuardDuty is asked about.

use serde_json::json;

use super::*;

/// Delivers `first`, and the genuine finding before anybody has asked GuardDuty about the first.
async fn the_genuine_one_is_answered_after(first: &Value, lab: Lab, sandbox: &Sandbox) {
    let case = lab.deliver(&first.to_string()).await;
    assert_eq!(lab.deliver(mining()).await, case);
    lab.settle().await;
    let told = runs(&lab, &case).await;
    assert!(groups(sandbox).iter().all(|groups| *groups == ["quarantine"]), "{told:#?}");
    lab.finish().await;
}

/// A forged finding about the instance comes just before the genuine one.
#[tokio::test]
async fn a_forged_finding_that_comes_first_swallows_no_genuine_one() {
    let (lab, sandbox) = lab_with(confirming()).await;
    said(&sandbox, &miner()["detail"]);
    the_genuine_one_is_answered_after(&another(1), lab, &sandbox).await;
}

/// The same without a forgery: GuardDuty has archived the first one meanwhile.
#[tokio::test]
async fn a_finding_that_was_archived_meanwhile_swallows_no_other() {
    let (lab, sandbox) = lab_with(confirming()).await;
    said(&sandbox, &miner()["detail"]);
    let mut archived = another(1)["detail"].clone();
    archived["service"]["archived"] = json!(true);
    said(&sandbox, &archived);
    the_genuine_one_is_answered_after(&another(1), lab, &sandbox).await;
}

/// A forged version of the finding itself comes just before the genuine one.
#[tokio::test]
async fn a_forged_version_that_comes_first_swallows_no_genuine_one() {
    let (lab, sandbox) = lab_with(confirming()).await;
    said(&sandbox, &miner()["detail"]);
    let mut forged = later(&miner(), "2026-03-14T09:00:00.000Z", 1);
    forged["detail"]["type"] = json!("CryptoCurrency:EC2/BitcoinTool.C");
    the_genuine_one_is_answered_after(&forged, lab, &sandbox).await;
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

/// 300 forged findings without an account come before a question.
#[tokio::test]
async fn findings_without_an_account_are_no_page_each() {
    let (lab, _) = lab().await;
    for n in 0..300 {
        let mut event = another(n);
        event["detail"].as_object_mut().unwrap().remove("accountId");
        event["detail"]["resource"]["instanceDetails"]["instanceId"] =
            json!(format!("i-0{n:016x}"));
        lab.deliver(&event.to_string()).await;
    }
    lab.deliver(&sequence().to_string()).await;
    lab.settle().await;
    let told = lab.told();
    let at = told.iter().position(|told| told.contains("tourniquet approve"));
    assert!(told.len() < 50, "{} messages, and the question is number {at:?}", told.len());
    assert!(at.is_some(), "{told:#?}");
    lab.wait(std::time::Duration::from_secs(600)).await;
    let last = lab.told().pop().unwrap();
    assert!(last.starts_with("290 findings on which nothing acts since "), "{last}");
    lab.finish().await;
}
