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
    let asked = json!({"run": "run-0007", "runbook": "observe", "kind": "undo", "mode": "contain",
        "params": {"of": "run-0006", "revive": false}, "account": "111122223333",
        "region": "eu-west-1", "requested_by": "ada"});
    let asked = Draft::new(at, Actor::Person("ada".to_owned()), Kind::RunRequested, asked);
    let returned = json!({"run": "run-0002", "state": "succeeded", "summary": "contained and verified",
        "open": [], "result": {"user": "ci\u{1b}[2J", "keys": 2}});
    let actor = Actor::Run("run-0002".parse().unwrap());
    let returned = Draft::new(at, actor, Kind::RunFinished, returned);
    let end = json!({"run": "run-0005", "step": "1", "name": "undo::restore", "result": "ok",
        "output": {"by_hand": "user ci: console password removed: \u{1b}[2Jcreate a new one"}});
    let draft = Draft::new(at, Actor::Run("run-0005".parse().unwrap()), Kind::StepFinished, end);
    let sealed = [draft, asked, returned].map(|draft| draft.seal(&id(), &mut head).unwrap());
    let service = Service::start(move |request| {
        let run = |run: &str, kind: &str, summary: &str| {
            let of = if run == "run-0007" { "run-0006" } else { "run-0002" };
            let mut shown = json!({"id": run, "kind": kind, "runbook": "leaked-access-key",
                "mode": "contain", "state": "succeeded", "requested_by": "ada",
                "summary": summary, "params": {"of": of}});
            if kind == "runbook" {
                shown["released"] = json!(true);
            }
            shown
        };
        let runs = [
            run("run-0002", "runbook", "contained and verified"),
            run("run-0005", "undo", "taken back"),
            run("run-0006", "runbook", "done"),
            run("run-0007", "undo", "nothing to take back"),
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
    insta::assert_snapshot!(text[from..], @r#"
    run       runbook                    mode     state      asked by  result
    run-0002  leaked-access-key          contain  succeeded  ada       contained and verified
    run-0005  undo of leaked-access-key  contain  succeeded  ada       taken back, but 1 thing must be done by hand
    run-0006  leaked-access-key          contain  succeeded  ada       done
    run-0007  undo of leaked-access-key  contain  succeeded  ada       nothing to take back

    to be done by hand, because run-0005 could not give it back:
      user ci: console password removed: create a new one

    +0.0s   run 1      ! undo::restore to be done by hand: user ci: console password removed: create a new one
    +0.0s   ada        * run 2: take back what run 3 changed in 111122223333/eu-west-1 for ada [run-0007]
    +0.0s   run 4      + contained and verified
                         . returned: {"keys":2,"user":"ci\u001b[2J"}
    "#);
    let (mut program, out, _) = screen(true);
    show::show(&service.client(), &mut program, &id()).await.unwrap();
    let runs = &out.value()["runs"];
    assert_eq!(runs[0]["result"], json!({"user": "ci\u{1b}[2J", "keys": 2}));
    assert_eq!(runs[1]["result"], json!(null));
    // Nothing was taken back, and no field says otherwise.
    assert_eq!(
        (&runs[3]["released"], &runs[3]["undone"]["run"]),
        (&json!(null), &json!("run-0006"))
    );
    assert_eq!(runs[3]["undone"]["given_back"], json!([]));
    let undo = &runs[1];
    assert_eq!(undo["summary"], "taken back, but 1 thing must be done by hand");
    assert_eq!(
        (&undo["undone"]["run"], &undo["undone"]["released"]),
        (&json!("run-0002"), &json!(true))
    );
    let by_hand = undo["undone"]["by_hand"][0].as_str().unwrap();
    assert!(by_hand.contains("create a new one"), "{by_hand}");
}
