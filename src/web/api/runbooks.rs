//! Runbooks: what there is, and what one would do.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::Code;
use crate::id::{AccountId, CaseId, Region, RunbookName};
use crate::routing::Mode;
use crate::run::StartRun;
use crate::web::App;
use crate::web::auth::Caller;
use crate::web::body::{Id, Json as Body};
use crate::web::handle::Answer;
use crate::web::problem::Problem;
use crate::web::view;

/// What to do about a script that fails while it is planned.
const UNPLANNED: &str = "Nothing was started and nothing was changed. A run would fail the same way: give the runbook \
    other parameters or correct it, or choose another one (`tourniquet runbook list`).";

/// `GET /v1/runbooks`
pub async fn list(State(app): State<App>) -> Answer {
    let runbooks: Vec<_> = app.library.iter().map(|runbook| view::runbook(runbook)).collect();
    Ok(Json(json!({"items": runbooks})))
}

/// The body that asks for a plan.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    #[serde(default)]
    params: Map<String, Value>,
    case: Option<CaseId>,
    account: Option<AccountId>,
    region: Option<Region>,
}

/// `POST /v1/runbooks/{name}/plan`: looks at AWS, writes nothing.
pub async fn plan(
    State(app): State<App>,
    caller: Caller,
    Id(runbook): Id<RunbookName>,
    Body(plan): Body<Plan>,
) -> Answer {
    let Plan { params, case, account, region } = plan;
    let request = StartRun {
        case,
        runbook,
        params,
        mode: Mode::Observe,
        account,
        region,
        by: caller.name,
        reason: None,
    };
    let planned = app.desk.plan(request).await.map_err(|error| match error.code {
        // There is no run, and so no timeline to read.
        Code::SCRIPT_FAILED => Problem::from(error).with_remedy(UNPLANNED),
        _ => error.into(),
    });
    Ok(Json(planned?))
}
