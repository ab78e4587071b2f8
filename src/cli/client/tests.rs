//! A service of three lines on a loopback port, and what the client makes of its answers.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::*;

/// A request as the service saw it.
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Request {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

type Handler = dyn Fn(Request) -> Response + Send + Sync;

/// A service in this process; it ends with the test.
pub struct Service {
    pub url: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Service {
    /// Answers every request with a status and JSON.
    pub async fn start<T: serde::Serialize>(
        handler: impl Fn(Request) -> (StatusCode, T) + Send + Sync + 'static,
    ) -> Self {
        Self::raw(move |request| {
            let (status, value) = handler(request);
            (status, axum::Json(value)).into_response()
        })
        .await
    }

    pub async fn raw(handler: impl Fn(Request) -> Response + Send + Sync + 'static) -> Self {
        async fn answer(
            State(handler): State<Arc<Handler>>,
            method: Method,
            uri: Uri,
            headers: HeaderMap,
            body: Bytes,
        ) -> Response {
            handler(Request {
                method: method.to_string(),
                path: uri.path().to_owned(),
                query: uri.query().unwrap_or_default().to_owned(),
                headers,
                body: String::from_utf8(body.to_vec()).unwrap(),
            })
        }
        let handler: Arc<Handler> = Arc::new(handler);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(handler);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, task }
    }

    pub fn client(&self) -> Client {
        let mut client = Client::new(&self.url, Some("tok.secret")).unwrap();
        // Time passes as fast as the test reads it.
        client.clock =
            Arc::new(crate::clock::ManualClock::self_advancing(jiff::Timestamp::UNIX_EPOCH));
        client
    }
}

/// A problem as the service writes it.
pub fn problem(status: StatusCode, code: &str, detail: &str) -> (StatusCode, Value) {
    let value = json!({"type": format!("urn:tourniquet:error:{code}"), "title": "t", "status": status.as_u16(),
        "code": code, "detail": detail, "remedy": "do this"});
    (status, value)
}

#[tokio::test]
async fn an_answer_becomes_a_value_or_a_numbered_error() {
    for (status, body, expected) in [
        (200, r#"{"a":1}"#, Ok(json!({"a": 1}))),
        (202, r#"{"a":1}"#, Ok(json!({"a": 1}))),
        (200, "<html>", Err(("E0006", "answers something else"))),
        (401, r#"{"code":"E0201","detail":"no","remedy":"send a header"}"#, Err(("E0201", "no"))),
        (
            409,
            r#"{"code":"E0205","detail":"somebody decided","status":409}"#,
            Err(("E0205", "somebody decided")),
        ),
        (400, r#"{"code":"E7777","detail":"newer"}"#, Err(("E0006", "E7777: newer"))),
        (502, "<html>bad gateway", Err(("E0006", "502 (Bad Gateway) and does not say why"))),
        (500, r#"{"error": true}"#, Err(("E0006", "500 (Internal Server Error)"))),
        (307, "", Err(("E0006", "307 (Temporary Redirect)"))),
    ] {
        let service = Service::raw(move |_| {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("location", "http://127.0.0.1:1/elsewhere")], body).into_response()
        })
        .await;
        let result: Result<Value, CliError> = service.client().get(&["v1", "x"], &[]).await;
        match (result, expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value, expected),
            (Err(error), Err((number, words))) => {
                assert_eq!(error.code.number, number, "{error}");
                assert!(error.detail.contains(words), "{error}");
            }
            (result, expected) => panic!("{status} {body}: {result:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn the_service_s_remedy_is_told() {
    let service =
        Service::start(|_| problem(StatusCode::FORBIDDEN, "E0202", "viewer may not")).await;
    let error = service.client().get::<Value>(&["v1"], &[]).await.unwrap_err();
    assert_eq!((error.remedy(), error.exit_code()), ("do this", 1));
}

#[tokio::test]
async fn a_request_carries_the_token_and_an_escaped_path() {
    let service = Service::start(|request| {
        let header = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let token = header("authorization");
        (StatusCode::OK, json!({"path": request.path, "query": request.query, "token": token, "type": header("content-type")}))
    })
    .await;
    let client = service.client();
    let seen: Value =
        client.get(&["v1", "a/../b?c"], &[("status", "a b&c".to_owned())]).await.unwrap();
    assert_eq!(seen["path"], "/v1/a%2F..%2Fb%3Fc");
    assert_eq!(seen["query"], "status=a+b%26c");
    assert_eq!(seen["token"], "Bearer tok.secret");
    let bare = Client::new(&format!("{}/behind/", service.url), None).unwrap();
    let seen: Value = bare.post(&["v1", "x"], &json!({})).await.unwrap();
    assert_eq!((&seen["path"], &seen["token"]), (&json!("/behind/v1/x"), &Value::Null));
    assert_eq!(seen["type"], "application/json");
}

#[tokio::test]
async fn a_refused_connection_names_the_address() {
    // The port was free a moment ago, and nobody listens on it.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let client = Client::new(&format!("http://127.0.0.1:{port}"), None).unwrap();
    let error = client.get::<Value>(&["v1", "cases"], &[]).await.unwrap_err();
    assert_eq!(error.code, Code::CLIENT);
    assert!(
        error.detail.starts_with(&format!("no connection to http://127.0.0.1:{port}/")),
        "{error}"
    );
}

#[test]
fn an_address_or_token_that_makes_no_sense_is_refused_without_repeating_it() {
    for url in [
        "",
        "localhost:8080",
        "file:///etc/passwd",
        "http://ada:secret@host",
        "http://host/?a=secret",
    ] {
        let error = Client::new(url, None).err().unwrap();
        assert_eq!(error.code, Code::USAGE, "{url}");
        assert!(!error.detail.contains("secret"), "{error}");
    }
    let error = Client::new(URL, Some("sec\nret")).err().unwrap();
    assert!(error.code == Code::USAGE && !error.detail.contains("ret"), "{error}");
    assert!(Client::new(URL, Some("  ")).unwrap().token.is_none());
}

#[test]
fn loopback_is_never_reached_through_a_proxy() {
    for (url, expected) in [
        (URL, true),
        ("http://localhost:1", true),
        ("http://[::1]:1", true),
        ("https://tourniquet.example", false),
    ] {
        assert_eq!(is_loopback(&base(url).unwrap()), expected, "{url}");
    }
}

#[tokio::test]
async fn a_server_of_plain_http_that_is_named_as_https_is_recognised() {
    let service = Service::start(|_| (StatusCode::OK, json!({}))).await;
    let client = Client::new(&service.url.replace("http://", "https://"), None).unwrap();
    let error = client.get::<Value>(&["v1", "cases"], &[]).await.unwrap_err();
    assert!(error.remedy().contains("Does the server speak https?"), "{error}: {}", error.remedy());
}
