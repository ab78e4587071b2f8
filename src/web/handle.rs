//! The shape of a handler's result.

use axum::Json;
use axum::http::StatusCode;
use serde_json::Value;

use super::problem::Problem;

/// What a handler gives: JSON with 200, or a problem.
pub type Answer = Result<Json<Value>, Problem>;

/// What a handler gives that has begun something: JSON with 202, or a problem.
pub type Begun = Result<(StatusCode, Json<Value>), Problem>;

/// JSON with 202: what was asked for is on its way and durable.
pub fn begun(value: Value) -> Begun {
    Ok((StatusCode::ACCEPTED, Json(value)))
}
