//! Picking a run up, for the first time or after a crash: its log, its script, its pinned facts.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use thiserror::Error;

use super::Env;
use super::confirm::{Unconfirmed, confirm};
use super::held::held_later;
use super::journal::Writer;
use super::needless::answered_by;
use super::once_more::taken_back_before;
use super::record::{RecordError, json_blob, log_from, verified};
use super::replay::RunLog;
use super::script::Script;
use super::undo;
use crate::error::Code;
use crate::id::{Digest, RunId};
use crate::runbook::{Facts, HOST_API};
use crate::store::{Effect, RunKind, RunRow, StoreError};
use crate::timeline::{Draft, Entry};

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
    /// Another run has come to answer what it was asked for.
    #[error("{by} answers it")]
    Needless {
        /// The other run.
        by: RunId,
    },
    /// A person is needed.
    #[error("{code}: {reason}")]
    Halt {
        /// Its number.
        code: Code,
        /// Why.
        reason: String,
    },
}

impl From<RecordError> for StartError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) => Self::Store(error),
            RecordError::Corrupt(reason) => Self::Halt { code: Code::STORE_CORRUPT, reason },
        }
    }
}

impl From<Unconfirmed> for StartError {
    fn from(error: Unconfirmed) -> Self {
        match error {
            Unconfirmed::Later => Self::Later,
            Unconfirmed::Halt { code, reason } => Self::Halt { code, reason },
        }
    }
}

/// Picks the run up: pins its facts if this is the first time.
///
/// # Errors
/// When the store fails, or the run needs a person.
pub async fn start(env: &Env, run: &RunRow, writer: &Writer) -> Result<Started, StartError> {
    let mut begun = Begun::default();
    let entries = verified(env, &run.case).await?;
    let mut log = log_from(env, &run.id, &entries).await?;
    if run.kind == RunKind::Undo {
        return start_undo(env, run, writer, log, entries).await;
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
            if let Some(by) = answered_by(env, run).await? {
                return Err(StartError::Needless { by });
            }
            let facts = facts(env, run).await?;
            let confirmed = confirm(env, run, &runbook.header, &facts["finding"]).await?;
            begun = pin(env, writer, &mut log, &facts, &confirmed);
            facts
        }
    };
    let params = run.params.as_object().cloned().unwrap_or_else(Map::new);
    let facts = Arc::new(Facts { case: facts, params, mode: run.mode });
    Ok(Started { log, script: Script::Runbook(runbook, facts), begun })
}

/// Picks an undo up. What it takes back is pinned, too, as far as the timeline went when it began: its
/// run may go on with its evidence meanwhile, and that is not taken from under it.
async fn start_undo(
    env: &Env,
    run: &RunRow,
    writer: &Writer,
    mut log: RunLog,
    mut entries: Vec<Entry>,
) -> Result<Started, StartError> {
    let revive = undo::revives(run);
    let of: RunId = serde_json::from_value(run.params.get("of").cloned().unwrap_or_default())
        .map_err(|error| halt(Code::STORE_CORRUPT, &format!("the undo names no run: {error}")))?;
    let row = env.store.run(&of).await?.ok_or(StoreError::NotFound)?;
    let mut begun = Begun::default();
    let pinned = match &log.facts {
        Some(digest) => json_blob(env, digest).await?,
        None => {
            if row.released
                && !revive
                && let Some(reason) = taken_back_before(env, &row).await?
            {
                return Err(halt(Code::CONFLICT, &reason));
            }
            // It has gone on since it was asked for; from now on it takes up nothing more.
            if !undo::may_begin(&row) {
                return Err(StartError::Later);
            }
            if let Some(reason) = held_later(env, &of, revive).await? {
                return Err(halt(Code::CONFLICT, &reason));
            }
            let (until, preserving) = (entries.len(), !row.state.is_over());
            let pinned =
                json!({"of": of, "revive": revive, "until": until, "preserving": preserving});
            begun = pin(env, writer, &mut log, &pinned, "not needed: an undo");
            pinned
        }
    };
    let until = pinned["until"].as_u64().and_then(|until| usize::try_from(until).ok());
    entries.truncate(until.unwrap_or(usize::MAX));
    let mut original = RunLog::fold(&of, &entries).map_err(RecordError::from)?;
    if pinned["preserving"] == true {
        original.steps.retain(|step| !step.preserves());
    }
    let script = Script::Undo(undo::restores(&original, revive, row.released));
    Ok(Started { log, script, begun })
}

fn halt(code: Code, reason: &str) -> StartError {
    StartError::Halt { code, reason: reason.to_owned() }
}

/// `run.started` with the facts, which are the same at every replay from now on. It is written with
/// the first step that is asked for: before that, nothing follows from it.
fn pin(env: &Env, writer: &Writer, log: &mut RunLog, facts: &Value, confirmed: &str) -> Begun {
    let bytes = facts.to_string().into_bytes();
    let digest = Digest::of(&bytes);
    let entries = vec![writer.started(env.clock.now(), &digest, confirmed)];
    log.facts = Some(digest);
    (entries, vec![Effect::Blob(bytes), Effect::Confirm])
}

/// What the script sees of its case.
///
/// # Errors
/// When the store fails.
pub async fn facts(env: &Env, run: &RunRow) -> Result<Value, StoreError> {
    let case = env.store.case(&run.case).await?.ok_or(StoreError::NotFound)?;
    // The finding that it answers; a run by hand has what the case began with.
    let answered = match &run.document {
        Some(_) => env.store.answered(run).await?,
        None => env.store.finding_document(&run.case).await?,
    };
    let finding: Value = answered.unwrap_or(Value::Null);
    // The case has those of the finding that opened it; a script speaks of the one that it answers.
    let text =
        |name: &str| finding.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let severity = finding.get("severity").and_then(Value::as_f64).map(|it| format!("{it:.1}"));
    let of_case = || case.severity.map(|tenths| crate::finding::Severity(tenths).to_string());
    Ok(json!({
        "id": case.id,
        "title": text("title").unwrap_or(&case.title),
        "type": text("type").unwrap_or(&case.finding_type),
        "severity": severity.or_else(of_case),
        "account": run.account,
        "region": run.region,
        "finding": decimals_as_text(finding),
    }))
}

/// Scripts and entries know no fractions: a decimal becomes text, as the timeline stores it. So does
/// every severity: GuardDuty writes `8` as well as `8.0`, and a script must not find a number at times.
fn decimals_as_text(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_none() => Value::String(number.to_string()),
        Value::Array(items) => Value::Array(items.into_iter().map(decimals_as_text).collect()),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| match value.as_i64() {
                    Some(whole) if key == "severity" => (key, json!(format!("{whole}.0"))),
                    _ => (key, decimals_as_text(value)),
                })
                .collect(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_see_decimals_as_text() {
        assert_eq!(decimals_as_text(json!({"a": [7.5, 8]})), json!({"a": ["7.5", 8]}));
        for severity in [json!(8), json!(8.0), json!("8.0")] {
            let finding = json!({"list": [{"severity": severity}]});
            assert_eq!(decimals_as_text(finding), json!({"list": [{"severity": "8.0"}]}));
        }
    }
}
