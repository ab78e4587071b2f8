//! Cases that a person closed.

use serde_json::json;

use super::*;

/// An undo lifts the containment of a case that was closed.
#[tokio::test]
async fn an_undo_in_a_closed_case_is_seen() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    lab.desk.close_case(&case, "ada".to_owned(), "done").await.unwrap();
    lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    assert!(groups(&sandbox).iter().all(|groups| *groups != ["quarantine"]));
    assert_eq!(status(&lab, &case).await, Status::Released);
    lab.finish().await;
}

/// An undo in a closed case fails half way.
#[tokio::test]
async fn an_undo_that_fails_in_a_closed_case_is_seen() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    lab.desk.close_case(&case, "ada".to_owned(), "done").await.unwrap();
    protect(&sandbox);
    lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    assert_eq!(status(&lab, &case).await, Status::Attention, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

/// A run that is started by hand in a closed case waits for a person.
#[tokio::test]
async fn a_question_in_a_closed_case_is_seen() {
    let (lab, _) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    lab.desk.close_case(&case, "ada".to_owned(), "done").await.unwrap();
    let mut request =
        by_hand("stolen-role-credentials", json!({"role": "batch-worker"}), Mode::Approve);
    request.case = Some(case.clone());
    if lab.desk.start(request).await.is_ok() {
        lab.settle().await;
        assert_eq!(pending(&lab).await, 1);
        assert_eq!(status(&lab, &case).await, Status::Waiting);
    }
    lab.finish().await;
}

/// A case is closed while a finding arrives in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_case_is_closed_over_a_run_that_just_began() {
    let mut hidden = 0;
    for n in 0..40_u32 {
        let (lab, _) = lab().await;
        let case = lab
            .deliver(
                &{
                    let mut quiet = miner();
                    quiet["detail"]["type"] = json!("Recon:EC2/PortProbeUnprotectedPort");
                    quiet["detail"]["service"]["resourceRole"] = json!("TARGET");
                    quiet
                }
                .to_string(),
            )
            .await;
        lab.settle().await;
        let second = another(n).to_string();
        let close = async {
            for _ in 0..n % 8 {
                tokio::task::yield_now().await;
            }
            lab.desk.close_case(&case, "ada".to_owned(), "nothing to do").await
        };
        let (joined, _) = tokio::join!(lab.deliver(&second), close);
        let closed = status(&lab, &case).await == Status::Closed;
        let open =
            lab.env.store.runs_of(&case).await.unwrap().iter().any(|run| !run.state.is_over());
        hidden += u32::from(joined == case && closed && open);
        lab.finish().await;
    }
    assert_eq!(hidden, 0, "closed over a run under way");
}

/// GuardDuty sees more of a case that was closed as contained.
#[tokio::test]
async fn a_case_that_is_opened_again_comes_before_a_person() {
    let (lab, _) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    lab.desk.close_case(&case, "ada".to_owned(), "done").await.unwrap();
    let before = lab.told().len();
    let on = later(&miner(), "2026-03-15T23:45:12.000Z", 99);
    assert_eq!(lab.deliver(&on.to_string()).await, case);
    lab.settle().await;
    let needs = matches!(status(&lab, &case).await, Status::Attention | Status::Waiting);
    assert!(needs || lab.told().len() > before, "{:?}", status(&lab, &case).await);
    lab.finish().await;
}
