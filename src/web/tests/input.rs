//! Bad input: each gives a numbered, plain error, and nothing is lost or half done.

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::harness::{Answer, Harness, answer, finding};

fn is_problem(seen: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!((seen.status.as_u16(), seen.code()), (status, code), "{what}: {seen:?}");
    assert_eq!(seen.headers["content-type"], "application/problem+json", "{what}");
    assert_eq!(seen.headers["x-content-type-options"], "nosniff", "{what}");
    assert_eq!(seen.body["type"], format!("urn:tourniquet:error:{code}"), "{what}");
    assert_eq!(seen.body["status"], status, "{what}");
    for field in ["title", "detail", "remedy"] {
        assert!(seen.body[field].as_str().is_some_and(|text| !text.is_empty()), "{what}: {field}");
    }
    assert_eq!(seen.headers.contains_key("retry-after"), matches!(status, 429 | 503), "{what}");
}

#[tokio::test]
async fn what_is_no_finding_is_kept_and_answered() {
    let harness = Harness::new().await;
    let deep = "[".repeat(5_000);
    let bodies: [(&str, u16, &str); 6] = [
        ("", 400, "E0101"),
        ("{\"detail\": ", 400, "E0101"),
        ("not json at all", 400, "E0101"),
        (&deep, 400, "E0101"),
        ("{}", 422, "E0102"),
        ("{\"hello\": \"world\"}", 422, "E0102"),
    ];
    for (body, status, code) in bodies {
        let seen =
            answer(harness.as_role("intake", "POST", "/v1/findings").body(body.to_owned())).await;
        is_problem(&seen, status, code, body.get(..20).unwrap_or(body));
    }
    let kept = harness.get("/v1/quarantine").await.body;
    assert_eq!(kept["items"].as_array().map(Vec::len), Some(bodies.len()), "{kept}");
    assert_eq!(harness.get("/v1/cases").await.body["items"], json!([]));
    // Each can be read back as it came; what is in no quarantine is not to be had here.
    let raw = kept["items"][0]["raw"].as_str().unwrap();
    let one = harness.get(&format!("/v1/quarantine/{raw}")).await.body;
    let content = one["content"].as_str().unwrap();
    let content = base64::engine::general_purpose::STANDARD.decode(content).unwrap();
    assert_eq!(crate::id::Digest::of(&content).as_str(), raw);
    assert_eq!((&one["size"], &one["code"]), (&json!(content.len()), &kept["items"][0]["code"]));
    let other = crate::id::Digest::of(b"other");
    is_problem(&harness.get(&format!("/v1/quarantine/{other}")).await, 404, "E0203", "other");
    harness.service.stop().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_the_next_one_is_taken() {
    let harness = Harness::new().await;
    let announced =
        harness.as_role("intake", "POST", "/v1/findings").body("x".repeat(10 * 1024 * 1024));
    is_problem(&answer(announced).await, 413, "E0105", "10 MB");
    let streamed = chunked(&harness, 32).await;
    assert!(streamed.starts_with("HTTP/1.1 413 "), "2 MB without a length: {streamed}");
    assert!(streamed.contains("E0105"), "{streamed}");
    let seen = harness.post("intake", "/v1/findings", &finding("1", "i-0abcdef1234567890")).await;
    assert_eq!(seen.status, 202, "{seen:?}");
    harness.service.stop().await;
}

/// Posts so many chunks of 64 KiB. Such a body has no length: it is counted while it comes.
async fn chunked(harness: &Harness, chunks: usize) -> String {
    let mut stream = tokio::net::TcpStream::connect(harness.service.address()).await.unwrap();
    let head = format!(
        "POST /v1/findings HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        harness.secrets["intake"]
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(64 * 1024));
    for _ in 0..chunks {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn requests_that_make_no_sense_name_the_field() {
    let harness = Harness::new().await;
    let run = |change: fn(&mut Value)| {
        let mut body = json!({
            "runbook": "compromised-instance", "params": {"instance": "i-0abcdef1234567890"},
            "account": "111122223333", "region": "eu-west-1",
        });
        change(&mut body);
        body.to_string()
    };
    let json = "application/json";
    let post = "/v1/runs";
    for (method, path, kind, body, status, code, word) in [
        ("POST", post, json, "{".to_owned(), 400, "E0204", "the body"),
        ("POST", post, "text/plain", run(|_| ()), 415, "E0204", "application/json"),
        ("POST", post, json, run(|body| body["colour"] = json!(1)), 400, "E0204", "colour"),
        ("POST", post, json, run(|body| body["mode"] = json!("destroy")), 400, "E0204", "destroy"),
        ("POST", post, json, run(|body| body["account"] = json!("12")), 400, "E0204", "12 digits"),
        (
            "POST",
            post,
            json,
            run(|body| body["runbook"] = json!("nothing")),
            404,
            "E0303",
            "nothing",
        ),
        (
            "POST",
            post,
            json,
            run(|body| body["params"]["x"] = json!("y")),
            422,
            "E0304",
            "parameter x",
        ),
        (
            "POST",
            post,
            json,
            run(|body| body["params"] = json!({"instance": "*"})),
            422,
            "E0304",
            "instance",
        ),
        (
            "POST",
            post,
            json,
            run(|body| body["params"] = json!({"instance": ""})),
            422,
            "E0304",
            "instance",
        ),
        (
            "POST",
            post,
            json,
            run(|body| body["mode"] = json!("contain")),
            403,
            "E0501",
            "allow list",
        ),
        ("POST", post, json, run(|body| body["case"] = json!("case-none")), 404, "E0203", ""),
        ("POST", "/v1/cases/case-none/notes", json, "{}".to_owned(), 400, "E0204", "text"),
        (
            "POST",
            "/v1/cases/case-none/notes",
            json,
            "{\"text\":\"x\"}".to_owned(),
            404,
            "E0203",
            "",
        ),
        ("POST", "/v1/runs/run-none/undo", json, String::new(), 404, "E0203", ""),
        (
            "POST",
            "/v1/runs/run-none/undo",
            json,
            "{\"revive\":true}".to_owned(),
            400,
            "E0204",
            "`reason` is needed with `revive`",
        ),
        (
            "POST",
            "/v1/runs/run-none/undo",
            json,
            "{\"revive\":true,\"reason\":\" \"}".to_owned(),
            400,
            "E0204",
            "`reason`",
        ),
        (
            "POST",
            "/v1/runs/run-none/undo",
            json,
            json!({"reason": "x".repeat(4_001)}).to_string(),
            400,
            "E0204",
            "4000",
        ),
        ("GET", "/v1/cases/..%2f..%2fetc", json, String::new(), 404, "E0203", "case id"),
        ("GET", "/v1/cases/case-none", json, String::new(), 404, "E0203", "case"),
        ("GET", "/v1/cases?limit=0", json, String::new(), 400, "E0204", "from 1 to 200"),
        (
            "GET",
            "/v1/cases?limit=many",
            json,
            String::new(),
            400,
            "E0204",
            "from 1 to 200, not \"many\"",
        ),
        ("GET", "/v1/cases?status=opne", json, String::new(), 400, "E0204", "opne"),
        ("GET", "/v1/cases?cursor=x", json, String::new(), 400, "E0204", "cursor"),
        ("GET", "/v1/cases?order=up", json, String::new(), 400, "E0204", "order"),
        ("GET", "/v1/nothing", json, String::new(), 404, "E0203", "path"),
        ("DELETE", "/v1/cases", json, String::new(), 405, "E0204", "method"),
    ] {
        let request =
            harness.as_role("admin", method, path).header("content-type", kind).body(body.clone());
        let seen = answer(request).await;
        is_problem(&seen, status, code, &format!("{method} {path} {body}"));
        let detail = seen.body["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{method} {path} {body}: {detail}");
    }
    assert_eq!(harness.get("/v1/cases").await.body["items"], json!([]), "nothing was started");
    harness.service.stop().await;
}

#[tokio::test]
async fn an_answer_about_what_is_not_there_says_how_to_find_what_is() {
    let harness = Harness::new().await;
    for (method, path, word) in [
        ("GET", "/v1/nothing", "begin with /v1/"),
        ("DELETE", "/v1/cases", "header Allow"),
        ("GET", "/v1/cases/case-none", "tourniquet case list"),
        ("GET", "/v1/runs/run-none", "tourniquet case show CASE"),
        ("GET", "/v1/approvals/apr-none", "tourniquet approve"),
    ] {
        let seen = answer(harness.as_role("admin", method, path)).await;
        let remedy = seen.body["remedy"].as_str().unwrap();
        assert!(remedy.contains(word), "{method} {path}: {remedy}");
        assert_eq!(seen.headers.contains_key("allow"), method == "DELETE", "{method} {path}");
    }
    harness.service.stop().await;
}

#[tokio::test]
async fn what_can_not_be_stored_is_not_acknowledged() {
    let harness = Harness::new().await;
    // The token is known for this second, so the finding itself meets the closed store.
    assert_eq!(harness.post("intake", "/v1/findings", &json!({})).await.status, 422);
    harness.service.store().close().await;
    let seen = harness.post("intake", "/v1/findings", &finding("1", "i-0abcdef1234567890")).await;
    is_problem(&seen, 503, "E0106", "a closed store");
    assert_eq!(answer(harness.request("GET", "/healthz")).await.status, 200);
    is_problem(&answer(harness.request("GET", "/readyz")).await, 503, "E0206", "not ready");
    harness.service.stop().await;
}

#[tokio::test]
async fn a_panic_shows_nothing() {
    let response = crate::web::log::panicked(Box::new("secret words".to_owned()));
    assert_eq!(response.status(), 500);
    let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(body.contains("E0207") && !body.contains("secret"), "{body}");
}
