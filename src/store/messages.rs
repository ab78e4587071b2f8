//! What people are still to be told: written in the transaction that makes it necessary, sent when that
//! is on disk, and kept until it arrived.
//!
//! A message may be sent twice, when a process dies between the two; it is never lost.
//!
//! Some are necessary because of nobody but the sender of a finding: those about a finding without a run,
//! and those of a run that answers a finding and only observes, or that GuardDuty did not confirm. These
//! are `gathered`: all else is sent before them, and beyond a few they are sent together. A question,
//! what a confirmed run says, and a run that a person asked for are not.

mod gathered;

pub use gathered::Gathered;

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::id::{CaseId, RunId};
use crate::routing::Mode;
use crate::timeline::Draft;

use super::approvals::ApprovalState;
use super::batch::Batch;
use super::chain::Chain;
use super::row::{Cells, micros};
use super::runs::SERVICE;
use super::writer::Turn;
use super::{RunKind, Store, StoreError};

/// The longest that a message about a case waits for its next attempt, and that a claim may last: what
/// is due later than that was put there by a clock that was ahead.
pub const MESSAGE_WAIT_MAX: SignedDuration = SignedDuration::from_mins(5);

/// The shortest time between two messages of what could not be read: a sender that is set up wrong sends
/// every minute, and whoever is on call has to see it once and needs the night for what is contained.
pub(super) const TOLD_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// How far the clocks of two processes may be apart before one takes the other's for wrong.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(1);

/// A message to write down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// What it is about: no other message ever has this id. Receivers are given it.
    pub id: String,
    /// The run that says it.
    pub run: Option<RunId>,
    /// The channel.
    pub channel: String,
    /// The words, cut to what a message may hold: they may repeat hostile text.
    pub text: String,
    /// When it is due: now, or for what could not be read, within the hour.
    pub at: Timestamp,
}

/// A message that is to be sent, and that nobody else sends until `due_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// What it is about.
    pub id: String,
    /// Its case; `None`: it tells of what could not be read.
    pub case: Option<CaseId>,
    /// The run that says it.
    pub run: Option<RunId>,
    /// The channel.
    pub channel: String,
    /// The words.
    pub text: String,
    /// When it was written; where the clock was ahead then, when that was seen.
    pub created_at: Timestamp,
    /// How often it did not arrive so far.
    pub attempts: u32,
    /// Until when it is the claimer's.
    pub due_at: Timestamp,
    /// Whether nobody but the sender of a finding makes it necessary.
    pub gathered: bool,
    /// Where it puts a question: what had become of that when the message was claimed. What is no longer
    /// pending never is again.
    pub question: Option<ApprovalState>,
}

/// A finding that nothing acts on, of which people are told.
pub(super) struct Unanswered<'a> {
    pub(super) case: &'a CaseId,
    /// Where the finding was received.
    pub(super) seq: u64,
    pub(super) channel: &'a str,
    pub(super) text: &'a str,
    pub(super) at: Timestamp,
    /// Its band of severity, from 0 for none: people are told of each once a case.
    pub(super) band: i64,
}

/// Writes a message of this case, if it is about one.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    case: Option<&CaseId>,
    message: NewMessage,
) -> Result<(), StoreError> {
    // Only here it is known whether the run is confirmed: that may be written in this transaction.
    let query = sqlx::query(
        "INSERT INTO messages \
         (id, case_id, run, channel, text, created_at, attempts, due_at, gathered) \
         VALUES ($1, $2, $3, $4, $5, $6, 0, $6, (SELECT COUNT(*) FROM runs WHERE runs.id = $3 \
         AND runs.kind = $7 AND runs.requested_by = $8 \
         AND (runs.mode = $9 OR runs.confirmed = 0)))",
    );
    query
        .bind(message.id)
        .bind(case.map(CaseId::as_str))
        .bind(message.run.as_ref().map(RunId::as_str))
        .bind(message.channel)
        .bind(message.text)
        .bind(micros(message.at))
        .bind(RunKind::Runbook.label())
        .bind(SERVICE)
        .bind(Mode::Observe.label())
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives the message about no case that is due then, and that nobody has claimed yet, other words;
/// false: there is none (any more).
pub(super) async fn reword(
    connection: &mut AnyConnection,
    due: Timestamp,
    text: String,
) -> Result<bool, StoreError> {
    let query = sqlx::query(
        "UPDATE messages SET text = $2 \
         WHERE gathered = 0 AND due_at = $1 AND case_id IS NULL AND attempts = 0",
    );
    let query = query.bind(micros(due)).bind(text);
    Ok(query.execute(connection).await?.rows_affected() > 0)
}

/// Adds messages about findings that nothing acts on, each of another case: where people were told of
/// one in that case that is no less severe, none.
pub(super) fn unanswered(batch: &mut Batch, told: &[Unanswered<'_>]) {
    batch.rows(
        "WITH v (id, case_id, channel, text, at, band) AS (VALUES",
        told,
        ") INSERT INTO messages (id, case_id, channel, text, created_at, attempts, due_at, gathered) \
         SELECT v.id, v.case_id, v.channel, v.text, v.at, 0, v.at, 1 \
         FROM v JOIN cases ON cases.id = v.case_id WHERE cases.told IS NULL OR cases.told < v.band",
        |row, told| {
            row.bind(format!("{}/{}", told.case, told.seq))
                .bind(told.case.as_str())
                .bind(told.channel)
                .bind(told.text)
                .bind(micros(told.at))
                .bind(told.band);
        },
    );
    batch.rows(
        "WITH v (id, band) AS (VALUES",
        told,
        ") UPDATE cases SET told = v.band FROM v \
         WHERE cases.id = v.id AND (cases.told IS NULL OR cases.told < v.band)",
        |row, told| {
            row.bind(told.case.as_str()).bind(told.band);
        },
    );
}

impl Store {
    /// What people are still to be told of a case, the oldest first: what did not arrive, what waits to be
    /// sent with others, and what is being sent.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn untold(&self, case: &CaseId) -> Result<Vec<MessageRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT messages.*, NULL AS question FROM messages WHERE case_id = $1 \
             ORDER BY created_at, id",
        );
        let rows = rows.bind(case.as_str()).fetch_all(self.readers()).await?;
        rows.iter().map(from_row).collect()
    }

    /// Takes at most `max` messages that are due: until `until`, at most [`MESSAGE_WAIT_MAX`] ahead,
    /// nobody else gets them. Those that are gathered come last, and at most `alone` of them, so that a
    /// sender of forged findings delays no question. Of either, the oldest comes first. What is due later
    /// than it can have been meant to be is due now, so that a clock that was ahead delays nothing for
    /// longer.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn claim_messages(
        &self,
        now: Timestamp,
        until: Timestamp,
        max: u32,
        alone: u32,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let after = |wait| {
            let at = now.checked_add(wait).and_then(|at| at.checked_add(CLOCKS_APART));
            micros(at.unwrap_or(Timestamp::MAX))
        };
        let (late, later) = (after(MESSAGE_WAIT_MAX), after(TOLD_EVERY));
        let due = sqlx::query(
            "SELECT id FROM messages WHERE gathered = 0 AND due_at <= $1 \
             UNION ALL SELECT id FROM messages WHERE gathered IN (0, 1) AND due_at > $3 \
             UNION ALL SELECT id FROM messages \
             WHERE gathered IN (0, 1) AND due_at > $2 AND case_id IS NOT NULL \
             UNION ALL SELECT id FROM messages \
             WHERE gathered = $4 AND batch IS NULL AND due_at <= $1 LIMIT 1",
        );
        // No message has the second number: what may not be claimed is not found, either.
        let gathered = if alone > 0 { 1_i64 } else { -1 };
        let due = due.bind(micros(now)).bind(late).bind(later).bind(gathered);
        // Most looks find none; a read costs less than a transaction.
        if due.fetch_optional(self.readers()).await?.is_none() {
            return Ok(Vec::new());
        }
        self.write(Turn::Next, move |connection| {
            Box::pin(async move {
                let ahead = sqlx::query(
                    "UPDATE messages SET due_at = $1, \
                     created_at = CASE WHEN created_at > $1 THEN $1 ELSE created_at END \
                     WHERE gathered IN (0, 1) AND due_at > $2 \
                     AND (due_at > $3 OR case_id IS NOT NULL)",
                );
                let ahead = ahead.bind(micros(now)).bind(late).bind(later);
                ahead.execute(&mut *connection).await?;
                // Each half is read in the order of an index: after an outage many are due.
                let rows = sqlx::query(
                    "UPDATE messages SET due_at = $2 WHERE id IN (SELECT id FROM ( \
                     SELECT * FROM (SELECT id, due_at, created_at, 0 AS place FROM messages \
                     WHERE gathered = 0 AND due_at <= $1 \
                     ORDER BY due_at, created_at, id LIMIT $3) AS first UNION ALL \
                     SELECT * FROM (SELECT id, due_at, created_at, 1 AS place FROM messages \
                     WHERE gathered = 1 AND batch IS NULL AND due_at <= $1 \
                     ORDER BY due_at, created_at, id LIMIT $4) AS alone) AS due \
                     ORDER BY place, due_at, created_at, id LIMIT $3) RETURNING *, \
                     (SELECT state FROM approvals WHERE approvals.id = messages.id) AS question",
                )
                .bind(micros(now))
                .bind(micros(until))
                .bind(i64::from(max))
                .bind(i64::from(alone))
                .fetch_all(connection)
                .await?;
                let mut messages = rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
                messages.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
                Ok(messages)
            })
        })
        .await
    }

    /// Says what became of a message that was claimed, with an entry where there is a `note` and a case:
    /// it did not arrive and is due again at `again`, or `None`: it is no longer to be sent. Where
    /// another has claimed it meanwhile, nothing is written.
    ///
    /// # Errors
    /// When the database can't be written: it is sent again then.
    pub async fn settle_message(
        &self,
        message: &MessageRow,
        again: Option<Timestamp>,
        note: Option<Draft>,
    ) -> Result<(), StoreError> {
        let message = message.clone();
        self.write(Turn::Next, move |connection| {
            Box::pin(async move {
                let statement = match again {
                    Some(_) => {
                        "UPDATE messages SET due_at = $3, attempts = attempts + 1 \
                         WHERE id = $1 AND due_at = $2"
                    }
                    None => "DELETE FROM messages WHERE id = $1 AND due_at = $2",
                };
                let query = sqlx::query(statement).bind(message.id).bind(micros(message.due_at));
                let query = match again {
                    Some(at) => query.bind(micros(at)),
                    None => query,
                };
                if query.execute(&mut *connection).await?.rows_affected() == 0 {
                    return Ok(());
                }
                let (Some(note), Some(case)) = (note, message.case) else { return Ok(()) };
                let mut chain = Chain::of(connection, &case).await?;
                chain.append(&note)?;
                chain.save(connection).await.map(drop)
            })
        })
        .await
    }
}

fn from_row(row: &AnyRow) -> Result<MessageRow, StoreError> {
    let question = match row.text_or_none("question")? {
        Some(_) => Some(row.label("question", ApprovalState::from_label)?),
        None => None,
    };
    Ok(MessageRow {
        id: row.text("id")?,
        case: row.parsed_or_none("case_id")?,
        run: row.parsed_or_none("run")?,
        channel: row.text("channel")?,
        text: row.text("text")?,
        created_at: row.time("created_at")?,
        attempts: row.number("attempts")?,
        due_at: row.time("due_at")?,
        gathered: row.flag("gathered")?,
        question,
    })
}
