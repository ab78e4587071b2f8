//! What a case's status becomes, and what its timeline says about it.

use serde_json::json;

use super::bed::{Bed, at, note, on_bed, run, run_id};
use super::commit::moved;
use crate::case::{RunEvent, RunState, Status};
use crate::id::CaseId;
use crate::store::{Commit, Effect, StoreError};
use crate::timeline::Kind;

async fn status(bed: &Bed, case: &CaseId) -> Status {
    bed.store.case(case).await.unwrap().unwrap().status
}

#[tokio::test]
async fn the_status_follows_the_runs_and_says_so_in_the_timeline() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        assert_eq!(status(bed, &case).await, Status::Active);
        bed.apply(&case, Some(&fence), vec![moved(&fence.run, RunEvent::Succeeded, true)])
            .await
            .unwrap();
        assert_eq!(status(bed, &case).await, Status::Contained);
        let stored = bed.store.run(&fence.run).await.unwrap().unwrap();
        assert_eq!((stored.state, stored.contained), (RunState::Succeeded, true));
        assert_eq!(stored.summary.as_deref(), Some("so"));

        let effects = vec![Effect::Released { run: fence.run.clone() }];
        let mut later = note("released");
        later.at = at(60);
        let commit = Commit { case: case.clone(), fence: None, entries: vec![later], effects };
        bed.store.commit(commit).await.unwrap();
        assert_eq!(status(bed, &case).await, Status::Released);
        bed.apply(&case, None, vec![Effect::CloseCase { closed: true }]).await.unwrap();
        assert_eq!(status(bed, &case).await, Status::Closed);
        bed.apply(&case, None, vec![Effect::CloseCase { closed: false }]).await.unwrap();
        assert_eq!(status(bed, &case).await, Status::Released);
        assert_eq!(bed.store.case(&case).await.unwrap().unwrap().contained_at, Some(at(0)));
        for closed in [false, true] {
            // The second of two that do the same is refused, and leaves no entry.
            if closed {
                bed.apply(&case, None, vec![Effect::CloseCase { closed }]).await.unwrap();
            }
            let length = bed.store.head(&case).await.unwrap().unwrap().length;
            let again = bed.apply(&case, None, vec![Effect::CloseCase { closed }]).await;
            assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
            assert_eq!(bed.store.head(&case).await.unwrap().unwrap().length, length);
        }
        let changes = bed.bodies(&case, Kind::CaseStatusChanged).await;
        let path: Vec<&str> = changes.iter().map(|body| body["to"].as_str().unwrap()).collect();
        assert_eq!(path, ["active", "contained", "released", "closed", "released", "closed"]);

        let timeless = Commit {
            case: case.clone(),
            fence: None,
            entries: vec![],
            effects: vec![Effect::CloseCase { closed: true }],
        };
        assert!(matches!(bed.store.commit(timeless).await, Err(StoreError::Conflict(_))));
        let unknown = bed.apply(&case, None, vec![Effect::Released { run: run_id("zzzz") }]).await;
        assert_eq!(unknown, Err(StoreError::NotFound));
    })
    .await;
}

/// It goes on with its evidence for hours.
#[tokio::test]
async fn a_case_whose_run_was_taken_back_is_released_and_can_be_closed_while_evidence_is_made() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        let mut waits = moved(&fence.run, RunEvent::Preserving, true);
        if let Effect::Run { wake_at, .. } = &mut waits {
            *wake_at = Some(at(10));
        }
        bed.apply(&case, Some(&fence), vec![waits]).await.unwrap();
        assert_eq!(status(bed, &case).await, Status::Active);
        let close = || vec![Effect::CloseCase { closed: true }];
        let refused = bed.apply(&case, None, close()).await.unwrap_err().to_string();
        assert!(refused.contains("waits for evidence that AWS is making"), "{refused}");
        let effects = vec![Effect::Released { run: fence.run.clone() }];
        bed.apply(&case, None, effects).await.unwrap();
        assert_eq!(status(bed, &case).await, Status::Released);
        bed.apply(&case, None, close()).await.unwrap();
        assert_eq!(status(bed, &case).await, Status::Closed);
        let (_, fence) = bed.store.claim(&fence.owner, at(10)).await.unwrap().unwrap();
        bed.apply(&case, Some(&fence), vec![moved(&fence.run, RunEvent::Failed, false)])
            .await
            .unwrap();
        // That it failed is news, and nobody looks into a closed case.
        assert_eq!(status(bed, &case).await, Status::Released);
    })
    .await;
}

#[tokio::test]
async fn a_failed_run_wins_over_a_contained_one() {
    on_bed(async |bed| {
        let (case, first) = bed.running("aaaa").await;
        let mut second = run("bbbb");
        second.requested_by = "ada".into();
        bed.apply(&case, None, vec![Effect::CreateRun(second)]).await.unwrap();
        bed.apply(&case, Some(&first), vec![moved(&first.run, RunEvent::Succeeded, true)])
            .await
            .unwrap();
        assert_eq!(status(bed, &case).await, Status::Active);
        let (_, fence) = bed.store.claim(&first.owner, at(1)).await.unwrap().unwrap();
        bed.apply(&case, Some(&fence), vec![moved(&fence.run, RunEvent::Failed, false)])
            .await
            .unwrap();
        assert_eq!(status(bed, &case).await, Status::Attention);
        let asked = &bed.bodies(&case, Kind::RunRequested).await[1];
        assert_eq!((&asked["run"], &asked["requested_by"]), (&json!("run-bbbb"), &json!("ada")));
    })
    .await;
}
