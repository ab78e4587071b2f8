//! Questions put to people, as rows. Who may answer what is in `decide`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::id::{ApprovalId, CaseId, Digest, RunId};

use super::row::{Cells, micros, micros_or_none};
use super::{Store, StoreError, runs};

/// One question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApprovalRow {
    /// Its id.
    pub id: ApprovalId,
    /// The case.
    pub case: CaseId,
    /// The run that waits.
    pub run: RunId,
    /// The step that asks; a run has one question per step.
    pub step: String,
    /// What a person is asked: hostile where it repeats the finding.
    pub question: String,
    /// The digest of what is approved: a decision names it, so that nobody approves what they did
    /// not see.
    pub hash: Digest,
    /// How many people must agree; 0 counts as 1.
    pub quorum: u32,
    /// Who asked for the run: this person can't approve it, only deny it.
    pub requested_by: String,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// From when on no answer counts; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// Where it is.
    pub state: ApprovalState,
    /// The decisions so far, each `{"at", "by", "grant", "reason"}`.
    pub decisions: Vec<Value>,
}

/// Where a question is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// It waits for people.
    Pending,
    /// Enough people agreed.
    Granted,
    /// One person said no.
    Denied,
    /// Nobody settled it in time.
    Expired,
    /// Another question asks for all of it and more, or its run is over.
    Withdrawn,
}

impl ApprovalState {
    /// The stored label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The state with this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        [Self::Pending, Self::Granted, Self::Denied, Self::Expired, Self::Withdrawn]
            .into_iter()
            .find(|state| state.label() == label)
    }
}

/// A person's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decide {
    /// The question.
    pub approval: ApprovalId,
    /// Who: a token's name.
    pub by: String,
    /// Yes or no.
    pub grant: bool,
    /// Why, in their words.
    pub reason: String,
    /// What they saw; must be the question's.
    pub hash: Digest,
    /// When.
    pub at: Timestamp,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, case_id, run, step, question, hash, quorum, requested_by, requested_at, ",
            "expires_at, state, decisions FROM approvals ",
            $rest
        )
    };
}

/// Inserts a question of `case`.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    case: &CaseId,
    row: ApprovalRow,
) -> Result<(), StoreError> {
    if row.case != *case || row.state != ApprovalState::Pending {
        return Err(StoreError::conflict("a question starts pending, in its own case"));
    }
    let run = row.run.clone();
    sqlx::query(
        "INSERT INTO approvals (id, case_id, run, step, question, hash, quorum, requested_by, \
         requested_at, expires_at, state, decisions)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(row.id.as_str())
    .bind(row.case.as_str())
    .bind(row.run.as_str())
    .bind(row.step)
    .bind(row.question)
    .bind(row.hash.as_str())
    .bind(i64::from(row.quorum))
    .bind(row.requested_by)
    .bind(micros(row.requested_at))
    .bind(micros_or_none(row.expires_at))
    .bind(row.state.label())
    .bind(Value::Array(row.decisions).to_string())
    .execute(&mut *connection)
    .await?;
    runs::refresh_asks(connection, &run).await
}

/// The question with this id, in the transaction.
pub(super) async fn find(
    connection: &mut AnyConnection,
    id: &ApprovalId,
) -> Result<ApprovalRow, StoreError> {
    let row =
        sqlx::query(select!("WHERE id = $1")).bind(id.as_str()).fetch_optional(connection).await?;
    from_row(&row.ok_or(StoreError::NotFound)?)
}

/// A run's questions that wait for people, in the transaction.
pub(super) async fn pending_of(
    connection: &mut AnyConnection,
    run: &RunId,
) -> Result<Vec<ApprovalRow>, StoreError> {
    let rows = sqlx::query(select!("WHERE run = $1 AND state = 'pending' ORDER BY id"))
        .bind(run.as_str())
        .fetch_all(connection)
        .await?;
    rows.iter().map(from_row).collect()
}

/// Stores what a decision changed.
pub(super) async fn update(
    connection: &mut AnyConnection,
    row: &ApprovalRow,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE approvals SET state = $2, decisions = $3 WHERE id = $1")
        .bind(row.id.as_str())
        .bind(row.state.label())
        .bind(Value::Array(row.decisions.clone()).to_string())
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// The question with this id.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn approval(&self, id: &ApprovalId) -> Result<Option<ApprovalRow>, StoreError> {
        let row = sqlx::query(select!("WHERE id = $1"))
            .bind(id.as_str())
            .fetch_optional(self.readers())
            .await?;
        row.as_ref().map(from_row).transpose()
    }

    /// Every question that waits, oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn approvals_pending(&self) -> Result<Vec<ApprovalRow>, StoreError> {
        let rows = sqlx::query(select!("WHERE state = 'pending' ORDER BY requested_at, id"))
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(from_row).collect()
    }

    /// Every question of a run, oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn approvals_of(&self, run: &RunId) -> Result<Vec<ApprovalRow>, StoreError> {
        let rows = sqlx::query(select!("WHERE run = $1 ORDER BY requested_at, id"))
            .bind(run.as_str())
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(from_row).collect()
    }
}

fn from_row(row: &AnyRow) -> Result<ApprovalRow, StoreError> {
    let Value::Array(decisions) = row.json("decisions")? else {
        return Err(StoreError::Corrupt("decisions holds no list".to_owned()));
    };
    Ok(ApprovalRow {
        id: row.parsed("id")?,
        case: row.parsed("case_id")?,
        run: row.parsed("run")?,
        step: row.text("step")?,
        question: row.text("question")?,
        hash: row.parsed("hash")?,
        quorum: row.number("quorum")?,
        requested_by: row.text("requested_by")?,
        requested_at: row.time("requested_at")?,
        expires_at: row.time_or_none("expires_at")?,
        state: row.label("state", ApprovalState::from_label)?,
        decisions,
    })
}
