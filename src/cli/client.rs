//! The HTTP client of the command line: one place that knows the address, the token and the form of
//! answers. What is asked and what the answer means is the subcommands' business.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Common;
use super::error::CliError;
use super::screen::Screen;
use super::wait::patiently;
use crate::clock::{Clock, SystemClock};
use crate::error::Code;

/// Where `tourniquet serve` listens by default.
pub const URL: &str = "http://127.0.0.1:8080";

/// How long one answer may take: the service itself gives up earlier.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Bytes of one answer: an export holds at most 64 MiB of documents, in base64, and its entries.
const ANSWER_MAX: usize = 256 << 20;

/// What to do where the service knows no such token.
const NO_TOKEN: &str = "Run `export TOURNIQUET_TOKEN=tq_…` with your token (or name its file with --token-file) and \
    repeat the command. If you have none: on the service's host, in the service's folder, `tourniquet token create \
    --name YOUR-NAME --role responder` prints one, once. If you have one: `tourniquet token list` there says whether \
    it is revoked or expired.";

/// What to do where something answers that is not TLS.
const NO_TLS: &str = "Does the server speak https? Tourniquet itself serves plain http: set TOURNIQUET_URL to \
    http://… on the same machine, or to the address of the TLS proxy in front of it.";

/// A service that can be asked.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<HeaderValue>,
    /// Waiting between polls, and the second before a spinner shows.
    pub clock: Arc<dyn Clock>,
    spinner: bool,
}

impl Client {
    /// The client that the command line describes; remarks go to `screen`.
    ///
    /// # Errors
    /// When the address or the token has the wrong form, or the token's file can't be read.
    pub(super) fn open(common: &Common, screen: &mut Screen) -> Result<Self, CliError> {
        let token = match &common.token_file {
            Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
                CliError::usage(format!("the token file {} can't be read: {error}", path.display()))
                    .with_remedy(
                        "Check the path given with --token-file or TOURNIQUET_TOKEN_FILE, and that you may read it; \
                         or set TOURNIQUET_TOKEN instead.",
                    )
            })?),
            None => std::env::var("TOURNIQUET_TOKEN").ok(),
        };
        let mut client = Self::new(common.url.as_deref().unwrap_or(URL), token.as_deref())?;
        client.spinner = screen.watched && !screen.json;
        if client.token.is_some() && client.base.scheme() == "http" && !is_loopback(&client.base) {
            screen.note(&format!("the token goes to {} unencrypted; use https", client.base));
        }
        Ok(client)
    }

    /// A client of the service at `url`; nothing is sent yet.
    ///
    /// # Errors
    /// When the address or the token has the wrong form.
    pub fn new(url: &str, token: Option<&str>) -> Result<Self, CliError> {
        let base = base(url)?;
        let token = match token.map(str::trim).filter(|token| !token.is_empty()) {
            None => None,
            Some(token) => {
                // The error may not repeat the token.
                let refused = |_| CliError::usage("the token has characters that no token has");
                let mut value =
                    HeaderValue::from_str(&format!("Bearer {token}")).map_err(refused)?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        // The error only says that a provider is there already, which is what we want.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = reqwest::Client::builder()
            .timeout(ANSWER_WAIT)
            // A token follows nobody to another place.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tourniquet/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| CliError::unreachable(format!("no TLS: {}", root_cause(&error))))?;
        Ok(Self { http, base, token, clock: Arc::new(SystemClock::new()), spinner: false })
    }

    /// Waits for `work`, which asks several times; a person at a terminal sees what is waited for.
    pub async fn patiently<T>(&self, what: &str, work: impl AsyncFnOnce(&Self) -> T) -> T {
        // One spinner at a time: the questions inside turn none of their own.
        let quiet = Self { spinner: false, ..self.clone() };
        patiently(self.clock.as_ref(), self.spinner, what, work(&quiet)).await
    }

    /// `GET` of the path made of `segments`.
    ///
    /// # Errors
    /// When the service does not answer, refuses, or answers something else.
    pub async fn get<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, CliError> {
        let mut url = self.url(segments);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.ask(self.http.request(Method::GET, url)).await
    }

    /// `POST` of a JSON body.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &Value,
    ) -> Result<T, CliError> {
        self.send(segments, body.to_string().into_bytes()).await
    }

    /// `POST` of bytes as they are.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn send<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: Vec<u8>,
    ) -> Result<T, CliError> {
        let request = self.http.request(Method::POST, self.url(segments));
        self.ask(request.header(CONTENT_TYPE, "application/json").body(body)).await
    }

    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    async fn ask<T: DeserializeOwned>(&self, mut request: RequestBuilder) -> Result<T, CliError> {
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        let answer = patiently(self.clock.as_ref(), self.spinner, self.base.as_str(), async {
            let response = request.send().await.map_err(|error| self.silent(&error))?;
            self.body(response).await
        });
        let bytes = answer.await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            CliError::unreachable(format!("{} answers something else: {error}", self.base))
        })
    }

    /// The bytes of an answer; a refusal becomes an error.
    async fn body(&self, mut response: Response) -> Result<Vec<u8>, CliError> {
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.silent(&error))? {
            if bytes.len() + part.len() > ANSWER_MAX {
                let limit = ANSWER_MAX >> 20;
                return Err(CliError::unreachable(format!("an answer of more than {limit} MiB")));
            }
            bytes.extend_from_slice(&part);
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            _ if status.is_success() => Ok(bytes),
            Ok(problem) => Err(problem.into()),
            Err(_) => {
                let words = status.canonical_reason().unwrap_or("unknown status");
                Err(CliError::unreachable(format!(
                    "{} answers {} ({words}) and does not say why",
                    self.base,
                    status.as_u16()
                )))
            }
        }
    }

    fn silent(&self, error: &reqwest::Error) -> CliError {
        let (base, cause) = (&self.base, root_cause(error));
        let told = CliError::unreachable(if error.is_timeout() {
            format!("no answer from {base} within {} s", ANSWER_WAIT.as_secs())
        } else if error.is_connect() {
            format!("no connection to {base}: {cause}")
        } else {
            format!("no whole answer from {base}: {cause}")
        });
        // What is no TLS record is what a server of plain HTTP answers.
        match base.scheme() {
            "https" if cause.contains("InvalidContentType") => told.with_remedy(NO_TLS),
            _ => told,
        }
    }
}

/// RFC 9457, with our number.
#[derive(Deserialize)]
struct Problem {
    code: String,
    #[serde(default)]
    detail: String,
    remedy: Option<String>,
}

impl From<Problem> for CliError {
    fn from(problem: Problem) -> Self {
        match Code::find(&problem.code) {
            // The service speaks of headers; a person at a terminal has none.
            Some(code) if code == Code::UNAUTHENTICATED => {
                Self::new(code, problem.detail).with_remedy(NO_TOKEN)
            }
            Some(code) => Self { code, detail: problem.detail, remedy: problem.remedy },
            // A newer service knows more numbers than we do.
            None => Self {
                code: Code::CLIENT,
                detail: format!("{}: {}", problem.code, problem.detail),
                remedy: problem.remedy,
            },
        }
    }
}

/// The parsed address. What could carry a secret into a log or an error is refused.
fn base(url: &str) -> Result<Url, CliError> {
    let refuse = |why: &str| CliError::usage(format!("the address of the service {why}"));
    let parsed = Url::parse(url.trim()).map_err(|error| refuse(&format!("is no URL: {error}")))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(refuse("must begin with http:// or https://"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(refuse("may hold no password; use TOURNIQUET_TOKEN"));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(refuse("ends after its path"));
    }
    Ok(parsed)
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// The innermost cause: the outer ones only say that a request failed.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut words = error.to_string();
    while let Some(inner) = cause {
        words = inner.to_string();
        cause = inner.source();
    }
    words
}

#[cfg(test)]
pub mod tests;
