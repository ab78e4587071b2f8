//! Whoever may deliver findings makes no page of each: a few are told alone, and all others together.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;
use crate::run::outbox::Outbox;

const MINUTE: Duration = Duration::from_secs(60);

/// The mining finding as number `n` of many, on an instance of its own.
fn numbered(n: u32) -> Value {
    let mut event: Value = serde_json::from_str(mining()).unwrap();
    event["detail"]["id"] = json!(format!("0123456789abcdef0123456789ab{n:04}"));
    event["detail"]["resource"]["instanceDetails"]["instanceId"] = json!(format!("i-0{n:016x}"));
    event
}

/// As [`numbered`], without an account, so that there is no run.
fn without_account(n: u32, severity: f64) -> String {
    let mut event = numbered(n);
    event["detail"].as_object_mut().unwrap().remove("accountId");
    event["detail"]["severity"] = json!(severity);
    event.to_string()
}

/// Delivers the findings of these numbers, each in a case of its own.
async fn deliver(lab: &Lab, numbers: std::ops::Range<u32>) -> Vec<CaseId> {
    let mut cases = Vec::new();
    for n in numbers {
        cases.push(lab.deliver(&without_account(n, 5.0)).await);
    }
    cases
}

async fn notes(lab: &Lab, case: &CaseId) -> Vec<String> {
    let entries = lab.entries(case).await;
    let notes = entries.iter().filter(|entry| entry.kind == "note.added");
    notes.map(|note| note.body["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn beyond_ten_an_hour_they_are_told_together_and_every_case_says_so() {
    let (lab, _) = lab().await;
    deliver(&lab, 0..10).await;
    let mut waiting = deliver(&lab, 10..39).await;
    let severe = lab.deliver(&without_account(39, 8.0)).await;
    waiting.push(severe.clone());
    lab.wait(Duration::ZERO).await;
    lab.wait(10 * MINUTE - Duration::from_secs(1)).await;
    assert_eq!(lab.told().len(), 10);
    lab.wait(Duration::from_secs(1)).await;
    let told = lab.messages();
    assert_eq!(told.len(), 11, "{:#?}", lab.told());
    let one = told.last().unwrap();
    assert_eq!((one.case.as_ref(), one.run.as_ref()), (None, None));
    let words = format!(
        "30 findings on which nothing acts since 2026-03-14 09:27Z, the most severe first: {severe}: \
         CryptoCurrency:EC2/BitcoinTool.B (severity 8.0) on instance/i-0"
    );
    assert!(one.text.starts_with(&words), "{}", one.text);
    assert!(
        one.text.ends_with(" more; `tourniquet case list --sort severity` shows them"),
        "{}",
        one.text
    );
    assert!(one.text.chars().count() <= 2_000, "{}", one.text);
    // Each case's note has what was said of it, and nothing of the others.
    let mut named = 0;
    for case in &waiting {
        let [note] = &notes(&lab, case).await[..] else { panic!("one note") };
        let told = note.strip_prefix("channel oncall was told together with 29 others").unwrap();
        if one.text.contains(case.as_str()) {
            let said = told.strip_prefix(": ").unwrap();
            assert!(one.text.contains(&format!("{case}: {said}")), "{told}");
            assert_eq!(one.text.matches(case.as_str()).count(), 1, "{}", one.text);
            named += 1;
        } else {
            assert_eq!(told, ", in a message that had no room to name this case");
        }
    }
    assert!(named > 3 && one.text.contains(&format!("; and {} more", 30 - named)), "{}", one.text);
    // The next ones wait as long, and when an hour has passed they are told alone again.
    deliver(&lab, 40..42).await;
    lab.wait(9 * MINUTE).await;
    assert_eq!(lab.told().len(), 11);
    lab.wait(MINUTE).await;
    assert!(lab.told()[11].starts_with("2 findings on which"), "{:#?}", lab.told());
    lab.wait(40 * MINUTE).await;
    deliver(&lab, 42..44).await;
    lab.wait(Duration::ZERO).await;
    assert_eq!(lab.told().len(), 14);
    assert!(lab.messages()[12..].iter().all(|message| message.case.is_some()));
    lab.finish().await;
}

#[tokio::test]
async fn while_they_wait_nothing_is_written() {
    let (lab, _) = lab().await;
    deliver(&lab, 0..12).await;
    lab.wait(Duration::ZERO).await;
    let before = lab.env.store.commits();
    for _ in 0..60 {
        lab.wait(Duration::from_secs(1)).await;
    }
    assert_eq!(lab.env.store.commits(), before);
    // Nor while those that were put together wait for their next attempt, and others for them.
    lab.cut_off();
    lab.wait(10 * MINUTE).await;
    deliver(&lab, 12..14).await;
    lab.clock.advance(Duration::from_secs(1));
    let before = lab.env.store.commits();
    for _ in 0..3 {
        lab.wait(Duration::from_secs(1)).await;
    }
    assert_eq!(lab.env.store.commits(), before);
    lab.finish().await;
}

#[tokio::test]
async fn one_that_waited_alone_is_told_as_itself() {
    let (lab, _) = lab().await;
    deliver(&lab, 0..10).await;
    let last = deliver(&lab, 10..11).await.remove(0);
    lab.wait(Duration::ZERO).await;
    lab.wait(10 * MINUTE).await;
    let told = lab.messages().pop().unwrap();
    assert_eq!((lab.told().len(), told.case.as_ref()), (11, Some(&last)));
    assert_eq!(notes(&lab, &last).await, [format!("channel oncall was told: {}", told.text)]);
    lab.finish().await;
}

#[tokio::test]
async fn what_was_told_together_and_did_not_arrive_goes_again_as_it_was() {
    let (lab, _) = lab().await;
    deliver(&lab, 0..10).await;
    lab.wait(Duration::ZERO).await;
    let waiting = deliver(&lab, 10..12).await;
    lab.cut_off();
    lab.wait(10 * MINUTE).await;
    for case in &waiting {
        let [note] = &notes(&lab, case).await[..] else { panic!("one note") };
        let why =
            "to channel oncall was not delivered: its webhook gave no answer; it is tried again";
        assert!(note.contains(why), "{note}");
    }
    let later = deliver(&lab, 12..13).await.remove(0);
    lab.wait(Duration::from_secs(5)).await;
    lab.reconnect();
    lab.wait(Duration::from_secs(10)).await;
    let told = lab.messages().pop().unwrap();
    assert_eq!(lab.told().len(), 11);
    assert!(told.text.starts_with("2 findings on which nothing acts"), "{}", told.text);
    for case in &waiting {
        let words = "channel oncall was told together with 1 other, after 2 attempts that failed: ";
        let note = notes(&lab, case).await.pop().unwrap();
        let said = note.strip_prefix(words).unwrap_or_else(|| panic!("{note}"));
        assert!(told.text.contains(&format!("{case}: {said}")), "{note}");
    }
    lab.wait(10 * MINUTE).await;
    assert_eq!(lab.messages().pop().unwrap().case, Some(later), "{:#?}", lab.told());
    lab.finish().await;
}

#[tokio::test]
async fn what_was_told_together_for_a_day_in_vain_is_given_up() {
    let (lab, _) = lab().await;
    deliver(&lab, 0..10).await;
    lab.wait(Duration::ZERO).await;
    let waiting = deliver(&lab, 10..12).await;
    lab.cut_off();
    for _ in 0..25 * 12 {
        lab.wait(5 * MINUTE).await;
    }
    for case in &waiting {
        let last = notes(&lab, case).await.pop().unwrap();
        assert!(last.contains(" was given up after "), "{last}");
        assert_eq!(notes(&lab, case).await.len(), 2);
    }
    lab.reconnect();
    lab.wait(10 * MINUTE).await;
    assert_eq!(lab.told().len(), 10);
    lab.finish().await;
}

#[tokio::test]
async fn a_process_that_dies_while_it_tells_them_together_is_replaced_after_a_minute() {
    let (mut lab, _) = lab().await;
    let mut waiting = deliver(&lab, 0..12).await;
    let now = lab.clock.now();
    let until = now + jiff::SignedDuration::from_mins(1);
    let lost = lab.env.store.claim_gathered(now, until, 200).await.unwrap().unwrap();
    assert_eq!(lost.messages.len(), waiting.len());
    // Started again, and another finding comes.
    lab.limit(|_| ());
    waiting.extend(deliver(&lab, 12..13).await);
    lab.wait(59 * Duration::from_secs(1)).await;
    assert_eq!(lab.told().len(), 1, "the other one");
    lab.wait(Duration::from_secs(1)).await;
    let told = lab.messages().pop().unwrap();
    assert_eq!((lab.told().len(), &told.id), (2, &lost.id), "known as a repetition");
    for case in &waiting {
        assert_eq!(notes(&lab, case).await.len(), 1);
    }
    lab.finish().await;
}

#[tokio::test]
async fn runs_that_nobody_confirmed_are_gathered_and_a_question_goes_first() {
    const ASKS: &str = "//! Asks.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { approve(\"Shall I?\"); }";
    for observes in [true, false] {
        let mut settings = LabSettings { library: library_with("probe", ASKS), ..settings() };
        settings.confirm_findings = !observes;
        if observes {
            settings.allowed.clear();
        }
        let (lab, _) = lab_with(settings).await;
        for n in 0..13 {
            lab.deliver(&numbered(n).to_string()).await;
        }
        if !observes {
            lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
        }
        // Driven to their ends before anything is sent.
        for _ in 0..50 {
            if drive_once(&lab, &CancellationToken::new()).await.is_none() {
                lab.clock.advance(Duration::from_secs(5));
            }
        }
        lab.wait(Duration::ZERO).await;
        let told = lab.told();
        let alone = told.iter().filter(|told| !told.contains("Shall I?")).count();
        assert_eq!(alone, 10, "{told:#?}");
        let question = told.iter().position(|told| told.contains("Shall I?"));
        assert!(observes || question.is_some_and(|n| n < 8), "{question:?} {told:#?}");
        lab.wait(10 * MINUTE).await;
        let last = lab.told().pop().unwrap();
        assert!(last.starts_with("3 findings on which nothing acts since"), "{last}");
        lab.finish().await;
    }
}

#[tokio::test]
async fn each_run_that_a_person_asked_for_is_told_alone() {
    const FAILS: &str = "//! Fails.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { throw \"no\"; }";
    let library = library_with("probe", FAILS);
    let (lab, _) = lab_with(LabSettings { library, ..settings() }).await;
    for _ in 0..12 {
        lab.desk.start(by_hand("probe", json!({}), Mode::Observe)).await.unwrap();
    }
    lab.settle().await;
    assert_eq!(lab.told().len(), 12, "{:#?}", lab.told());
    lab.finish().await;
}

#[tokio::test]
async fn a_clock_that_is_put_back_keeps_none_from_being_told() {
    let (lab, _) = lab().await;
    deliver(&lab, 0..12).await;
    lab.wait(Duration::ZERO).await;
    lab.clock.put_back(180 * MINUTE);
    lab.wait(10 * MINUTE).await;
    assert!(lab.told()[10].starts_with("2 findings on which"), "{:#?}", lab.told());
    lab.wait(50 * MINUTE).await;
    deliver(&lab, 12..14).await;
    lab.wait(Duration::ZERO).await;
    assert_eq!(lab.told().len(), 13);
    lab.finish().await;
}

#[tokio::test]
async fn whoever_is_stopped_tells_them_together_first() {
    let (lab, _) = lab().await;
    deliver(&lab, 0..12).await;
    lab.wait(Duration::ZERO).await;
    Outbox::start(Arc::clone(&lab.env)).stop().await;
    assert_eq!(lab.told().len(), 10, "they may wait");
    lab.clock.advance(10 * MINUTE);
    Outbox::start(Arc::clone(&lab.env)).stop().await;
    assert_eq!(lab.told().len(), 11);
    lab.finish().await;
}

/// Somebody has changed the timelines of two cases, one of whose messages is sent alone.
#[tokio::test]
async fn who_was_told_is_not_told_again_because_a_timeline_takes_no_entry() {
    let (lab, _) = lab().await;
    let cases = deliver(&lab, 0..13).await;
    for changed in [0, 11] {
        lab.env.store.behead(&cases[changed]).await.unwrap();
    }
    lab.wait(Duration::ZERO).await;
    lab.wait(10 * MINUTE).await;
    assert_eq!(lab.told().len(), 11);
    lab.wait(10 * MINUTE).await;
    lab.wait(60 * MINUTE).await;
    assert_eq!(lab.told().len(), 11, "{:#?}", lab.told());
    for (n, case) in cases.iter().enumerate() {
        assert_eq!(notes(&lab, case).await.len(), usize::from(n != 0 && n != 11), "case {n}");
    }
}

#[tokio::test]
async fn forged_findings_that_are_more_severe_keep_no_genuine_one_from_people() {
    let (lab, _) = lab().await;
    deliver(&lab, 0..10).await;
    lab.wait(Duration::ZERO).await;
    let genuine = lab.deliver(&without_account(10, 8.0)).await;
    let mut next = 11;
    for _ in 0..4 {
        for n in next..next + 200 {
            lab.deliver(&without_account(n, 9.9)).await;
        }
        next += 200;
        lab.wait(10 * MINUTE).await;
    }
    assert!(!notes(&lab, &genuine).await.is_empty(), "after 40 minutes nobody was told of it");
    lab.finish().await;
}
