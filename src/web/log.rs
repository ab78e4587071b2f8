//! What goes around every request: the log line, the security headers, the time limit, and the
//! answer when a handler panics.

use std::any::Any;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;
use super::auth::Caller;
use super::problem::Problem;
use crate::error::Code;

/// How long a request may take: a plan looks at AWS, everything else is far below this.
const REQUEST_MAX: Duration = Duration::from_secs(60);

/// Headers of every answer. Case data is nobody's to cache, frame or run as a page.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

/// Writes one line a request, without ids and queries, and sets the headers.
pub async fn record(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = app.clock.monotonic();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    let duration = app.clock.monotonic().saturating_sub(started);
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let token = response.extensions().get::<Caller>().map(|caller| caller.name.as_str());
    let status = response.status();
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if status.is_server_error() {
        tracing::warn!(method = %method, route, status = status.as_u16(), duration_ms, token, "request");
    } else if route.starts_with("/v1") {
        tracing::info!(method = %method, route, status = status.as_u16(), duration_ms, token, "request");
    } else {
        // Health checks come every few seconds and would hide the rest.
        tracing::debug!(method = %method, route, status = status.as_u16(), duration_ms, "request");
    }
    response
}

/// Ends a request that takes too long.
pub async fn within_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = "no result in time; look whether it happened before you repeat it";
            Problem::new(Code::UNAVAILABLE, detail).into_response()
        }
    }
}

/// The answer of a handler that panicked. The panic's text goes to the log only.
pub fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let words = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without words");
    tracing::error!(panic = words, "a request panicked");
    Problem::internal().into_response()
}
