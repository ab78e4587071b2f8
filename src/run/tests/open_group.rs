//! What stands in the open transition group, and for how long: no fault, no attacker and no crash leaves it
//! there without a word.

use std::collections::BTreeSet;

use serde_json::json;

use super::siege::*;
use super::*;
use crate::change::{Peer, Rule, TAG_PURPOSE};
use crate::clock::Clock as _;
use crate::cloud::faulty::{Fault, Plan};
use crate::cloud::sandbox::RegionState;

#[tokio::test]
async fn conflicts_without_end_leave_no_interface_in_the_open_group() {
    let n = second_swap().await;
    let plan = (n..n + 200).fold(changes(), |plan, n| plan.at(n, Fault::Gone));
    let (lab, sandbox, _) = faulty_lab(plan, ISOLATES).await;
    let done = isolate(&lab).await;
    let summary = done.summary.unwrap_or_default();
    assert!(!in_the_open(&sandbox) || summary.contains("half way"), "{summary}");
}

/// As h1, but the conflicts end before the step is given up for good: nothing keeps AWS from taking
/// the interface back.
#[tokio::test]
async fn what_stands_in_the_open_is_put_back_as_soon_as_aws_lets_us() {
    let n = second_swap().await;
    // 12 rounds: eni-1's second swap alone from the second round on, eni-2's in the first.
    for more in [22, 23, 24, 25, 26] {
        let plan = (n..n + more).fold(changes(), |plan, n| plan.at(n, Fault::Gone));
        let (lab, sandbox, _) = faulty_lab(plan, ISOLATES).await;
        let done = isolate(&lab).await;
        assert!(!in_the_open(&sandbox), "{:?}", done.summary);
    }
}

/// Somebody in the account adds a rule to the quarantine group before each of our changes.
#[tokio::test]
async fn who_keeps_adding_rules_keeps_no_interface_in_the_open_group() {
    for offset in 0..4 {
        let n = second_swap().await + offset;
        let (sandbox, clock) = world();
        let event = meddling(&sandbox, |region| {
            for group in region.groups.values_mut() {
                if group.name.starts_with("tourniquet-quarantine") && group.ingress.is_empty() {
                    group.ingress.push(Rule::everything_ipv4());
                }
            }
        });
        let plan = (n..n + 200).step_by(2).fold(changes(), |plan, n| plan.before(n, event.clone()));
        let (lab, _) = lab_on(&sandbox, clock, plan, ISOLATES).await;
        let done = isolate(&lab).await;
        let summary = done.summary.unwrap_or_default();
        assert!(!in_the_open(&sandbox) || summary.contains("half way"), "{summary}");
    }
}

/// Every call in turn: an answer is lost or throttled, and then reads fail for a while.
#[tokio::test]
async fn no_fault_at_any_call_leaves_an_interface_open_without_a_word() {
    let calls = calls().await;
    let mut bad = Vec::new();
    for n in 1..=calls {
        for (first, times, then, reads) in [
            (Fault::LostRequest, 1, Fault::Transient, 8),
            (Fault::LostRequest, 2, Fault::Transient, 12),
            (Fault::Throttled, 6, Fault::Denied, 12),
            (Fault::Throttled, 12, Fault::Denied, 40),
            (Fault::Gone, 1, Fault::Denied, 12),
        ] {
            let plan = (n..n + times).fold(Plan::none(), |plan, n| plan.at(n, first));
            let plan = (n + times..n + times + reads).fold(plan, |plan, n| plan.at(n, then));
            let (lab, sandbox, _) = faulty_lab(plan, ISOLATES).await;
            let done = isolate(&lab).await;
            let summary = done.summary.unwrap_or_default();
            if in_the_open(&sandbox) && !summary.contains("half way") {
                bad.push((n, first, then));
            }
        }
    }
    assert!(bad.is_empty(), "{bad:?}");
}

/// A person (or another run) isolates the interface in between; AWS refuses our swap.
#[tokio::test]
async fn putting_back_never_opens_what_somebody_else_has_isolated() {
    let n = second_swap().await;
    let (sandbox, clock) = world();
    let event = meddling(&sandbox, |region| {
        let mut groups = region.groups.values();
        let quarantine = groups.find(|group| group.name.starts_with("tourniquet-quarantine"));
        let quarantine = quarantine.unwrap().id.clone();
        let machine = region.instances.values_mut().next().unwrap();
        for interface in &mut machine.instance.interfaces {
            interface.groups = vec![quarantine.clone()];
        }
    });
    let plan = changes().at(n, Fault::Denied).before(n, event);
    let (lab, _) = lab_on(&sandbox, clock, plan, ISOLATES).await;
    isolate(&lab).await;
    assert_eq!(groups(&sandbox), [["quarantine"], ["quarantine"]]);
}

/// A group that looks like ours and has many rules.
#[tokio::test]
async fn a_planted_group_with_many_rules_stops_no_isolation() {
    let (sandbox, clock) = world();
    let (lab, _) = lab_on(&sandbox, clock, Plan::none(), ISOLATES).await;
    meddle(&sandbox, |region| {
        let mut group = region.groups.values().next().unwrap().clone();
        group.id = "sg-0eeeeeeeeeeeeeee1".parse().unwrap();
        group.name = "tourniquet-quarantine-x".to_owned();
        group.tags = [(TAG_PURPOSE.to_owned(), "quarantine".to_owned())].into();
        let peer = Peer::Ipv6("2001:db8:1111:2222:3333:4444:5555:6666/128".to_owned());
        let rule = |port| Rule {
            protocol: "tcp".to_owned(),
            from_port: Some(port),
            to_port: Some(port),
            peer: peer.clone(),
            description: None,
        };
        group.ingress = (0..1000).map(rule).collect();
        region.groups.insert(group.id.clone(), group);
    });
    let done = isolate(&lab).await;
    assert!(done.contained);
}

/// The process dies again and again while an interface stands in the open group.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_given_up_after_many_crashes_leaves_no_interface_open() {
    let n = second_swap().await;
    // The swap into quarantine is throttled, and the process dies over it; then the run is claimed and
    // dropped as by a crash, until it is given up.
    let killed: Event = Arc::new(|| panic!("killed"));
    let plan = (n..n + 12).fold(changes(), |plan, n| plan.at(n, Fault::Throttled));
    let (sandbox, clock) = world();
    let (lab, _) = lab_on(&sandbox, clock, plan.before(n + 8, killed), ISOLATES).await;
    let started = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    assert!(drive_killed(&lab).await.unwrap() && in_the_open(&sandbox));
    for _ in 0..21 {
        lab.clock.advance(std::time::Duration::from_secs(60));
        let claimed = lab.env.store.claim("lab", lab.clock.now()).await.unwrap();
        assert!(claimed.is_some());
    }
    lab.clock.advance(std::time::Duration::from_secs(60));
    lab.settle().await;
    let done = run(&lab, &started.id).await;
    let summary = done.summary.unwrap_or_default();
    assert_eq!(done.code.as_deref(), Some(crate::error::Code::POISONED.number), "{summary}");
    assert!(!in_the_open(&sandbox) || summary.contains("half way"), "{summary}");
}

/// Somebody in the account deletes the empty quarantine group while an interface is on its way: EC2
/// lets them, because nothing uses it yet.
#[tokio::test]
async fn who_deletes_the_unused_quarantine_group_does_not_open_the_instance() {
    let delete = |region: &mut RegionState| {
        let named = |part: &str| -> BTreeSet<_> {
            let named = region.groups.values().filter(|group| group.name.starts_with(part));
            named.map(|group| group.id.clone()).collect()
        };
        let (quarantine, transition) =
            (named("tourniquet-quarantine"), named("tourniquet-transition"));
        let machines = region.instances.values();
        let interfaces = machines.flat_map(|machine| &machine.instance.interfaces);
        let used: BTreeSet<_> = interfaces.flat_map(|one| one.groups.clone()).collect();
        if !used.is_disjoint(&transition) {
            region.groups.retain(|id, _| !quarantine.contains(id) || used.contains(id));
        }
    };
    let n = second_swap().await;
    let mut bad = Vec::new();
    // Once, and for as long as the attacker cares to.
    for times in [1, 60] {
        let (sandbox, clock) = world();
        let event = meddling(&sandbox, delete);
        let plan = (n..n + times).fold(changes(), |plan, n| plan.before(n, event.clone()));
        let (lab, _) = lab_on(&sandbox, clock, plan, ISOLATES).await;
        let began = lab.clock.now();
        isolate(&lab).await;
        let took = lab.clock.now().duration_since(began);
        if took.as_secs() > 60 || in_the_open(&sandbox) {
            bad.push(times);
        }
    }
    assert!(bad.is_empty(), "in the open group for minutes: {bad:?}");
}
