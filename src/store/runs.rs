//! Run rows: asking for a run, and what happens to it.

use jiff::Timestamp;
use std::collections::BTreeSet;

use serde_json::{Value, json};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::case::{RunEvent, RunState};
use crate::id::{AccountId, CaseId, Digest, Region, RunId, RunbookName};
use crate::routing::Mode;
use crate::timeline::{Actor, Draft, Kind};

use super::batch::Batch;
use super::chain::Chain;
use super::row::{Cells, micros, micros_or_none, named};
use super::words::{self, Word};
use super::{RunKind, RunRow, StoreError, blobs, targets};

/// Who asks for what findings start; no token may have this name.
pub const SERVICE: &str = "service";

/// A run to start.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// A fresh id.
    pub id: RunId,
    /// What it is.
    pub kind: RunKind,
    /// The runbook; for an undo, that of the run it takes back.
    pub runbook: RunbookName,
    /// The source's digest.
    pub hash: Digest,
    /// The source, stored as a blob. Empty: it was stored before.
    pub source: String,
    /// The host API's version.
    pub host_api: u32,
    /// How far it may go.
    pub mode: Mode,
    /// Checked parameters, without decimals.
    pub params: Value,
    /// The account it acts in.
    pub account: AccountId,
    /// The Region it acts in.
    pub region: Region,
    /// What runs exclude each other by, as `account/type/id`; `None` for a run that only observes.
    pub target: Option<String>,
    /// Who asked: `service` or a token's name.
    pub requested_by: String,
    /// The finding that it answers, as the digest of its document; `None`: what the case began with.
    /// The store sets it for what findings start.
    pub document: Option<Digest>,
    /// The resources and actors that an attack sequence names, whose params do not tell them; empty
    /// for every other finding.
    pub named: BTreeSet<String>,
    /// Why people must hear of how it ends, whatever that is: a genuine finding is only looked at, or
    /// goes on after its case was closed.
    pub unanswered: Option<String>,
    /// Whether GuardDuty is not asked whether it is genuine: it answers for other findings at once.
    pub confirmed: bool,
}

impl NewRun {
    /// The entry that asks for it. The store appends it where a commit does not bring it.
    #[must_use]
    pub fn requested(&self, at: Timestamp) -> Draft {
        let actor = match self.requested_by.as_str() {
            SERVICE => Actor::Service,
            person => Actor::Person(person.to_owned()),
        };
        let mut body = json!({
            "run": self.id,
            "runbook": self.runbook,
            "hash": named(&self.hash),
            "mode": self.mode.label(),
            "params": self.params,
            "account": self.account,
            "region": self.region,
            "target": self.target,
            "requested_by": self.requested_by,
            "kind": self.kind.label(),
            "host_api": self.host_api,
        });
        if let Some(why) = &self.unanswered {
            body["unanswered"] = json!(why);
        }
        Draft::new(at, actor, Kind::RunRequested, body)
    }
}

impl RunKind {
    /// The stored label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Runbook => "runbook",
            Self::Undo => "undo",
        }
    }

    /// The kind with this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        [Self::Runbook, Self::Undo].into_iter().find(|kind| kind.label() == label)
    }
}

/// Inserts a run of the chain's case, queued.
pub(super) async fn create(
    connection: &mut AnyConnection,
    chain: &Chain,
    mut run: NewRun,
    at: Timestamp,
) -> Result<(), StoreError> {
    let source = std::mem::take(&mut run.source).into_bytes();
    let mut batch = Batch::default();
    if !source.is_empty() {
        pinned(&run, &Digest::of(&source))?;
        blobs::put_all(&mut batch, [(&run.hash, source)]);
    }
    insert(&mut batch, [Asked { case: chain.case(), run: &run, at, told: None }]);
    batch.execute(&mut *connection).await?;
    match undoes(&run).map(str::parse) {
        Some(Ok(of)) => words::say(connection, &of, Word::Undo, None, at).await,
        _ => Ok(()),
    }
}

/// The run that an undo takes back; `None`: it is none.
fn undoes(run: &NewRun) -> Option<&str> {
    match run.kind {
        RunKind::Undo => run.params.get("of").and_then(Value::as_str),
        RunKind::Runbook => None,
    }
}

/// The pin is what a reader will look the source up by.
pub(super) fn pinned(run: &NewRun, source: &Digest) -> Result<(), StoreError> {
    if *source == run.hash {
        return Ok(());
    }
    Err(StoreError::conflict("the runbook's source does not have the hash of the run"))
}

/// A run that is asked for.
pub(super) struct Asked<'a> {
    pub(super) case: &'a CaseId,
    pub(super) run: &'a NewRun,
    pub(super) at: Timestamp,
    /// Of which severity it tells the people on call, in tenths; `None`: they are not told for this.
    pub(super) told: Option<u16>,
}

/// Adds runs, queued.
pub(super) fn insert<'a>(batch: &mut Batch, runs: impl IntoIterator<Item = Asked<'a>>) {
    batch.rows(
        "INSERT INTO runs (id, case_id, kind, runbook, hash, host_api, mode, state, params, account, \
         region, target, requested_by, requested_at, undoes, document, named, confirmed, told, contained, asks, released, \
         attempts, lease_epoch) VALUES",
        runs,
        "",
        |row, Asked { case, run, at, told }| {
            row.bind(run.id.as_str())
                .bind(case.as_str())
                .bind(run.kind.label())
                .bind(run.runbook.as_str())
                .bind(run.hash.as_str())
                .bind(i64::from(run.host_api))
                .bind(run.mode.label())
                .bind(RunState::Queued.label())
                .bind(run.params.to_string())
                .bind(run.account.as_str())
                .bind(run.region.as_str())
                .bind(run.target.as_deref())
                .bind(run.requested_by.as_str())
                .bind(micros(at))
                .bind(undoes(run))
                .bind(run.document.as_ref().map(Digest::as_str))
                .bind((!run.named.is_empty()).then(|| json!(run.named).to_string()))
                .bind(i64::from(run.confirmed))
                .bind(told.map(i64::from));
            for _ in ["contained", "asks", "released", "attempts", "lease_epoch"] {
                row.bind(0_i64);
            }
        },
    );
}

/// What happens to a run, and what becomes known of it.
pub(super) struct Moved {
    pub(super) at: Option<Timestamp>,
    pub(super) run: RunId,
    pub(super) event: RunEvent,
    pub(super) wake_at: Option<Timestamp>,
    pub(super) contained: bool,
    pub(super) summary: Option<String>,
    pub(super) code: Option<String>,
}

/// Moves a run whose fence was checked in this transaction: it is running. Returns where it is then.
pub(super) async fn advance(
    connection: &mut AnyConnection,
    moved: Moved,
) -> Result<RunState, StoreError> {
    if moved.event == RunEvent::Claimed {
        return Err(StoreError::conflict("a run is taken by a claim only"));
    }
    let state = RunState::Running.next(moved.event)?;
    // While a run is claimed, `wake_at` is set only by a decision that came in the meantime. It is
    // kept, or the decision would wait for a wake-up that never comes. And a park, or a stop, in order is
    // no death: only claims that end in a crash add up to a poisoned run.
    sqlx::query(
        "UPDATE runs SET state = $2, \
         wake_at = CASE WHEN $3 = 1 THEN NULL WHEN wake_at < $4 THEN wake_at \
         ELSE COALESCE($4, wake_at) END, \
         contained = CASE WHEN $5 = 1 THEN 1 ELSE contained END, \
         summary = COALESCE($6, summary), lease_owner = NULL, lease_until = NULL, \
         attempts = CASE WHEN $7 = 1 THEN 0 ELSE attempts END, preserves = $8, code = $9, \
         ended_at = CASE WHEN $3 = 1 THEN COALESCE($10, ended_at) ELSE ended_at END WHERE id = $1",
    )
    .bind(moved.run.as_str())
    .bind(state.label())
    .bind(i64::from(state.is_over()))
    .bind(micros_or_none(moved.wake_at))
    .bind(i64::from(moved.contained))
    .bind(moved.summary)
    .bind(i64::from(matches!(state, RunState::Parked | RunState::Queued)))
    .bind(i64::from(moved.event == RunEvent::Preserving))
    .bind(moved.code)
    .bind(micros_or_none(moved.at))
    .execute(&mut *connection)
    .await?;
    if state.is_over() {
        targets::free_all(connection, &moved.run).await?;
    }
    Ok(state)
}

/// A run's facts are pinned: what it was asked for counts from now on.
pub(super) async fn confirm(connection: &mut AnyConnection, run: &RunId) -> Result<(), StoreError> {
    sqlx::query("UPDATE runs SET confirmed = 1 WHERE id = $1")
        .bind(run.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// A run asks as long as one of its questions is open.
pub(super) async fn refresh_asks(
    connection: &mut AnyConnection,
    run: &RunId,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE runs SET asks = CASE WHEN EXISTS \
         (SELECT 1 FROM approvals WHERE approvals.run = runs.id AND approvals.state = 'pending') \
         THEN 1 ELSE 0 END WHERE id = $1",
    )
    .bind(run.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that an undo gave back something of a run of the chain's case.
pub(super) async fn lift(
    connection: &mut AnyConnection,
    chain: &Chain,
    run: &RunId,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE runs SET lifted = 1 WHERE id = $1 AND case_id = $2")
        .bind(run.as_str())
        .bind(chain.case().as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes when a look last verified a containment of a run.
pub(super) async fn looked(
    connection: &mut AnyConnection,
    run: &RunId,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE runs SET looked_at = $2 WHERE id = $1")
        .bind(run.as_str())
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Marks a run of the chain's case as taken back.
pub(super) async fn release(
    connection: &mut AnyConnection,
    chain: &Chain,
    run: &RunId,
) -> Result<(), StoreError> {
    let updated = sqlx::query("UPDATE runs SET released = 1 WHERE id = $1 AND case_id = $2")
        .bind(run.as_str())
        .bind(chain.case().as_str())
        .execute(connection)
        .await?;
    if updated.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

/// Makes a run that waits due at `at`.
pub(super) async fn wake(
    connection: &mut AnyConnection,
    run: &RunId,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE runs SET wake_at = $2 WHERE id = $1")
        .bind(run.as_str())
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(())
}

/// What a run is about, by name.
pub(super) fn names(row: &AnyRow) -> Result<BTreeSet<String>, StoreError> {
    match row.text_or_none("named")? {
        Some(text) => serde_json::from_str(&text)
            .map_err(|_| StoreError::Corrupt("what a run was about is no list".to_owned())),
        None => Ok(BTreeSet::new()),
    }
}

/// A run row.
pub(super) fn from_row(row: &AnyRow) -> Result<RunRow, StoreError> {
    Ok(RunRow {
        id: row.parsed("id")?,
        case: row.parsed("case_id")?,
        kind: row.label("kind", RunKind::from_label)?,
        runbook: row.parsed("runbook")?,
        hash: row.parsed("hash")?,
        host_api: row.number("host_api")?,
        mode: row.label("mode", Mode::from_label)?,
        state: row.label("state", RunState::from_label)?,
        params: row.json("params")?,
        account: row.parsed("account")?,
        region: row.parsed("region")?,
        target: row.text_or_none("target")?,
        requested_by: row.text("requested_by")?,
        requested_at: row.time("requested_at")?,
        wake_at: row.time_or_none("wake_at")?,
        contained: row.flag("contained")?,
        asks: row.flag("asks")?,
        released: row.flag("released")?,
        preserves: row.flag("preserves")?,
        attempts: row.number("attempts")?,
        summary: row.text_or_none("summary")?,
        code: row.text_or_none("code")?,
        document: row.parsed_or_none("document")?,
        named: names(row)?,
    })
}
