//! Containment and undo of one resource take turns, whatever their runs were started for.

use serde_json::json;

use super::siege::*;
use super::*;
use crate::cloud::faulty::{Fault, Plan};

/// Two runs about one instance, of a finding and of an attack sequence: the first one is refused its
/// second swap by AWS, and the other one goes on in the middle of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_on_one_instance_do_not_open_what_one_of_them_contained() {
    let n = {
        let (lab, sandbox, _) = faulty_lab(Plan::none(), ISOLATES_ANY).await;
        approved_sequence(&lab).await;
        lab.settle().await;
        changes_of(&sandbox, "eni-0aaaaaaaaaaaaaaa1")[1]
    };
    let interlude = Interlude::default();
    let plan = changes().before(n, interlude.event()).at(n, Fault::Denied);
    let (lab, sandbox, _) = faulty_lab(plan, ISOLATES_ANY).await;
    approved_sequence(&lab).await;
    let second = by_hand("probe", json!({"instance": "i-0a1b2c3d4e5f60718"}), Mode::Contain);
    let second = lab.desk.start(second).await.unwrap();
    interlude.arm(&lab, None);
    lab.settle().await;
    let second = run(&lab, &second.id).await;
    assert!(second.contained, "{:?}", second.summary);
    assert_eq!(groups(&sandbox), [["quarantine"], ["quarantine"]]);
}

/// An undo is under way, and another run (with another target) contains the same instance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_gives_nothing_back_that_another_run_has_come_to_hold_meanwhile() {
    let mut bad = Vec::new();
    for n in 1..14 {
        let interlude = Interlude::default();
        let (lab, sandbox, _) = faulty_lab(interlude.at_call(n), ISOLATES).await;
        let params = json!({"instance": "i-0a1b2c3d4e5f60718"});
        let first = by_hand("compromised-instance", params, Mode::Contain);
        let first = lab.desk.start(first).await.unwrap();
        lab.settle().await;
        assert!(run(&lab, &first.id).await.contained);
        lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
        let other = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
        interlude.arm(&lab, None);
        lab.settle().await;
        let other = run(&lab, &other.id).await;
        let isolated = groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]);
        if !(other.contained && isolated) {
            bad.push((n, other.summary));
        }
    }
    assert!(bad.is_empty(), "{bad:?}");
}

/// The yes to an attack sequence comes while an undo works on the same instance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attack_sequence_that_is_approved_while_an_undo_works_is_not_undone() {
    let mut bad = Vec::new();
    for n in [1, 4, 8] {
        let interlude = Interlude::default();
        let (lab, sandbox, _) = faulty_lab(interlude.at_call(n), ISOLATES_ANY).await;
        let params = json!({"instance": "i-0a1b2c3d4e5f60718"});
        let first = lab.desk.start(by_hand("probe", params, Mode::Contain)).await.unwrap();
        lab.settle().await;
        assert!(run(&lab, &first.id).await.contained);
        let case = lab.deliver(&sequence().to_string()).await;
        lab.settle().await;
        lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
        let asked = lab.env.store.approvals_pending().await.unwrap().remove(0);
        interlude.arm(&lab, Some((asked.id, asked.hash)));
        lab.settle().await;
        // The plan found the instance isolated, and now goes further: a person is asked again.
        while !lab.env.store.approvals_pending().await.unwrap().is_empty() {
            decide(&lab, "grace", true).await.unwrap();
            lab.settle().await;
        }
        let other = only_run(&lab, &case).await;
        let isolated = groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]);
        if !(other.contained && isolated) {
            bad.push((n, other.summary));
        }
    }
    assert!(bad.is_empty(), "{bad:?}");
}

/// Nobody else touches anything, and nothing fails. Then a person wants the instance back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_crossing_runs_contained_can_be_taken_back() {
    let swaps: Vec<u64> = {
        let (lab, sandbox, _) = faulty_lab(Plan::none(), ISOLATES_ANY).await;
        approved_sequence(&lab).await;
        lab.settle().await;
        changes_of(&sandbox, "eni-")
    };
    assert_eq!(swaps.len(), 4);
    for n in swaps {
        let interlude = Interlude::default();
        let plan = changes().before(n, interlude.event());
        let (lab, sandbox, _) = faulty_lab(plan, ISOLATES_ANY).await;
        let first = approved_sequence(&lab).await;
        let before = groups(&sandbox);
        let second = by_hand("probe", json!({"instance": "i-0a1b2c3d4e5f60718"}), Mode::Contain);
        let second = lab.desk.start(second).await.unwrap();
        interlude.arm(&lab, None);
        lab.settle().await;
        let isolated = groups(&sandbox);
        assert!(isolated.iter().zip(&before).all(|(now, before)| now != before));
        let mut words = Vec::new();
        for _ in 0..2 {
            for of in [&second, &first] {
                match lab.desk.undo(&of.id, "ada".to_owned(), false).await {
                    Err(refused) => words.push(refused.detail),
                    Ok(undo) => {
                        lab.settle().await;
                        words.push(format!("{:?}", run(&lab, &undo.id).await.summary));
                    }
                }
            }
        }
        assert_eq!(groups(&sandbox), before, "change {n}: {words:#?}");
        lab.finish().await;
    }
}
