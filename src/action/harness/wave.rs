//! A wave: many instances of one account and Region at once, under AWS's own bucket sizes.
//!
//! Every step looks, changes and looks again as the executor does, at the same time as all others,
//! in simulated time: each call takes [`LATENCY`], and AWS's side throttles whatever comes too fast.
//! The floor is computed from what was called: nobody can be faster than AWS's buckets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};

use super::drive::Step;
use super::{BEGIN, Bench};
use crate::action::{Action, LookError, Params, Verdict, find};
use crate::change::{Change, Taggable, Urgency};
use crate::clock::{Clock, ManualClock};
use crate::cloud::faulty::{Call, Faulty, Limits, Plan};
use crate::cloud::paced::{Paced, Size, play, size};
use crate::cloud::sandbox::Sandbox;
use crate::cloud::{Admitted, Cloud, CloudError, ErrorClass, Scope};
use crate::id::InstanceId;

const LATENCY: Duration = Duration::from_millis(100);

const SWAP: &str = "ec2:ModifyNetworkInterfaceAttribute";

const GROUPS: &str = "ec2:DescribeSecurityGroups";

/// What a wave may take beyond the floor: the reserve that we leave in each bucket is worth a second,
/// no swap can be made before one step has made the groups and others have seen them, and the first
/// and last step's other calls take their latency.
const BEYOND: Duration = Duration::from_secs(5);

/// A wave that was played.
struct Wave {
    bench: Bench,
    /// What each step asked for, in order.
    asked: Vec<Call>,
    /// What reached AWS.
    called: Vec<Call>,
    /// When the last step of an urgency ended.
    ended: BTreeMap<Urgency, Duration>,
}

impl Wave {
    /// Isolates `n` instances while the disks of `snapshots` of them are preserved.
    fn play(n: usize, snapshots: usize) -> Self {
        let clock = ManualClock::at(BEGIN.parse().unwrap());
        let sandbox = Sandbox::from_scenario(&world(n), Arc::new(clock.clone())).unwrap();
        let time: Arc<dyn Clock> = Arc::new(clock.clone());
        let (aws, watch) =
            (Limits::of_aws(Arc::clone(&time), LATENCY), Limits::none(Arc::clone(&time)));
        let far = Faulty::new(Arc::new(sandbox.clone()), Plan::none().limited(&aws));
        let paced = Paced::new(Arc::new(far), time);
        let cloud = Faulty::new(Arc::new(paced), Plan::none().limited(&watch));
        let bench = Bench { clock: clock.clone(), sandbox, ..Bench::new(false) };

        // Evidence asks first, so that only its urgency can put it behind.
        let evidence = (0..snapshots).map(|i| ("evidence::snapshot_volumes", i));
        let isolation = (0..n).map(|i| ("contain::isolate_instance", i));
        let steps: Vec<(&str, usize)> = evidence.chain(isolation).collect();
        let ended = std::cell::RefCell::new(BTreeMap::new());
        let tasks = steps.iter().map(|(name, i)| {
            let (action, mut step) = (find(name).unwrap(), bench.step(&format!("{name}/{i}")));
            // A finding of its own, as a case of its own.
            step.case = format!("case-{i:04}").parse().unwrap();
            let (cloud, clock, ended) = (&cloud, &clock, &ended);
            async move {
                let params = json!({"instance": instance(*i).as_str()});
                let params = params.as_object().cloned().unwrap();
                let params = Params::check(action.params(), params).unwrap();
                let output = drive(&mut step, cloud, clock, action, &params).await;
                assert!(output.is_object(), "{}", step.key);
                let mut ended = ended.borrow_mut();
                let last: &mut Duration = ended.entry(action.urgency()).or_default();
                *last = clock.monotonic();
            }
            .boxed_local()
        });
        play(&clock, tasks.collect());
        let ended = ended.into_inner();
        Self { asked: watch.calls(), called: aws.calls(), bench, ended }
    }

    /// The least time in which AWS lets this many calls of an operation through.
    fn floor(&self, operation: &str) -> Duration {
        let done = |call: &&Call| {
            call.operation == operation && call.urgency == Urgency::Containment && !call.throttled
        };
        let calls = u32::try_from(self.called.iter().filter(done).count()).unwrap();
        let Size { burst, per_second } = size(operation);
        Duration::from_secs_f64(f64::from(calls.saturating_sub(burst)) / f64::from(per_second))
    }

    /// Containment ends at most [`BEYOND`] after the floor of the operation that takes longest, and
    /// AWS refused nothing.
    fn ends_with_the_buckets(&self) {
        // What is shared is asked as often as there is room, not as often as it must be.
        let needed = self.called.iter().filter(|call| call.operation != GROUPS);
        let operations = needed.map(|call| call.operation.as_str());
        let (floor, operation) = operations.map(|name| (self.floor(name), name)).max().unwrap();
        let took = self.ended[&Urgency::Containment];
        for (operation, (calls, throttled)) in self.tally() {
            let floor = self.floor(operation);
            println!("{operation}: {calls} calls, {throttled} refused, floor {floor:?}");
        }
        println!("{:?}; floor {floor:?} by {operation}", self.ended);
        assert!(took >= floor && took <= floor + BEYOND, "{took:?}, {operation}: {floor:?}");
        assert!(self.called.iter().all(|call| !call.throttled));
    }

    /// How often each operation was called, and refused.
    fn tally(&self) -> BTreeMap<&str, (usize, usize)> {
        let mut all: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for call in &self.called {
            let one = all.entry(&call.operation).or_default();
            *one = (one.0 + 1, one.1 + usize::from(call.throttled));
        }
        all
    }

    /// An interface in the transition group is open to everything: its second swap is made at once.
    fn nothing_stayed_open(&self) {
        let mut swaps: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
        for call in self.called.iter().filter(|call| call.operation == SWAP) {
            swaps.entry(&call.step).or_default().push(call.at);
        }
        for (step, times) in swaps {
            assert_eq!(times.len(), 2, "{step}");
            assert!(times[1] - times[0] <= 2 * LATENCY, "{step} was open: {times:?}");
        }
    }

    fn all_are_contained(&self, n: usize) {
        let groups = self.tally()["ec2:CreateSecurityGroup"].0;
        assert_eq!(groups, 2, "one step makes the groups of the VPC, for all");
        let attacker = self.bench.sandbox.attacker();
        for i in 0..n {
            let reach = attacker.can_reach_out(&self.bench.at, &instance(i));
            assert!(!reach.allowed, "{}: {}", instance(i), reach.why);
        }
    }

    /// No call of containment was waiting for an operation while one of evidence made it. A step's
    /// n-th call of an operation reaches AWS as the n-th that it asked for.
    fn evidence_overtook_nothing(&self) {
        let index = |calls: &[Call]| {
            let mut times: BTreeMap<(String, String), Vec<Duration>> = BTreeMap::new();
            for call in calls {
                times.entry((call.operation.clone(), call.step.clone())).or_default().push(call.at);
            }
            times
        };
        let (asked, called) = (index(&self.asked), index(&self.called));
        let mut waited: BTreeMap<&str, Vec<(Duration, Duration)>> = BTreeMap::new();
        for ((operation, step), from) in
            asked.iter().filter(|((_, step), _)| step.starts_with("contain"))
        {
            if operation == GROUPS {
                continue;
            }
            let until = &called[&(operation.clone(), step.clone())];
            assert_eq!(from.len(), until.len(), "{operation} of {step}");
            let spans = from.iter().copied().zip(until.iter().copied());
            waited.entry(operation).or_default().extend(spans);
        }
        // The second call of a look: it follows the first one, at which both waited. And questions
        // that are shared, which evidence does not ask.
        let others = ["ec2:DescribeNetworkInterfaces", GROUPS];
        let own = |call: &&Call| !others.contains(&call.operation.as_str());
        let evidence =
            self.called.iter().filter(own).filter(|call| call.urgency == Urgency::Evidence);
        let mut compared = 0;
        for call in evidence {
            for (from, until) in waited.get(call.operation.as_str()).into_iter().flatten() {
                compared += 1;
                // A look is in line for its second operation first, and for this one when that has room.
                let in_line = *from + LATENCY;
                assert!(
                    call.at <= in_line || call.at >= *until,
                    "{} of {} went at {:?}, before a containment that asked at {from:?}",
                    call.operation,
                    call.step,
                    call.at
                );
            }
        }
        assert!(compared > 0, "the check sees nothing");
    }
}

fn instance(i: usize) -> InstanceId {
    format!("i-{:017x}", 0xa000 + i).parse().unwrap()
}

fn world(n: usize) -> String {
    let mut text = "[[account]]\nid = '111122223333'\nregion = 'eu-west-1'\n\
                    [[account.vpc]]\nid = 'vpc-000000000000000c1'\n"
        .to_owned();
    for i in 0..n {
        let rest = "volumes = [{ size = 8 }]\ntags = { Name = 'web' }";
        writeln!(text, "[[account.instance]]\nid = '{}'\n{rest}", instance(i)).unwrap();
    }
    text
}

/// As the executor: wait for room, look at the guards' tags, change, look again; retry what passes.
async fn drive(
    step: &mut Step,
    cloud: &dyn Cloud,
    clock: &ManualClock,
    action: &dyn Action,
    params: &Params,
) -> Value {
    loop {
        match step.look(cloud, action, params).await {
            Ok(Verdict::Done(output)) => return output,
            Ok(Verdict::Wait(time, _)) => clock.sleep(time).await,
            Ok(Verdict::Change(stages) | Verdict::Shared { stages, .. }) => {
                let session = cloud.open(Scope {
                    case: step.case.clone(),
                    run: Some(step.run.clone()),
                    step: step.key.clone(),
                    urgency: action.urgency(),
                    ..Bench::anything()
                });
                let began = clock.monotonic();
                let admitted = session.admit(&stages.concat()).await;
                let waited = clock.monotonic() - began;
                if admitted == Admitted::LookAgain || waited > Duration::from_secs(5) {
                    continue;
                }
                if step.records.is_empty() {
                    let subject = Taggable::Instance(params.id("instance").unwrap());
                    match session.tags(&step.at, &subject).await {
                        Ok(_) => {}
                        Err(error) => {
                            passes(&error, clock).await;
                            continue;
                        }
                    }
                }
                for change in stages.concat() {
                    match step.change(session.as_ref(), &change).await {
                        Ok(()) => {}
                        Err(error) if error.class == ErrorClass::Conflict => break,
                        Err(error) => passes(&error, clock).await,
                    }
                }
            }
            Err(LookError::Cloud(error)) => passes(&error, clock).await,
            other => panic!("{}: {other:?}", step.key),
        }
    }
}

async fn passes(error: &CloudError, clock: &ManualClock) {
    assert_eq!(error.class, ErrorClass::Throttled, "{error}");
    clock.sleep(Duration::from_secs(1)).await;
}

#[test]
fn fifty_isolations_fit_into_full_buckets() {
    let wave = Wave::play(50, 0);
    wave.all_are_contained(50);
    assert_eq!(wave.floor(SWAP), Duration::ZERO, "100 swaps are a full bucket");
    wave.ends_with_the_buckets();
}

#[test]
fn two_hundred_isolations_end_when_the_buckets_allow_it_and_evidence_stands_back() {
    let wave = Wave::play(200, 200);
    wave.all_are_contained(200);
    // Two swaps for each interface: 400, of which 100 are there and 5 come each second.
    assert_eq!(wave.floor(SWAP), Duration::from_secs(60));
    wave.ends_with_the_buckets();
    wave.evidence_overtook_nothing();
    wave.nothing_stayed_open();
    assert!(wave.ended[&Urgency::Evidence] < Duration::from_secs(300), "{:?}", wave.ended);
}

impl Step {
    /// Makes a change and writes down how it went, as a step of a run would.
    async fn change(
        &mut self,
        session: &dyn crate::cloud::Session,
        change: &Change,
    ) -> Result<(), CloudError> {
        use super::drive::{Outcome, Record};
        let at = self.clock.now();
        let answer = session.apply(change).await;
        let outcome = match &answer {
            Ok(receipt) => Outcome::Happened(receipt.clone()),
            Err(_) => Outcome::Refused,
        };
        self.records.push(Record { at, change: change.clone(), outcome });
        answer.map(drop)
    }
}
