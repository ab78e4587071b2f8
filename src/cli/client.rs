//! The client of a running service: one request, one JSON answer, and failures in words.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::Common;
use super::outcome::Failure;
use crate::error::Code;
use crate::notify::install_tls;

/// Where a service listens when nothing else is said.
pub const URL: &str = "http://127.0.0.1:8080";

/// How long an answer may take: the service ends a request after 60 s.
const ANSWER_MAX: Duration = Duration::from_secs(70);

/// The variable with the token. It has no flag: flags show up in the list of processes.
const TOKEN: &str = "TOURNIQUET_TOKEN";

/// A service.
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

impl Client {
    /// The service that the arguments and the environment name.
    ///
    /// # Errors
    /// When the token's file can't be read.
    pub fn new(common: &Common) -> Result<Self, Failure> {
        let token = match &common.token_file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
                Some(text)
            }
            None => std::env::var(TOKEN).ok(),
        };
        let token = token
            .map(|token| token.trim().to_owned())
            .filter(|token| !token.is_empty());
        install_tls();
        let http = reqwest::Client::builder()
            .timeout(ANSWER_MAX)
            // A redirect would carry the token to an address that nobody named.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tourniquet/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::system(&error))?;
        Ok(Self {
            http,
            url: common.url.trim_end_matches('/').to_owned(),
            token,
        })
    }

    /// `GET path`.
    ///
    /// # Errors
    /// When there is no answer, or one that is a problem.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        parse(&self.send(Method::GET, path, None).await?)
    }

    /// `GET path`, with the exact bytes of the parts that the answer holds.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn get_exactly<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<T, Failure> {
        serde_json::from_slice(&self.send(Method::GET, path, None).await?).map_err(|_| strange())
    }

    /// `POST path` with JSON.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.post_bytes(path, body.to_string().into_bytes()).await
    }

    /// `POST path` with bytes as they are.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post_bytes(&self, path: &str, body: Vec<u8>) -> Result<Value, Failure> {
        parse(&self.send(Method::POST, path, Some(body)).await?)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Vec<u8>, Failure> {
        let url = format!("{}{path}", self.url);
        let mut request = self.http.request(method, &url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        let unreachable = |error: reqwest::Error| {
            let why = if error.is_timeout() {
                "no answer in time".to_owned()
            } else if error.is_connect() {
                "nothing listens there".to_owned()
            } else {
                error.without_url().to_string()
            };
            Failure::new(Code::CLIENT, format!("{}: {why}", self.url))
        };
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            Ok(bytes.into())
        } else {
            Err(self.problem(status, &bytes))
        }
    }

    /// The failure that a problem document tells.
    fn problem(&self, status: StatusCode, bytes: &[u8]) -> Failure {
        let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let Some(code) = text("code").and_then(Code::find) else {
            let detail = format!(
                "{} answered {status}, and not as a Tourniquet does",
                self.url
            );
            return Failure::new(Code::CLIENT, detail);
        };
        let mut detail = text("detail").unwrap_or(code.title).to_owned();
        if code == Code::UNAUTHENTICATED && self.token.is_none() {
            detail = format!("{TOKEN} is not set");
        }
        Failure {
            code,
            detail,
            remedy: text("remedy").map(str::to_owned),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(bytes).map_err(|_| strange())
}

fn strange() -> Failure {
    Failure::new(Code::CLIENT, "the answer is not one of a Tourniquet")
}

/// The list in an answer.
#[must_use]
pub fn items(answer: &Value) -> &[Value] {
    answer
        .get("items")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A text in an answer; empty where there is none.
#[must_use]
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A value inside a query.
#[must_use]
pub fn encoded(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b',' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
