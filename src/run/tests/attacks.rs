//! What somebody inside the account, or a bad moment, could make of a run.

use serde_json::json;

use super::siege::*;
use super::*;
use crate::case::RunState;
use crate::cloud::faulty::{Calls, Fault, Faulty, Plan};
use crate::cloud::sandbox::Settling;

/// A genuine finding about the same instance that nothing acts on.
fn probed() -> Value {
    let mut event: Value = serde_json::from_str(mining()).unwrap();
    event["detail"]["id"] = json!("0123456789abcdef0123456789abcdef");
    event["detail"]["type"] = json!("Recon:EC2/PortProbeUnprotectedPort");
    event["detail"]["severity"] = json!(2.0);
    event["detail"]["service"]["resourceRole"] = json!("TARGET");
    event
}

#[tokio::test]
async fn an_undo_of_a_failed_attempt_leaves_a_later_containment_alone() {
    let n = change_number("eni-0aaaaaaaaaaaaaaa2", 0).await;
    let plan = changes().at(n, Fault::Denied);
    let (lab, sandbox, _) = faulty_lab(plan, ISOLATES).await;
    let first = isolate(&lab).await;
    assert_eq!(first.state, RunState::Failed);
    assert!(isolate(&lab).await.contained);
    let isolated = groups(&sandbox);
    let refused = lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap_err();
    assert!(refused.detail.contains("take run"), "{}", refused.detail);
    assert_eq!(groups(&sandbox), isolated);
    lab.finish().await;
}

#[tokio::test]
async fn a_refusal_for_one_interface_leaves_no_other_half_way() {
    let n = change_number("eni-0aaaaaaaaaaaaaaa1", 0).await;
    let plan = changes().at(n, Fault::Denied);
    let (lab, sandbox, _) = faulty_lab(plan, ISOLATES).await;
    let done = isolate(&lab).await;
    assert_eq!(done.state, RunState::Failed);
    assert_eq!(groups(&sandbox)[1], ["quarantine"], "the other one is cut off all the same");
    lab.finish().await;
}

#[tokio::test]
async fn an_interface_that_gets_no_further_is_put_back_out_of_the_open_group() {
    let n = change_number("eni-0aaaaaaaaaaaaaaa1", 1).await;
    let plan = changes().at(n, Fault::Denied);
    let (lab, sandbox, _) = faulty_lab(plan, ISOLATES).await;
    let before = groups(&sandbox);
    let done = isolate(&lab).await;
    assert_eq!(done.state, RunState::Failed);
    assert_eq!(groups(&sandbox), [before[0].clone(), vec!["quarantine".to_owned()]]);
    let summary = done.summary.unwrap();
    let put_back = "not contained, put back: network-interface/eni-0aaaaaaaaaaaaaaa1";
    assert!(summary.contains(put_back) && !summary.contains("half way"), "{summary}");
    // What was put back is not given back a second time.
    lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    assert_eq!(groups(&sandbox), before);
    lab.finish().await;
}

#[tokio::test]
async fn what_is_left_half_way_is_named() {
    let n = change_number("eni-0aaaaaaaaaaaaaaa1", 1).await;
    let changes = changes();
    // Not even back, however often it is tried.
    let plan = (n..n + 12).fold(changes, |plan, n| plan.at(n, Fault::Denied));
    let (lab, sandbox, _) = faulty_lab(plan, ISOLATES).await;
    let done = isolate(&lab).await;
    assert_eq!(groups(&sandbox)[0], ["transition"]);
    let summary = done.summary.unwrap();
    assert!(
        summary.contains("left half way") && summary.contains("eni-0aaaaaaaaaaaaaaa1"),
        "{summary}"
    );
    lab.finish().await;
}

#[tokio::test]
async fn an_undo_never_passes_over_what_is_not_known() {
    let mut unknown = 0;
    for n in 1..=calls().await {
        let lost = Plan::none().at(n, Fault::LostAnswer);
        // Two changes are settled beside each other, with four looks each.
        let plan = (1..=8).fold(lost, |plan, read| plan.at(n + read, Fault::Denied));
        let (lab, sandbox, _) = faulty_lab(plan, ISOLATES).await;
        let before = groups(&sandbox);
        let done = isolate(&lab).await;
        if !done.summary.unwrap_or_default().contains("no look could tell") {
            continue;
        }
        unknown += 1;
        let undo = lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap();
        lab.settle().await;
        let undone = run(&lab, &undo.id).await;
        let as_before = groups(&sandbox) == before;
        assert!(as_before || undone.state != RunState::Succeeded, "call {n}: {:?}", undone.summary);
        lab.finish().await;
    }
    assert!(unknown > 0, "nothing was left unknown");
}

#[tokio::test]
async fn what_an_undo_kept_can_be_revived_as_it_says() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let done = only_run(&lab, &case).await;
    let stolen = "ASIAZ7Q2EXAMPLE00001".parse().unwrap();
    for (revive, works) in [(false, false), (true, true)] {
        let undo = lab.desk.undo(&done.id, "ada".to_owned(), revive).await.unwrap();
        lab.settle().await;
        assert_eq!(run(&lab, &undo.id).await.state, RunState::Succeeded);
        assert_eq!(sandbox.attacker().can_call(&ours(), &stolen).allowed, works);
    }
    lab.desk.undo(&done.id, "ada".to_owned(), true).await.unwrap_err();
    lab.finish().await;
}

#[tokio::test]
async fn an_undo_that_gave_nothing_back_releases_nothing() {
    let (lab, _) = lab().await;
    let role = json!({"role": "web-server"});
    let done =
        lab.desk.start(by_hand("stolen-role-credentials", role, Mode::Contain)).await.unwrap();
    lab.settle().await;
    let undo = lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    assert_eq!(run(&lab, &undo.id).await.summary.as_deref(), Some("nothing was taken back"));
    assert!(!run(&lab, &done.id).await.released);
    assert_eq!(lab.env.store.holds_of(&done.id).await.unwrap().len(), 1, "it is held on");
    lab.desk.undo(&done.id, "ada".to_owned(), true).await.unwrap();
    lab.settle().await;
    assert!(run(&lab, &done.id).await.released);
    lab.finish().await;
}

#[tokio::test]
async fn two_undos_of_one_run_are_one() {
    let (lab, _, _) = faulty_lab(Plan::none(), ISOLATES).await;
    let done = isolate(&lab).await;
    let undo = || lab.desk.undo(&done.id, "ada".to_owned(), false);
    let (one, two) = tokio::join!(undo(), undo());
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
    lab.settle().await;
    undo().await.unwrap_err();
    lab.finish().await;
}

#[tokio::test]
async fn a_planted_policy_that_no_entry_can_hold_saves_no_key() {
    let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny",
        "Action": "s3:ListBucket", "Resource": "*",
        "Condition": {"NumericGreaterThan": {"s3:max-keys": 10.5}}}]});
    let planted = || Settling::settled(Some(document.clone()));
    let (lab, sandbox) = lab().await;
    sandbox
        .edit(|world| {
            let account = world.account_mut(&ours()).unwrap();
            let user = account.users.get_mut(&"deploy-bot".parse().unwrap()).unwrap();
            user.policies.insert("TourniquetDenyAll".to_owned(), planted());
            let role = account.roles.get_mut(&"web-server".parse().unwrap()).unwrap();
            role.policies.insert("AWSRevokeOlderSessions".to_owned(), planted());
        })
        .unwrap();
    let key = json!({"key": "AKIAZ7Q2EXAMPLE00001", "user": "deploy-bot"});
    let role = json!({"role": "web-server"});
    let mut runs = Vec::new();
    for (runbook, params) in [("leaked-access-key", key), ("stolen-role-credentials", role)] {
        let started = lab.desk.start(by_hand(runbook, params, Mode::Contain)).await.unwrap();
        lab.settle().await;
        runs.push(run(&lab, &started.id).await);
    }
    assert!(runs.iter().all(|run| run.contained), "{runs:?}");
    for stolen in ["AKIAZ7Q2EXAMPLE00001", "ASIAZ7Q2EXAMPLE00001"] {
        assert!(!sandbox.attacker().can_call(&ours(), &stolen.parse().unwrap()).allowed);
    }
    for done in runs {
        lab.desk.undo(&done.id, "ada".to_owned(), true).await.unwrap();
        lab.settle().await;
    }
    let world = sandbox.snapshot_world();
    let role = &world.accounts[&ours()].roles[&"web-server".parse().unwrap()];
    assert_eq!(role.policies["AWSRevokeOlderSessions"].value.as_ref(), Some(&document));
    lab.finish().await;
}

#[tokio::test]
async fn a_forged_finding_does_not_ride_on_a_genuine_one() {
    let (lab, sandbox) = lab_with(LabSettings { confirm_findings: true, ..settings() }).await;
    let genuine = probed();
    said(&sandbox, &genuine["detail"]);
    let case = lab.deliver(&genuine.to_string()).await;
    lab.settle().await;
    // GuardDuty has never said this one.
    assert_eq!(lab.deliver(mining()).await, case);
    lab.settle().await;
    assert_eq!(sandbox.snapshot_world().mutations.len(), 0);
    lab.finish().await;
}

#[tokio::test]
async fn a_genuine_finding_is_not_held_for_another_one_of_its_case() {
    let (lab, sandbox) = lab_with(LabSettings { confirm_findings: true, ..settings() }).await;
    let first = probed();
    let mut archived = first["detail"].clone();
    archived["service"]["archived"] = json!(true);
    said(&sandbox, &archived);
    let second: Value = serde_json::from_str(mining()).unwrap();
    said(&sandbox, &second["detail"]);
    let case = lab.deliver(&first.to_string()).await;
    lab.settle().await;
    assert_eq!(lab.deliver(mining()).await, case);
    lab.settle().await;
    let runs = lab.env.store.runs_of(&case).await.unwrap();
    assert!(runs.iter().any(|run| run.contained), "{runs:?}");
    lab.finish().await;
}

#[tokio::test]
async fn some_seconds_of_throttling_end_no_run_before_it_began() {
    for confirm_findings in [false, true] {
        let plan = (1..=6)
            .fold(Plan::none().counting(Calls::Reads), |plan, n| plan.at(n, Fault::Throttled));
        let clock = clock();
        let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap();
        let event: Value = serde_json::from_str(mining()).unwrap();
        said(&sandbox, &event["detail"]);
        let faulty = Arc::new(Faulty::new(Arc::new(sandbox), plan));
        let lab = Lab::new(faulty, clock, LabSettings { confirm_findings, ..settings() }).await;
        let case = lab.deliver(mining()).await;
        lab.settle().await;
        let done = only_run(&lab, &case).await;
        assert!(done.contained, "{confirm_findings}: {:?}", done.summary);
        lab.finish().await;
    }
}

#[tokio::test]
async fn throttling_after_the_yes_neither_fails_nor_asks_again() {
    let plan =
        (3..9).fold(Plan::none().counting(Calls::Reads), |plan, n| plan.at(n, Fault::Throttled));
    let (lab, _, _) = faulty_lab(plan, ISOLATES).await;
    let role = json!({"role": "batch-worker"});
    let started =
        lab.desk.start(by_hand("stolen-role-credentials", role, Mode::Approve)).await.unwrap();
    lab.settle().await;
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    let done = run(&lab, &started.id).await;
    assert!(done.contained, "{:?}", done.summary);
    lab.finish().await;
}

#[tokio::test]
async fn a_no_is_not_overridden_by_the_next_version() {
    let (lab, sandbox) = lab().await;
    let mut first: Value = serde_json::from_str(mining()).unwrap();
    // Incomplete, so that a person is asked.
    first["detail"].as_object_mut().unwrap().remove("updatedAt");
    let case = lab.deliver(&first.to_string()).await;
    lab.settle().await;
    decide(&lab, "grace", false).await.unwrap();
    lab.settle().await;
    let mut second: Value = serde_json::from_str(mining()).unwrap();
    second["detail"]["updatedAt"] = json!("2026-03-14T23:27:12.000Z");
    assert_eq!(lab.deliver(&second.to_string()).await, case);
    lab.settle().await;
    assert_eq!(sandbox.snapshot_world().mutations.len(), 0);
    lab.finish().await;
}

/// GuardDuty takes minutes: before the finding arrives, the attacker takes the profile off.
#[tokio::test]
async fn the_role_that_the_finding_names_is_revoked_although_the_profile_was_taken_off() {
    for deleted in [false, true] {
        let (lab, sandbox) = lab().await;
        sandbox
            .edit(|world| {
                let account = world.account_mut(&ours()).unwrap();
                if deleted {
                    account.profiles.clear();
                }
                let region = account.regions.values_mut().next().unwrap();
                region.instances.values_mut().next().unwrap().instance.profile_arn = None;
            })
            .unwrap();
        let case = lab.deliver(mining()).await;
        lab.settle().await;
        let done = only_run(&lab, &case).await;
        let stolen = "ASIAZ7Q2EXAMPLE00001".parse().unwrap();
        assert_eq!(sandbox.attacker().can_call(&ours(), &stolen).allowed, deleted);
        assert_eq!(done.contained, !deleted, "{:?}", done.summary);
        let summary = done.summary.unwrap();
        assert_eq!(summary.contains("instance-profile/web-server"), deleted, "{summary}");
        assert!(groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]));
        lab.finish().await;
    }
}

/// A runbook of one's own takes a parameter from a place that no shipped one looks at.
#[tokio::test]
async fn a_parameter_that_guardduty_tells_otherwise_is_not_acted_on() {
    let mut genuine: Value = serde_json::from_str(mining()).unwrap();
    let role = "resource.instanceDetails.iamInstanceProfile.id";
    genuine["detail"]["resource"]["instanceDetails"]["iamInstanceProfile"]["id"] =
        json!("web-server");
    let source = format!(
        "//! Revokes.\nconst RUNBOOK = #{{ on: [\"{}\"], mode: \"contain\", params: #{{ role: \
         #{{ type: \"role-name\", from: \"{role}\" }} }} }};\n\
         fn run(case, p) {{ contain::revoke_role_sessions(p.role); }}",
        genuine["detail"]["type"].as_str().unwrap()
    );
    for (named, changes) in [("batch-worker", 0), ("web-server", 1)] {
        let library = library_with("own", &source);
        let settings = LabSettings { library, confirm_findings: true, ..settings() };
        let (lab, sandbox) = lab_with(settings).await;
        said(&sandbox, &genuine["detail"]);
        let mut told = genuine.clone();
        told["detail"]["resource"]["instanceDetails"]["iamInstanceProfile"]["id"] = json!(named);
        let case = lab.deliver(&told.to_string()).await;
        lab.settle().await;
        let done = only_run(&lab, &case).await;
        assert_eq!(sandbox.snapshot_world().mutations.len(), changes, "{:?}", done.summary);
        if changes == 0 {
            let summary = done.summary.unwrap();
            assert!(summary.contains(&format!("{role} differs")), "{summary}");
        }
        lab.finish().await;
    }
}
