//! Approvals: who may decide, when, and what wakes up.

use futures::future::join_all;
use serde_json::json;

use super::bed::{Bed, at, note, on_bed};
use crate::case::{RunEvent, Status};
use crate::id::{ApprovalId, CaseId, Digest};
use crate::store::{ApprovalRow, ApprovalState, Commit, Decide, Effect, Fence, StoreError};
use crate::timeline::Kind;

pub fn question(case: &CaseId, fence: &Fence, quorum: u32) -> ApprovalRow {
    ApprovalRow {
        id: "apr-0001".parse().unwrap(),
        case: case.clone(),
        run: fence.run.clone(),
        step: "3".into(),
        question: "Isolate i-0123?".into(),
        hash: Digest::of(b"the plan"),
        quorum,
        requested_by: "ada".into(),
        requested_at: at(0),
        expires_at: Some(at(600)),
        state: ApprovalState::Pending,
        decisions: vec![],
    }
}

pub fn yes(by: &str) -> Decide {
    Decide {
        approval: "apr-0001".parse().unwrap(),
        by: by.into(),
        grant: true,
        reason: "agreed".into(),
        hash: Digest::of(b"the plan"),
        at: at(10),
    }
}

/// A run that asked the question and parked.
async fn asked(bed: &Bed, quorum: u32) -> (CaseId, Fence) {
    let (case, fence) = bed.running("aaaa").await;
    let park = Effect::Run {
        run: fence.run.clone(),
        event: RunEvent::Parked,
        wake_at: Some(at(600)),
        contained: false,
        summary: None,
        code: None,
    };
    let effects = vec![Effect::OpenApproval(question(&case, &fence, quorum)), park];
    bed.apply(&case, Some(&fence), effects).await.unwrap();
    (case, fence)
}

pub async fn decide(bed: &Bed, case: &CaseId, decision: Decide) -> Result<(), StoreError> {
    let effects = vec![Effect::Decide(decision)];
    let commit = Commit { case: case.clone(), fence: None, entries: vec![], effects };
    bed.store.commit(commit).await.map(drop)
}

async fn state(bed: &Bed) -> ApprovalState {
    let id: ApprovalId = "apr-0001".parse().unwrap();
    bed.store.approval(&id).await.unwrap().unwrap().state
}

/// A decision and its answer.
type Told = (Decide, Result<(), StoreError>);

#[tokio::test]
async fn the_rules_of_a_decision() {
    let words = |words: &str| Err(StoreError::Conflict(words.to_owned()));
    let no = |by: &str| Decide { grant: false, ..yes(by) };
    let table: Vec<(u32, Vec<Told>, ApprovalState)> = vec![
        (1, vec![(yes("bob"), Ok(()))], ApprovalState::Granted),
        (0, vec![(yes("bob"), Ok(()))], ApprovalState::Granted),
        (1, vec![(no("bob"), Ok(()))], ApprovalState::Denied),
        (1, vec![(no("ada"), Ok(()))], ApprovalState::Denied),
        (
            1,
            vec![(yes("ada"), words("who asked for a run can't agree to it, only say no"))],
            ApprovalState::Pending,
        ),
        (
            1,
            vec![(yes("bob"), Ok(())), (no("eve"), words("the question is already granted"))],
            ApprovalState::Granted,
        ),
        (2, vec![(yes("bob"), Ok(()))], ApprovalState::Pending),
        (
            2,
            vec![(yes("bob"), Ok(())), (yes("bob"), words("you have already decided"))],
            ApprovalState::Pending,
        ),
        (2, vec![(yes("bob"), Ok(())), (yes("eve"), Ok(()))], ApprovalState::Granted),
        (2, vec![(yes("bob"), Ok(())), (no("eve"), Ok(()))], ApprovalState::Denied),
        (
            1,
            vec![(
                Decide { hash: Digest::of(b"another plan"), ..yes("bob") },
                words("what is to be approved is not what you saw; look again"),
            )],
            ApprovalState::Pending,
        ),
        (1, vec![(Decide { at: at(599), ..yes("bob") }, Ok(()))], ApprovalState::Granted),
        (
            1,
            vec![(Decide { at: at(600), ..yes("bob") }, words("the question has expired"))],
            ApprovalState::Pending,
        ),
        (
            1,
            vec![(
                Decide { approval: "apr-9999".parse().unwrap(), ..yes("bob") },
                Err(StoreError::NotFound),
            )],
            ApprovalState::Pending,
        ),
    ];
    for (quorum, decisions, expected) in table {
        on_bed(async |bed| {
            let (case, fence) = asked(bed, quorum).await;
            assert_eq!(bed.store.case(&case).await.unwrap().unwrap().status, Status::Waiting);
            for (decision, result) in decisions {
                assert_eq!(decide(bed, &case, decision.clone()).await, result, "{decision:?}");
            }
            assert_eq!(state(bed).await, expected);
            let settled = expected != ApprovalState::Pending;
            let woken = bed.store.claim("next", at(599)).await.unwrap();
            assert_eq!(woken.map(|(row, _)| row.id), settled.then_some(fence.run));
            assert_eq!(bed.store.approvals_pending().await.unwrap().is_empty(), settled);
        })
        .await;
    }
}

#[tokio::test]
async fn of_many_answers_at_once_one_is_first() {
    on_bed(async |bed| {
        let (case, _) = asked(bed, 1).await;
        let people: Vec<String> = (0..20).map(|n| format!("person-{n}")).collect();
        let answers = join_all(people.iter().map(|by| decide(bed, &case, yes(by)))).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert_eq!(bed.bodies(&case, Kind::ApprovalDecided).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_quorum_leaves_an_entry_for_each_person() {
    on_bed(async |bed| {
        let (case, fence) = asked(bed, 2).await;
        decide(bed, &case, yes("bob")).await.unwrap();
        assert_eq!(
            bed.store.claim("next", at(20)).await.unwrap(),
            None,
            "half a quorum wakes nobody"
        );
        decide(bed, &case, yes("eve")).await.unwrap();
        let entries = bed.bodies(&case, Kind::ApprovalDecided).await;
        assert_eq!((&entries[0]["for_step"], &entries[0]["step"]), (&json!("3"), &json!(null)));
        assert_eq!((&entries[1]["step"], &entries[1]["state"]), (&json!("3"), &json!("granted")));
        let row = &bed.store.approvals_of(&fence.run).await.unwrap()[0];
        let who: Vec<&str> = row.decisions.iter().map(|d| d["by"].as_str().unwrap()).collect();
        assert_eq!(who, ["bob", "eve"]);
    })
    .await;
}

#[tokio::test]
async fn a_decision_before_the_run_parks_is_not_lost() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        let open = Effect::OpenApproval(question(&case, &fence, 1));
        bed.apply(&case, Some(&fence), vec![open]).await.unwrap();
        decide(bed, &case, yes("bob")).await.unwrap();
        let park = Effect::Run {
            run: fence.run.clone(),
            event: RunEvent::Parked,
            wake_at: Some(at(600)),
            contained: false,
            summary: None,
            code: None,
        };
        bed.apply(&case, Some(&fence), vec![park]).await.unwrap();
        assert!(bed.store.claim("next", at(10)).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_question_expires_when_its_time_is_over_and_not_before() {
    on_bed(async |bed| {
        let (case, _) = asked(bed, 1).await;
        let (row, fence) = bed.store.claim("next", at(600)).await.unwrap().unwrap();
        assert_eq!(row.id, fence.run);
        let expire =
            |seconds| Effect::Expire { approval: "apr-0001".parse().unwrap(), at: at(seconds) };
        let early = bed.apply(&case, Some(&fence), vec![expire(599)]).await;
        assert!(matches!(early, Err(StoreError::Conflict(_))));
        bed.apply(&case, Some(&fence), vec![expire(600)]).await.unwrap();
        assert_eq!(state(bed).await, ApprovalState::Expired);
        let again = bed.apply(&case, Some(&fence), vec![expire(601)]).await;
        assert_eq!(again, Err(StoreError::Conflict("the question is already expired".into())));
        assert!(matches!(decide(bed, &case, yes("bob")).await, Err(StoreError::Conflict(_))));
    })
    .await;
}

#[tokio::test]
async fn a_decision_belongs_to_its_case() {
    on_bed(async |bed| {
        asked(bed, 1).await;
        let (other, _) = bed.running("bbbb").await;
        assert_eq!(decide(bed, &other, yes("bob")).await, Err(StoreError::NotFound));
        let commit = Commit {
            case: other.clone(),
            fence: None,
            entries: vec![note("x")],
            effects: vec![Effect::Decide(yes("bob"))],
        };
        assert_eq!(bed.store.commit(commit).await, Err(StoreError::NotFound));
        assert_eq!(state(bed).await, ApprovalState::Pending);
    })
    .await;
}
