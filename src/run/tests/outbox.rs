//! What people on call must hear arrives, however long it takes, and the timeline tells when it does
//! not.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;
use crate::notify::Delivery;
use crate::run::outbox::{GIVEN_UP_AFTER, Outbox};
use crate::store::{Commit, Effect, NewMessage};

const ASKS: &str = "//! Asks.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
    fn run(case, p) { approve(\"Shall I?\"); }";
const FAILS: &str = "//! Fails.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
    fn run(case, p) { throw \"no\"; }";

/// A lab, and a run of this source that was asked for.
async fn begun(source: &str) -> (Lab, RunRow) {
    let library = library_with("probe", source);
    let (lab, _) = lab_with(LabSettings { library, ..settings() }).await;
    let run = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    (lab, run)
}

/// Drives what can be claimed, and sends nothing: as a process that is killed after the commit.
async fn drive_alone(lab: &Lab) {
    drive_once(lab, &CancellationToken::new()).await.unwrap().unwrap();
}

async fn notes(lab: &Lab, case: &CaseId) -> Vec<String> {
    let entries = lab.entries(case).await;
    let notes = entries.iter().filter(|entry| entry.kind == "note.added");
    notes.map(|note| note.body["text"].as_str().unwrap().to_owned()).collect()
}

/// The mining finding, changed.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut event: Value = serde_json::from_str(mining()).unwrap();
    change(&mut event);
    event.to_string()
}

fn without_account(id: &str, severity: f64) -> String {
    changed(|event| {
        event["detail"].as_object_mut().unwrap().remove("accountId");
        event["detail"]["id"] = json!(id);
        event["detail"]["severity"] = json!(severity);
    })
}

#[tokio::test]
async fn a_question_that_nobody_took_arrives_when_the_webhook_is_back() {
    let (lab, run) = begun(ASKS).await;
    lab.cut_off();
    // Not until idle: the test's time would go on to the end of the question.
    drive_alone(&lab).await;
    lab.wait(Duration::ZERO).await;
    lab.wait(Duration::from_secs(5)).await;
    assert!(lab.told().is_empty());
    let what = format!("the message of {} of 2026-03-14 09:27:", run.id);
    let failed = notes(&lab, &run.case).await;
    assert_eq!(failed.len(), 1, "the first attempt alone: {failed:?}");
    assert!(failed[0].starts_with(&what), "{failed:?}");
    let words = "to channel oncall was not delivered: its webhook gave no answer; it is tried again \
        until 2026-03-15 09:27Z";
    assert!(failed[0].ends_with(words), "{failed:?}");
    lab.reconnect();
    lab.wait(Duration::from_secs(9)).await;
    assert!(lab.told().is_empty(), "the second wait is twice the first");
    lab.wait(Duration::from_secs(1)).await;
    assert_eq!(lab.told().len(), 1, "{:?}", lab.told());
    assert!(lab.told()[0].contains("Shall I?: tourniquet approve "), "{:?}", lab.told());
    let delivered = notes(&lab, &run.case).await.pop().unwrap();
    let words = format!("was delivered, after 2 attempts that failed: {}", lab.told()[0]);
    assert!(delivered.starts_with(&what) && delivered.ends_with(&words), "{delivered}");
    lab.wait(Duration::from_secs(3600)).await;
    assert_eq!((lab.told().len(), notes(&lab, &run.case).await.len()), (1, 2));
    lab.finish().await;
}

#[tokio::test]
async fn where_no_channel_is_configured_the_case_says_that_the_log_alone_was_told() {
    let library = library_with("probe", FAILS);
    let delivery = Delivery::Logged;
    let (lab, _) = lab_with(LabSettings { library, delivery, ..settings() }).await;
    let run = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    lab.settle().await;
    let words = format!("no channel is configured, so the log alone was told: {}", lab.told()[0]);
    assert_eq!(notes(&lab, &run.case).await, [words]);
    lab.finish().await;
}

#[tokio::test]
async fn the_longest_message_stands_whole_in_the_timeline() {
    let (lab, run) = begun(ASKS).await;
    let text = format!("{}: tourniquet approve", "x".repeat(2_000 - 20));
    let (channel, at) = ("oncall".to_owned(), lab.clock.now());
    let run_id = Some(run.id.clone());
    let message = NewMessage { id: "long".to_owned(), run: run_id, channel, text, at };
    let (case, effects) = (run.case.clone(), vec![Effect::Tell(message)]);
    lab.env.store.commit(Commit { case, fence: None, entries: vec![], effects }).await.unwrap();
    lab.cut_off();
    lab.wait(Duration::ZERO).await;
    lab.reconnect();
    lab.wait(Duration::from_secs(5)).await;
    let delivered = notes(&lab, &run.case).await.pop().unwrap();
    assert!(delivered.ends_with(": tourniquet approve"), "{delivered}");
    lab.finish().await;
}

/// What the case says of a question that was over before anybody was told.
fn dropped(run: &RunRow, question: &str, became: &str) -> String {
    format!("the question {question} of {} {became}; it is not sent any more", run.id)
}

#[tokio::test]
async fn a_question_that_was_answered_before_it_could_be_sent_is_sent_to_nobody() {
    let (lab, run) = begun(ASKS).await;
    lab.cut_off();
    drive_alone(&lab).await;
    let question = lab.env.store.approvals_pending().await.unwrap().remove(0).id;
    lab.wait(Duration::ZERO).await;
    decide(&lab, "grace", true).await.unwrap();
    lab.reconnect();
    lab.wait(Duration::from_secs(5)).await;
    assert!(lab.told().is_empty(), "{:?}", lab.told());
    let became = "was answered before channel oncall could be told, after 1 attempt that failed";
    let last = notes(&lab, &run.case).await.pop().unwrap();
    assert_eq!(last, dropped(&run, question.as_str(), became));
    lab.wait(Duration::from_secs(3600)).await;
    assert_eq!(notes(&lab, &run.case).await.len(), 2);
    lab.finish().await;
}

#[tokio::test]
async fn a_question_that_was_answered_before_the_first_attempt_is_sent_to_nobody() {
    let (lab, run) = begun(ASKS).await;
    drive_alone(&lab).await;
    let question = lab.env.store.approvals_pending().await.unwrap().remove(0).id;
    decide(&lab, "grace", false).await.unwrap();
    lab.wait(Duration::ZERO).await;
    assert!(lab.told().is_empty(), "{:?}", lab.told());
    let became = "was answered before channel oncall could be told";
    assert_eq!(notes(&lab, &run.case).await, [dropped(&run, question.as_str(), became)]);
    lab.finish().await;
}

#[tokio::test]
async fn a_question_that_one_of_two_answered_is_still_sent() {
    let (lab, run) = begun(&ASKS.replace("\")", "\", #{ quorum: 2 })")).await;
    lab.cut_off();
    drive_alone(&lab).await;
    lab.wait(Duration::ZERO).await;
    decide(&lab, "grace", true).await.unwrap();
    lab.reconnect();
    lab.wait(Duration::from_secs(5)).await;
    assert_eq!(lab.told().len(), 1);
    assert!(notes(&lab, &run.case).await.pop().unwrap().contains("was delivered"));
    lab.finish().await;
}

#[tokio::test]
async fn of_a_question_that_ended_without_an_answer_only_the_end_is_told() {
    let (lab, run) = begun(ASKS).await;
    lab.cut_off();
    drive_alone(&lab).await;
    let question = lab.env.store.approvals_pending().await.unwrap().remove(0).id;
    lab.wait(Duration::ZERO).await;
    lab.clock.advance(Duration::from_secs(12 * 3600));
    drive_alone(&lab).await;
    lab.reconnect();
    lab.wait(Duration::ZERO).await;
    assert_eq!(lab.told().len(), 1, "{:?}", lab.told());
    assert!(lab.told()[0].contains("nobody answered in time"), "{:?}", lab.told());
    let became = "ended without an answer before channel oncall could be told, after 1 attempt that \
        failed";
    let words = dropped(&run, question.as_str(), became);
    assert!(notes(&lab, &run.case).await.contains(&words), "{:?}", notes(&lab, &run.case).await);
    lab.finish().await;
}

#[tokio::test]
async fn messages_of_one_run_have_ids_of_their_own() {
    let source =
        ASKS.replace(") { ", ") { notify(\"oncall\", \"one\"); notify(\"oncall\", \"two\"); ");
    let (lab, run) = begun(&source).await;
    // The question, and that nobody answered it.
    lab.settle().await;
    lab.wait(Duration::from_secs(24 * 3600)).await;
    lab.settle().await;
    let ids: Vec<String> = lab.messages().into_iter().map(|message| message.id).collect();
    let [one, two, question, end] = &ids[..] else { panic!("{ids:?}") };
    let of_run = |rest: &str| format!("{}{rest}", run.id);
    assert_eq!([one, two, end], [&of_run("/1"), &of_run("/2"), &of_run("")]);
    assert!(question.starts_with("apr-"), "{question}");
    lab.finish().await;
}

#[tokio::test]
async fn what_nobody_took_for_a_day_is_given_up_and_the_case_says_so() {
    let (lab, run) = begun(FAILS).await;
    lab.cut_off();
    lab.settle().await;
    let minutes = GIVEN_UP_AFTER.as_secs() / 60;
    for _ in 0..minutes / 5 - 1 {
        lab.wait(Duration::from_secs(300)).await;
    }
    assert_eq!(notes(&lab, &run.case).await.len(), 1);
    lab.wait(Duration::from_secs(600)).await;
    let last = notes(&lab, &run.case).await.pop().unwrap();
    assert!(last.contains("was given up after "), "{last}");
    assert!(last.ends_with("attempts: its webhook gave no answer"), "{last}");
    lab.reconnect();
    lab.wait(Duration::from_secs(3600)).await;
    assert_eq!((lab.told().len(), notes(&lab, &run.case).await.len()), (0, 2));
    lab.finish().await;
}

#[tokio::test]
async fn what_waited_for_the_service_for_days_is_tried_for_an_hour() {
    let (lab, run) = begun(FAILS).await;
    drive_alone(&lab).await;
    // Killed here; started again after a weekend.
    lab.clock.advance(Duration::from_secs(60 * 3600));
    lab.cut_off();
    lab.wait(Duration::ZERO).await;
    let first = notes(&lab, &run.case).await.pop().unwrap();
    assert!(first.ends_with("it is tried again until 2026-03-16 22:27Z"), "{first}");
    for _ in 0..700 {
        lab.wait(Duration::from_secs(5)).await;
    }
    assert_eq!(notes(&lab, &run.case).await.len(), 1, "{:?}", notes(&lab, &run.case).await);
    lab.reconnect();
    lab.wait(Duration::from_secs(300)).await;
    assert_eq!(lab.told().len(), 1, "{:?}", notes(&lab, &run.case).await);
    lab.finish().await;
}

#[tokio::test]
async fn what_waited_for_the_service_for_days_is_given_up_after_an_hour() {
    let (lab, run) = begun(FAILS).await;
    drive_alone(&lab).await;
    lab.clock.advance(Duration::from_secs(60 * 3600));
    lab.cut_off();
    for _ in 0..750 {
        lab.wait(Duration::from_secs(5)).await;
    }
    let last = notes(&lab, &run.case).await.pop().unwrap();
    assert!(last.contains("was given up after 18 attempts"), "{last}");
    lab.finish().await;
}

#[tokio::test]
async fn a_process_that_dies_before_it_sends_loses_no_message() {
    for source in [ASKS, FAILS] {
        let (mut lab, run) = begun(source).await;
        drive_alone(&lab).await;
        assert!(lab.told().is_empty());
        lab.limit(|_| ());
        lab.wait(Duration::ZERO).await;
        assert_eq!(lab.told().len(), 1, "{:?}", lab.told());
        let words = format!("channel oncall was told: {}", lab.told()[0]);
        assert_eq!(notes(&lab, &run.case).await, [words]);
        lab.finish().await;
    }
}

#[tokio::test]
async fn a_process_that_dies_while_it_sends_is_replaced_after_a_minute() {
    let (lab, _) = begun(FAILS).await;
    drive_alone(&lab).await;
    let now = lab.clock.now();
    let until = now + jiff::SignedDuration::from_mins(1);
    let lost = lab.env.store.claim_messages(now, until, 8, 8).await.unwrap();
    assert_eq!(lost.len(), 1);
    lab.wait(Duration::from_secs(59)).await;
    assert!(lab.told().is_empty());
    lab.wait(Duration::from_secs(1)).await;
    let sent = lab.messages();
    assert_eq!(
        (sent.len(), &sent[0].id),
        (1, &lost[0].id),
        "known as a repetition, if it was sent"
    );
    lab.finish().await;
}

#[tokio::test]
async fn two_processes_send_a_message_once() {
    let (mut lab, _) = begun(FAILS).await;
    drive_alone(&lab).await;
    let other = Arc::clone(&lab.env);
    lab.limit(|_| ());
    let (one, two) = tokio::join!(crate::run::send_due(&lab.env), crate::run::send_due(&other));
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(lab.told().len(), 1);
    lab.finish().await;
}

#[tokio::test]
async fn whoever_is_stopped_sends_what_is_due_first() {
    let (lab, _) = begun(FAILS).await;
    drive_alone(&lab).await;
    Outbox::start(Arc::clone(&lab.env)).stop().await;
    assert_eq!(lab.told().len(), 1);
    lab.finish().await;
}

#[tokio::test]
async fn a_finding_without_a_run_is_told_once_a_case_and_again_where_it_is_worse() {
    let (lab, _) = lab().await;
    let case = lab.deliver(&without_account("aaaa", 5.0)).await;
    lab.settle().await;
    let words = "CryptoCurrency:EC2/BitcoinTool.B (severity 5.0) on instance/i-0a1b2c3d4e5f60718 in \
        an unknown account, eu-west-1: nothing acts on finding aaaa: it names no valid account; look \
        at it yourself";
    assert_eq!(lab.told(), [words]);
    for (finding, told) in [
        (without_account("aaaa", 5.0), 1),
        (without_account("bbbb", 5.5), 1),
        (without_account("cccc", 8.0), 2),
        (without_account("dddd", 8.5), 2),
        (without_account("eeee", 1.0), 2),
    ] {
        assert_eq!(lab.deliver(&finding).await, case);
        lab.settle().await;
        assert_eq!(lab.told().len(), told, "{:?}", lab.told());
    }
    let told = lab.told().into_iter().map(|text| format!("channel oncall was told: {text}"));
    assert_eq!(notes(&lab, &case).await, told.collect::<Vec<_>>());
    lab.finish().await;
}

#[tokio::test]
async fn of_findings_without_a_run_samples_and_archived_ones_are_told_to_nobody() {
    let mut archived: Value = serde_json::from_str(&without_account("aaaa", 5.0)).unwrap();
    let mut sample: Value = serde_json::from_str(&without_account("bbbb", 5.0)).unwrap();
    archived["detail"]["service"]["archived"] = json!(true);
    sample["detail"]["service"]["additionalInfo"]["sample"] = json!(true);
    let (lab, _) = lab().await;
    let case = lab.deliver(&archived.to_string()).await;
    lab.deliver(&sample.to_string()).await;
    lab.settle().await;
    assert!(lab.told().is_empty(), "{:?}", lab.told());
    assert_eq!(lab.deliver(&without_account("cccc", 5.0)).await, case);
    lab.settle().await;
    assert_eq!(lab.told().len(), 1, "a genuine one of the same case is told");
    lab.finish().await;
}

#[tokio::test]
async fn a_message_about_a_hostile_finding_stays_short_and_says_what_is_wrong() {
    let long = "x".repeat(3_000);
    let hostile = changed(|event| {
        event.as_object_mut().unwrap().remove("region");
        event["detail"]["region"] = json!(long);
        event["detail"]["type"] = json!(format!("A:B/{long}"));
        event["detail"]["resource"]["resourceType"] = json!(long);
    });
    let (lab, _) = lab().await;
    lab.deliver(&hostile).await;
    lab.settle().await;
    let told = lab.told().remove(0);
    assert!(told.len() < 600, "{told}");
    assert!(told.ends_with("it names no valid Region; look at it yourself"), "{told}");
    lab.finish().await;
}
