//! What is changed of a finding in GuardDuty, where GuardDuty does not show it or does not answer.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Bench;
use super::drive::{Outcome, Stop};
use super::edge::{act, id, region};
use crate::action::{Params, Verdict, find};
use crate::change::Urgency;
use crate::cloud::faulty::{Calls, Fault, Faulty, Plan};
use crate::cloud::sandbox::World;
use crate::cloud::{Cloud, Standing, standing};
use crate::id::FindingId;

const ARCHIVE: &str = "act::archive_finding";
const FEEDBACK: &str = "act::send_feedback";
const CURRENT: &str = "c0ffee0123456789c0ffee0123456786";

fn service(world: &mut World, bench: &Bench) -> Value {
    region(world, &bench.at).findings[&id::<FindingId>(CURRENT)]["service"].clone()
}

#[tokio::test]
async fn nothing_of_it_ever_stops_a_run() {
    for name in [ARCHIVE, FEEDBACK] {
        assert_eq!(find(name).unwrap().urgency(), Urgency::Description, "{name}");
        let bench = Bench::new(false);
        let params = match name {
            ARCHIVE => json!({"finding": "0000"}),
            _ => json!({"finding": "0000", "feedback": "useful"}),
        };
        let stop = act(&bench, &mut bench.step("1"), &bench.sandbox, name, params).await;
        let Err(Stop::Refused(reason)) = stop else { panic!("{name}: {stop:?}") };
        assert!(reason.starts_with(crate::action::GONE), "{reason}");
    }
}

#[test]
fn feedback_is_one_of_two_words_and_a_wrong_one_is_found_before_it_is_asked_for() {
    let action = find(FEEDBACK).unwrap();
    for (word, good) in [("useful", true), ("not_useful", true), ("USEFUL", false), ("", false)] {
        let given = json!({"finding": CURRENT, "feedback": word});
        let params = Params::check(action.params(), given.as_object().cloned().unwrap()).unwrap();
        assert_eq!(action.target(&params).is_ok(), good, "{word}");
    }
}

/// Where GuardDuty shows nothing, its answer is what there is; the output does not claim more.
#[tokio::test]
async fn feedback_that_is_not_shown_is_sent_once_and_told_as_not_shown() {
    let bench = Bench::new(false);
    let params = json!({"finding": CURRENT, "feedback": "not_useful"});
    let mut step = bench.step("1");
    act(&bench, &mut step, &bench.sandbox, FEEDBACK, params.clone()).await.unwrap();
    let hide = |world: &mut World| {
        let found = region(world, &bench.at).findings.get_mut(&id::<FindingId>(CURRENT)).unwrap();
        found["service"].as_object_mut().unwrap().remove("userFeedback");
    };
    bench.sandbox.edit(hide).unwrap();
    let output = act(&bench, &mut step, &bench.sandbox, FEEDBACK, params.clone()).await.unwrap();
    assert_eq!((&output["shown"], &output["already"]), (&json!(false), &json!(false)));
    assert_eq!(step.records.len(), 1);
    // A look tells neither that it was sent nor that it was not.
    let session = bench.sandbox.open(Bench::anything());
    let sent = &step.records[0].change;
    assert_eq!(standing(session.as_ref(), sent).await, Ok(Standing::Unseen));
    // Without an answer it is not done: the next look wants it sent.
    step.records[0].outcome = Outcome::Unknown;
    let action = find(FEEDBACK).unwrap();
    let params = Params::check(action.params(), params.as_object().cloned().unwrap()).unwrap();
    let look = step.look(&bench.sandbox, action, &params).await.unwrap();
    assert!(matches!(look, Verdict::Change(_)), "{look:?}");
    assert_eq!(bench.take_back(&step.records).await, 0, "feedback is not taken back");
}

#[tokio::test]
async fn a_member_account_that_may_not_archive_leaves_the_finding_as_it_is() {
    let bench = Bench::new(false);
    let plan = Plan::none().counting(Calls::Changes).at(1, Fault::Denied);
    let cloud = Faulty::new(Arc::new(bench.sandbox.clone()), plan);
    let params = json!({"finding": CURRENT});
    let stop = act(&bench, &mut bench.step("1"), &cloud, ARCHIVE, params).await;
    assert!(matches!(stop, Err(Stop::Failed(_))), "{stop:?}");
    assert_eq!(service(&mut bench.sandbox.snapshot_world(), &bench)["archived"], json!(false));
}

/// GuardDuty may show it as it was for a while: it is waited for, and not sent again at once.
#[tokio::test]
async fn what_guardduty_does_not_show_yet_is_waited_for() {
    let bench = Bench::new(false);
    let (mut step, params) = (bench.step("1"), json!({"finding": CURRENT}));
    act(&bench, &mut step, &bench.sandbox, ARCHIVE, params.clone()).await.unwrap();
    let unarchive = |world: &mut World| {
        let found = region(world, &bench.at).findings.get_mut(&id::<FindingId>(CURRENT)).unwrap();
        found["service"]["archived"] = json!(false);
    };
    bench.sandbox.edit(unarchive).unwrap();
    let action = find(ARCHIVE).unwrap();
    let params = Params::check(action.params(), params.as_object().cloned().unwrap()).unwrap();
    let look = step.look(&bench.sandbox, action, &params).await.unwrap();
    assert!(matches!(look, Verdict::Wait(..)), "{look:?}");
    bench.clock.advance(std::time::Duration::from_secs(31));
    let look = step.look(&bench.sandbox, action, &params).await.unwrap();
    assert!(matches!(look, Verdict::Change(_)), "{look:?}");
}
