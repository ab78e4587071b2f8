//! What many steps need and one of them makes.

use std::cell::RefCell;
use std::time::Duration;

use futures::FutureExt;

use super::{at, clock, play, scope};
use crate::change::{Change, Kind, TAG_PURPOSE, Urgency};
use crate::clock::Clock;
use crate::cloud::paced::making::StepId;
use crate::cloud::paced::making::{MAKING_MAX, Making};
use crate::cloud::paced::pacer::Pacer;
use crate::cloud::{Admitted, Scope};
use crate::id::Place;

fn step(case: &str) -> StepId {
    (case.parse().unwrap(), None, "1".to_owned())
}

/// The group that each case would make, under a name of its own.
fn group(at: Place, case: &str, purpose: &str) -> Change {
    let kind = Kind::CreateGroup {
        vpc: "vpc-000000000000000c1".parse().unwrap(),
        name: format!("{purpose}-{case}"),
        description: String::new(),
        tags: [(TAG_PURPOSE.to_owned(), purpose.to_owned())].into(),
    };
    Change { at, kind }
}

fn home() -> Place {
    at("111122223333")
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn one_makes_it_and_the_others_wait_until_it_is_made_or_its_maker_takes_too_long() {
    let mut making = Making::default();
    let both =
        |case: &str| vec![group(home(), case, "quarantine"), group(home(), case, "transition")];
    assert!(making.begin(&step("case-0001"), &both("case-0001"), seconds(0)).is_none());
    assert!(making.begin(&step("case-0001"), &both("case-0001"), seconds(1)).is_none(), "its own");
    let other = making.begin(&step("case-0002"), &both("case-0002"), seconds(1)).unwrap();
    assert!(other.until <= seconds(1) + MAKING_MAX && other.done.has_changed().is_ok());
    let elsewhere = Place { region: "us-east-1".parse().unwrap(), ..home() };
    let there = [group(elsewhere, "case-0003", "quarantine")];
    assert!(making.begin(&step("case-0003"), &there, seconds(1)).is_none(), "another VPC's");
    // Nobody waits for ever: the maker may have been stopped by a guard.
    making.admitted(&step("case-0001"), seconds(1));
    let late = seconds(1) + MAKING_MAX;
    assert!(making.begin(&step("case-0002"), &both("case-0002"), late).is_none());
    assert!(other.done.has_changed().is_err(), "who waits for the one that took too long is told");
}

#[test]
fn who_is_in_line_for_tokens_is_waited_for_until_it_leaves() {
    let mut making = Making::default();
    let of = |case: &str| vec![group(home(), case, "quarantine")];
    let begin =
        |making: &mut Making, case: &str, now| making.begin(&step(case), &of(case), seconds(now));
    assert!(begin(&mut making, "case-0001", 0).is_none());
    let waits = begin(&mut making, "case-0002", 60).expect("nobody would get a token earlier");
    assert_eq!(waits.until, seconds(60) + MAKING_MAX);
    making.left(&step("case-0002"));
    assert!(begin(&mut making, "case-0002", 61).is_some(), "it is not the one that makes it");
    making.left(&step("case-0001"));
    assert!(waits.done.has_changed().is_err(), "who waits is told");
    assert!(begin(&mut making, "case-0002", 62).is_none());
}

#[test]
fn who_looked_before_it_was_made_looks_again_once() {
    let mut making = Making::default();
    let of = |case: &str| vec![group(home(), case, "quarantine")];
    assert!(making.begin(&step("case-0001"), &of("case-0001"), seconds(0)).is_none());
    let waits = making.begin(&step("case-0002"), &of("case-0002"), seconds(0)).unwrap();
    making.made(&step("case-0002"), &of("case-0002")[0], seconds(1));
    assert!(waits.done.has_changed().is_ok(), "only its maker has made it");
    making.made(&step("case-0001"), &of("case-0001")[0], seconds(1));
    assert!(waits.done.has_changed().is_err());
    let missed = making.begin(&step("case-0003"), &of("case-0003"), seconds(9)).unwrap();
    assert_eq!(missed.until, seconds(9), "at once");
    // It has looked again, and it is still not there: AWS had refused it.
    assert!(making.begin(&step("case-0003"), &of("case-0003"), seconds(10)).is_none());
}

#[test]
fn who_makes_what_others_wait_for_goes_before_them() {
    const READ: &str = "ec2:DescribeTags";
    let clock = clock();
    let pacer = Pacer::new(std::sync::Arc::new(clock.clone()));
    let scope = |case: &str| Scope {
        case: case.parse().unwrap(),
        run: None,
        ..scope("1", Urgency::Containment)
    };
    let (home, order) = (home(), RefCell::new(Vec::new()));
    // The others came first, and have emptied the bucket.
    for n in 0..80 {
        let other = scope(&format!("case-{:04}", n % 10));
        play(&clock, vec![pacer.pass(&other, READ, &home).boxed_local()]);
    }
    let maker = scope("case-0099");
    let changes = [group(home.clone(), "case-0099", "quarantine")];
    let reads = |scope: Scope| {
        let (pacer, home, order) = (&pacer, &home, &order);
        async move {
            pacer.pass(&scope, READ, home).await;
            order.borrow_mut().push(scope.case.to_string());
        }
        .boxed_local()
    };
    let admitted = async {
        assert_eq!(pacer.admit(&maker, &changes).await, Admitted::Now);
    };
    play(&clock, vec![admitted.boxed_local()]);
    let others = (0..10).map(|n| reads(scope(&format!("case-{n:04}"))));
    play(&clock, others.chain([reads(maker.clone())]).collect());
    assert_eq!(order.borrow()[0], "case-0099");
    assert_eq!(clock.monotonic(), Duration::from_millis(550));
}
