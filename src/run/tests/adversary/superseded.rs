//! Questions that are given up, and a no that is passed by.

use serde_json::json;

use super::*;

/// The later version is genuine, but its run fails before it can ask.
#[tokio::test]
async fn no_question_is_given_up_for_a_run_that_can_t_ask() {
    let (lab, _) = lab().await;
    let mut broken = grown();
    let list = &mut broken["detail"]["service"]["detection"]["sequence"]["resources"];
    list.as_array_mut().unwrap().push(json!({"resourceType": "EC2_INSTANCE", "name": "no uid"}));
    let case = lab.deliver(&sequence().to_string()).await;
    assert_eq!(lab.deliver(&broken.to_string()).await, case);
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

/// What goes on after an undo is asked about, also where an earlier question was superseded.
#[tokio::test]
async fn a_superseded_run_does_not_answer_for_what_goes_on_after_an_undo() {
    let (lab, _) = lab().await;
    let case = lab.deliver(&sequence().to_string()).await;
    lab.settle().await;
    assert_eq!(lab.deliver(&grown().to_string()).await, case);
    lab.settle().await;
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    let all = lab.env.store.runs_of(&case).await.unwrap();
    let acted = all.iter().max_by_key(|run| run.named.len()).unwrap();
    lab.desk.undo(&acted.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    assert!(run(&lab, &acted.id).await.released, "{:#?}", runs(&lab, &case).await);
    let on = later(&grown(), "2026-03-14T23:45:12.000Z", 3);
    assert_eq!(lab.deliver(&on.to_string()).await, case);
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

/// As above with one instance only and another finding: a run that did nothing stands for nothing.
#[tokio::test]
async fn a_superseded_run_does_not_stand_for_another_finding() {
    let (lab, _) = lab().await;
    let case = lab.deliver(&sequence().to_string()).await;
    lab.settle().await;
    assert_eq!(lab.deliver(&grown().to_string()).await, case);
    lab.settle().await;
    decide(&lab, "grace", false).await.unwrap();
    lab.settle().await;
    let mut other = sequence();
    other["detail"]["id"] = json!("0123456789abcdef0123456789abcdef");
    assert_eq!(lab.deliver(&other.to_string()).await, case);
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

/// A person said no a minute ago: another finding of the same instance acts without asking.
#[tokio::test]
async fn a_no_to_an_instance_is_not_passed_by_with_another_finding() {
    let (lab, sandbox) = lab().await;
    let mut doubtful = miner();
    doubtful["detail"]["service"]["resourceRole"] = json!("TARGET");
    let case = lab.deliver(&doubtful.to_string()).await;
    lab.settle().await;
    decide(&lab, "grace", false).await.unwrap();
    lab.settle().await;
    assert_eq!(lab.deliver(&another(1).to_string()).await, case);
    lab.settle().await;
    assert_eq!(sandbox.snapshot_world().mutations.len(), 0, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}

/// Two people decide on a crown jewel, whichever finding names it.
#[tokio::test]
async fn one_person_does_not_cut_off_a_crown_jewel() {
    let (lab, sandbox) = lab().await;
    meddle(&sandbox, |region| {
        for machine in region.instances.values_mut() {
            machine.instance.tags.insert("criticality".to_owned(), "crown-jewel".to_owned());
        }
    });
    lab.deliver(&sequence().to_string()).await;
    lab.settle().await;
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    assert!(groups(&sandbox).iter().all(|groups| *groups != ["quarantine"]));
    lab.finish().await;
}

/// A person says yes to a question whose run gives way to a later one before it goes on.
#[tokio::test]
async fn a_question_that_goes_with_its_run_stands_in_the_timeline() {
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) {\n\
        parallel([|| approve(\"And the other?\", #{ within: \"1d\" }), || {\n\
        sleep(\"5s\"); let n = 0; while true { n += 1; } }]); }";
    let (lab, _, _) = faulty_lab(Plan::none(), source).await;
    lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    // What waits for a person is not waited for by `settle`: the sleep ends first here.
    let case = lab.cases().await.remove(0);
    for _ in 0..4 {
        lab.settle().await;
        lab.clock.advance(std::time::Duration::from_secs(10));
    }
    let done = only_run(&lab, &case).await;
    assert!(done.state.is_over(), "{done:?}");
    let entries = lab.entries(&case).await;
    let told = count(&entries, "approval.decided");
    assert_eq!((count(&entries, "approval.requested"), told), (1, 1));
    lab.finish().await;
}

/// A first version that lacks something is asked about; the whole one that follows would be acted on
/// at once, and nobody has answered yet.
#[tokio::test]
async fn an_unanswered_question_does_not_keep_a_whole_version_waiting() {
    let (lab, sandbox) = lab().await;
    let mut first = miner();
    first["detail"].as_object_mut().unwrap().remove("updatedAt");
    let case = lab.deliver(&first.to_string()).await;
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1);
    let whole = later(&miner(), "2026-03-14T23:27:12.000Z", 9);
    assert_eq!(lab.deliver(&whole.to_string()).await, case);
    lab.settle().await;
    let told = runs(&lab, &case).await;
    assert!(groups(&sandbox).iter().all(|groups| *groups == ["quarantine"]), "{told:#?}");
    lab.finish().await;
}
