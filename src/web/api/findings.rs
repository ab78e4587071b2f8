//! `POST /v1/findings`: the way in over HTTP.

use axum::extract::{Request, State};
use serde_json::json;

use crate::intake::{self, Answer};
use crate::web::App;
use crate::web::auth::Caller;
use crate::web::body;
use crate::web::handle::{Begun, begun};

/// Takes a document with one or more findings. 202 once all of it is durable; the content type does
/// not matter, because senders set all kinds.
pub async fn receive(State(app): State<App>, caller: Caller, request: Request) -> Begun {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, app.body_max).await?;
    let source = format!("http:{}", caller.name);
    let answer = intake::accept(&app.intake, bytes.into(), &source).await?;
    let Answer { findings, rejected, ignored } = answer;
    if let Some(reason) = ignored {
        return begun(json!({"ignored": reason}));
    }
    let case = findings.first().map(|finding| &finding.case);
    begun(json!({"case": case, "findings": findings, "rejected": rejected}))
}
