//! Picking a run up, for the first time or after a crash: its log, its script, its pinned facts.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use thiserror::Error;

use super::Env;
use super::attempt::{Passing, Patience, READ_PATIENCE};
use super::journal::Writer;
use super::replay::{RunLog, Unfit};
use super::script::Script;
use super::undo;
use crate::change::{Permission, Urgency};
use crate::cloud::{CloudError, Scope};
use crate::error::Code;
use crate::id::{CaseId, Digest, FindingId, Place, RunId};
use crate::routing::Mode;
use crate::runbook::{Facts, HOST_API, Header};
use crate::store::{Effect, RunKind, RunRow, StoreError};
use crate::timeline::{Draft, Entry, NoEntry};

/// Entries read at once.
const PAGE: u32 = 1000;

/// A run that can be driven.
pub struct Started {
    /// What it has done so far.
    pub log: RunLog,
    /// What it follows.
    pub script: Script,
    /// What its start writes, with the first thing that it does.
    pub begun: Begun,
}

/// Entries, and what follows from them.
pub type Begun = (Vec<Draft>, Vec<Effect>);

/// A run that can't go on by itself.
#[derive(Debug, Error)]
pub enum StartError {
    /// The store failed: later.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// GuardDuty can't be asked now.
    #[error("GuardDuty can't be asked now")]
    Later,
    /// A person is needed.
    #[error("{code}: {reason}")]
    Halt {
        /// Its number.
        code: Code,
        /// Why.
        reason: String,
    },
}

impl From<Unfit> for StartError {
    fn from(error: Unfit) -> Self {
        Self::Halt { code: Code::STORE_CORRUPT, reason: error.to_string() }
    }
}

impl From<NoEntry> for StartError {
    fn from(error: NoEntry) -> Self {
        Self::Halt { code: Code::STORE_CORRUPT, reason: error.to_string() }
    }
}

/// Every entry of a case, in order.
///
/// # Errors
/// When the store fails or holds something that is no entry.
pub async fn entries(env: &Env, case: &CaseId) -> Result<Vec<Entry>, StartError> {
    let mut all = Vec::new();
    loop {
        let page = env.store.entries(case, all.len() as u64, PAGE).await?;
        let last = page.len() < PAGE as usize;
        for stored in page {
            all.push(Entry::parse(&stored.bytes)?);
        }
        if last {
            return Ok(all);
        }
    }
}

/// The log of one run, with the outputs that were kept as blobs.
///
/// # Errors
/// As [`entries`], and when an entry does not fit.
pub async fn log_of(env: &Env, case: &CaseId, run: &RunId) -> Result<RunLog, StartError> {
    let entries = entries(env, case).await?;
    let mut log = RunLog::fold(run, &entries)?;
    for end in log.steps.iter_mut().filter_map(|step| step.end.as_mut()) {
        if let Some(digest) = &end.output_blob {
            end.output = Some(json_blob(env, digest).await?);
        }
    }
    Ok(log)
}

/// Picks the run up: pins its facts if this is the first time.
///
/// # Errors
/// When the store fails, or the run needs a person.
pub async fn start(env: &Env, run: &RunRow, writer: &Writer) -> Result<Started, StartError> {
    let mut begun = Begun::default();
    let mut log = log_of(env, &run.case, &run.id).await?;
    if run.kind == RunKind::Undo {
        let of: RunId = serde_json::from_value(run.params.get("of").cloned().unwrap_or_default())
            .map_err(|error| {
            halt(Code::STORE_CORRUPT, &format!("the undo names no run: {error}"))
        })?;
        let original = log_of(env, &run.case, &of).await?;
        let row = env.store.run(&of).await?.ok_or(StoreError::NotFound)?;
        if row.released && !undo::revives(run) && log.facts.is_none() {
            return Err(halt(Code::CONFLICT, "the run was taken back before"));
        }
        let script = Script::Undo(undo::restores(&original, undo::revives(run), row.released));
        if log.facts.is_none() {
            if let Some(reason) = undo::held_later(env, &of, undo::revives(run)).await? {
                return Err(halt(Code::CONFLICT, &reason));
            }
            begun = pin(env, writer, &mut log, &run.params, "not needed: an undo");
        }
        return Ok(Started { log, script, begun });
    }
    if run.host_api != HOST_API {
        let reason =
            format!("the run was started with host API {}; this is {HOST_API}", run.host_api);
        return Err(halt(Code::DIVERGED, &reason));
    }
    let runbook = match env.compiled_before(&run.hash) {
        Some(runbook) => runbook,
        None => {
            let source = env.store.blob(&run.hash).await?;
            let source = source
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| halt(Code::STORE_CORRUPT, "the pinned runbook source is missing"))?;
            env.compiled(&run.runbook, &run.hash, &source)
                .map_err(|error| halt(Code::RUNBOOK_SYNTAX, &error))?
        }
    };
    let facts = match &log.facts {
        Some(digest) => json_blob(env, digest).await?,
        None => {
            let facts = facts(env, run).await?;
            let confirmed = confirm(env, run, &runbook.header, &facts).await?;
            begun = pin(env, writer, &mut log, &facts, &confirmed);
            facts
        }
    };
    let params = run.params.as_object().cloned().unwrap_or_else(Map::new);
    let facts = Arc::new(Facts { case: facts, params, mode: run.mode });
    Ok(Started { log, script: Script::Runbook(runbook, facts), begun })
}

fn halt(code: Code, reason: &str) -> StartError {
    StartError::Halt { code, reason: reason.to_owned() }
}

async fn json_blob(env: &Env, digest: &Digest) -> Result<Value, StartError> {
    let bytes = env.store.blob(digest).await?;
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| halt(Code::STORE_CORRUPT, &format!("blob {digest} is missing or no JSON")))
}

/// `run.started` with the facts, which are the same at every replay from now on. It is written with
/// the first step that is asked for: before that, nothing follows from it.
fn pin(env: &Env, writer: &Writer, log: &mut RunLog, facts: &Value, confirmed: &str) -> Begun {
    let bytes = facts.to_string().into_bytes();
    let digest = Digest::of(&bytes);
    let entries = vec![writer.started(env.clock.now(), &digest, confirmed)];
    log.facts = Some(digest);
    (entries, vec![Effect::Blob(bytes)])
}

/// What the script sees of its case.
///
/// # Errors
/// When the store fails.
pub async fn facts(env: &Env, run: &RunRow) -> Result<Value, StoreError> {
    let case = env.store.case(&run.case).await?.ok_or(StoreError::NotFound)?;
    // The finding that it answers; a run by hand has what the case began with.
    let answered = match &run.document {
        Some(digest) => env.store.blob(digest).await?.and_then(|b| serde_json::from_slice(&b).ok()),
        None => env.store.finding_document(&run.case).await?,
    };
    let finding = answered.unwrap_or(Value::Null);
    Ok(json!({
        "id": case.id,
        "title": case.title,
        "type": case.finding_type,
        "severity": case.severity.map(|tenths| crate::finding::Severity(tenths).to_string()),
        "account": run.account,
        "region": run.region,
        "finding": decimals_as_text(finding),
    }))
}

/// Scripts and entries know no fractions: a decimal becomes text, as the timeline stores it.
fn decimals_as_text(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_none() => Value::String(number.to_string()),
        Value::Array(items) => Value::Array(items.into_iter().map(decimals_as_text).collect()),
        Value::Object(map) => Value::Object(
            map.into_iter().map(|(key, value)| (key, decimals_as_text(value))).collect(),
        ),
        other => other,
    }
}

/// Asks GuardDuty whether it said so, before anything acts on a payload alone.
async fn confirm(
    env: &Env,
    run: &RunRow,
    header: &Header,
    facts: &Value,
) -> Result<String, StartError> {
    if run.mode == Mode::Observe {
        return Ok("not asked of GuardDuty: the run only observes".to_owned());
    }
    if run.requested_by != "service" {
        return Ok(format!("not asked of GuardDuty: {} started the run by hand", run.requested_by));
    }
    if !env.limits.confirm_findings {
        return Ok("not asked of GuardDuty: guards.confirm_findings is off".to_owned());
    }
    let ours = &facts["finding"];
    let id: FindingId = ours["id"].as_str().unwrap_or_default().parse().map_err(|_| {
        halt(Code::ACTION_REFUSED, "the finding has no id that GuardDuty could confirm")
    })?;
    let at = Place { account: run.account.clone(), region: run.region.clone() };
    let permissions: BTreeSet<Permission> = ["guardduty:ListDetectors", "guardduty:GetFindings"]
        .into_iter()
        .map(|action| Permission::new(action, "*"))
        .collect();
    let scope = Scope {
        case: run.case.clone(),
        run: Some(run.id.clone()),
        step: "confirm".to_owned(),
        permissions,
        // What the run would contain waits for it.
        urgency: Urgency::Containment,
    };
    let session = env.cloud.open(scope);
    // A wave of findings is when GuardDuty throttles, and no reason to leave them to people.
    let mut patience = Patience::default();
    let asked = loop {
        match session.finding(&at, &id).await {
            Err(error) if patience.again(env.clock.as_ref(), &error).await => {}
            other => break other,
        }
    };
    let age = env.clock.now().duration_since(run.requested_at).unsigned_abs();
    if asked.as_ref().is_err_and(Passing::may_pass) && age < READ_PATIENCE {
        return Err(StartError::Later);
    }
    let found = asked.map_err(|CloudError { operation, code, .. }| {
        let reason =
            format!("the finding could not be confirmed with GuardDuty: {operation}: {code}");
        halt(Code::ACTION_REFUSED, &reason)
    })?;
    let Some(theirs) = found else {
        return Err(halt(
            Code::UNCONFIRMED,
            "GuardDuty does not know this finding: it may be forged",
        ));
    };
    // Whatever the runbook takes from the finding must be what GuardDuty says, wherever it stands.
    let told = header.told_otherwise(&run.params, &theirs);
    match difference(ours, &theirs).or_else(|| told.map(|path| format!("{path} differs"))) {
        None => Ok("confirmed by GuardDuty".to_owned()),
        Some(reason) => {
            Err(halt(Code::UNCONFIRMED, &format!("GuardDuty tells it otherwise: {reason}")))
        }
    }
}

/// What keeps a delivered finding from being acted on, compared with GuardDuty's own.
fn difference(ours: &Value, theirs: &Value) -> Option<String> {
    if theirs["service"]["archived"].as_bool() == Some(true) {
        return Some("the finding is archived".to_owned());
    }
    for path in [
        "/type",
        "/accountId",
        "/service/resourceRole",
        "/service/detection/sequence/uid",
        "/resource/resourceType",
        "/resource/instanceDetails/instanceId",
        "/resource/accessKeyDetails/userName",
        "/resource/accessKeyDetails/userType",
        "/resource/accessKeyDetails/accessKeyId",
    ] {
        let (mine, other) = (ours.pointer(path), theirs.pointer(path));
        if mine.and_then(Value::as_str).unwrap_or_default()
            != other.and_then(Value::as_str).unwrap_or_default()
        {
            return Some(format!("{} differs", path.trim_start_matches('/').replace('/', ".")));
        }
    }
    // What an attack sequence names is what would be contained.
    for (list, name) in [("resources", "/uid"), ("actors", "/user/name")] {
        let named = |document: &Value| -> BTreeSet<String> {
            let items = document["service"]["detection"]["sequence"][list].as_array();
            let names = items.into_iter().flatten().filter_map(|item| item.pointer(name)?.as_str());
            names.map(str::to_owned).collect()
        };
        if named(ours) != named(theirs) {
            return Some(format!("service.detection.sequence.{list} differs"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_that_guardduty_tells_otherwise_is_not_acted_on() {
        let ours = json!({"type": "T", "accountId": "111122223333", "severity": 8.0,
            "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": "i-1"}}});
        assert_eq!(difference(&ours, &ours), None);
        let mut forged = ours.clone();
        forged["resource"]["instanceDetails"]["instanceId"] = json!("i-2");
        assert_eq!(
            difference(&forged, &ours).unwrap(),
            "resource.instanceDetails.instanceId differs"
        );
        let mut archived = ours.clone();
        archived["service"] = json!({"archived": true});
        assert_eq!(difference(&ours, &archived).unwrap(), "the finding is archived");
        // Who did it to whom, and what an attack sequence names, decide what is contained.
        let sequence = |uid: &str, user: &str| {
            json!({"service": {"resourceRole": "ACTOR", "detection": {"sequence": {"uid": "s",
                "resources": [{"uid": uid}], "actors": [{"user": {"name": user}}]}}}})
        };
        let theirs = sequence("i-1", "ada");
        assert_eq!(difference(&sequence("i-1", "ada"), &theirs), None);
        let mut target = theirs.clone();
        target["service"]["resourceRole"] = json!("TARGET");
        for (forged, path) in [
            (target, "service.resourceRole differs"),
            (sequence("i-2", "ada"), "service.detection.sequence.resources differs"),
            (sequence("i-1", "eve"), "service.detection.sequence.actors differs"),
        ] {
            assert_eq!(difference(&forged, &theirs).unwrap(), path);
        }
    }

    #[test]
    fn scripts_see_decimals_as_text() {
        assert_eq!(decimals_as_text(json!({"a": [7.5, 8]})), json!({"a": ["7.5", 8]}));
    }
}
