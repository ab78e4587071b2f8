//! `POST /v1/findings`: the way in over HTTP.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde_json::json;

use crate::intake;
use crate::web::App;
use crate::web::auth::Caller;
use crate::web::body;
use crate::web::handle::Begun;

/// Takes a document with one or more findings. 202 once all of it is durable; the content type does
/// not matter, because senders set all kinds.
pub async fn receive(State(app): State<App>, caller: Caller, request: Request) -> Begun {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, app.body_max).await?;
    let source = format!("http:{}", caller.name);
    let answer = intake::accept(&app.intake, bytes.into(), &source).await?;
    if let Some(reason) = answer.ignored {
        return Ok((StatusCode::ACCEPTED, Json(json!({"ignored": reason}))));
    }
    let case = answer.items.iter().find_map(|item| item.case());
    Ok((StatusCode::ACCEPTED, Json(json!({"case": case, "findings": answer.items}))))
}
