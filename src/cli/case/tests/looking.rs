//! Listing, showing, watching and writing, against a service in this process.

use std::sync::Mutex;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{chain, id, page};
use crate::cli::case::{CaseCommand, dispatch, list, show, watch};
use crate::cli::client::tests::{Request, Service, problem};
use crate::cli::screen::tests::screen;
use crate::error::Code;

fn case_row(state: &str) -> Value {
    json!({"id": "case-0001", "status": "waiting", "title": "mines\u{1b}[2J coins", "finding_type": "T",
            "severity": 8.0, "account": "111122223333", "region": "eu-west-1", "resource": "instance/i-1",
            "opened_at": "2026-01-03T10:00:00Z", "contained_at": "2026-01-03T10:00:07Z", "seconds_to_contain": 7.25,
            "findings": 1, "deliveries": 2, "length": 4, "head": "h",
        "runs": [{"id": "run-0002", "kind": "runbook", "runbook": "observe", "mode": "observe", "state": state,
            "requested_by": "service", "summary": null}],
        "approvals": [{"id": "apr-0003", "case": "case-0001", "question": "Isolate?", "requested_by": "service",
            "expires_at": "2026-01-03T22:00:00Z"}]})
}

#[tokio::test]
async fn a_case_is_shown_with_its_runs_questions_and_timeline() {
    let (sealed, head) = chain(2);
    let service = Service::start(move |request| {
        let text = match request.path.as_str() {
            "/v1/cases/case-0001" => case_row("parked").to_string(),
            _ => page(&sealed, &head, &request.query),
        };
        (StatusCode::OK, serde_json::value::RawValue::from_string(text).unwrap())
    })
    .await;
    let (mut human, out, _) = screen(false);
    assert_eq!(show::show(&service.client(), &mut human, &id()).await, Ok(0));
    insta::assert_snapshot!(out.text(), @r#"
    case       case-0001
    status     waiting
    title      mines coins
    type       T
    severity   8.0 High
    resource   instance/i-1
    account    111122223333, eu-west-1
    opened     2026-01-03 10:00:00Z
    contained  2026-01-03 10:00:07Z, 7.2 s after it was opened
    findings   1 finding, delivered twice
    timeline   4 entries, head h

    run       runbook  mode     state   asked by  result
    run-0002  observe  observe  parked  service   -

    approval  case       question  asked by  until
    apr-0003  case-0001  Isolate?  service   2026-01-03 22:00:00Z

    +0.0s   ada        " note 0 “ünïcode”
    +0.0s              " note 1 “ünïcode”
    "#);
    let (mut program, out, _) = screen(true);
    assert_eq!(show::show(&service.client(), &mut program, &id()).await, Ok(0));
    let value = out.value();
    assert_eq!((&value["verified"], &value["timeline"][1]["seq"]), (&json!(true), &json!(1)));
    assert_eq!(
        (&value["runs"][0]["id"], &value["status"]),
        (&json!("run-0002"), &json!("waiting"))
    );
}

#[tokio::test]
async fn watching_draws_what_comes_and_ends_with_the_last_run() {
    let looks = Mutex::new(0);
    let (sealed, head) = chain(5);
    let service = Service::start(move |request| {
        let mut looks = looks.lock().unwrap();
        let text = if request.path == "/v1/cases/case-0001" {
            *looks += 1;
            match *looks {
                // A service that is restarted does not end a watch.
                2 | 3 => {
                    return (
                        StatusCode::SERVICE_UNAVAILABLE,
                        raw(&problem(StatusCode::SERVICE_UNAVAILABLE, "E0206", "later").1),
                    );
                }
                4.. => case_row("succeeded").to_string(),
                _ => case_row("running").to_string(),
            }
        } else {
            let known = if *looks > 1 { 5 } else { 2 };
            page(&sealed[..known], &head, &request.query)
        };
        (StatusCode::OK, serde_json::value::RawValue::from_string(text).unwrap())
    })
    .await;
    let (mut human, out, err) = screen(false);
    assert_eq!(
        watch::watch(&service.client(), &mut human, &id(), watch::Until::AllOver).await,
        Ok(0)
    );
    let text = out.text();
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(text.contains("note 0") && text.contains("note 4"), "{text}");
    assert_eq!(err.text().matches("trying again").count(), 1, "{}", err.text());
    let (mut program, out, _) = screen(true);
    watch::watch(&service.client(), &mut program, &id(), watch::Until::AllOver).await.unwrap();
    assert_eq!(out.value().as_array().unwrap().len(), 5);
}

fn raw(value: &Value) -> Box<serde_json::value::RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

#[tokio::test]
async fn a_case_that_is_not_there_ends_a_watch_at_once() {
    let service = Service::start(|_| {
        problem(StatusCode::NOT_FOUND, "E0203", "there is no case with this id")
    })
    .await;
    let (mut screen, _, _) = screen(false);
    let error = watch::watch(&service.client(), &mut screen, &id(), watch::Until::AllOver)
        .await
        .unwrap_err();
    assert_eq!(error.code, Code::NOT_FOUND);
}

fn listing(request: &Request) -> (StatusCode, Value) {
    let row = |n: usize| {
        json!({"id": format!("case-{n:04}"), "status": "contained", "severity": 8.0,
        "account": "111122223333", "finding_type": "CryptoCurrency:EC2/BitcoinTool.B", "resource": null,
        "last_finding_at": "2026-01-03T10:00:00Z"})
    };
    let from = if request.query.contains("cursor=next") { 200 } else { 0 };
    let limit: usize = request
        .query
        .split('&')
        .find_map(|part| part.strip_prefix("limit="))
        .unwrap()
        .parse()
        .unwrap();
    assert!(limit <= 200);
    let cases: Vec<Value> = (from..(from + limit).min(250)).map(row).collect();
    let next = if from == 0 { json!("next") } else { Value::Null };
    (StatusCode::OK, json!({"items": cases, "next": next, "query": request.query}))
}

#[tokio::test]
async fn cases_are_listed_over_pages_up_to_the_limit() {
    let service = Service::start(|request| listing(&request)).await;
    for (limit, expected) in [(2, 2), (200, 200), (230, 230), (1000, 250)] {
        let (mut screen, out, _) = screen(true);
        let status = ["open".to_owned(), "contained".to_owned()];
        list::list(&service.client(), &mut screen, &status, None, limit).await.unwrap();
        assert_eq!(out.value().as_array().unwrap().len(), expected);
    }
    let (mut screen, out, err) = screen(false);
    list::list(&service.client(), &mut screen, &[], None, 2).await.unwrap();
    insta::assert_snapshot!(out.text(), @r"
    case       status     sev  account       resource  type                              newest
    case-0000  contained  8.0  111122223333  -         CryptoCurrency:EC2/BitcoinTool.B  2026-01-03 10:00:00Z
    case-0001  contained  8.0  111122223333  -         CryptoCurrency:EC2/BitcoinTool.B  2026-01-03 10:00:00Z
    ");
    assert!(err.text().contains("--limit"));
}

#[tokio::test]
async fn notes_and_closes_are_sent() {
    let service = Service::start(|request| match request.path.as_str() {
        "/v1/cases/case-0001/notes" if request.json() == json!({"text": "seen"}) => {
            (StatusCode::OK, json!({"case": "case-0001"}))
        }
        "/v1/cases/case-0002/close" => {
            problem(StatusCode::CONFLICT, "E0205", "the case is closed already")
        }
        "/v1/cases/case-0003/close" => {
            problem(StatusCode::CONFLICT, "E0205", "a run of this case is not over yet")
        }
        "/v1/cases/case-0001/close" if request.json() == json!({"reason": "done"}) => {
            (StatusCode::OK, json!({"id": "case-0001", "status": "closed"}))
        }
        _ => problem(StatusCode::BAD_REQUEST, "E0204", "what?"),
    })
    .await;
    let (mut screen, out, _) = screen(false);
    let note = CaseCommand::Note { case: id(), text: "seen".to_owned() };
    let close = CaseCommand::Close { case: id(), reason: "done".to_owned() };
    for command in [note, close] {
        assert_eq!(dispatch(&service.client(), &mut screen, command).await, Ok(0));
    }
    for (case, remedy) in
        [("case-0002", "`tourniquet case note case-0002"), ("case-0003", "do this")]
    {
        let close = CaseCommand::Close { case: case.parse().unwrap(), reason: "done".to_owned() };
        let refused = dispatch(&service.client(), &mut screen, close).await.unwrap_err();
        assert_eq!(refused.code, Code::CONFLICT);
        assert!(refused.remedy().contains(remedy), "{}", refused.remedy());
    }
    assert_eq!(out.text(), "noted in case-0001\ncase-0001 is closed\n");
}
