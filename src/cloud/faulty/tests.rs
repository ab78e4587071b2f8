//! Faults come where the plan says, and the world shows what happened.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Calls, Fault, Faulty, Plan};
use crate::change::{Change, KeyStatus, Kind, Permission, Urgency};
use crate::clock::ManualClock;
use crate::cloud::sandbox::Sandbox;
use crate::cloud::{Cloud, ErrorClass, Scope, Session};
use crate::id::Place;

const SCENE: &str = "
    [[account]]
    id = '111122223333'
    [[account.user]]
    name = 'deploy'
    keys = ['AKIA0000000000000001']
";

fn sandbox() -> Sandbox {
    let clock = ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap());
    Sandbox::from_scenario(SCENE, Arc::new(clock)).unwrap()
}

fn open(cloud: &dyn Cloud) -> Arc<dyn Session> {
    cloud.open(Scope {
        case: "case-0001".parse().unwrap(),
        run: None,
        step: "1".to_owned(),
        permissions: BTreeSet::from([Permission::new("*", "*")]),
        urgency: Urgency::Containment,
    })
}

fn at() -> Place {
    Place { account: "111122223333".parse().unwrap(), region: "eu-west-1".parse().unwrap() }
}

fn off() -> Change {
    let kind = Kind::AccessKey {
        user: "deploy".parse().unwrap(),
        key: "AKIA0000000000000001".parse().unwrap(),
        before: KeyStatus::Active,
        after: KeyStatus::Inactive,
    };
    Change { at: at(), kind }
}

#[tokio::test]
async fn a_change_meets_its_fault_and_the_world_shows_whether_it_happened() {
    let table = [
        (Fault::Throttled, ErrorClass::Throttled, 0),
        (Fault::Transient, ErrorClass::Transient, 0),
        (Fault::LostRequest, ErrorClass::InDoubt, 0),
        (Fault::LostAnswer, ErrorClass::InDoubt, 1),
        (Fault::Denied, ErrorClass::Denied, 0),
        (Fault::Gone, ErrorClass::Gone, 0),
    ];
    assert_eq!(table.len(), Fault::ALL.len());
    for (fault, class, effects) in table {
        let sandbox = sandbox();
        let faulty = Faulty::new(Arc::new(sandbox.clone()), Plan::none().at(2, fault));
        let session = open(&faulty);
        let user = session.user(&at(), &"deploy".parse().unwrap()).await.unwrap();
        assert!(user.is_some());
        let error = session.apply(&off()).await.unwrap_err();
        assert_eq!(
            (error.class, error.operation.as_str()),
            (class, "iam:UpdateAccessKey"),
            "{error}"
        );
        assert_eq!(sandbox.snapshot_world().mutations.len(), effects, "{}", fault.label());
        session.apply(&off()).await.unwrap();
        assert_eq!(faulty.calls(), 3);
        assert_eq!(faulty.met().len(), 1);
        assert_eq!((faulty.met()[0].call, faulty.met()[0].fault), (2, fault));
    }
}

#[tokio::test]
async fn a_read_fails_or_finds_nothing_but_is_never_in_doubt() {
    let table = [
        (Fault::Throttled, Some(ErrorClass::Throttled)),
        (Fault::Transient, Some(ErrorClass::Transient)),
        (Fault::LostRequest, Some(ErrorClass::Transient)),
        (Fault::LostAnswer, Some(ErrorClass::Transient)),
        (Fault::Denied, Some(ErrorClass::Denied)),
        (Fault::Gone, None),
    ];
    for (fault, class) in table {
        let faulty = Faulty::new(Arc::new(sandbox()), Plan::none().at(1, fault));
        let read = open(&faulty).user(&at(), &"deploy".parse().unwrap()).await;
        match class {
            Some(class) => assert_eq!(read.unwrap_err().class, class),
            None => assert_eq!(read.unwrap(), None),
        }
    }
}

#[tokio::test]
async fn only_the_calls_that_count_are_numbered() {
    for (counted, calls) in [(Calls::All, 2), (Calls::Reads, 1), (Calls::Changes, 1)] {
        let faulty = Faulty::new(Arc::new(sandbox()), Plan::none().counting(counted));
        let session = open(&faulty);
        session.groups(&at(), &[]).await.unwrap();
        session.apply(&off()).await.unwrap();
        assert_eq!(faulty.calls(), calls);
        assert!(faulty.met().is_empty());
    }
}

#[tokio::test]
async fn things_vanish_just_before_a_call() {
    let sandbox = sandbox();
    let outside = sandbox.clone();
    let event = Arc::new(move || {
        outside
            .edit(|world| world.accounts.values_mut().for_each(|account| account.users.clear()))
            .unwrap();
    });
    let faulty = Faulty::new(Arc::new(sandbox), Plan::none().before(2, event));
    let session = open(&faulty);
    assert!(session.user(&at(), &"deploy".parse().unwrap()).await.unwrap().is_some());
    assert_eq!(session.apply(&off()).await.unwrap_err().class, ErrorClass::Gone);
}

#[tokio::test]
async fn a_seed_decides_everything() {
    let run = async |seed, per_mille, most| {
        let plan = Plan::none().seeded(seed, per_mille, &Fault::ALL, most);
        let faulty = Faulty::new(Arc::new(sandbox()), plan);
        let session = open(&faulty);
        for _ in 0..200 {
            let _outcome = session.apply(&off()).await;
        }
        faulty.met()
    };
    assert_eq!(run(7, 250, 1000).await, run(7, 250, 1000).await);
    assert_ne!(run(7, 250, 1000).await, run(8, 250, 1000).await);
    assert!((20..=80).contains(&run(7, 250, 1000).await.len()), "about a quarter of the calls");
    assert_eq!(run(7, 1000, 3).await.len(), 3);
    assert!(run(7, 0, 1000).await.is_empty());
    let kinds: BTreeSet<_> = run(7, 1000, 1000).await.into_iter().map(|met| met.fault).collect();
    assert_eq!(kinds.len(), Fault::ALL.len(), "every fault comes");
}
