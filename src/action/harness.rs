//! Tests every registered action, so that registering one is enough.
//!
//! A small executor drives the action on the sandbox with exactly the permissions that it derives,
//! once undisturbed, twice, with every fault at every call, and with a crash at every point of every
//! change; then takes it back, twice. A new action needs a line in `case::CASES`, or these tests fail.

mod afterwards;
mod case;
mod denied;
mod drive;
mod edge;
mod edge_address;
mod edge_balancer;
mod edge_database;
mod edge_evidence;
mod edge_exposure;
mod edge_finding;
mod edge_function;
mod edge_group;
mod edge_guard;
mod edge_origin;
mod edge_output;
mod edge_query;
mod edge_standby;
mod edge_task;
mod edge_trust;
mod picture;
mod storm;
mod undo;
mod wave;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use case::{Again, CASES, Case, WORLD};
use drive::{Point, Record, Step, Stop};
use jiff::Timestamp;
use picture::picture;
use serde_json::{Value, json};
use undo::undo;

use super::{Action, Forensics, Params, Settings, find, registry};
use crate::change::{LockMode, LockTerms, Permission, Urgency};
use crate::clock::{Clock, ManualClock};
use crate::cloud::Scope;
use crate::cloud::faulty::{Fault, Faulty, Plan};
use crate::cloud::sandbox::{Sandbox, Scenario, World};
use crate::id::Place;

/// When every test begins.
const BEGIN: &str = "2025-03-01T10:00:00.25Z";

/// The lock of the cases that have one.
const LOCK: LockTerms =
    LockTerms { mode: LockMode::Compliance, days: 365, cool_off_hours: Some(72) };

/// The world of the table, read once: the tests begin in it some thousand times.
static START: LazyLock<World> = LazyLock::new(|| {
    World::build(&Scenario::parse(WORLD).unwrap(), BEGIN.parse().unwrap()).unwrap()
});

/// A world with a clock, and what the deployment says of it.
pub struct Bench {
    pub clock: ManualClock,
    pub sandbox: Sandbox,
    pub settings: Settings,
    pub at: Place,
}

impl Bench {
    fn new(forensics: bool) -> Self {
        Self::on(ManualClock::at(BEGIN.parse().unwrap()), forensics)
    }

    /// As the case begins.
    fn of(case: &Case) -> Self {
        Self::of_on(case, ManualClock::at(BEGIN.parse().unwrap()))
    }

    fn of_on(case: &Case, clock: ManualClock) -> Self {
        let mut bench = Self::on(clock, case.forensics);
        bench.settings.lock = case.locks.then_some(LOCK);
        bench.sandbox.edit(case.prepare).unwrap();
        bench
    }

    fn on(clock: ManualClock, forensics: bool) -> Self {
        let sandbox = Sandbox::new(START.clone(), Arc::new(clock.clone()));
        let forensics = forensics.then(|| Forensics {
            account: "999988887777".parse().unwrap(),
            kms_key: "alias/tourniquet-forensics".to_owned(),
            transfer_kms_key: "alias/tourniquet-transfer".to_owned(),
        });
        let protected_roles = BTreeSet::from(["TourniquetResponder".to_owned()]);
        let settings = Settings { forensics, protected_roles, lock: None };
        let at = Place {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        Self { clock, sandbox, settings, at }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn step(&self, key: &str) -> Step {
        Step {
            clock: self.clock.clone(),
            at: self.at.clone(),
            settings: self.settings.clone(),
            case: "case-0001".parse().unwrap(),
            run: "run-0001".parse().unwrap(),
            key: key.to_owned(),
            requested: self.clock.now(),
            records: Vec::new(),
            lacks: None,
        }
    }

    /// Someone who may do anything: for looks and changes that are not the action's.
    fn anything() -> Scope {
        Scope {
            case: "case-0001".parse().unwrap(),
            run: None,
            step: "undo".to_owned(),
            permissions: BTreeSet::from([Permission::new("*", "*")]),
            urgency: Urgency::Containment,
        }
    }

    async fn take_back(&self, records: &[Record]) -> usize {
        undo(&self.sandbox, &Self::anything(), records).await
    }

    /// Per operation, how often it took effect on each of its targets. Ids that AWS makes differ
    /// from run to run, so targets are only counted.
    fn effects(&self) -> BTreeMap<String, Vec<usize>> {
        let mut counts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for ((operation, _), count) in self.sandbox.snapshot_world().effects() {
            counts.entry(operation).or_default().push(count);
        }
        counts.values_mut().for_each(|list| list.sort_unstable());
        counts
    }
}

impl Case {
    fn verb(&self) -> (&'static dyn Action, Params) {
        let action = find(self.action).unwrap();
        let given = (self.params)().as_object().cloned().unwrap();
        (action, Params::check(action.params(), given).unwrap())
    }

    fn named(&self) -> String {
        format!("{}, {}", self.action, self.name)
    }

    /// One undisturbed drive.
    async fn plain(&self) -> (Bench, Step, Value, World) {
        let bench = Bench::of(self);
        let before = bench.sandbox.snapshot_world();
        let (action, params) = self.verb();
        let mut step = bench.step("1");
        let output = step.drive(&bench.sandbox, action, &params, None).await;
        let output = output.unwrap_or_else(|stop| panic!("{}: {stop:?}", self.named()));
        (bench, step, output, before)
    }
}

#[test]
fn every_action_is_in_the_table() {
    for action in registry() {
        assert!(CASES.iter().any(|case| case.action == action.name()), "{}", action.name());
    }
}

#[tokio::test]
async fn an_action_reaches_its_end_and_can_be_taken_back_twice() {
    for case in CASES {
        let (bench, step, output, before) = case.plain().await;
        (case.check)(&bench, &before, &output);
        bench.take_back(&step.records).await;
        assert_eq!(bench.take_back(&step.records).await, 0, "{}: undone twice", case.named());
        assert_eq!(picture(&bench.sandbox.snapshot_world()), picture(&before), "{}", case.named());
    }
}

#[tokio::test]
async fn a_second_look_changes_nothing_and_a_second_step_keeps_what_was_saved() {
    for case in CASES {
        let (bench, mut step, output, before) = case.plain().await;
        let (action, params) = case.verb();
        let once = bench.effects();
        let saved = step.records.clone();
        assert_eq!(
            step.drive(&bench.sandbox, action, &params, None).await,
            Ok(output),
            "{}",
            case.named()
        );
        assert_eq!((bench.effects(), &step.records), (once.clone(), &saved), "{}", case.named());

        bench.clock.advance(Duration::from_secs(600));
        let mut second = bench.step("2");
        let output = second.drive(&bench.sandbox, action, &params, None).await.unwrap();
        match case.again {
            Again::Nothing => {
                assert_eq!(bench.effects(), once, "{}", case.named());
                assert_ne!(output["already"], json!(false), "{}", case.named());
            }
            Again::TheSame => {
                let total = |effects: &BTreeMap<String, Vec<usize>>| -> BTreeMap<String, usize> {
                    effects.iter().map(|(name, list)| (name.clone(), list.iter().sum())).collect()
                };
                let twice = total(&once).into_iter().map(|(name, n)| (name, 2 * n)).collect();
                assert_eq!(total(&bench.effects()), twice, "{}", case.named());
            }
        }
        (case.check)(&bench, &before, &output);
        let all: Vec<Record> = step.records.iter().chain(&second.records).cloned().collect();
        bench.take_back(&all).await;
        assert_eq!(picture(&bench.sandbox.snapshot_world()), picture(&before), "{}", case.named());
    }
}

#[tokio::test]
async fn any_fault_at_any_call_is_overcome_without_a_second_effect() {
    for case in CASES {
        let (calls, effects) = {
            let bench = Bench::of(case);
            let (action, params) = case.verb();
            let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), Plan::none());
            bench.step("1").drive(&cloud, action, &params, None).await.unwrap();
            (cloud.calls(), bench.effects())
        };
        for (n, fault) in (1..=calls).flat_map(|n| Fault::ALL.map(|fault| (n, fault))) {
            let name = format!("{}, {} at call {n}", case.named(), fault.label());
            let bench = Bench::of(case);
            let before = bench.sandbox.snapshot_world();
            let (action, params) = case.verb();
            let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), Plan::none().at(n, fault));
            let mut step = bench.step("1");
            let output = match step.drive(&cloud, action, &params, None).await {
                Ok(output) => output,
                Err(Stop::Endless | Stop::Crashed | Stop::Param(_)) => {
                    panic!("{name}: {:?}", step.records)
                }
                // A person looked and started the step again.
                Err(Stop::Failed(_) | Stop::Refused(_)) => {
                    assert!(matches!(fault, Fault::Denied | Fault::Gone), "{name}");
                    step.drive(&cloud, action, &params, None)
                        .await
                        .unwrap_or_else(|stop| panic!("{name}: {stop:?}"))
                }
            };
            assert_eq!(cloud.met().len(), 1, "{name}");
            let lied = fault == Fault::Gone && is_read(&cloud);
            // A read that lies about what is there may cost a group or a policy put more, and an
            // unknown original; it must not cost the containment or a second set of evidence.
            if lied {
                let sets = |effects: &BTreeMap<String, Vec<usize>>| {
                    effects.get("ec2:CreateSnapshots").cloned()
                };
                assert_eq!(sets(&bench.effects()), sets(&effects), "{name}");
                (case.check)(&bench, &before, &output);
            } else {
                assert_eq!(bench.effects(), effects, "{name}");
                (case.check)(&bench, &before, &output);
                bench.take_back(&step.records).await;
                assert_eq!(picture(&bench.sandbox.snapshot_world()), picture(&before), "{name}");
            }
        }
    }
}

fn is_read(cloud: &Faulty) -> bool {
    cloud.met().iter().any(|met| {
        let verb = met.operation.split(':').nth(1).unwrap_or_default();
        ["Describe", "Get", "List"].iter().any(|start| verb.starts_with(start))
    })
}

#[tokio::test]
async fn a_crash_at_any_point_is_overcome_without_a_second_effect() {
    for case in CASES {
        let (undisturbed, step, ..) = case.plain().await;
        let changes = step.records.len();
        let effects = undisturbed.effects();
        for (n, point) in (1..=changes).flat_map(|n| Point::ALL.map(|point| (n, point))) {
            let name = format!("{}, crash {point:?} {n}", case.named());
            let bench = Bench::of(case);
            let before = bench.sandbox.snapshot_world();
            let (action, params) = case.verb();
            let mut step = bench.step("1");
            let died = step.drive(&bench.sandbox, action, &params, Some((n, point))).await;
            assert_eq!(died, Err(Stop::Crashed), "{name}");
            bench.clock.advance(Duration::from_secs(3));
            let output = step.drive(&bench.sandbox, action, &params, None).await;
            let output = output.unwrap_or_else(|stop| panic!("{name}: {stop:?}"));
            assert_eq!(bench.effects(), effects, "{name}");
            (case.check)(&bench, &before, &output);
            bench.take_back(&step.records).await;
            assert_eq!(picture(&bench.sandbox.snapshot_world()), picture(&before), "{name}");
        }
    }
}

#[tokio::test]
async fn no_action_may_more_than_it_needs() {
    let mut used: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for case in CASES {
        let (bench, ..) = case.plain().await;
        let calls = bench.sandbox.snapshot_world().calls;
        used.entry(case.action).or_default().extend(calls.into_keys());
    }
    let mut bench = Bench::new(true);
    bench.settings.lock = Some(LOCK);
    for action in registry() {
        for permission in action.permissions(&bench.at, &bench.settings) {
            // Asked inside other calls, or by the SDK where the sandbox needs no second one.
            let inside = permission.action.starts_with("kms:")
                // IAM's name for PutPublicAccessBlock.
                || permission.action == "s3:PutBucketPublicAccessBlock"
                || [
                        "ec2:CreateTags",
                        "ec2:DescribeIamInstanceProfileAssociations",
                        "iam:ListRoleTags",
                        "iam:ListUserTags",
                        "iam:PassRole",
                    ]
                    .contains(&permission.action.as_str());
            // The table tags no snapshot.
            let rare = ["ec2:DescribeSnapshots"];
            assert!(
                inside
                    || used[action.name()].contains(&permission.action)
                    || rare.contains(&permission.action.as_str()),
                "{} never uses {}",
                action.name(),
                permission.action
            );
        }
    }
}
