//! A case with an undo that could not give everything back.

use axum::http::StatusCode;
use serde_json::json;

use super::{id, page};
use crate::cli::case::show;
use crate::cli::client::tests::Service;
use crate::cli::screen::tests::screen;
use crate::timeline::{Actor, Draft, Head, Kind};

#[tokio::test]
async fn what_remains_by_hand_stands_beside_taken_back() {
    let mut head = Head::empty();
    let at = "2026-01-03T10:00:00Z".parse().unwrap();
    let end = json!({"run": "run-0005", "step": "1", "name": "undo::restore", "result": "ok",
        "output": {"by_hand": "user ci: console password removed: \u{1b}[2Jcreate a new one"}});
    let draft = Draft::new(at, Actor::Run("run-0005".parse().unwrap()), Kind::StepFinished, end);
    let sealed = [draft.seal(&id(), &mut head).unwrap()];
    let service = Service::start(move |request| {
        let run = |run: &str, kind: &str, summary: &str| {
            json!({"id": run, "kind": kind, "runbook": "leaked-access-key", "mode": "contain",
                "state": "succeeded", "requested_by": "ada", "summary": summary,
                "params": {"of": "run-0002"}, "released": kind == "runbook"})
        };
        let runs = [
            run("run-0002", "runbook", "contained and verified"),
            run("run-0005", "undo", "taken back"),
        ];
        let text = match request.path.as_str() {
            "/v1/cases/case-0001" => json!({"id": "case-0001", "runs": runs}).to_string(),
            _ => page(&sealed, &head, &request.query),
        };
        (StatusCode::OK, serde_json::value::RawValue::from_string(text).unwrap())
    })
    .await;
    let (mut human, out, _) = screen(false);
    assert_eq!(show::show(&service.client(), &mut human, &id()).await, Ok(0));
    let text = out.text();
    let from = text.find("run       runbook").unwrap();
    insta::assert_snapshot!(text[from..], @r"
    run       runbook                    mode     state      asked by  result
    run-0002  leaked-access-key          contain  succeeded  ada       contained and verified
    run-0005  undo of leaked-access-key  contain  succeeded  ada       taken back, but 1 thing must be done by hand

    to be done by hand, because run-0005 could not give it back:
      user ci: console password removed: create a new one

    +0.0s   run 1      ! undo::restore to be done by hand: user ci: console password removed: create a new one
    ");
    let (mut program, out, _) = screen(true);
    show::show(&service.client(), &mut program, &id()).await.unwrap();
    let undo = &out.value()["runs"][1];
    assert_eq!(undo["summary"], "taken back, but 1 thing must be done by hand");
    assert_eq!(
        (&undo["undone"]["run"], &undo["undone"]["released"]),
        (&json!("run-0002"), &json!(true))
    );
    let by_hand = undo["undone"]["by_hand"][0].as_str().unwrap();
    assert!(by_hand.contains("create a new one"), "{by_hand}");
}
