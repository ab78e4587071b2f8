//! What an approver sees, and what becomes of the answer.

use axum::http::StatusCode;

use super::*;
use crate::cli::client::tests::{Request, Service, problem};
use crate::cli::screen::tests::screen;
use crate::timeline::{Actor, Draft, Head};

/// Two plans, of which the approval's hash names the first.
fn timeline() -> Value {
    let mut head = Head::empty();
    let mut entries = Vec::new();
    for (hash, changes) in [
        ("ab", ["i-1: security groups sg-1 \u{1b}[2Jbecome sg-2", "role web: refused: deny all"]),
        ("cd", ["another", "plan"]),
    ] {
        let body = json!({"run": "run-0002", "hash": hash.repeat(32), "changes": changes,
            "does": ["change", "refused"], "counts": {"change": 1, "refused": 1}, "more": 0});
        let at = jiff::Timestamp::UNIX_EPOCH;
        let draft = Draft::new(at, Actor::Service, Kind::PlanMade, body);
        let sealed = draft.seal(&"case-0001".parse().unwrap(), &mut head).unwrap();
        let entry: Value = serde_json::from_slice(&sealed.bytes).unwrap();
        entries.push(json!({"seq": sealed.seq, "hash": sealed.hash, "entry": entry}));
    }
    json!({"entries": entries, "next": null, "head": {"length": 2, "hash": head.hash}})
}

fn answer(request: &Request) -> (StatusCode, Value) {
    let asked = |state: &str, decisions: Value| {
        json!({"id": "apr-0003", "case": "case-0001", "run": "run-0002", "question": "Isolate \u{1b}[2Ji-1?",
            "hash": "ab".repeat(32), "quorum": 2, "requested_by": "ada", "expires_at": "2026-01-03T22:00:00Z",
            "state": state, "decisions": decisions, "step": "plan",
            "about": {"finding_type": "Backdoor:EC2/C&CActivity.B", "severity": 8.0, "title": "evil\u{1b}]0;x\u{7} host",
                "resource": "instance/i-1", "account": "111122223333", "region": "eu-west-1", "runbook": "isolate",
                "mode": "approve", "params": {"instance": "i-1"}, "reason": "it \u{1b}[2Jbeacons"}})
    };
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/approvals") => {
            (StatusCode::OK, json!({"items": [asked("pending", json!([]))]}))
        }
        ("GET", "/v1/cases/case-0001/timeline") => (StatusCode::OK, timeline()),
        ("GET", "/v1/approvals/apr-0003") => (StatusCode::OK, asked("pending", json!([]))),
        ("POST", "/v1/approvals/apr-0003") if request.json()["hash"] != "ab".repeat(32) => {
            problem(StatusCode::CONFLICT, "E0205", "the hash is another one")
        }
        ("POST", "/v1/approvals/apr-0003") if request.json()["decision"] == "deny" => {
            (StatusCode::OK, asked("denied", json!([1])))
        }
        ("POST", "/v1/approvals/apr-0003") => (StatusCode::OK, asked("pending", json!([1]))),
        _ => problem(StatusCode::NOT_FOUND, "E0203", "there is no such path"),
    }
}

#[tokio::test]
async fn the_question_is_shown_and_answered_with_its_hash() {
    let service = Service::start(|request| answer(&request)).await;
    let id = "apr-0003".parse().unwrap();
    let mut texts = Vec::new();
    for decision in [Decision::Approve, Decision::Deny] {
        let (mut screen, out, _) = screen(false);
        assert_eq!(decide(&service.client(), &mut screen, &id, decision, "seen").await, Ok(0));
        texts.push(out.text());
    }
    insta::assert_snapshot!(texts[0], @r"
    question   Isolate i-1?
    finding    Backdoor:EC2/C&CActivity.B, 8.0 High: evil host
    on         instance/i-1 in account 111122223333, eu-west-1
    case       case-0001
    run        run-0002: isolate (approve) with instance=i-1
    asked by   ada: it beacons
    until      2026-01-03 22:00:00Z
    hash       abababababababababababababababababababababababababababababababab
    state      pending (0 of 2 have agreed)
    plan       1 change would be made; 1 refused
               > i-1: security groups sg-1 become sg-2
               x role web: refused: deny all
    apr-0003 is pending (1 of 2 have agreed)
    ");
    assert!(texts[1].ends_with("apr-0003 is denied\n"));
}

#[tokio::test]
async fn a_look_shows_the_plan_and_decides_nothing() {
    let service = Service::start(|request| {
        assert_eq!(request.method, "GET");
        answer(&request)
    })
    .await;
    let id = "apr-0003".parse().unwrap();
    for json in [false, true] {
        let (mut screen, out, _) = screen(json);
        assert_eq!(look(&service.client(), &mut screen, &id).await, Ok(0));
        let text = out.text();
        assert_eq!(text.contains("nothing is decided yet"), !json, "{text}");
        assert!(text.contains("role web: refused: deny all") && !text.contains("another"));
    }
}

/// A runbook's own question has no plan of its own: that is said, whether or not its run was planned.
#[tokio::test]
async fn a_question_without_a_plan_says_so() {
    for (run, expected) in [
        (
            "run-0002",
            "its run as a whole was planned before as:\n           1 change would be made",
        ),
        (
            "run-0009",
            "to see what it would do: tourniquet runbook plan isolate --case case-0001 --param instance=i-1\n",
        ),
    ] {
        let asked = json!({"id": "apr-0003", "case": "case-0001", "run": run, "step": "2", "question": "Go?",
            "hash": "ef".repeat(32), "quorum": 1, "requested_by": "service", "state": "pending",
            "about": {"runbook": "isolate", "mode": "contain",
                "params": {"instance": "i-1", "why": "a; b"}}});
        let service = Service::start(move |request| match request.path.as_str() {
            "/v1/approvals/apr-0003" => (StatusCode::OK, asked.clone()),
            _ => (StatusCode::OK, timeline()),
        })
        .await;
        let (mut screen, out, _) = screen(false);
        let id = "apr-0003".parse().unwrap();
        assert_eq!(look(&service.client(), &mut screen, &id).await, Ok(0));
        assert!(out.text().contains(expected), "{}", out.text());
    }
}

#[tokio::test]
async fn open_questions_are_listed_and_an_unknown_one_is_an_error() {
    let service = Service::start(|request| answer(&request)).await;
    let (mut human, out, _) = screen(false);
    assert_eq!(list(&service.client(), &mut human).await, Ok(0));
    insta::assert_snapshot!(out.text(), @r"
    approval   apr-0003: pending (0 of 2 have agreed)
    question   Isolate i-1?
    finding    Backdoor:EC2/C&CActivity.B, 8.0 High: evil host
    on         instance/i-1 in account 111122223333, eu-west-1
    case       case-0001
    run        run-0002: isolate (approve) with instance=i-1
    asked by   ada: it beacons
    until      2026-01-03 22:00:00Z
    ");
    let (mut program, out, _) = screen(true);
    assert_eq!(list(&service.client(), &mut program).await, Ok(0));
    assert_eq!(out.value()[0]["id"], "apr-0003");
    let other = "apr-0009".parse().unwrap();
    let error =
        decide(&service.client(), &mut human, &other, Decision::Approve, "x").await.unwrap_err();
    assert_eq!(error.code, Code::NOT_FOUND);
}

#[tokio::test]
async fn a_long_question_is_listed_to_its_end_and_a_refused_answer_says_who_decides() {
    let long = format!("Isolate {} now?", "i-0a1b2c3d4e5f60718, ".repeat(8));
    let asked = json!({"id": "apr-0003", "case": "case-0001", "run": "run-0002", "question": long,
        "hash": "ab".repeat(32), "quorum": 1, "requested_by": "ada", "state": "pending"});
    let service =
        Service::start(move |request| match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/v1/approvals") => (StatusCode::OK, json!({"items": [asked]})),
            ("GET", "/v1/approvals/apr-0003") => (StatusCode::OK, asked.clone()),
            ("POST", _) => problem(StatusCode::CONFLICT, "E0205", "who asked can't decide"),
            _ => (StatusCode::OK, timeline()),
        })
        .await;
    let (mut human, out, _) = screen(false);
    human.style.width = Some(80);
    assert_eq!(list(&service.client(), &mut human).await, Ok(0));
    let text = out.text();
    assert!(text.contains("now?") && !text.contains('…'), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let id = "apr-0003".parse().unwrap();
    let refused = decide(&service.client(), &mut human, &id, Decision::Approve, "x").await;
    let remedy = refused.unwrap_err().remedy.unwrap();
    assert!(remedy.contains("another person, with an approver's token"), "{remedy}");
}
