//! What a session does behind the buckets: changes that never wait, questions that are asked once.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::LocalBoxFuture;

use super::{at, clock, play, scope};
use crate::change::{Change, Kind, Urgency};
use crate::clock::{Clock, ManualClock};
use crate::cloud::faulty::{Call, Calls, Fault, Faulty, Limits, Plan};
use crate::cloud::paced::{NO_ROOM, Paced};
use crate::cloud::sandbox::Sandbox;
use crate::cloud::{Cloud, ErrorClass, Scope};
use crate::id::Place;

const SWAP: &str = "ec2:ModifyNetworkInterfaceAttribute";
const GROUPS: &str = "ec2:DescribeSecurityGroups";

/// Swaps that our bucket has at once: the published 100 without a second's 5.
const SWAPS: usize = 95;

/// A cloud behind full buckets on which `plan` is met, and who called it.
fn paced(clock: &ManualClock, plan: Plan) -> (Paced, Arc<Limits>) {
    let world = "[[account]]\nid = '111122223333'\nregion = 'eu-west-1'\n\
                 [[account.vpc]]\nid = 'vpc-000000000000000c1'\n";
    let time: Arc<dyn Clock> = Arc::new(clock.clone());
    let sandbox = Sandbox::from_scenario(world, Arc::clone(&time)).unwrap();
    let watch = Limits::none(Arc::clone(&time));
    let far = Faulty::new(Arc::new(sandbox), plan.limited(&watch));
    (Paced::new(Arc::new(far), time), watch)
}

fn home() -> Place {
    at("111122223333")
}

fn swap(at: Place) -> Change {
    let kind = Kind::InterfaceGroups {
        interface: "eni-00000000000000001".parse().unwrap(),
        instance: "i-00000000000000001".parse().unwrap(),
        before: vec![],
        after: vec![],
        passing: false,
    };
    Change { at, kind }
}

fn contains(step: &str) -> Scope {
    scope(step, Urgency::Containment)
}

fn took(clock: &ManualClock, task: LocalBoxFuture<'_, ()>) -> Duration {
    let began = clock.monotonic();
    play(clock, vec![task]);
    clock.monotonic() - began
}

/// Takes so many tokens of swaps in `at` for a step that never uses them.
fn spend(cloud: &Paced, clock: &ManualClock, at: &Place, tokens: usize) {
    let other = cloud.open(contains("other"));
    let changes = vec![swap(at.clone()); tokens];
    took(clock, async { _ = other.admit(&changes).await }.boxed_local());
}

fn of<'a>(calls: &'a [Call], operation: &str) -> Vec<&'a Call> {
    calls.iter().filter(|call| call.operation == operation).collect()
}

#[test]
fn a_change_never_waits_between_its_intent_and_its_call() {
    let clock = clock();
    let (cloud, watch) = paced(&clock, Plan::none());
    let session = cloud.open(contains("1"));
    spend(&cloud, &clock, &home(), SWAPS);
    let change = swap(home());
    let answer = session.apply(&change).now_or_never().expect("it waits, and its lease runs out");
    let error = answer.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Throttled, NO_ROOM));
    assert!(of(&watch.calls(), SWAP).is_empty(), "nothing was sent");
    let waited = took(
        &clock,
        async { _ = session.admit(std::slice::from_ref(&change)).await }.boxed_local(),
    );
    assert_eq!(waited, Duration::from_millis(200));
    let answer = session.apply(&change).now_or_never().unwrap();
    assert!(answer.is_err_and(|error| error.code != NO_ROOM));
    assert_eq!(of(&watch.calls(), SWAP).len(), 1);
}

#[test]
fn a_second_attempt_does_not_take_the_token_of_the_next_stage() {
    for fault in [Fault::Throttled, Fault::Transient] {
        let clock = clock();
        let plan = Plan::none().counting(Calls::Changes).at(1, fault);
        let (cloud, watch) = paced(&clock, plan);
        let session = cloud.open(contains("1"));
        let change = swap(home());
        spend(&cloud, &clock, &home(), SWAPS - 2);
        let admit = |changes: usize| {
            let (session, changes) = (&session, vec![change.clone(); changes]);
            took(&clock, async move { _ = session.admit(&changes).await }.boxed_local())
        };
        assert_eq!(admit(2), Duration::ZERO, "into transition and out of it");
        assert!(session.apply(&change).now_or_never().unwrap().is_err());
        assert_eq!(admit(1), Duration::from_millis(200), "{fault:?}: a token of its own");
        for _ in 0..2 {
            let error = session.apply(&change).now_or_never().expect("it waits").unwrap_err();
            assert_ne!(error.code, NO_ROOM, "{fault:?}: the interface would stay open");
        }
        assert_eq!(admit(1), Duration::from_millis(200), "{fault:?}: nothing is left over");
        drop(watch);
    }
}

#[test]
fn runs_in_two_regions_of_one_account_do_not_wait_for_each_other_but_at_iam() {
    let clock = clock();
    let (cloud, _) = paced(&clock, Plan::none());
    let there = Place { region: "us-east-1".parse().unwrap(), ..home() };
    spend(&cloud, &clock, &home(), SWAPS);
    let session = cloud.open(contains("1"));
    let admit = |change: Change| {
        let session = &session;
        took(&clock, async move { _ = session.admit(&[change]).await }.boxed_local())
    };
    assert_eq!(admit(swap(there.clone())), Duration::ZERO, "EC2's buckets are a Region's");
    assert_eq!(admit(swap(home())), Duration::from_millis(200));
    let deny = |at: &Place| Change {
        at: at.clone(),
        kind: Kind::RolePolicy {
            role: "worker".parse().unwrap(),
            policy: "deny".to_owned(),
            before: None,
            after: None,
        },
    };
    let other = cloud.open(contains("2"));
    let burst = vec![deny(&home()); 5];
    took(&clock, async { _ = other.admit(&burst).await }.boxed_local());
    assert_eq!(admit(deny(&there)), Duration::from_millis(200), "IAM's bucket is the account's");
}

/// Asks for the groups of the VPC under `scope`, notes when the answer came, and whether there was one.
fn ask<'a>(
    cloud: &'a Paced,
    scope: Scope,
    clock: &'a ManualClock,
    answers: &'a RefCell<Vec<(String, Duration, bool)>>,
) -> LocalBoxFuture<'a, ()> {
    async move {
        let vpc = "vpc-000000000000000c1".parse().unwrap();
        let step = scope.step.clone();
        let answer = cloud.open(scope).groups_for(&home(), &vpc, "quarantine").await;
        answers.borrow_mut().push((step, clock.monotonic(), answer.is_ok()));
    }
    .boxed_local()
}

/// Asks so often, one after the other, that no token is left, and one comes every 50 ms.
fn dry(cloud: &Paced, clock: &ManualClock) {
    let answers = RefCell::default();
    for n in 0..40 {
        play(clock, vec![ask(cloud, contains(&format!("before {n}")), clock, &answers)]);
    }
    assert_eq!(clock.monotonic(), Duration::ZERO);
}

#[test]
fn what_many_steps_have_in_line_is_asked_once_and_after_all_of_them_asked() {
    let clock = clock();
    let (cloud, watch) = paced(&clock, Plan::none());
    dry(&cloud, &clock);
    let (before, answers) = (of(&watch.calls(), GROUPS).len(), RefCell::default());
    let mut tasks: Vec<_> =
        (0..50).map(|n| ask(&cloud, contains(&n.to_string()), &clock, &answers)).collect();
    // Asked when the first question is under way: what it saw may be older than this one.
    let (late, sleep) =
        (ask(&cloud, contains("late"), &clock, &answers), clock.sleep(Duration::from_millis(101)));
    tasks.push(sleep.then(|()| late).boxed_local());
    play(&clock, tasks);
    let calls = watch.calls();
    let sent: Vec<Duration> = of(&calls, GROUPS)[before..].iter().map(|call| call.at).collect();
    let ms = Duration::from_millis;
    assert_eq!(sent, [ms(100), ms(100), ms(200), ms(200)], "by tag and by name, and once more");
    assert_eq!(answers.borrow().len(), 51);
    for (step, at, good) in answers.borrow().iter() {
        assert!(*good, "{step}");
        assert_eq!(*at, if step == "late" { ms(200) } else { ms(100) }, "{step}");
    }
}

#[test]
fn nobody_is_answered_by_who_may_less_or_is_less_urgent_or_was_refused() {
    let alone = |first: Scope, second: Scope, plan: Plan| {
        let clock = clock();
        let (cloud, watch) = paced(&clock, plan);
        dry(&cloud, &clock);
        let (before, answers) = (of(&watch.calls(), GROUPS).len(), RefCell::default());
        let asked = [first, second].map(|scope| ask(&cloud, scope, &clock, &answers));
        play(&clock, asked.into());
        let answers = answers.into_inner();
        let first = answers.first().map(|(step, ..)| step.clone()).unwrap();
        let good = answers.iter().filter(|(.., good)| *good).count();
        (of(&watch.calls(), GROUPS).len() - before, first, good)
    };
    let narrow = |step: &str| Scope {
        permissions: [crate::change::Permission::new(GROUPS, "*")].into(),
        ..contains(step)
    };
    let of = |step: &str| step.to_owned();
    assert_eq!(alone(contains("1"), contains("2"), Plan::none()), (2, of("1"), 2));
    assert_eq!(alone(contains("1"), narrow("2"), Plan::none()).0, 4);
    let low = scope("1", Urgency::Evidence);
    assert_eq!(
        alone(low, contains("2"), Plan::none()),
        (4, of("2"), 2),
        "it does not stand behind"
    );
    let low = scope("2", Urgency::Evidence);
    assert_eq!(alone(contains("1"), low, Plan::none()), (2, of("1"), 2));
    // The refusal is of who asked. The other one asks for itself.
    let refused = Plan::none().counting(Calls::Reads).at(41, Fault::Denied);
    assert_eq!(alone(contains("1"), contains("2"), refused).2, 1);
}

#[test]
fn who_gives_up_leaves_the_question_to_those_who_wait_for_its_answer() {
    let clock = clock();
    let (cloud, watch) = paced(&clock, Plan::none());
    dry(&cloud, &clock);
    let (before, answers) = (of(&watch.calls(), GROUPS).len(), RefCell::default());
    let mut first = ask(&cloud, contains("1"), &clock, &answers);
    assert!(first.as_mut().now_or_never().is_none());
    let second = ask(&cloud, contains("2"), &clock, &answers);
    let gives_up = clock.sleep(Duration::from_millis(10)).map(|()| drop(first)).boxed_local();
    play(&clock, vec![second, gives_up]);
    assert_eq!(answers.borrow().iter().filter(|(.., good)| *good).count(), 1);
    assert_eq!(of(&watch.calls(), GROUPS).len() - before, 2);
}
