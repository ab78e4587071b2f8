//! What a person asks for: a run, whose parts are checked before anything is written, or to take one back.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Env;
use super::refused::DeskError;
use crate::config::{nearest, unknown_region};
use crate::error::Code;
use crate::id::{AccountId, CaseId, Digest, Region, RunId, RunbookName};
use crate::routing::Mode;
use crate::runbook::HOST_API;
use crate::store::{CaseRow, NewRun, RunKind, RunRow, StoreError, WHOLE_ACCOUNT};

/// A run that a person wants.
#[derive(Debug, Clone, PartialEq)]
pub struct StartRun {
    /// The case; `None` opens one.
    pub case: Option<CaseId>,
    /// The runbook.
    pub runbook: RunbookName,
    /// Its parameters, unchecked.
    pub params: Map<String, Value>,
    /// How far it may go.
    pub mode: Mode,
    /// The account; `None`: the case's.
    pub account: Option<AccountId>,
    /// The Region; `None`: the case's.
    pub region: Option<Region>,
    /// Who asks.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// A run that a person wants to be taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct TakeBack {
    /// The run.
    pub run: RunId,
    /// Who asks.
    pub by: String,
    /// Also what keeps stolen credentials out.
    pub revive: bool,
    /// Why. It is needed with `revive`: the timeline says who let stolen credentials in again, and why.
    pub reason: Option<String>,
}

/// A request whose parts were checked.
pub struct Checked {
    /// The case, where one was named.
    pub case: Option<CaseRow>,
    /// Where it acts.
    pub account: AccountId,
    /// Where it acts.
    pub region: Region,
    /// What it is about, as `type/id`.
    pub resource: Option<String>,
    /// The run.
    pub new: NewRun,
}

/// Checks every part of a request; nothing is started.
///
/// # Errors
/// When the runbook, a parameter, the account or the case does not fit.
pub async fn check(env: &Env, request: StartRun) -> Result<Checked, DeskError> {
    let case = match &request.case {
        Some(id) => Some(env.store.case(id).await?.ok_or(StoreError::NotFound)?),
        None => None,
    };
    let runbook = env.library.get(&request.runbook).ok_or_else(|| {
        let Env { library, .. } = env;
        let known = library.iter().map(|runbook| runbook.name.as_str());
        let near = nearest(request.runbook.as_str(), known);
        let near = near.map(|name| format!(" (did you mean {name}?)")).unwrap_or_default();
        let detail = format!("no runbook is called {}{near}", request.runbook);
        DeskError::new(Code::RUNBOOK_UNKNOWN, detail)
    })?;
    let mut given = request.params;
    // What the finding says fills in what was not given.
    if let Some(id) = &request.case
        && let Some(document) = env.store.finding_document(id).await?
    {
        for (name, value) in runbook.header.params_from(&document) {
            given.entry(name).or_insert(value);
        }
    }
    let params = runbook.header.check_params(given).map_err(|(name, reason)| {
        DeskError::new(Code::RUNBOOK_PARAMS, format!("parameter {name}: {reason}"))
    })?;
    let of_case = |what: &str| {
        DeskError::new(Code::BAD_REQUEST, format!("`{what}` is needed: the case has none"))
    };
    let account = request
        .account
        .or_else(|| case.as_ref()?.account.clone())
        .ok_or_else(|| of_case("account"))?;
    let region = request
        .region
        .or_else(|| case.as_ref()?.region.clone())
        .ok_or_else(|| of_case("region"))?;
    // Where a finding of the case was made there is a Region, whether it is known here or not.
    let typed = case.as_ref().and_then(|case| case.region.as_ref()) != Some(&region);
    if typed && let Some(unknown) = unknown_region(&region, &env.limits.further_regions) {
        return Err(DeskError::new(Code::REGION_UNKNOWN, unknown));
    }
    if request.mode != Mode::Observe
        && let Some(off_list) = env.limits.off_list(&account)
    {
        let detail = format!("{off_list}; until then only mode observe is possible there");
        return Err(DeskError::new(Code::GUARD_ACCOUNT, detail));
    }
    let most = env.limits.mode(&account);
    if request.mode > most {
        return Err(DeskError::new(
            Code::GUARD_ACCOUNT,
            format!("account {account} allows mode {} at most", most.label()),
        ));
    }
    let most = runbook.header.mode;
    if request.mode > most {
        return Err(DeskError::new(
            Code::RUNBOOK_MODE,
            format!(
                "runbook {} allows mode {most} at most: ask with --mode {most}",
                runbook.name,
                most = most.label()
            ),
        ));
    }
    let resource = runbook.header.target(&params);
    let target = (request.mode != Mode::Observe).then(|| target(&account, resource.as_deref()));
    let new = NewRun {
        id: env.ids.run(env.clock.as_ref()),
        kind: RunKind::Runbook,
        runbook: runbook.name.clone(),
        hash: runbook.hash.clone(),
        source: runbook.source.clone(),
        host_api: HOST_API,
        mode: request.mode,
        params: Value::Object(params),
        account: account.clone(),
        region: region.clone(),
        target,
        requested_by: request.by,
        document: None,
        named: BTreeSet::new(),
        unanswered: None,
        confirmed: true,
    };
    Ok(Checked { case, account, region, resource, new })
}

/// What runs exclude each other by: `account/type/id`; a runbook without a target excludes nothing
/// but itself.
fn target(account: &AccountId, resource: Option<&str>) -> String {
    format!("{account}/{}", resource.unwrap_or(WHOLE_ACCOUNT))
}

/// The row that `new` would become, for a plan that is never stored.
pub fn row(new: &NewRun, case: CaseId, now: jiff::Timestamp) -> RunRow {
    RunRow {
        id: new.id.clone(),
        case,
        kind: new.kind,
        runbook: new.runbook.clone(),
        hash: Digest::of(new.source.as_bytes()),
        host_api: new.host_api,
        mode: new.mode,
        state: crate::case::RunState::Running,
        params: new.params.clone(),
        account: new.account.clone(),
        region: new.region.clone(),
        target: new.target.clone(),
        requested_by: new.requested_by.clone(),
        requested_at: now,
        wake_at: None,
        contained: false,
        asks: false,
        released: false,
        preserves: false,
        attempts: 1,
        summary: None,
        code: None,
        document: None,
        named: new.named.clone(),
    }
}
