//! `GET /v1/quarantine`: what came in and could not be read.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;

use crate::web::App;
use crate::web::body::{Query, limit};
use crate::web::handle::Answer;

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
