//! What a runbook itself says to people arrives, too, though its run is over long before.

use std::time::Duration;

use serde_json::json;

use super::*;

const SAYS: &str = "//! Says.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
    fn run(case, p) { notify(\"oncall\", \"isolated\") }";

async fn said(source: &str) -> (Lab, RunRow) {
    let library = library_with("probe", source);
    let channels = ["oncall".to_owned()].into();
    let (lab, _) = lab_with(LabSettings { library, channels, ..settings() }).await;
    let run = lab.desk.start(by_hand("probe", json!({}), Mode::Contain)).await.unwrap();
    lab.cut_off();
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    (lab, run)
}

#[tokio::test]
async fn what_no_webhook_took_is_told_when_it_is_back() {
    let (lab, run) = said(SAYS).await;
    let entries = lab.entries(&run.case).await;
    let end = entries.iter().find(|entry| entry.kind == "step.finished").unwrap();
    assert_eq!(
        (&end.body["result"], &end.body["output"]["sent"]),
        (&json!("failed"), &json!(false))
    );
    let reason = end.body["output"]["reason"].as_str().unwrap();
    assert!(
        reason.ends_with(
            "gave no answer: error sending request (os error 111); it is tried again for a day"
        ),
        "{reason}"
    );
    lab.reconnect();
    lab.wait(Duration::from_secs(5)).await;
    let messages = lab.messages();
    let [message] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((&message.id, &*message.text), (&format!("{}/1", run.id), "isolated"));
    lab.wait(Duration::from_secs(3600)).await;
    assert_eq!(lab.told(), ["isolated"], "once");
    lab.finish().await;
}

#[tokio::test]
async fn it_is_told_of_a_run_that_failed_beside_how_that_ended() {
    let source = SAYS.replace(") }", "); throw \"no\" }");
    let (lab, run) = said(&source).await;
    lab.reconnect();
    lab.wait(Duration::from_secs(5)).await;
    let mut ids: Vec<String> = lab.messages().into_iter().map(|message| message.id).collect();
    ids.sort();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert_eq!(ids[0], run.id.as_str());
    assert!(ids[1].starts_with(&format!("{}/", run.id)), "{ids:?}");
    lab.finish().await;
}

#[tokio::test]
async fn what_names_no_channel_is_not_tried_again() {
    let (lab, _) = said(&SAYS.replace("\"oncall\"", "\"oncal\"")).await;
    lab.reconnect();
    lab.wait(Duration::from_secs(3600)).await;
    assert!(lab.told().is_empty(), "{:?}", lab.told());
    lab.finish().await;
}

#[tokio::test]
async fn how_a_run_ended_is_told_with_the_command_that_shows_it() {
    let (lab, run) = said(&SAYS.replace("notify(\"oncall\", \"isolated\")", "throw \"no\"")).await;
    lab.reconnect();
    lab.wait(Duration::from_secs(5)).await;
    let told = lab.told().remove(0);
    assert!(told.contains("probe failed: "), "{told}");
    assert!(told.ends_with(&format!("; tourniquet case show {}", run.case)), "{told}");
    lab.finish().await;
}

#[test]
fn the_command_is_there_however_long_the_words_are() {
    let case = "case-0001".parse().unwrap();
    let told = crate::run::tell::with_command(&"ü".repeat(5_000), &case);
    assert!(told.ends_with("ü…; tourniquet case show case-0001"), "{told}");
    assert_eq!(told.chars().count(), 2_000);
}

#[tokio::test]
async fn a_question_says_how_many_people_it_needs() {
    for (options, begin) in
        [("", "Sure?: tour"), (", #{ quorum: 3 }", "Sure? (3 people must agree): tour")]
    {
        let asks = format!("approve(\"Sure?\"{options})");
        let (lab, _) = said(&SAYS.replace("notify(\"oncall\", \"isolated\")", &asks)).await;
        lab.reconnect();
        lab.wait(Duration::from_secs(5)).await;
        assert!(lab.told().remove(0).contains(begin), "{:?}", lab.told());
        lab.finish().await;
    }
}
