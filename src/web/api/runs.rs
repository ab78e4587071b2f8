//! Runs: start by hand, one, undo.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::id::{AccountId, CaseId, Region, RunId, RunbookName};
use crate::routing::Mode;
use crate::run::{StartRun, TakeBack};
use crate::web::App;
use crate::web::about;
use crate::web::auth::Caller;
use crate::web::body::{Id, Json as Body};
use crate::web::handle::{Answer, Begun, begun};
use crate::web::problem::Problem;
use crate::web::view;

/// The body that asks for a run. Nothing is changed unless `mode` says so.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    runbook: RunbookName,
    #[serde(default)]
    params: Map<String, Value>,
    #[serde(default = "observe")]
    mode: Mode,
    case: Option<CaseId>,
    account: Option<AccountId>,
    region: Option<Region>,
    reason: Option<String>,
}

fn observe() -> Mode {
    Mode::Observe
}

/// The body of a run in a case, whose id stands in the path.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartInCase {
    runbook: RunbookName,
    #[serde(default)]
    params: Map<String, Value>,
    #[serde(default = "observe")]
    mode: Mode,
    account: Option<AccountId>,
    region: Option<Region>,
    reason: Option<String>,
}

impl Start {
    /// The request of `by`.
    #[must_use]
    pub fn of(self, by: String) -> StartRun {
        StartRun {
            case: self.case,
            runbook: self.runbook,
            params: self.params,
            mode: self.mode,
            account: self.account,
            region: self.region,
            by,
            reason: self.reason,
        }
    }
}

/// `POST /v1/runs`: in the case that the body names, or in a new one.
pub async fn start(State(app): State<App>, caller: Caller, Body(start): Body<Start>) -> Begun {
    let run = app.desk.start(start.of(caller.name)).await?;
    begun(view::run(&run))
}

/// `POST /v1/cases/{id}/runs`
pub async fn start_in_case(
    State(app): State<App>,
    caller: Caller,
    Id(case): Id<CaseId>,
    Body(start): Body<StartInCase>,
) -> Begun {
    let StartInCase { runbook, params, mode, account, region, reason } = start;
    let case = Some(case);
    let start = Start { runbook, params, mode, case, account, region, reason };
    let run = app.desk.start(start.of(caller.name)).await?;
    begun(view::run(&run))
}

/// `GET /v1/runs/{id}`
pub async fn show(State(app): State<App>, Id(id): Id<RunId>) -> Answer {
    let run = app.store.run(&id).await?.ok_or_else(|| Problem::not_found("run"))?;
    let approvals = app.store.approvals_of(&id).await?;
    let mut shown = view::run(&run);
    shown["approvals"] = about::approvals(&app, &approvals).await?;
    Ok(Json(shown))
}

/// The body of an undo.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// Also what keeps stolen credentials out.
    #[serde(default)]
    revive: bool,
    /// Why; needed with `revive`.
    reason: Option<String>,
}

/// `POST /v1/runs/{id}/undo`
pub async fn undo(
    State(app): State<App>,
    caller: Caller,
    Id(run): Id<RunId>,
    Body(undo): Body<Undo>,
) -> Begun {
    let Undo { revive, reason } = undo;
    let run = app.desk.take_back(TakeBack { run, by: caller.name, revive, reason }).await?;
    begun(view::run(&run))
}
