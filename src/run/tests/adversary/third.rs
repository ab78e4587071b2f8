//! A third hostile reader, on the mends of the second: each of these failed when it was written.

use std::time::Duration;

use serde_json::json;

use super::*;

/// The second swap is throttled for long, while a sibling takes its time and then says something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rest_half_way_forgets_no_sibling_that_ended() {
    let n = second_swap().await;
    let mut bad = Vec::new();
    for looks in [0, 5, 10, 20, 30, 40] {
        let source = format!(
            "//! Probe.\nconst RUNBOOK = #{{ on: [\"Never:X/*\"], mode: \"contain\" }};\n\
            fn run(case, p) {{\n\
            parallel([|| contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"), || {{\n\
            for n in 0..{looks} {{ look::role(\"web-server\"); }}\n\
            notify(\"oncall\", \"said once\"); }}]); }}"
        );
        let plan = (n..n + 40).fold(changes(), |plan, n| plan.at(n, Fault::Throttled));
        let (lab, sandbox, _) = faulty_lab(plan, &source).await;
        lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
        let driven = drive_once(&lab, &CancellationToken::new()).await.unwrap();
        let said = lab.told().iter().filter(|told| told.contains("said once")).count();
        if said != 1 || driven.is_err() || in_the_open(&sandbox) {
            bad.push(format!("{looks}: said {said}, {driven:?}, {:?}", groups(&sandbox)));
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

/// A person said no and closed the case. The next finding opens another one and is asked about; the
/// one after it, or GuardDuty's next version, must not act without that answer.
#[tokio::test]
async fn a_no_of_a_closed_case_binds_the_second_finding_of_the_next_one() {
    let mut bad = Vec::new();
    for (name, version) in [("another finding", false), ("a later version", true)] {
        let (lab, sandbox) = lab().await;
        let case = closed_case(&lab).await;
        let next = lab.deliver(&another(1).to_string()).await;
        assert_ne!(next, case);
        lab.settle().await;
        assert_eq!(pending(&lab).await, 1);
        let third =
            if version { later(&another(1), "2026-03-14T10:45:12.000Z", 99) } else { another(2) };
        assert_eq!(lab.deliver(&third.to_string()).await, next);
        lab.settle().await;
        if groups(&sandbox).iter().any(|groups| *groups == ["quarantine"]) {
            bad.push((name, runs(&lab, &next).await));
        }
        lab.finish().await;
    }
    assert!(bad.is_empty(), "isolated although nobody agreed: {bad:#?}");
}

/// The same over two cases that were closed.
#[tokio::test]
async fn a_no_outlives_two_closings_within_the_day() {
    let (lab, sandbox) = lab().await;
    closed_case(&lab).await;
    let next = lab.deliver(&another(1).to_string()).await;
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1);
    lab.clock.advance(Duration::from_secs(13 * 3600));
    lab.settle().await;
    lab.desk.close_case(&next, "ada".to_owned(), "the same test").await.unwrap();
    lab.deliver(&another(2).to_string()).await;
    lab.settle().await;
    let isolated = groups(&sandbox).iter().any(|groups| *groups == ["quarantine"]);
    assert!(!isolated && pending(&lab).await == 1);
    lab.finish().await;
}

/// A person said no; on the next finding another one said yes. What goes on after that containment is
/// looked at again, as it is where nobody ever said no.
#[tokio::test]
async fn a_yes_after_a_no_is_the_last_word_when_it_goes_on() {
    let source = "//! Isolates.\nconst RUNBOOK = #{ on: [\"CryptoCurrency:EC2/*\"], mode: \"approve\", \
        resource: \"Instance\", role: \"ACTOR\", severity: 1.0, \
        params: #{ instance: #{ type: \"instance-id\", from: \"resource.instanceDetails.instanceId\" } } };\n\
        fn run(case, p) { contain::isolate_instance(p.instance); }";
    let mut starts = Vec::new();
    for no_first in [false, true] {
        let library = library_with("compromised-instance", source);
        let (lab, _) = lab_with(LabSettings { library, ..settings() }).await;
        let case = lab.deliver(mining()).await;
        lab.settle().await;
        decide(&lab, "grace", !no_first).await.unwrap();
        lab.settle().await;
        if no_first {
            assert_eq!(lab.deliver(&another(1).to_string()).await, case);
            lab.settle().await;
            decide(&lab, "grace", true).await.unwrap();
            lab.settle().await;
        }
        let all = lab.env.store.runs_of(&case).await.unwrap();
        assert!(all.iter().any(|run| run.contained), "{all:#?}");
        let mut on = later(&miner(), "2026-03-15T08:45:12.000Z", 99);
        on["detail"]["service"]["eventLastSeen"] = json!("2026-03-15T08:40:12.000Z");
        lab.clock.advance(Duration::from_secs(23 * 3600));
        assert_eq!(lab.deliver(&on.to_string()).await, case);
        lab.settle().await;
        starts.push(lab.env.store.runs_of(&case).await.unwrap().len() - all.len());
        lab.finish().await;
    }
    assert_eq!(starts, [1, 1], "runs for what goes on: without a no, and with one");
}

/// Nothing acts in the account. An archived finding, of which nobody is told, must not keep on-call
/// from hearing of a genuine one on the same instance.
#[tokio::test]
async fn what_nobody_was_told_of_answers_no_genuine_finding() {
    let (lab, _) = lab_with(LabSettings { allowed: [].into(), ..settings() }).await;
    let mut archived = another(1);
    archived["detail"]["service"]["archived"] = json!(true);
    let case = lab.deliver(&archived.to_string()).await;
    lab.settle().await;
    let before = lab.told().len();
    assert_eq!(lab.deliver(mining()).await, case);
    lab.settle().await;
    assert!(
        before > 0 || lab.told().len() > before,
        "told: {:?}; {:#?}",
        lab.told(),
        runs(&lab, &case).await
    );
    lab.finish().await;
}

/// A person says yes to what a sibling waits for, while an isolation stands half way for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_yes_is_not_left_lying_while_a_sibling_rests_half_way() {
    let n = second_swap().await;
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { parallel([|| contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"), || {\n\
        approve(\"Revoke, too?\"); contain::revoke_role_sessions(\"web-server\"); }]); }";
    type Answers = Arc<std::sync::Mutex<Option<(crate::run::Desk, crate::store::Store)>>>;
    let desk = Answers::default();
    let theirs = Arc::clone(&desk);
    let event: Event = Arc::new(move || {
        let (desk, store) = theirs.lock().unwrap().take().unwrap();
        let handle = tokio::runtime::Handle::current();
        let says = async move {
            let asked = store.approvals_pending().await.unwrap().remove(0);
            let (by, reason, at) = ("grace".to_owned(), "seen".to_owned(), asked.requested_at);
            let (approval, hash) = (asked.id, asked.hash);
            desk.decide(Decide { approval, by, grant: true, reason, hash, at }).await.unwrap();
        };
        std::thread::spawn(move || handle.block_on(says)).join().unwrap();
    });
    // Twenty minutes of throttling; the yes comes in the first of them.
    let plan = (n..n + 1_500)
        .fold(changes().before(n + 40, event), |plan, n| plan.at(n, Fault::Throttled));
    let (lab, _, _) = faulty_lab(plan, source).await;
    *desk.lock().unwrap() = Some((lab.desk.clone(), lab.env.store.clone()));
    let done = isolate(&lab).await;
    let entries = lab.entries(&done.case).await;
    let yes = entries.iter().find(|entry| entry.kind == "approval.decided").unwrap().at;
    let revoked = entries
        .iter()
        .find(|entry| {
            entry.kind == "change.intent" && format!("{:?}", entry.body).contains("web-server")
        })
        .map(|entry| entry.at);
    let waited = revoked.map(|at| at.duration_since(yes).as_secs());
    assert!(waited.is_some_and(|waited| waited < 60), "approved, and begun after {waited:?} s");
    lab.finish().await;
}

/// A finding that names no valid account: nothing acts, and on-call hears of it.
#[tokio::test]
async fn on_call_hears_of_a_finding_without_an_account() {
    let (lab, _) = lab().await;
    let mut event = miner();
    event["detail"].as_object_mut().unwrap().remove("accountId");
    let case = lab.deliver(&event.to_string()).await;
    lab.settle().await;
    assert!(
        !lab.told().is_empty(),
        "{:?} {:?}",
        status(&lab, &case).await,
        runs(&lab, &case).await
    );
    lab.finish().await;
}

/// The containment of an attack sequence was taken back; another finding is about the same instance.
#[tokio::test]
async fn what_was_taken_back_for_a_sequence_is_asked_about_for_its_instance() {
    let (lab, sandbox) = lab().await;
    let run = approved_sequence(&lab).await;
    lab.settle().await;
    lab.desk.undo(&run.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    assert!(groups(&sandbox).iter().all(|groups| *groups != ["quarantine"]));
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let isolated = groups(&sandbox).iter().any(|groups| *groups == ["quarantine"]);
    assert!(!isolated, "same case: {} {:#?}", case == run.case, runs(&lab, &case).await);
    lab.finish().await;
}

/// The same with two containments, as an attack sequence asks for: AWS throttles most changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttled_containments_beside_each_other_break_no_drive() {
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { parallel([|| contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"),\n\
        || contain::disable_access_keys(\"deploy-bot\"), || contain::revoke_role_sessions(\"web-server\")]); }";
    let mut bad = Vec::new();
    for seed in 70..90_u64 {
        let mut random = seed;
        let mut plan = changes();
        for n in 1..300 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            if n > seed % 20 && (random >> 33) % 100 < 60 + seed % 30 {
                plan = plan.at(n, Fault::Throttled);
            }
        }
        let (lab, sandbox, _) = faulty_lab(plan, source).await;
        lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
        let driven = drive_once(&lab, &CancellationToken::new()).await.unwrap();
        if driven.is_err() || in_the_open(&sandbox) {
            bad.push((seed, driven, groups(&sandbox)));
        }
    }
    assert!(bad.is_empty(), "{} of 20: {:#?}", bad.len(), &bad[..1]);
}

/// The process is stopped while AWS throttles everything for minutes, the way back, too: what is left in
/// the open when it ends is told to somebody, because no process looks after it any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stop_leaves_in_the_open_is_told() {
    let n = second_swap().await;
    let stopping = CancellationToken::new();
    let stop = stopping.clone();
    let event: Event = Arc::new(move || stop.cancel());
    let plan = (n..n + 400).fold(changes(), |plan, n| plan.at(n, Fault::Throttled));
    let (lab, sandbox, _) = faulty_lab(plan.before(n + 13, event), ISOLATES).await;
    let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    let now = lab.clock.now();
    let driven = drive_once(&lab, &stopping).await.unwrap().unwrap();
    assert_eq!(driven, Driven::Released);
    let took = crate::clock::Clock::now(&lab.clock).duration_since(now).as_secs();
    let entries = lab.entries(&started.case).await;
    let words = format!("{:?}", entries.iter().map(|entry| &entry.body).collect::<Vec<_>>());
    assert!(
        !in_the_open(&sandbox) || !lab.told().is_empty() || words.contains("half way"),
        "{took} s; {:?}; told {:?}; {:?}",
        groups(&sandbox),
        lab.told(),
        status(&lab, &started.case).await
    );
    lab.finish().await;
}
