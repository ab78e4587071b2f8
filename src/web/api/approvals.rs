//! Approvals: what waits for a person, and the person's decision.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;

use crate::id::{ApprovalId, Digest};
use crate::store::Decide;
use crate::web::App;
use crate::web::about;
use crate::web::auth::Caller;
use crate::web::body::{Id, Json as Body};
use crate::web::handle::Answer;
use crate::web::problem::Problem;

/// `GET /v1/approvals`: the open ones.
pub async fn pending(State(app): State<App>) -> Answer {
    let pending = app.store.approvals_pending().await?;
    Ok(Json(json!({"items": about::approvals(&app, &pending).await?})))
}

/// `GET /v1/approvals/{id}`: one, open or decided.
pub async fn show(State(app): State<App>, Id(id): Id<ApprovalId>) -> Answer {
    let approval = app.store.approval(&id).await?.ok_or_else(|| Problem::not_found("approval"))?;
    Ok(Json(about::approval(&app, &approval).await?))
}

/// The body of a decision. `hash` is the one that the question shows: nobody approves something else
/// than what they read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    decision: Verdict,
    reason: String,
    hash: Digest,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Approve,
    Deny,
}

/// `POST /v1/approvals/{id}`
pub async fn decide(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ApprovalId>,
    Body(decision): Body<Decision>,
) -> Answer {
    let approval = app
        .desk
        .decide(Decide {
            approval: id,
            by: caller.name,
            grant: matches!(decision.decision, Verdict::Approve),
            reason: decision.reason,
            hash: decision.hash,
            at: app.clock.now(),
        })
        .await?;
    Ok(Json(about::approval(&app, &approval).await?))
}
