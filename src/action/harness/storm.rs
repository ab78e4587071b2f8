//! A storm: AWS throttles nine calls of ten, whatever they are, and every action gets there.

use std::sync::Arc;

use super::case::CASES;
use super::picture::picture;
use super::{BEGIN, Bench};
use crate::clock::{Clock, ManualClock};
use crate::cloud::faulty::{Fault, Faulty, Limits, Plan};
use crate::cloud::paced::Paced;

/// Of 1,000 calls, how many are throttled.
const PER_MILLE: u16 = 900;

/// After so many the storm is over: before a cut-off time that a step chose at its start is past, or
/// the step would have to choose a later one and make the same change again.
const FAULTS_MAX: u64 = 20;

#[tokio::test]
async fn a_storm_of_throttling_costs_every_action_only_time() {
    let mut met = 0;
    for (case, seed) in CASES.iter().flat_map(|case| (1..=3).map(move |seed| (case, seed))) {
        let name = format!("{}, seed {seed}", case.named());
        let (calm, ..) = case.plain().await;
        // Who waits here moves the clock: the harness plays one step at a time.
        let clock = ManualClock::self_advancing(BEGIN.parse().unwrap());
        let bench = Bench::of_on(case, clock.clone());
        let before = bench.sandbox.snapshot_world();
        let plan = Plan::none().seeded(seed, PER_MILLE, &[Fault::Throttled], FAULTS_MAX);
        let storm = Faulty::new(Arc::new(bench.sandbox.clone()), plan);
        let time: Arc<dyn Clock> = Arc::new(clock.clone());
        let watch = Limits::none(Arc::clone(&time));
        let paced = Paced::new(Arc::new(storm.clone()), time);
        let cloud = Faulty::new(Arc::new(paced), Plan::none().limited(&watch));
        let (action, params) = case.verb();
        let mut step = bench.step("1");
        let output = step.drive(&cloud, action, &params, None).await;
        let output = output.unwrap_or_else(|stop| panic!("{name}: {stop:?}"));
        assert_eq!(bench.effects(), calm.effects(), "{name}");
        (case.check)(&bench, &before, &output);
        met += storm.met().len();
        // Every refused call is one that was asked for: nothing is sent again behind our back.
        assert_eq!(storm.calls(), cloud.calls(), "{name}");
        assert!(watch.calls().iter().all(|call| call.urgency == action.urgency()), "{name}");
        bench.take_back(&step.records).await;
        assert_eq!(picture(&bench.sandbox.snapshot_world()), picture(&before), "{name}");
    }
    assert!(met > 5 * CASES.len() * 3, "{met} calls throttled is no storm");
}
