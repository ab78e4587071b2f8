//! What people say to a run, in its order: a clock may stand still or go back. When it was said is kept
//! beside it, for what was said binds for a while; and to which question, for an answer is about no other.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::AnyConnection;

use super::row::{Cells, micros};
use super::{ApprovalState, Store, StoreError, runs};
use crate::case::{self, Because, RunState};
use crate::id::{CaseId, RunId};
use crate::timeline::{Entry, Kind};

/// What people say to a run. Its place among all that they ever said is kept: the last one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Enough of them agreed to a question of it.
    Yes,
    /// One of them did not.
    No,
    /// It is to be taken back.
    Undo,
}

impl Word {
    fn label(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Undo => "undo",
        }
    }
}

/// Keeps what was said to a run at `at`, after all that was said before. `step`: whose question it
/// answers; `None`: it is about all that the run did.
pub(super) async fn say(
    connection: &mut AnyConnection,
    run: &RunId,
    word: Word,
    step: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO words (n, run, word, step, said_at) \
         VALUES ((SELECT COALESCE(MAX(n), 0) + 1 FROM words), $1, $2, $3, $4)",
    )
    .bind(run.as_str())
    .bind(word.label())
    .bind(step)
    .bind(micros(at))
    .execute(connection)
    .await?;
    Ok(())
}

/// Who said what a run is asked about because of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The case of the run to which it was said.
    pub case: CaseId,
    /// The person.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The reason that they gave, if they gave one.
    pub reason: Option<String>,
    /// Whether it was done as well as said: an undo may be under way, or have failed.
    pub done: bool,
}

impl Store {
    /// Who said to a run what `because` is, when, and why; `None`: nobody wrote it down. Of several undos it
    /// is the last that took anything back.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn said(&self, because: &Because) -> Result<Option<Said>, StoreError> {
        match because.word {
            case::Word::No => self.said_no(because).await,
            case::Word::Undo => self.said_undo(&because.run).await,
        }
    }

    async fn said_no(&self, because: &Because) -> Result<Option<Said>, StoreError> {
        let place = because.place.map(|place| i64::try_from(place).unwrap_or(i64::MAX));
        let row = sqlx::query("SELECT step FROM words WHERE n = $1 AND run = $2");
        let row = row.bind(place).bind(because.run.as_str());
        let row = row.fetch_optional(self.readers()).await?;
        let step = row.map(|row| row.text_or_none("step")).transpose()?.flatten();
        let questions = self.approvals_of(&because.run).await?;
        let denied = questions.iter().filter(|row| {
            row.state == ApprovalState::Denied && step.as_ref().is_none_or(|step| *step == row.step)
        });
        // One no settles a question, so it is the last that was said to it.
        let said = denied.filter_map(|row| {
            let last = row.decisions.last()?;
            let text = |name: &str| last.get(name).and_then(Value::as_str);
            Some(Said {
                case: row.case.clone(),
                by: text("by")?.to_owned(),
                at: text("at")?.parse().ok()?,
                reason: text("reason").filter(|reason| !reason.is_empty()).map(str::to_owned),
                done: true,
            })
        });
        Ok(said.max_by_key(|said| said.at))
    }

    async fn said_undo(&self, run: &RunId) -> Result<Option<Said>, StoreError> {
        // In the order in which it was said: a clock may have gone back since.
        let row = sqlx::query(
            "SELECT u.* FROM runs u LEFT JOIN words w \
             ON w.run = u.undoes AND w.word = 'undo' AND w.said_at = u.requested_at \
             WHERE u.undoes = $1 ORDER BY CASE u.state WHEN 'succeeded' THEN 0 ELSE 1 END, \
             COALESCE(w.n, 0) DESC, u.requested_at DESC, u.id DESC LIMIT 1",
        );
        let row = row.bind(run.as_str()).fetch_optional(self.readers()).await?;
        let Some(undo) = row.as_ref().map(runs::from_row).transpose()? else { return Ok(None) };
        let requested = self.first_entry(&undo.case, &undo.id, Kind::RunRequested).await?;
        let entry = requested.and_then(|stored| Entry::parse(&stored.bytes).ok());
        let reason = entry.and_then(|entry| Some(entry.body.get("reason")?.as_str()?.to_owned()));
        let done = undo.state == RunState::Succeeded;
        let (by, at) = (undo.requested_by, undo.requested_at);
        Ok(Some(Said { case: undo.case, by, at, reason, done }))
    }
}
