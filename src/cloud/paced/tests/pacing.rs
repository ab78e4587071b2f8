//! Many callers, one clock: who calls when, and what is remembered.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::LocalBoxFuture;

use super::{at, clock, play, scope};
use crate::change::{Change, Kind, Urgency};
use crate::clock::{Clock, ManualClock};
use crate::cloud::paced::pacer::Pacer;
use crate::cloud::{CloudError, ErrorClass, Scope};
use crate::id::Place;

const READ: &str = "ec2:DescribeTags";
const SWAP: &str = "ec2:ModifyNetworkInterfaceAttribute";

/// Calls that our bucket of [`READ`] lets through at once: the published 100 without a second's 20.
const BURST: usize = 80;

fn pacer(clock: &ManualClock) -> Pacer {
    Pacer::new(Arc::new(clock.clone()))
}

fn home() -> Place {
    at("111122223333")
}

fn swap() -> Change {
    let kind = Kind::InterfaceGroups {
        interface: "eni-00000000000000001".parse().unwrap(),
        instance: "i-00000000000000001".parse().unwrap(),
        before: vec![],
        after: vec![],
        passing: false,
    };
    Change { at: home(), kind }
}

fn throttled(operation: &str, code: &str) -> CloudError {
    CloudError::new(ErrorClass::Throttled, operation, code, "")
}

fn boxed<'a>(task: impl Future<Output = ()> + 'a) -> LocalBoxFuture<'a, ()> {
    task.boxed_local()
}

/// Calls at once, and when the last of them went.
fn all(clock: &ManualClock, pacer: &Pacer, at: &Place, calls: usize) -> Duration {
    let began = clock.monotonic();
    let one = scope("1", Urgency::Containment);
    play(clock, (0..calls).map(|_| boxed(pacer.pass(&one, READ, at))).collect());
    clock.monotonic() - began
}

#[test]
fn calls_go_at_once_until_the_bucket_is_dry_and_then_at_its_rate() {
    let clock = clock();
    let pacer = pacer(&clock);
    assert_eq!(all(&clock, &pacer, &home(), BURST), Duration::ZERO);
    assert_eq!(all(&clock, &pacer, &home(), 30), Duration::from_millis(1_500));
    assert_eq!(
        all(&clock, &pacer, &at("999988887777"), BURST),
        Duration::ZERO,
        "a bucket of its own"
    );
}

#[test]
fn when_a_bucket_is_dry_the_urgent_call_that_came_last_goes_first() {
    let clock = clock();
    let pacer = pacer(&clock);
    all(&clock, &pacer, &home(), BURST);
    let order = RefCell::new(Vec::new());
    let (order, pacer) = (&order, &pacer);
    let urgencies = [
        ("tag", Urgency::Description),
        ("snapshot", Urgency::Evidence),
        ("isolate", Urgency::Containment),
        ("revoke", Urgency::Containment),
    ];
    let call = |(step, urgency)| {
        boxed(async move {
            pacer.pass(&scope(step, urgency), READ, &home()).await;
            order.borrow_mut().push(step);
        })
    };
    play(&clock, urgencies.into_iter().map(call).collect());
    assert_eq!(*order.borrow(), ["isolate", "revoke", "snapshot", "tag"]);
}

#[test]
fn a_refusal_empties_the_bucket_of_what_was_refused_and_no_other() {
    let clock = clock();
    let pacer = pacer(&clock);
    pacer.heed(&home(), &throttled(READ, "RequestLimitExceeded"));
    assert_eq!(all(&clock, &pacer, &home(), 2), Duration::from_millis(100));
    assert_eq!(all(&clock, &pacer, &at("999988887777"), BURST), Duration::ZERO);
    // It is full again after its refill time.
    clock.advance(Duration::from_secs(4));
    assert_eq!(all(&clock, &pacer, &home(), BURST), Duration::ZERO);
    clock.advance(Duration::from_secs(60));
    for error in [
        throttled(READ, "ConcurrentTagAccess"),
        throttled("ec2:CreateTags", "RequestLimitExceeded"),
        CloudError::new(ErrorClass::Transient, READ, "InternalError", ""),
    ] {
        pacer.heed(&home(), &error);
        let took = all(&clock, &pacer, &home(), BURST);
        assert_eq!(took, Duration::ZERO, "{error}");
        clock.advance(Duration::from_secs(60));
    }
}

#[test]
fn what_a_step_was_admitted_to_it_makes_without_waiting() {
    let clock = clock();
    let pacer = pacer(&clock);
    let (first, second) = (scope("1", Urgency::Containment), scope("2", Urgency::Containment));
    let changes = vec![swap(); 60];
    let took = |task: LocalBoxFuture<'_, ()>| {
        let began = clock.monotonic();
        play(&clock, vec![task]);
        clock.monotonic() - began
    };
    assert_eq!(took(boxed(pacer.admit(&first, &changes).map(drop))), Duration::ZERO);
    // 95 without the second in reserve; 25 are missing, at 5 a second.
    assert_eq!(took(boxed(pacer.admit(&second, &changes).map(drop))), Duration::from_secs(5));
    assert_eq!(
        took(boxed(pacer.admit(&second, &changes).map(drop))),
        Duration::ZERO,
        "it has them"
    );
    let make = |scope: Scope| {
        let pacer = &pacer;
        boxed(async move {
            for _ in 0..60 {
                pacer.pass(&scope, SWAP, &home()).await;
            }
        })
    };
    assert_eq!(took(make(second.clone())), Duration::ZERO);
    assert_eq!(took(make(first)), Duration::ZERO);
    assert_eq!(took(boxed(pacer.pass(&second, SWAP, &home()))), Duration::from_millis(200));
}

#[test]
fn who_gives_up_leaves_the_line() {
    let clock = clock();
    let pacer = pacer(&clock);
    all(&clock, &pacer, &home(), BURST);
    let one = scope("1", Urgency::Containment);
    {
        let home = home();
        let mut given_up = boxed(pacer.pass(&one, READ, &home));
        assert!(given_up.as_mut().now_or_never().is_none());
    }
    let low = scope("2", Urgency::Description);
    let began = clock.monotonic();
    play(&clock, vec![boxed(pacer.pass(&low, READ, &home()))]);
    assert_eq!(clock.monotonic() - began, Duration::from_millis(50), "nobody is before it");
}

#[test]
fn what_is_not_used_is_forgotten() {
    let clock = clock();
    let pacer = pacer(&clock);
    for n in 0..1_000 {
        let place = at(&format!("{n:012}"));
        let scope = scope(&n.to_string(), Urgency::Containment);
        play(&clock, vec![boxed(pacer.pass(&scope, READ, &place))]);
    }
    assert_eq!(pacer.kept(), (1_000, 1_000));
    clock.advance(Duration::from_secs(20));
    all(&clock, &pacer, &home(), 1);
    assert_eq!(pacer.kept(), (1, 1_000), "a full bucket is as good as a new one");
    clock.advance(Duration::from_secs(901));
    all(&clock, &pacer, &home(), 1);
    assert_eq!(pacer.kept(), (1, 1));
}
