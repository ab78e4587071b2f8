//! Commits: what stands together and what is refused.

use serde_json::json;

use super::bed::{at, case_id, commit, finding, note, on_bed, run};
use crate::case::RunEvent;
use crate::id::{Digest, RunId};
use crate::store::cases::NewCase;
use crate::store::writer::Turn;
use crate::store::{Commit, Effect, Fence, StoreError};
use crate::timeline::{Actor, Draft, Kind};

/// Moves a run, with a summary.
pub fn moved(run: &RunId, event: RunEvent, contained: bool) -> Effect {
    let (run, summary) = (run.clone(), Some("so".into()));
    Effect::Run { run, event, wake_at: None, contained, summary, code: None }
}

fn step(run: &RunId, step: &str, kind: Kind) -> Draft {
    Draft::new(at(0), Actor::Run(run.clone()), kind, json!({"run": run, "step": step}))
}

#[tokio::test]
async fn a_step_is_recorded_once() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        let run = &fence.run;
        let write = async |entries: Vec<Draft>| {
            let fence = Some(fence.clone());
            bed.store.commit(Commit { case: case.clone(), fence, entries, effects: vec![] }).await
        };
        write(vec![step(run, "1", Kind::ChangeIntent)]).await.unwrap();
        write(vec![step(run, "1", Kind::ChangeOutcome), step(run, "2", Kind::ChangeIntent)])
            .await
            .unwrap();
        let head = bed.store.head(&case).await.unwrap();
        let twice = write(vec![note("first"), step(run, "2", Kind::ChangeIntent)]).await;
        assert_eq!(
            twice,
            Err(StoreError::Conflict(
                "this is already recorded: change.intent of step 2 of run-aaaa".into()
            ))
        );
        assert_eq!(bed.store.head(&case).await.unwrap(), head, "the note before it is gone too");
        write(vec![note("a"), note("b")]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn only_the_owner_writes_for_a_run_and_only_to_its_case() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        bed.store.accept(finding("bbbb")).await.unwrap();
        let fences: [(Fence, bool); 4] = [
            (fence.clone(), true),
            (Fence { epoch: fence.epoch - 1, ..fence.clone() }, false),
            (Fence { epoch: fence.epoch + 1, ..fence.clone() }, false),
            (Fence { owner: "other".into(), ..fence.clone() }, false),
        ];
        for (fence, holds) in fences {
            let written = bed.apply(&case, Some(&fence), vec![]).await;
            assert_eq!(
                written,
                if holds { Ok(()) } else { Err(StoreError::LostLease) },
                "{fence:?}"
            );
        }
        let elsewhere = bed.apply(&case_id("bbbb"), Some(&fence), vec![]).await;
        assert!(matches!(elsewhere, Err(StoreError::Conflict(_))));
        let unowned =
            bed.apply(&case, None, vec![moved(&fence.run, RunEvent::Failed, false)]).await;
        assert!(matches!(unowned, Err(StoreError::Conflict(_))));
        let claimed =
            bed.apply(&case, Some(&fence), vec![moved(&fence.run, RunEvent::Claimed, false)]).await;
        assert!(matches!(claimed, Err(StoreError::Conflict(_))));

        bed.apply(&case, Some(&fence), vec![moved(&fence.run, RunEvent::Succeeded, true)])
            .await
            .unwrap();
        let late =
            bed.apply(&case, Some(&fence), vec![moved(&fence.run, RunEvent::Failed, false)]).await;
        assert_eq!(late, Err(StoreError::LostLease), "a run ends once");
    })
    .await;
}

#[tokio::test]
async fn a_run_request_that_the_caller_brings_is_not_doubled() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        let new = run("aaaa");
        let entries = vec![new.requested(at(0))];
        let effects = vec![Effect::CreateRun(new.clone())];
        let commit = Commit { case: case_id("aaaa"), fence: None, entries, effects };
        bed.store.commit(commit.clone()).await.unwrap();
        assert_eq!(bed.bodies(&case_id("aaaa"), Kind::RunRequested).await.len(), 1);
        assert!(
            matches!(bed.store.commit(commit).await, Err(StoreError::Conflict(_))),
            "a run id is used once"
        );
    })
    .await;
}

#[tokio::test]
async fn a_case_is_opened_by_hand() {
    on_bed(async |bed| {
        let new = NewCase {
            at: at(0),
            by: Actor::Person("ada".into()),
            title: "A strange instance".into(),
            finding_type: "manual".into(),
            severity: None,
            account: None,
            region: None,
            resource: None,
            correlation: "manual/1".into(),
        };
        let case = case_id("hand");
        let effects = vec![Effect::CreateRun(run("hand")), Effect::OpenCase(new)];
        let commit =
            Commit { case: case.clone(), fence: None, entries: vec![note("seen by ada")], effects };
        bed.store.commit(commit.clone()).await.unwrap();
        assert_eq!(
            bed.kinds(&case).await,
            ["case.opened", "note.added", "run.requested", "case.status_changed"]
        );
        assert_eq!(bed.store.finding_document(&case).await.unwrap(), None);
        assert!(matches!(bed.store.commit(commit).await, Err(StoreError::Conflict(_))));
    })
    .await;
}

#[tokio::test]
async fn holds_and_blobs_are_kept_until_let_go() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        let hold = |step: &str| Effect::Hold {
            resource: "eni-1".into(),
            run: fence.run.clone(),
            step: step.into(),
        };
        let blob = Effect::Blob(b"\x00\xffraw".to_vec());
        bed.apply(&case, Some(&fence), vec![hold("1"), hold("2"), blob]).await.unwrap();
        let held = bed.store.holds_of(&fence.run).await.unwrap();
        assert_eq!(held.len(), 1);
        assert_eq!((held[0].step.as_str(), &held[0].case), ("1", &case));
        let digest = Digest::of(b"\x00\xffraw");
        assert_eq!(bed.store.blob(&digest).await.unwrap().unwrap(), b"\x00\xffraw");
        let go = Effect::Unhold { resource: "eni-1".into(), run: fence.run.clone() };
        bed.apply(&case, Some(&fence), vec![go]).await.unwrap();
        assert_eq!(bed.store.holds_of(&fence.run).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn who_held_first_is_told_by_the_holds_not_by_the_requests() {
    on_bed(async |bed| {
        let (case, first) = bed.running("aaaa").await;
        let (_, second) = bed.running("bbbb").await;
        let hold = |fence: &Fence, resource: &str| Effect::Hold {
            resource: resource.into(),
            run: fence.run.clone(),
            step: "1".into(),
        };
        // The one that was asked for later contains earlier.
        let other = case_id("bbbb");
        bed.apply(&other, Some(&second), vec![hold(&second, "role")]).await.unwrap();
        bed.apply(&case, Some(&first), vec![hold(&first, "role"), hold(&first, "eni")])
            .await
            .unwrap();
        let later = bed.store.held_later(&second.run).await.unwrap();
        assert_eq!(later.len(), 1);
        assert_eq!((later[0].run.clone(), later[0].resource.as_str()), (first.run.clone(), "role"));
        assert_eq!(bed.store.held_later(&first.run).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn an_unknown_case_and_an_unstorable_entry_are_refused() {
    on_bed(async |bed| {
        let unknown = bed.store.commit(commit(&case_id("none"), vec![note("x")])).await;
        assert_eq!(unknown, Err(StoreError::NotFound));
        bed.store.accept(finding("aaaa")).await.unwrap();
        let large =
            bed.store.commit(commit(&case_id("aaaa"), vec![note(&"x".repeat(70_000))])).await;
        assert!(matches!(large, Err(StoreError::Seal(_))));
    })
    .await;
}

#[tokio::test]
async fn the_database_refuses_to_change_or_delete_an_entry() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa")).await.unwrap();
        for statement in ["UPDATE entries SET bytes = '{}'", "DELETE FROM entries"] {
            let touched = bed
                .store
                .write(Turn::Next, move |connection| {
                    Box::pin(async move {
                        sqlx::query(statement).execute(connection).await?;
                        Ok(())
                    })
                })
                .await;
            assert!(touched.is_err(), "{statement}");
        }
        assert_eq!(bed.kinds(&case_id("aaaa")).await.len(), 3);
    })
    .await;
}
