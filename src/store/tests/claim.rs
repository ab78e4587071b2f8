//! Leases: at most one owner, at most one run per target, nothing forgotten.

use serde_json::json;

use super::bed::{Bed, at, case_id, finding, note, on_bed, run, run_id};
use super::decide::{decide, question, yes};
use crate::case::{RunEvent, RunState};
use crate::id::{CaseId, RunId};
use crate::routing::Mode;
use crate::store::{Commit, Effect, Fence, NewRun, RunKind, StoreError};

/// Moves the fence's run.
pub fn event(fence: &Fence, event: RunEvent, wake_at: Option<i64>) -> Vec<Effect> {
    vec![Effect::Run {
        run: fence.run.clone(),
        event,
        wake_at: wake_at.map(at),
        contained: false,
        summary: None,
        code: None,
    }]
}

/// Asks for a run of `case` at a time.
pub async fn ask(bed: &Bed, case: &str, new: NewRun, seconds: i64) {
    let mut entry = note("ask");
    entry.at = at(seconds);
    let effects = vec![Effect::CreateRun(new)];
    let commit = Commit { case: case_id(case), fence: None, entries: vec![entry], effects };
    bed.store.commit(commit).await.unwrap();
}

/// `run-<name>` on `target`.
pub fn on_target(name: &str, target: &str) -> NewRun {
    NewRun { target: Some(target.into()), ..run(name) }
}

/// Claims what there is, at a time.
pub async fn claimed(bed: &Bed, owner: &str, seconds: i64) -> Option<(RunId, Fence)> {
    bed.store.claim(owner, at(seconds)).await.unwrap().map(|(row, fence)| (row.id, fence))
}

#[tokio::test]
async fn a_lease_is_one_owners_until_it_ends() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa").with_run("aaaa")).await.unwrap();
        let (row, first) = bed.store.claim("a", at(0)).await.unwrap().unwrap();
        assert_eq!((row.state, row.attempts, first.epoch), (RunState::Running, 1, 1));
        assert_eq!(bed.store.claim("b", at(29)).await.unwrap(), None);
        bed.store.renew(&first, at(20)).await.unwrap();
        assert_eq!(bed.store.claim("b", at(49)).await.unwrap(), None);
        let (row, second) = bed.store.claim("b", at(50)).await.unwrap().unwrap();
        assert_eq!((row.attempts, second.epoch), (2, 2));
        assert_eq!(bed.store.renew(&first, at(51)).await, Err(StoreError::LostLease));
        let late =
            bed.apply(&row.case, Some(&first), event(&first, RunEvent::Succeeded, None)).await;
        assert_eq!(late, Err(StoreError::LostLease));
        bed.apply(&row.case, Some(&second), event(&second, RunEvent::Succeeded, None))
            .await
            .unwrap();
        assert_eq!(bed.store.renew(&second, at(52)).await, Err(StoreError::LostLease));
        assert_eq!(bed.store.claim("a", at(9999)).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn runs_on_one_target_go_one_after_the_other() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        ask(bed, "aaaa", on_target("bbbb", "t"), 2).await;
        ask(bed, "aaaa", on_target("aaaa", "t"), 3).await;
        ask(bed, "aaaa", on_target("cccc", "u"), 4).await;
        ask(bed, "aaaa", NewRun { target: None, mode: Mode::Observe, ..run("dddd") }, 5).await;
        let (first, fence) = claimed(bed, "a", 10).await.unwrap();
        assert_eq!(first, run_id("bbbb"));
        assert_eq!(claimed(bed, "a", 10).await.unwrap().0, run_id("cccc"), "another target");
        assert_eq!(
            claimed(bed, "a", 10).await.unwrap().0,
            run_id("dddd"),
            "observing blocks nobody"
        );
        assert_eq!(claimed(bed, "a", 10).await, None);
        // Parked is not over; and one that was asked for earlier but came later does not overtake.
        bed.apply(&case_id("aaaa"), Some(&fence), event(&fence, RunEvent::Parked, Some(20)))
            .await
            .unwrap();
        ask(bed, "aaaa", on_target("eeee", "t"), 1).await;
        assert_eq!(claimed(bed, "a", 11).await, None);
        let (again, fence) = claimed(bed, "a", 20).await.unwrap();
        assert_eq!(again, run_id("bbbb"));
        bed.apply(&case_id("aaaa"), Some(&fence), event(&fence, RunEvent::Failed, None))
            .await
            .unwrap();
        assert_eq!(claimed(bed, "a", 21).await.unwrap().0, run_id("eeee"));
        assert_eq!(claimed(bed, "a", 21).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_target_is_one_steps_until_it_is_given_back() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        let case = case_id("aaaa");
        ask(bed, "aaaa", on_target("bbbb", "t"), 0).await;
        ask(bed, "aaaa", on_target("cccc", "u"), 0).await;
        let (_, first) = claimed(bed, "a", 1).await.unwrap();
        let (_, second) = claimed(bed, "a", 1).await.unwrap();
        let take = |step: &str| Effect::Take { step: step.into(), resource: "r".into() };
        let commit = async |fence: &Fence, effects: Vec<Effect>| {
            let (case, fence) = (case.clone(), Some(fence.clone()));
            bed.store.commit(Commit { case, fence, entries: vec![], effects }).await.unwrap().taken
        };
        assert_eq!(commit(&first, vec![take("1")]).await, ["1".to_owned()].into());
        assert_eq!(commit(&first, vec![take("1")]).await, ["1".to_owned()].into(), "again");
        // Neither another step nor another run, whichever way it asks; the commit itself stands.
        assert_eq!(commit(&first, vec![take("2")]).await, [].into());
        assert_eq!(commit(&second, vec![take("1")]).await, [].into());
        let by_itself = async |fence: &Fence| {
            let (fence, case) = (fence.clone(), case.clone());
            bed.store.take_target(fence, case, "r".into(), "1".into()).await.unwrap()
        };
        assert!(by_itself(&first).await);
        assert!(!by_itself(&second).await);
        commit(&first, vec![Effect::Free { step: "1".into() }]).await;
        assert!(by_itself(&second).await);
        // Nobody takes without a run.
        assert!(bed.apply(&case, None, vec![take("1")]).await.is_err());
    })
    .await;
}

/// `run-bbbb` waits for a person, and `run-cccc` on the same target was asked for since.
async fn one_asks_and_one_waits(bed: &Bed) -> (CaseId, RunId) {
    bed.store.accept(finding("aaaa")).await.unwrap();
    let case = case_id("aaaa");
    ask(bed, "aaaa", on_target("bbbb", "t"), 0).await;
    let (first, fence) = claimed(bed, "a", 1).await.unwrap();
    let mut effects = vec![Effect::OpenApproval(question(&case, &fence, 1))];
    effects.extend(event(&fence, RunEvent::Parked, Some(600)));
    bed.apply(&case, Some(&fence), effects).await.unwrap();
    ask(bed, "aaaa", on_target("cccc", "t"), 2).await;
    (case, first)
}

#[tokio::test]
async fn a_run_that_waits_for_a_person_blocks_nobody() {
    on_bed(async |bed| {
        let (case, first) = one_asks_and_one_waits(bed).await;
        let (second, fence) = claimed(bed, "a", 3).await.unwrap();
        assert_eq!(second, run_id("cccc"), "a containment does not wait for an answer");
        decide(bed, &case, yes("grace")).await.unwrap();
        assert_eq!(claimed(bed, "a", 11).await, None, "two runs on one target");
        let ended = event(&fence, RunEvent::Succeeded, None);
        bed.apply(&case, Some(&fence), ended).await.unwrap();
        assert_eq!(claimed(bed, "a", 12).await.unwrap().0, first);
    })
    .await;
}

#[tokio::test]
async fn nobody_starts_on_what_an_undo_is_giving_back() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        let hold = |resource: &str| Effect::Hold {
            resource: resource.into(),
            run: fence.run.clone(),
            step: "1".into(),
        };
        let mut effects = vec![hold("instance"), hold("role")];
        effects.extend(event(&fence, RunEvent::Succeeded, None));
        bed.apply(&case, Some(&fence), effects).await.unwrap();
        let undo = |name: &str| NewRun {
            kind: RunKind::Undo,
            params: json!({"of": fence.run}),
            ..on_target(name, "instance")
        };
        // While somebody is at work on the role, nothing of it is given back.
        ask(bed, "aaaa", on_target("bbbb", "role"), 1).await;
        let (_, first) = claimed(bed, "a", 1).await.unwrap();
        ask(bed, "aaaa", undo("cccc"), 2).await;
        assert_eq!(claimed(bed, "a", 3).await, None);
        bed.apply(&case, Some(&first), event(&first, RunEvent::Succeeded, None)).await.unwrap();
        // And while the undo works, nobody starts on the role.
        let (undoing, fence) = claimed(bed, "a", 4).await.unwrap();
        assert_eq!(undoing, run_id("cccc"));
        ask(bed, "aaaa", on_target("dddd", "role"), 5).await;
        assert_eq!(claimed(bed, "a", 6).await, None);
        bed.apply(&case, Some(&fence), event(&fence, RunEvent::Succeeded, None)).await.unwrap();
        assert_eq!(claimed(bed, "a", 7).await.unwrap().0, run_id("dddd"));
    })
    .await;
}

#[tokio::test]
async fn a_parked_run_goes_on_when_it_is_due() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        bed.apply(&case, Some(&fence), event(&fence, RunEvent::Parked, Some(60))).await.unwrap();
        assert_eq!(claimed(bed, "a", 59).await, None);
        let (row, second) = bed.store.claim("a", at(60)).await.unwrap().unwrap();
        assert_eq!(row.attempts, 1, "a park in order is no death");
        bed.apply(&case, Some(&second), event(&second, RunEvent::Parked, None)).await.unwrap();
        assert_eq!(claimed(bed, "a", 99_999).await, None, "only a decision wakes it");
    })
    .await;
}

#[tokio::test]
async fn a_released_run_goes_on_at_once_elsewhere() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        bed.apply(&case, Some(&fence), event(&fence, RunEvent::Released, None)).await.unwrap();
        let (row, next) = bed.store.claim("b", at(0)).await.unwrap().unwrap();
        assert_eq!((row.attempts, next.epoch), (1, 2), "a stop in order is no death");
    })
    .await;
}

#[tokio::test]
async fn a_new_process_takes_the_runs_of_the_old_one() {
    on_bed(async |bed| {
        let (case, old) = bed.running("aaaa").await;
        bed.running("bbbb").await;
        bed.reopen().await;
        assert_eq!(claimed(bed, "new", 1).await, None);
        assert_eq!(bed.store.recover("new", at(1)).await.unwrap(), 2);
        assert_eq!(bed.store.recover("new", at(1)).await.unwrap(), 0);
        let (first, fence) = claimed(bed, "new", 1).await.unwrap();
        assert_eq!((first, fence.epoch), (old.run.clone(), 2));
        assert!(claimed(bed, "new", 1).await.is_some());
        assert_eq!(bed.store.recover("new", at(2)).await.unwrap(), 0, "its own leases stand");
        assert_eq!(bed.apply(&case, Some(&old), vec![]).await, Err(StoreError::LostLease));
    })
    .await;
}

#[tokio::test]
async fn an_unknown_run_has_no_lease() {
    on_bed(async |bed| {
        let fence = Fence { run: run_id("none"), owner: "a".into(), epoch: 1 };
        assert_eq!(bed.store.renew(&fence, at(0)).await, Err(StoreError::LostLease));
    })
    .await;
}

#[tokio::test]
async fn a_granted_question_and_a_dead_owner_do_not_wait_for_each_other() {
    on_bed(async |bed| {
        let (case, first) = one_asks_and_one_waits(bed).await;
        assert_eq!(claimed(bed, "a", 3).await.unwrap().0, run_id("cccc"));
        decide(bed, &case, yes("grace")).await.unwrap();
        // kill -9, and a new process.
        bed.reopen().await;
        assert_eq!(bed.store.recover("new", at(20)).await.unwrap(), 1);
        let (second, fence) = claimed(bed, "new", 21).await.unwrap();
        assert_eq!(second, run_id("cccc"), "who was at work goes on");
        bed.apply(&case, Some(&fence), event(&fence, RunEvent::Succeeded, None)).await.unwrap();
        assert_eq!(claimed(bed, "new", 22).await.unwrap().0, first);
    })
    .await;
}

#[tokio::test]
async fn a_run_that_waits_for_nothing_but_evidence_blocks_nobody() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        let case = case_id("aaaa");
        ask(bed, "aaaa", on_target("bbbb", "t"), 0).await;
        let (first, fence) = claimed(bed, "a", 1).await.unwrap();
        let preserving = event(&fence, RunEvent::Preserving, Some(10));
        bed.apply(&case, Some(&fence), preserving).await.unwrap();
        ask(bed, "aaaa", on_target("cccc", "t"), 2).await;
        let (second, second_fence) = claimed(bed, "a", 3).await.unwrap();
        assert_eq!(second, run_id("cccc"));
        assert_eq!(claimed(bed, "a", 11).await, None, "two runs on one target");
        let parked = event(&second_fence, RunEvent::Parked, Some(60));
        bed.apply(&case, Some(&second_fence), parked).await.unwrap();
        let (again, fence) = claimed(bed, "a", 12).await.unwrap();
        assert_eq!(again, first, "neither waits for the other for ever");
        // What waits for more than evidence holds others up again.
        bed.apply(&case, Some(&fence), event(&fence, RunEvent::Parked, Some(90))).await.unwrap();
        assert_eq!(claimed(bed, "a", 61).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_claim_reads_no_run_that_is_over() {
    on_bed(async |bed| {
        let plan = bed.store.claim_plan().await;
        let of_runs: Vec<_> =
            plan.iter().filter(|step| step.contains("USING INDEX runs_")).collect();
        assert_eq!(of_runs.len(), 8, "{plan:#?}");
        let open = |step: &&&String| step.contains("runs_open") || step.contains("runs_undo");
        assert_eq!(of_runs.iter().filter(open).count(), 8, "{plan:#?}");
    })
    .await;
}

#[tokio::test]
async fn who_has_nothing_left_but_evidence_comes_after_all_others() {
    on_bed(async |bed| {
        for (name, seconds) in [("aaaa", 0), ("bbbb", 5)] {
            bed.store.accept(finding(name)).await.unwrap();
            ask(bed, name, on_target(name, name), seconds).await;
        }
        let (_, fence) = claimed(bed, "owner", 1).await.unwrap();
        assert_eq!(fence.run, run_id("aaaa"));
        let rests = event(&fence, RunEvent::Preserving, Some(6));
        bed.apply(&case_id("aaaa"), Some(&fence), rests).await.unwrap();
        for name in ["bbbb", "aaaa"] {
            assert_eq!(claimed(bed, "owner", 10).await.unwrap().0, run_id(name));
        }
        assert_eq!(claimed(bed, "owner", 10).await, None);
    })
    .await;
}
