//! Reading what a request holds: its body within a size and a time, its query and its ids. Each
//! refusal is a problem that names the field.

use std::str::FromStr;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use futures::StreamExt;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::error::Code;
use crate::id::IdError;

/// Bytes of a JSON body of the API: parameters and a reason, not a document.
const JSON_MAX: usize = 64 * 1024;

/// How long a whole body may take: a finding is at most a few hundred kilobytes.
const BODY_WAIT: Duration = Duration::from_secs(15);

/// Bytes that are read and thrown away after a body was refused. A client that is still sending
/// would see a broken connection instead of the answer.
const DRAIN_MAX: usize = 16 * 1024 * 1024;

/// Reads a body of at most `max` bytes.
///
/// # Errors
/// 413 when it is larger, 408 when it does not arrive in time.
pub async fn read(headers: &HeaderMap, body: Body, max: usize) -> Result<Bytes, Problem> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let late = || {
        Problem::bad_request("the body did not arrive in time")
            .with_status(StatusCode::REQUEST_TIMEOUT)
    };
    tokio::time::timeout(BODY_WAIT, collect(body, announced, max)).await.map_err(|_| late())?
}

async fn collect(body: Body, announced: Option<usize>, max: usize) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let mut kept: Vec<u8> = Vec::with_capacity(announced.unwrap_or(0).min(max));
    let mut seen = 0_usize;
    let mut too_large = announced.is_some_and(|bytes| bytes > max);
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| Problem::bad_request("the body was cut off"))?;
        seen += part.len();
        too_large |= seen > max;
        if too_large {
            kept = Vec::new();
            if seen > max.max(DRAIN_MAX) {
                break;
            }
        } else {
            kept.extend_from_slice(&part);
        }
    }
    if too_large {
        return Err(Problem::new(Code::BODY_TOO_LARGE, format!("a body has at most {max} bytes")));
    }
    Ok(kept.into())
}

/// A JSON body of a known form.
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let bytes = read(&parts.headers, body, JSON_MAX).await?;
        // An empty body stands for no fields, and then there is nothing that needs a type.
        let json = kind.is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/json")
        });
        if !json && !bytes.is_empty() {
            let problem = Problem::bad_request("the body must be sent as application/json");
            return Err(problem.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(bytes)
            .map(Self)
            .map_err(|error| Problem::bad_request(format!("the body: {error}")))
    }
}

/// The query of a known form.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|query| Self(query.0))
            .map_err(|error| Problem::bad_request(format!("the query: {}", error.body_text())))
    }
}

/// How many are asked for: from 1 to `max`, and `default` where nothing is asked.
///
/// # Errors
/// When it is no number, or outside of that; the problem says the range.
pub fn limit(given: Option<&str>, default: u32, max: u32) -> Result<u32, Problem> {
    let Some(text) = given else { return Ok(default) };
    let number = text.parse().ok().filter(|limit| (1..=max).contains(limit));
    number.ok_or_else(|| {
        let shown: String = text.chars().take(crate::id::SHOWN_MAX).collect();
        Problem::bad_request(format!("`limit` must be a number from 1 to {max}, not {shown:?}"))
    })
}

/// The id in a path. One that is no id names nothing that exists.
pub struct Id<T>(pub T);

impl<S: Send + Sync, T: FromStr<Err = IdError>> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let unknown = |detail: String| Problem::new(Code::NOT_FOUND, detail);
        let axum::extract::Path(text) =
            axum::extract::Path::<String>::from_request_parts(parts, state)
                .await
                .map_err(|_| unknown("the path holds no id".to_owned()))?;
        text.parse().map(Self).map_err(|error: IdError| unknown(error.to_string()))
    }
}
