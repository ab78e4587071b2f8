//! Who said what stands against a run, when and why: for the question that people are asked because of it.

use jiff::Timestamp;
use serde_json::Value;

use super::row::Cells;
use super::{ApprovalState, Store, StoreError, runs};
use crate::case::{Against, Because, RunState};
use crate::id::{CaseId, RunId};
use crate::timeline::{Entry, Kind};

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
            Against::No => self.said_no(because).await,
            Against::Undo => self.said_undo(&because.run).await,
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
