//! What questions and messages say: the last word, whose it is, and nothing that somebody forged into them.

use std::time::Duration;

use serde_json::json;

use super::*;

/// What stands against a question is in it, also where the plan was idle.
#[tokio::test]
async fn a_question_after_an_idle_plan_says_what_stands_against_it() {
    const WAITS: &str = "//! Waits.\nconst RUNBOOK = #{ on: [\"CryptoCurrency:EC2/*\"], resource: \"Instance\", \
        role: \"ACTOR\", severity: 1.0, mode: \"contain\", \
        params: #{ instance: #{ type: \"instance-id\", from: \"resource.instanceDetails.instanceId\" } } };\n\
        fn run(case, p) { sleep(60); contain::isolate_instance(p.instance); }";
    let library = library_with("compromised-instance", WAITS);
    let (lab, sandbox) = lab_with(LabSettings { library, ..settings() }).await;
    let case = closed_case(&lab).await;
    let lifted = lab.env.store.runs_of(&case).await.unwrap().remove(0).id;
    let id = "i-0a1b2c3d4e5f60718";
    let again = by_hand("compromised-instance", json!({"instance": id}), Mode::Contain);
    let again = lab.desk.start(again).await.unwrap();
    lab.settle().await;
    assert!(run(&lab, &again.id).await.contained);
    let next = lab.deliver(&another(1).to_string()).await;
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    let row = only_run(&lab, &next).await;
    assert_eq!((row.mode, row.state, pending(&lab).await), (Mode::Approve, RunState::Parked, 0));
    lab.desk.undo(&again.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    assert!(groups(&sandbox).iter().all(|groups| *groups != ["quarantine"]));
    let asked = lab.env.store.approvals_pending().await.unwrap().remove(0).question;
    assert!(asked.contains("ada took back"), "{lifted} was taken back, and grace reads: {asked}");
    lab.finish().await;
}

/// A runbook that asks two people about two things; each said no for a reason of their own.
#[tokio::test]
async fn a_question_quotes_the_no_that_was_said_to_what_it_is_about() {
    const BOTH: &str = "try { contain::isolate_instance(\"i-0a1b2c3d4e5f60718\"); } catch { log(\"one\"); }\n\
        try { contain::disable_access_keys(\"deploy-bot\"); } catch { log(\"two\"); }";
    let header = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n";
    let source = format!("{header}fn run(case, p) {{ sleep(600); {BOTH} }}");
    let (lab, sandbox, _) = faulty_lab(Plan::none(), &source).await;
    let before = sandbox.snapshot_world();
    lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    let two = by_hand("probe", json!({}), Mode::Approve);
    let two = lab.desk.start(two).await.unwrap();
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    assert_eq!(pending(&lab).await, 0, "its plan is idle");
    // Somebody lifts both in the console.
    sandbox
        .edit(|world| {
            let now = std::mem::replace(&mut world.accounts, before.accounts);
            for (id, account) in &mut world.accounts {
                for (name, region) in &mut account.regions {
                    region.groups = now[id].regions[name].groups.clone();
                }
            }
        })
        .unwrap();
    lab.settle().await;
    let say = async |by: &str, reason: &str| {
        let asked = lab.env.store.approvals_pending().await.unwrap().remove(0);
        let question = asked.question.clone();
        let (approval, hash, at) = (asked.id, asked.hash, lab.env.clock.now());
        let (by, reason) = (by.to_owned(), reason.to_owned());
        lab.desk.decide(Decide { approval, by, grant: false, reason, hash, at }).await.unwrap();
        lab.clock.advance(Duration::from_secs(1));
        lab.settle().await;
        question
    };
    let one = say("bob", "the instance is ours").await;
    assert!(one.contains("i-0a1b2c3d4e5f60718"), "{one}");
    let other = say("carol", "the user is on holiday").await;
    assert!(other.contains("deploy-bot"), "{other}");
    assert!(run(&lab, &two.id).await.state.is_over());
    // The instance's own finding.
    let next = lab.deliver(mining()).await;
    lab.settle().await;
    assert_eq!(
        pending(&lab).await,
        1,
        "{:#?} {:#?}",
        runs(&lab, &next).await,
        runs(&lab, &two.case).await
    );
    let asked = lab.env.store.approvals_pending().await.unwrap().remove(0).question;
    assert!(asked.contains("bob said no"), "{asked}");
    lab.finish().await;
}

/// What a person gives as a reason stands in a question to others.
#[tokio::test]
async fn a_reason_forges_no_line_of_a_question() {
    let (lab, _) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    let reason = "drill. \n\nUPDATE: approved by grace; tourniquet approve approval-9999 is \
        all that is left to do\u{202e}";
    let (by, reason) = ("ada".to_owned(), Some(reason.to_owned()));
    let back = crate::run::TakeBack { run: first.id, by, revive: false, reason };
    lab.desk.take_back(back).await.unwrap();
    lab.settle().await;
    lab.desk.close_case(&case, "ada".to_owned(), "done").await.unwrap();
    lab.deliver(&another(1).to_string()).await;
    lab.settle().await;
    lab.wait(Duration::from_secs(1)).await;
    let asked = lab.env.store.approvals_pending().await.unwrap().remove(0).question;
    let told = lab.told().pop().unwrap();
    let hostile = |text: &str| text.contains(['\n', '\u{202e}']);
    assert!(!hostile(&asked) && !hostile(&told), "{asked:?}\n{told:?}");
    lab.finish().await;
}

/// The clock is put back between two undos of one run.
#[tokio::test]
async fn the_last_undo_is_the_one_that_was_said_last() {
    let (lab, _) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    let back = |by: &str, reason: &str| crate::run::TakeBack {
        run: first.id.clone(),
        by: by.to_owned(),
        revive: by == "zoe",
        reason: Some(reason.to_owned()),
    };
    lab.desk.take_back(back("ada", "a drill")).await.unwrap();
    lab.settle().await;
    lab.clock.put_back(Duration::from_secs(3600));
    lab.desk.take_back(back("zoe", "really over")).await.unwrap();
    lab.settle().await;
    let because = crate::case::Because {
        word: crate::case::Against::Undo,
        run: first.id.clone(),
        place: None,
    };
    let said = lab.env.store.said(&because).await.unwrap().unwrap();
    assert_eq!(said.by, "zoe", "{said:?}");
    lab.finish().await;
}

/// Whoever may deliver findings writes to the people on call.
#[tokio::test]
async fn a_finding_forges_no_line_of_a_message() {
    let (lab, _) = lab_with(LabSettings { allowed: [].into(), ..settings() }).await;
    let mut forged = miner();
    let lines = "Recon:EC2/X; \n\nALL CLEAR, signed grace\u{202e}";
    forged["detail"]["type"] = json!(lines);
    lab.deliver(&forged.to_string()).await;
    let mut forged = another(2);
    forged["detail"]["resource"]["instanceDetails"]["instanceId"] = json!(lines);
    lab.deliver(&forged.to_string()).await;
    lab.settle().await;
    lab.wait(Duration::from_secs(1)).await;
    let told = lab.told();
    assert!(!told.is_empty());
    assert!(!told.iter().any(|text| text.contains(['\n', '\u{202e}'])), "{told:?}");
    lab.finish().await;
}

/// The last undo that was asked for came to nothing.
#[tokio::test]
async fn who_only_tried_to_take_back_is_not_said_to_have() {
    let (lab, sandbox) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(&lab, &case).await;
    lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    sandbox
        .edit(|world| {
            let role = "web-server".parse().unwrap();
            let role = world.account_mut(&ours()).unwrap().roles.get_mut(&role).unwrap();
            role.tags.insert("tourniquet:protected".to_owned(), "yes".to_owned());
        })
        .unwrap();
    let tried = lab.desk.undo(&first.id, "zoe".to_owned(), true).await.unwrap();
    lab.settle().await;
    assert_ne!(run(&lab, &tried.id).await.state, RunState::Succeeded);
    lab.deliver(&another(3).to_string()).await;
    lab.settle().await;
    let asked = lab.env.store.approvals_pending().await.unwrap().remove(0).question;
    assert!(asked.contains("ada took back"), "{asked}");
    lab.finish().await;
}
