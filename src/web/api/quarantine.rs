//! `GET /v1/quarantine`: what came in and could not be read, and the bytes of one such document.

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use crate::id::Digest;
use crate::web::App;
use crate::web::body::{Id, Query, limit};
use crate::web::handle::Answer;
use crate::web::problem::Problem;

/// Rows in one answer when nothing is asked for, and at most.
const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 500;

/// The query of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    limit: Option<String>,
}

/// Newest first.
pub async fn list(State(app): State<App>, Query(query): Query<Listing>) -> Answer {
    let limit = limit(query.limit.as_deref(), LIMIT_DEFAULT, LIMIT_MAX)?;
    Ok(Json(json!({"items": app.store.quarantined(limit).await?})))
}

/// `GET /v1/quarantine/{id}`: one, by the SHA-256 of its bytes, with its `size` and, in base64, its
/// `content`.
pub async fn show(State(app): State<App>, Id(raw): Id<Digest>) -> Answer {
    let missing = || Problem::not_found("document in quarantine");
    // Other documents are read with their case.
    let row = app.store.quarantined_as(&raw).await?.ok_or_else(missing)?;
    let bytes = app.store.blob(&raw).await?.ok_or_else(missing)?;
    let mut shown = json!(row);
    shown["size"] = json!(bytes.len());
    shown["content"] = json!(STANDARD.encode(bytes));
    Ok(Json(shown))
}
