//! Case commands against a service in this process, with a chain that is sealed as the store seals it.

use std::sync::Mutex;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::*;
use crate::cli::client::tests::{Request, Service, problem};
use crate::cli::error::NO;
use crate::cli::screen::tests::screen;
use crate::error::Code;
use crate::timeline::{Actor, Draft, Head, Kind, Sealed};

fn id() -> CaseId {
    "case-0001".parse().unwrap()
}

/// A chain of `length` notes with its head.
fn chain(length: usize) -> (Vec<Sealed>, Head) {
    let mut head = Head::empty();
    let at = "2026-01-03T10:00:00Z".parse().unwrap();
    let notes = (0..length).map(|n| {
        let actor = Actor::Person("ada".to_owned());
        let body = json!({"text": format!("note {n} “ünïcode”"), "by": "ada"});
        Draft::new(at, actor, Kind::NoteAdded, body)
            .seal(&id(), &mut head)
            .unwrap()
    });
    (notes.collect::<Vec<_>>(), head)
}

fn head_of(head: &Head) -> Value {
    json!({"length": head.length, "hash": head.hash})
}

/// Two ways in which a service may give exact bytes.
#[derive(Clone, Copy, Debug)]
enum Form {
    Text,
    Raw,
}

/// Pages of three entries, whatever is asked for.
fn page(sealed: &[Sealed], head: &Head, query: &str, form: Form) -> String {
    let from: usize = query
        .split('&')
        .find_map(|part| part.strip_prefix("from="))
        .unwrap()
        .parse()
        .unwrap();
    let until = sealed.len().min(from + 3);
    let items: Vec<String> = sealed[from.min(until)..until]
        .iter()
        .map(|entry| {
            let text = String::from_utf8(entry.bytes.clone()).unwrap();
            let bytes = match form {
                Form::Text => format!("\"bytes\": {}", json!(text)),
                Form::Raw => format!("\"entry\": {text}"),
            };
            format!(
                "{{\"seq\": {}, \"hash\": \"{}\", {bytes}}}",
                entry.seq, entry.hash
            )
        })
        .collect();
    let name = match form {
        Form::Text => "items",
        Form::Raw => "entries",
    };
    let next = if until < sealed.len() {
        until.to_string()
    } else {
        "null".to_owned()
    };
    format!(
        "{{\"{name}\": [{}], \"next\": {next}, \"head\": {}}}",
        items.join(","),
        head_of(head)
    )
}

async fn verified(sealed: Vec<Sealed>, head: Head, form: Form, json: bool) -> (u8, String) {
    let service = Service::start(move |request| {
        assert_eq!(request.path, "/v1/cases/case-0001/timeline");
        let text = page(&sealed, &head, &request.query, form);
        // Raw text must reach the client as it is.
        (
            StatusCode::OK,
            serde_json::value::RawValue::from_string(text).unwrap(),
        )
    })
    .await;
    let (mut screen, out, _) = screen(json);
    (
        verify::case(&service.client(), &mut screen, &id())
            .await
            .unwrap(),
        out.text(),
    )
}

#[tokio::test]
async fn a_chain_is_verified_here_over_the_exact_bytes() {
    for form in [Form::Text, Form::Raw] {
        let (sealed, head) = chain(7);
        let (code, text) = verified(sealed, head.clone(), form, false).await;
        assert_eq!(
            (code, text),
            (0, format!("valid: 7 entries, head {}\n", head.hash)),
            "{form:?}"
        );

        let (mut sealed, head) = chain(7);
        let text = String::from_utf8(sealed[4].bytes.clone()).unwrap();
        sealed[4].bytes = text.replace("note 4", "note 9").into_bytes();
        let (code, text) = verified(sealed, head, form, false).await;
        assert_eq!(code, NO);
        assert!(
            text.contains("entry 4: INVALID: hash does not match"),
            "{form:?} {text}"
        );
        assert!(text.contains("INVALID: case-0001"), "{form:?} {text}");
    }
}

#[tokio::test]
async fn a_cut_or_foreign_chain_and_a_false_head_are_found() {
    let (mut cut, head) = chain(5);
    cut.pop();
    let (code, text) = verified(cut, head, Form::Text, true).await;
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &value["valid"]), (NO, &json!(false)));
    assert_eq!(value["faults"], json!([{"seq": 4, "kind": "not_found"}]));

    let (sealed, mut head) = chain(5);
    head.hash = crate::id::Digest::zero();
    assert_eq!(verified(sealed, head, Form::Raw, true).await.0, NO);

    let (code, text) = verified(vec![], Head::empty(), Form::Text, true).await;
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &value["valid"], &value["entries"]),
        (0, &json!(true), &json!(0))
    );
}

fn export_of(sealed: &[Sealed], head: &Head, blob: &str) -> Value {
    use base64::Engine as _;
    let entries: Vec<String> = sealed
        .iter()
        .map(|entry| String::from_utf8(entry.bytes.clone()).unwrap())
        .collect();
    let digest = crate::id::Digest::of(b"raw finding");
    let content = base64::engine::general_purpose::STANDARD.encode(blob);
    json!({"case": {"id": "case-0001", "status": "open"}, "head": head_of(head), "entries": entries,
        "blobs": {digest.as_str(): content}, "left_out": []})
}

#[tokio::test]
async fn an_export_is_printed_if_it_verifies_and_verifies_again_from_a_file() {
    let (sealed, head) = chain(4);
    let mut broken = sealed.clone();
    broken.remove(2);
    for (export, valid) in [
        (export_of(&sealed, &head, "raw finding"), true),
        (export_of(&broken, &head, "raw finding"), false),
        (export_of(&sealed, &head, "another finding"), false),
    ] {
        let answer = export.clone();
        let service = Service::start(move |_| (StatusCode::OK, answer.clone())).await;
        for force in [false, true] {
            let (mut screen, out, err) = screen(false);
            let result = export::export(&service.client(), &mut screen, &id(), force).await;
            match (valid, force) {
                (true, _) => assert_eq!(result, Ok(0)),
                (false, true) => assert_eq!(result, Ok(NO)),
                (false, false) => assert_eq!(result.unwrap_err().code, Code::CHAIN_BROKEN),
            }
            if valid || force {
                assert_eq!(out.value(), export);
            } else {
                assert_eq!(out.text(), "");
            }
            assert_eq!(err.text().is_empty(), valid || !force);
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), export.to_string()).unwrap();
        let (mut screen, out, _) = screen(true);
        assert_eq!(
            verify::file(&mut screen, file.path()),
            Ok(if valid { 0 } else { NO })
        );
        assert_eq!(out.value()["valid"], valid);
    }
}

#[test]
fn what_is_no_export_is_refused() {
    for content in [
        "",
        "{}",
        r#"{"case": "no", "head": {"length": 0, "hash": ""}, "entries": []}"#,
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let (mut screen, _, _) = screen(false);
        assert_eq!(
            verify::file(&mut screen, file.path()).unwrap_err().code,
            Code::USAGE,
            "{content}"
        );
    }
    let (mut screen, _, _) = screen(false);
    assert_eq!(
        verify::file(&mut screen, "/nonexistent".as_ref())
            .unwrap_err()
            .code,
        Code::USAGE
    );
}

fn case_row(state: &str) -> Value {
    json!({"case": {"id": "case-0001", "status": "waiting", "title": "mines\u{1b}[2J coins", "finding_type": "T",
            "severity": 8.0, "account": "111122223333", "region": "eu-west-1", "resource": "instance/i-1",
            "opened_at": "2026-01-03T10:00:00Z", "contained_at": "2026-01-03T10:00:07Z", "seconds_to_contain": 7.25,
            "findings": 2, "length": 4, "head": "h"},
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
            _ => page(&sealed, &head, &request.query, Form::Raw),
        };
        (
            StatusCode::OK,
            serde_json::value::RawValue::from_string(text).unwrap(),
        )
    })
    .await;
    let (mut human, out, _) = screen(false);
    assert_eq!(
        show::show(&service.client(), &mut human, &id()).await,
        Ok(0)
    );
    insta::assert_snapshot!(out.text(), @"");
    let (mut program, out, _) = screen(true);
    assert_eq!(
        show::show(&service.client(), &mut program, &id()).await,
        Ok(0)
    );
    let value = out.value();
    assert_eq!(
        (&value["verified"], &value["timeline"][1]["seq"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(value["runs"][0]["id"], "run-0002");
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
            page(&sealed[..known], &head, &request.query, Form::Text)
        };
        (
            StatusCode::OK,
            serde_json::value::RawValue::from_string(text).unwrap(),
        )
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
    assert_eq!(
        err.text().matches("trying again").count(),
        1,
        "{}",
        err.text()
    );
    let (mut program, out, _) = screen(true);
    watch::watch(
        &service.client(),
        &mut program,
        &id(),
        watch::Until::AllOver,
    )
    .await
    .unwrap();
    assert_eq!(out.value().as_array().unwrap().len(), 5);
}

fn raw(value: &Value) -> Box<serde_json::value::RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

#[tokio::test]
async fn a_case_that_is_not_there_ends_a_watch_at_once() {
    let service = Service::start(|_| {
        problem(
            StatusCode::NOT_FOUND,
            "E0203",
            "there is no case with this id",
        )
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
    let from = if request.query.contains("cursor=next") {
        200
    } else {
        0
    };
    let limit: usize = request
        .query
        .split('&')
        .find_map(|part| part.strip_prefix("limit="))
        .unwrap()
        .parse()
        .unwrap();
    assert!(limit <= 200);
    let cases: Vec<Value> = (from..(from + limit).min(250)).map(row).collect();
    let next = if from == 0 {
        json!("next")
    } else {
        Value::Null
    };
    (
        StatusCode::OK,
        json!({"cases": cases, "next": next, "query": request.query}),
    )
}

#[tokio::test]
async fn cases_are_listed_over_pages_up_to_the_limit() {
    let service = Service::start(|request| listing(&request)).await;
    for (limit, expected) in [(2, 2), (200, 200), (230, 230), (1000, 250)] {
        let (mut screen, out, _) = screen(true);
        let status = ["open".to_owned(), "contained".to_owned()];
        list::list(&service.client(), &mut screen, &status, None, limit)
            .await
            .unwrap();
        assert_eq!(out.value().as_array().unwrap().len(), expected);
    }
    let (mut screen, out, err) = screen(false);
    list::list(&service.client(), &mut screen, &[], None, 2)
        .await
        .unwrap();
    insta::assert_snapshot!(out.text(), @"");
    assert!(err.text().contains("--limit"));
}

#[tokio::test]
async fn notes_and_closes_are_sent() {
    let service = Service::start(|request| match request.path.as_str() {
        "/v1/cases/case-0001/notes" if request.json() == json!({"text": "seen"}) => {
            (StatusCode::OK, json!({"case": "case-0001"}))
        }
        "/v1/cases/case-0001/close" if request.json() == json!({"reason": "done"}) => (
            StatusCode::OK,
            json!({"case": {"id": "case-0001", "status": "closed"}}),
        ),
        _ => problem(StatusCode::BAD_REQUEST, "E0204", "what?"),
    })
    .await;
    let (mut screen, out, _) = screen(false);
    let note = CaseCommand::Note {
        case: id(),
        text: "seen".to_owned(),
    };
    let close = CaseCommand::Close {
        case: id(),
        reason: "done".to_owned(),
    };
    for command in [note, close] {
        assert_eq!(
            dispatch(&service.client(), &mut screen, command).await,
            Ok(0)
        );
    }
    assert_eq!(out.text(), "noted in case-0001\ncase-0001 is closed\n");
}
