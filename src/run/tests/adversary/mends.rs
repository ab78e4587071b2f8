//! What a second hostile reader tried on the mends.

use serde_json::json;

use super::*;
use crate::clock::Clock as _;
use crate::id::{AccountId, GroupId};
use crate::run::drive::Driven;

/// One drive of the oldest run that can go on.
pub(super) async fn once(lab: &Lab) -> Option<Driven> {
    drive_once(lab, &CancellationToken::new()).await.map(Result::unwrap)
}

pub(super) fn isolated(sandbox: &Sandbox) -> bool {
    groups(sandbox).iter().all(|groups| *groups == ["quarantine"])
}

pub(super) fn seen_at(event: &Value, at: &str) -> Value {
    let mut event = event.clone();
    event["detail"]["service"]["eventLastSeen"] = json!(at);
    event
}

/// Whoever has the intake token forges a later version that asks for nothing much, before EventBridge
/// delivers the genuine one.
#[tokio::test]
async fn a_forged_quiet_version_that_comes_first_swallows_no_genuine_one() {
    let mut lost = Vec::new();
    for kind in ["severity", "target", "archived", "sample", "type"] {
        let (lab, sandbox) = lab_with(confirming()).await;
        said(&sandbox, &miner()["detail"]);
        let mut forged = later(&miner(), "2099-01-01T00:00:00.000Z", 1);
        let detail = &mut forged["detail"];
        match kind {
            "severity" => detail["severity"] = json!(1.0),
            "target" => detail["service"]["resourceRole"] = json!("TARGET"),
            "archived" => detail["service"]["archived"] = json!(true),
            "sample" => detail["service"]["additionalInfo"] = json!({"sample": true}),
            _ => detail["type"] = json!("Never:EC2/Heard"),
        }
        let case = lab.deliver(&forged.to_string()).await;
        lab.settle().await;
        assert_eq!(lab.deliver(mining()).await, case);
        lab.settle().await;
        if !isolated(&sandbox) {
            lost.push((kind, status(&lab, &case).await, runs(&lab, &case).await, lab.told()));
        }
        lab.finish().await;
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

/// While disks are copied, the attacker frees the instance; GuardDuty sees it go on.
#[tokio::test]
async fn what_goes_on_while_evidence_is_awaited_is_contained_again() {
    let mut lost = Vec::new();
    for joined in [false, true] {
        let (lab, sandbox) = lab().await;
        let before = groups_of(&sandbox);
        let case = lab.deliver(mining()).await;
        once(&lab).await.unwrap();
        let first = only_run(&lab, &case).await;
        assert!(isolated(&sandbox) && !first.state.is_over() && first.preserves);
        set_groups(&sandbox, &before);
        let now = lab.clock.now();
        let seen = now.checked_add(std::time::Duration::from_secs(5)).unwrap().to_string();
        let event = if joined { another(1) } else { miner() };
        let event = later(&seen_at(&event, &seen), &seen, 9);
        assert_eq!(lab.deliver(&event.to_string()).await, case);
        lab.settle().await;
        let status = status(&lab, &case).await;
        if !isolated(&sandbox) && status == Status::Contained {
            lost.push((joined, runs(&lab, &case).await, lab.told()));
        }
        lab.finish().await;
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

/// The same, and GuardDuty tells of it when the disks are kept: it was seen after the isolation.
#[tokio::test]
async fn what_went_on_after_the_isolation_is_contained_again_once_evidence_is_kept() {
    let (lab, sandbox) = lab().await;
    let before = groups_of(&sandbox);
    let case = lab.deliver(mining()).await;
    once(&lab).await.unwrap();
    assert!(isolated(&sandbox));
    set_groups(&sandbox, &before);
    let seen = lab.clock.now().to_string();
    lab.clock.advance(std::time::Duration::from_secs(60));
    lab.settle().await;
    assert!(only_run(&lab, &case).await.state.is_over());
    let event = later(&seen_at(&another(1), &seen), &lab.clock.now().to_string(), 9);
    assert_eq!(lab.deliver(&event.to_string()).await, case);
    lab.settle().await;
    let status = status(&lab, &case).await;
    let told = runs(&lab, &case).await;
    assert!(isolated(&sandbox) || status != Status::Contained, "{status:?} {told:#?}");
    lab.finish().await;
}

pub(super) fn groups_of(sandbox: &Sandbox) -> Vec<Vec<GroupId>> {
    let world = sandbox.snapshot_world();
    let region = world.accounts[&ours()].regions.values().next().unwrap();
    let machine = region.instances.values().next().unwrap();
    machine.instance.interfaces.iter().map(|interface| interface.groups.clone()).collect()
}

pub(super) fn set_groups(sandbox: &Sandbox, to: &[Vec<GroupId>]) {
    let to = to.to_vec();
    meddle(sandbox, |region| {
        let machine = region.instances.values_mut().next().unwrap();
        for (interface, groups) in machine.instance.interfaces.iter_mut().zip(&to) {
            interface.groups = groups.clone();
        }
    });
}

/// An undo that is stopped by a guard, while evidence is awaited, takes nothing from the run.
#[tokio::test]
async fn an_undo_that_was_stopped_keeps_no_run_from_containing() {
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::isolate_instance(\"i-0a1b2c3d4e5f60718\");\n\
        evidence::snapshot_volumes(\"i-0a1b2c3d4e5f60718\"); }";
    let (lab, sandbox, _) = faulty_lab(Plan::none(), source).await;
    let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    once(&lab).await.unwrap();
    assert!(run(&lab, &started.id).await.preserves);
    protect(&sandbox);
    let undo = lab.desk.undo(&started.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    let (done, undo) = (run(&lab, &started.id).await, run(&lab, &undo.id).await);
    assert!(isolated(&sandbox) && undo.state != RunState::Succeeded);
    assert!(done.contained, "{:?} {:?}", done.summary, undo.summary);
    lab.finish().await;
}

/// Somebody asks for the same undo twice at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_that_is_asked_for_twice_at_once_is_one() {
    let mut bad = Vec::new();
    for n in 0..10 {
        let (lab, _) = lab().await;
        let case = lab.deliver(mining()).await;
        lab.settle().await;
        let first = only_run(&lab, &case).await;
        let (one, two) = tokio::join!(
            lab.desk.undo(&first.id, "ada".to_owned(), false),
            lab.desk.undo(&first.id, "eve".to_owned(), false)
        );
        lab.settle().await;
        let status = status(&lab, &case).await;
        if status != Status::Released || (one.is_ok() && two.is_ok()) {
            bad.push((n, status, runs(&lab, &case).await));
        }
        lab.finish().await;
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

/// An undo and the evidence of its run go on beside each other, however they meet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_beside_evidence_gives_all_back() {
    let mut bad = Vec::new();
    for n in 1..40 {
        let interlude = Interlude::default();
        let (lab, sandbox, _) = faulty_lab(interlude.at_call(n), ISOLATES).await;
        let before = groups_of(&sandbox);
        let of = approved_sequence(&lab).await;
        once(&lab).await.unwrap();
        let waits = run(&lab, &of.id).await;
        assert!(waits.preserves, "{waits:#?}");
        let undo = lab.desk.undo(&of.id, "ada".to_owned(), false).await.unwrap();
        // Both are due.
        if n % 2 == 0 {
            lab.clock.advance(std::time::Duration::from_secs(900));
        }
        interlude.arm(&lab, None);
        lab.settle().await;
        let entries = lab.entries(&of.case).await;
        let open = count(&entries, "change.intent") - count(&entries, "change.outcome");
        let (of, undo) = (run(&lab, &of.id).await, run(&lab, &undo.id).await);
        let status = status(&lab, &of.case).await;
        if groups_of(&sandbox) != before || open > 0 || status != Status::Released {
            bad.push((n, open, status, of.summary, undo.summary, groups(&sandbox)));
        }
        lab.finish().await;
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

/// A person contains the role of the same name in another account, in the same case.
#[tokio::test]
async fn a_run_in_another_account_answers_no_finding() {
    let text = fixtures::ALL.iter().find(|(name, _)| *name == "instance-credential-exfiltration");
    let loud: Value = serde_json::from_str(text.unwrap().1).unwrap();
    let mut lost = Vec::new();
    for joined in [false, true] {
        let other: AccountId = "999988887777".parse().unwrap();
        let mut settings = settings();
        settings.allowed.insert(other.clone());
        settings.forensics = None;
        let (lab, sandbox) = lab_with(settings).await;
        sandbox
            .edit(|world| {
                let roles = world.account_mut(&ours()).unwrap().roles.clone();
                world.account_mut(&other).unwrap().roles = roles;
            })
            .unwrap();
        let mut quiet = loud.clone();
        quiet["detail"]["severity"] = json!(1.0);
        quiet["detail"]["updatedAt"] = json!("2026-03-14T09:00:00.000Z");
        let case = lab.deliver(&quiet.to_string()).await;
        lab.settle().await;
        let mut request =
            by_hand("stolen-role-credentials", json!({"role": "batch-worker"}), Mode::Contain);
        request.case = Some(case.clone());
        request.account = Some(other);
        lab.desk.start(request).await.unwrap();
        lab.settle().await;
        let mut event = loud.clone();
        if joined {
            event["detail"]["id"] = json!("0123456789abcdef0123456789abcdef");
        }
        assert_eq!(lab.deliver(&event.to_string()).await, case);
        lab.settle().await;
        let contained = lab.env.store.runs_of(&case).await.unwrap();
        if !contained.iter().any(|run| run.contained && run.account == ours()) {
            lost.push((joined, status(&lab, &case).await, runs(&lab, &case).await));
        }
        lab.finish().await;
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

/// GuardDuty's API is a few seconds behind its own event.
#[tokio::test]
async fn a_copy_of_guardduty_that_is_late_is_asked_for_again() {
    let mut lost = Vec::new();
    for known in [false, true] {
        let (lab, sandbox) = lab_with(confirming()).await;
        let seen = "2026-03-14T09:26:47.000Z";
        let genuine = seen_at(&miner(), seen);
        if known {
            // The version before: all the same but when it was seen last.
            said(&sandbox, &miner()["detail"]);
        }
        let case = lab.deliver(&genuine.to_string()).await;
        once(&lab).await;
        lab.clock.advance(std::time::Duration::from_secs(5));
        said(&sandbox, &genuine["detail"]);
        // EventBridge delivers at least once.
        assert_eq!(lab.deliver(&genuine.to_string()).await, case);
        lab.settle().await;
        if !isolated(&sandbox) {
            lost.push((known, status(&lab, &case).await, runs(&lab, &case).await));
        }
        lab.finish().await;
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

/// A containment whose undo fails half way stands for no later finding.
#[tokio::test]
async fn a_half_lifted_containment_answers_no_finding() {
    let (mut lost, mut tried) = (Vec::new(), 0);
    for n in 1..30 {
        let plan = changes().at(n, Fault::Denied);
        let (lab, sandbox, _) = faulty_lab(plan, ISOLATES).await;
        let case = lab.deliver(mining()).await;
        lab.settle().await;
        let first = only_run(&lab, &case).await;
        if !first.contained {
            continue;
        }
        let Ok(undo) = lab.desk.undo(&first.id, "ada".to_owned(), false).await else { continue };
        lab.settle().await;
        let undo = run(&lab, &undo.id).await;
        if undo.state == RunState::Succeeded || isolated(&sandbox) {
            continue;
        }
        tried += 1;
        assert_eq!(lab.deliver(&another(1).to_string()).await, case);
        lab.settle().await;
        if !isolated(&sandbox) && pending(&lab).await == 0 {
            lost.push((n, status(&lab, &case).await, runs(&lab, &case).await, groups(&sandbox)));
        }
        lab.finish().await;
    }
    assert!(lost.is_empty() && tried > 0, "{tried} {lost:#?}");
}
