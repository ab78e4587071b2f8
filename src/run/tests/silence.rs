//! AWS does not answer for a while, or answers with how things were.

use super::siege::*;
use super::*;
use crate::case::RunState;
use crate::cloud::faulty::{Fault, Plan};

/// The answer to a swap is lost, and the look that settles it sees the world as it was.
#[tokio::test]
async fn a_stale_look_after_a_lost_answer_does_not_lose_the_original_groups() {
    let calls = calls().await;
    let mut bad = Vec::new();
    for n in 1..=calls {
        let plan = Plan::none().at(n, Fault::LostAnswer);
        // Both changes of the stage go beside each other, so the look is one of the next calls.
        for stale in 1..=3 {
            let plan = plan.clone().at(n + stale, Fault::Gone);
            let (lab, sandbox, _) = faulty_lab(plan, ISOLATES).await;
            let before = groups(&sandbox);
            let done = isolate(&lab).await;
            if !done.contained {
                continue;
            }
            lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap();
            lab.settle().await;
            if groups(&sandbox) != before {
                bad.push((n, stale));
            }
        }
    }
    assert!(bad.is_empty(), "{bad:?}");
}

/// The line to AWS is down for a quarter of a minute.
#[tokio::test]
async fn a_quarter_of_a_minute_without_aws_ends_no_isolation() {
    let calls = calls().await;
    let mut bad = Vec::new();
    for n in 1..=calls {
        // Two changes of a stage are beside each other; each is looked for four times.
        let plan = (n..n + 2).fold(Plan::none(), |plan, n| plan.at(n, Fault::LostRequest));
        let plan = (n + 2..n + 6).fold(plan, |plan, n| plan.at(n, Fault::Transient));
        let (lab, ..) = faulty_lab(plan, ISOLATES).await;
        let done = isolate(&lab).await;
        if !done.contained {
            bad.push(n);
        }
    }
    assert!(bad.is_empty(), "{bad:?}");
}

/// README: "A throttled step rests and tries again for somewhat more than half an hour".
#[tokio::test]
async fn eight_seconds_of_throttling_at_any_call_end_no_isolation_and_no_undo() {
    let calls = calls().await;
    let mut bad = Vec::new();
    for n in 1..=calls {
        let plan = (n..n + 6).fold(Plan::none(), |plan, n| plan.at(n, Fault::Throttled));
        let (lab, ..) = faulty_lab(plan, ISOLATES).await;
        let done = isolate(&lab).await;
        if !done.contained {
            bad.push(n);
        }
    }
    // The same for an undo.
    let mut undos = Vec::new();
    for n in 1..=12 {
        let plan =
            (calls + n..calls + n + 6).fold(Plan::none(), |plan, n| plan.at(n, Fault::Throttled));
        let (lab, ..) = faulty_lab(plan, ISOLATES).await;
        let done = isolate(&lab).await;
        let undo = lab.desk.undo(&done.id, "ada".to_owned(), false).await.unwrap();
        lab.settle().await;
        let undo = run(&lab, &undo.id).await;
        if undo.state != RunState::Succeeded {
            undos.push(n);
        }
    }
    assert!(bad.is_empty() && undos.is_empty(), "{bad:?} {undos:?}");
}
