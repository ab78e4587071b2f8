//! Where a run acts: one IAM principal that is seen from two Regions, a Region that was mistyped, an
//! account that is not on the allow list.

use serde_json::json;

use super::*;
use crate::case::RunState;
use crate::error::Code;

/// An account that the sandbox does not have and nobody has allowed.
const STRANGE: &str = "444455556666";

/// A finding as it would come from another Region, as another one.
fn from(fixture: &str, region: &str, n: u32) -> String {
    let mut finding: Value = serde_json::from_str(fixture).unwrap();
    finding["region"] = json!(region);
    finding["detail"]["region"] = json!(region);
    finding["detail"]["id"] = json!(format!("{n:032x}"));
    finding.to_string()
}

/// IAM is global: whoever is contained is contained in every Region.
#[tokio::test]
async fn a_principal_that_is_seen_from_two_regions_has_one_run() {
    for fixture in [fixtures::INSTANCE_CREDENTIAL_EXFILTRATION, fixtures::LEAKED_USER_KEY] {
        for between in [false, true] {
            let (lab, _) = lab().await;
            let case = lab.deliver(fixture).await;
            if between {
                lab.settle().await;
            }
            assert_eq!(lab.deliver(&from(fixture, "us-east-1", 1)).await, case);
            lab.settle().await;
            let run = only_run(&lab, &case).await;
            assert_eq!(run.region.as_str(), "eu-west-1");
            assert!(lab.env.store.approvals_pending().await.unwrap().len() <= 1);
            lab.finish().await;
        }
    }
}

/// The one that waited for GuardDuty's word on the first finds it done.
#[tokio::test]
async fn a_run_that_waited_for_one_of_another_region_gives_way_to_it() {
    let (lab, sandbox) = lab_with(LabSettings { confirm_findings: true, ..settings() }).await;
    let first = from(fixtures::LEAKED_USER_KEY, "eu-west-1", 1);
    let second = from(fixtures::LEAKED_USER_KEY, "us-east-1", 2);
    for finding in [&first, &second] {
        let finding: Value = serde_json::from_str(finding).unwrap();
        siege::said(&sandbox, &finding["detail"]);
    }
    let case = lab.deliver(&first).await;
    assert_eq!(lab.deliver(&second).await, case);
    lab.clock.advance(std::time::Duration::from_secs(1));
    lab.settle().await;
    let runs = lab.env.store.runs_of(&case).await.unwrap();
    let codes: Vec<_> = runs.iter().map(|run| run.code.as_deref()).collect();
    assert_eq!(codes, [None, Some(Code::SUPERSEDED.number)], "{runs:#?}");
    lab.finish().await;
}

/// A person took it back and closed the case; another Region sees the same user.
#[tokio::test]
async fn what_was_taken_back_binds_a_finding_of_another_region_in_another_case() {
    let (lab, _) = lab().await;
    let case = lab.deliver(fixtures::LEAKED_USER_KEY).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    assert!(first.contained, "{first:?}");
    lab.desk.undo(&first.id, "ada".to_owned(), true).await.unwrap();
    lab.settle().await;
    lab.desk.close_case(&case, "ada".to_owned(), "a test of ours").await.unwrap();
    let next = lab.deliver(&from(fixtures::LEAKED_USER_KEY, "us-east-1", 1)).await;
    assert_ne!(next, case);
    lab.settle().await;
    assert_eq!(lab.env.store.approvals_pending().await.unwrap().len(), 1);
    lab.finish().await;
}

#[tokio::test]
async fn a_region_that_aws_does_not_have_is_refused_and_the_nearest_is_named() {
    let (lab, _) = lab().await;
    let instance = json!({"instance": "i-0a1b2c3d4e5f60718"});
    for (region, meant) in [
        ("eu-wset-1", Some("did you mean eu-west-1?")),
        ("us-eats-1", Some("did you mean us-east-1?")),
        ("eu-west-9", Some("did you mean eu-west-")),
        ("xx-nowhere-77", None),
    ] {
        let mut request = by_hand("compromised-instance", instance.clone(), Mode::Contain);
        request.region = Some(region.parse().unwrap());
        for refused in [
            lab.desk.plan(request.clone()).await.map(drop).unwrap_err(),
            lab.desk.start(request).await.map(drop).unwrap_err(),
        ] {
            assert_eq!(refused.code.number, "E0209", "{region}: {refused}");
            let begins = format!("there is no AWS Region {region}");
            assert!(refused.detail.starts_with(&begins), "{refused}");
            assert_eq!(
                refused.detail.contains("did you mean"),
                meant.is_some(),
                "{region}: {refused}"
            );
            assert!(meant.is_none_or(|meant| refused.detail.contains(meant)), "{refused}");
        }
    }
    assert!(lab.cases().await.is_empty(), "nothing was started");
    lab.finish().await;
}

/// What GuardDuty says is never refused, and neither is what a person asks for in its case.
#[tokio::test]
async fn a_finding_of_a_region_that_is_not_known_is_acted_on() {
    let (lab, _) = lab().await;
    let case = lab.deliver(&from(fixtures::LEAKED_USER_KEY, "xx-nowhere-77", 1)).await;
    lab.settle().await;
    assert!(only_run(&lab, &case).await.contained);
    let mut again = by_hand("leaked-access-key", json!({}), Mode::Observe);
    again.case = Some(case.clone());
    for region in [None, Some("xx-nowhere-77".parse().unwrap())] {
        again.region = region;
        lab.desk.start(again.clone()).await.unwrap();
    }
    lab.settle().await;
    lab.finish().await;
}

#[tokio::test]
async fn what_is_not_in_the_region_that_was_asked_for_has_not_vanished() {
    let (lab, _) = lab().await;
    let instance = json!({"instance": "i-0a1b2c3d4e5f60718"});
    for runbook in ["compromised-instance", "suspected-instance"] {
        let mut request = by_hand(runbook, instance.clone(), Mode::Approve);
        request.region = Some("eu-west-2".parse().unwrap());
        let started = lab.desk.start(request).await.unwrap();
        lab.settle().await;
        let summary = run(&lab, &started.id).await.summary.unwrap();
        let words = "E0305: no instance i-0a1b2c3d4e5f60718 in account 111122223333, Region \
            eu-west-2: it is terminated, or it is in another account or Region; check the request";
        assert!(summary.starts_with(words) && !summary.contains("any more"), "{summary}");
    }
    let request = by_hand("stolen-role-credentials", json!({"role": "nobody"}), Mode::Contain);
    let started = lab.desk.start(request).await.unwrap();
    lab.settle().await;
    let summary = run(&lab, &started.id).await.summary.unwrap();
    let words =
        "no role nobody in account 111122223333: it was deleted, or it is in another account";
    assert!(summary.contains(words) && !summary.contains("any more"), "{summary}");
    lab.finish().await;
}

/// Everything that people read of a case.
async fn read(lab: &Lab, case: &CaseId) -> String {
    let runs = lab.env.store.runs_of(case).await.unwrap();
    let mut read: Vec<String> = runs.into_iter().filter_map(|run| run.summary).collect();
    read.extend(lab.told());
    let entries = lab.entries(case).await;
    read.extend(entries.iter().map(|entry| format!("{}: {}", entry.kind, json!(entry.body))));
    read.join("\n")
}

/// Says nothing of the finding or the resource that the allow list belies.
#[track_caller]
fn says_one_thing(what: &str, text: &str) {
    eprintln!("==== {what}\n{text}\n");
    for wrong in [
        "GuardDuty does not know",
        "any more",
        "no instance i-",
        "not in this account",
        "nothing is known of it",
        "check the request",
    ] {
        assert!(!text.contains(wrong), "{what}: {wrong}: {text}");
    }
    assert!(text.contains("is not on the allow list"), "{what}: {text}");
}

/// The account has no role of ours: all that is looked at fails, or finds nothing.
#[tokio::test]
async fn what_is_said_of_an_account_off_the_list_does_not_contradict_the_list() {
    let (lab, _) = lab().await;
    let instance = json!({"instance": "i-0a1b2c3d4e5f60718"});
    let mut request = by_hand("compromised-instance", instance, Mode::Approve);
    request.account = Some(STRANGE.parse().unwrap());
    let refused = lab.desk.start(request.clone()).await.map(drop).unwrap_err();
    assert_eq!(refused.code, Code::GUARD_ACCOUNT);
    says_one_thing("refused", &refused.detail);
    request.mode = Mode::Observe;
    let planned = lab.desk.plan(request.clone()).await.map(drop).unwrap_err();
    assert_eq!(planned.code, Code::GUARD_ACCOUNT, "{planned}");
    says_one_thing("planned", &planned.detail);
    let started = lab.desk.start(request).await.unwrap();
    lab.settle().await;
    let by_hand = run(&lab, &started.id).await;
    assert_eq!(by_hand.state, RunState::Failed, "{by_hand:?}");
    says_one_thing("by hand", &read(&lab, &started.case).await);

    let case = lab.deliver(&mining().replace("111122223333", STRANGE)).await;
    lab.settle().await;
    let found = only_run(&lab, &case).await;
    says_one_thing("a finding", &read(&lab, &case).await);
    for run in [by_hand, found] {
        let summary = run.summary.unwrap();
        let first = format!("E0501: account {STRANGE} is not on the allow list");
        assert!(summary.starts_with(&first), "{summary}");
        assert_eq!(run.code.as_deref(), Some(Code::GUARD_ACCOUNT.number));
    }
    lab.finish().await;
}

/// The account was taken off the list while the run waited for its turn.
#[tokio::test]
async fn guard_duty_is_not_asked_in_an_account_that_was_taken_off_the_list() {
    let confirm = LabSettings { confirm_findings: true, ..settings() };
    let (mut lab, sandbox) = lab_with(confirm).await;
    let case = lab.deliver(mining()).await;
    lab.limit(|limits| limits.allowed_accounts.clear());
    lab.settle().await;
    let found = only_run(&lab, &case).await;
    says_one_thing("taken off", &read(&lab, &case).await);
    assert_eq!(found.state, RunState::Halted, "{found:?}");
    assert_eq!(found.code.as_deref(), Some(Code::GUARD_ACCOUNT.number));
    assert!(sandbox.snapshot_world().mutations.is_empty());
    lab.finish().await;
}
