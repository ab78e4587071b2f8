//! What could not be parsed: the bytes and the reason are kept, and a repetition is counted. People are
//! told of it in the same transaction, but not of each: one wrong sender makes many.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::config::ON_CALL;
use crate::error::Code;
use crate::id::Digest;

use super::messages::{self, NewMessage, TOLD_EVERY};
use super::row::{Cells, micros};
use super::writer::Turn;
use super::{QuarantineRow, Store, StoreError, blobs};

/// What could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The bytes as they came.
    pub raw: Vec<u8>,
    /// Why, in words.
    pub reason: String,
    /// The error.
    pub code: Code,
    /// Which door it came through.
    pub source: String,
    /// When.
    pub at: Timestamp,
    /// What people are told of it, where they are.
    pub tells: String,
}

impl Store {
    /// Keeps bytes that are no finding. The first reason stands; further deliveries are counted, and
    /// nobody is told of them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when nothing was stored and the sender should try again.
    pub async fn quarantine(&self, kept: Unreadable) -> Result<Digest, StoreError> {
        self.write(Turn::First, move |connection| {
            Box::pin(async move {
                let Unreadable { raw, reason, code, source, at, tells } = kept;
                let digest = blobs::put(connection, raw).await?;
                let row = sqlx::query(
                    "INSERT INTO quarantine (raw, reason, code, source, received_at, seen)
                     VALUES ($1, $2, $3, $4, $5, 1)
                     ON CONFLICT (raw) DO UPDATE SET seen = quarantine.seen + 1 RETURNING seen",
                )
                .bind(digest.as_str())
                .bind(reason)
                .bind(code.number)
                .bind(source)
                .bind(micros(at))
                .fetch_one(&mut *connection)
                .await?;
                if row.number::<u64>("seen")? == 1 {
                    tell(connection, &digest, tells, at).await?;
                }
                Ok(digest)
            })
        })
        .await
    }

    /// The newest `limit` of what is in quarantine.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn quarantined(&self, limit: u32) -> Result<Vec<QuarantineRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT raw, reason, code, source, received_at, seen FROM quarantine \
             ORDER BY received_at DESC, raw DESC LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(from_row).collect()
    }

    /// What is in quarantine with these bytes; `None`: nothing.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn quarantined_as(&self, raw: &Digest) -> Result<Option<QuarantineRow>, StoreError> {
        let row = sqlx::query(
            "SELECT raw, reason, code, source, received_at, seen FROM quarantine WHERE raw = $1",
        )
        .bind(raw.as_str())
        .fetch_optional(self.readers())
        .await?;
        row.as_ref().map(from_row).transpose()
    }
}

/// Tells people of what is new in quarantine: at once, or where they were told less than [`TOLD_EVERY`]
/// ago, when that is over, of all that has come until then. Where the clock was put back by less than
/// that, it can't be known how long ago they were told: it counts as just now. By more, it counts as long
/// ago. So people neither hear of each document nor wait for the clock to come by.
async fn tell(
    connection: &mut AnyConnection,
    raw: &Digest,
    text: String,
    at: Timestamp,
) -> Result<(), StoreError> {
    // The write comes first: it takes the row from whoever else counts.
    let row = sqlx::query("UPDATE unreadable SET since = since + 1 RETURNING told_at, since")
        .fetch_one(&mut *connection)
        .await?;
    let (told_at, since) = (row.time_or_none("told_at")?, row.number::<u64>("since")?);
    let hour_after = |time: Timestamp| time.checked_add(TOLD_EVERY).unwrap_or(Timestamp::MAX);
    let due = match told_at {
        Some(due) if at < due && due.duration_since(at) <= TOLD_EVERY => {
            let text = with_others(&text, since, due);
            if messages::reword(connection, due, text).await? {
                return Ok(());
            }
            // It was sent, or is being sent, by a clock that was ahead of this one.
            hour_after(at)
        }
        Some(told) if told <= at && at.duration_since(told) < TOLD_EVERY => hour_after(told),
        _ => at,
    };
    sqlx::query("UPDATE unreadable SET told_at = $1, since = 1")
        .bind(micros(due))
        .execute(&mut *connection)
        .await?;
    // Each document is told of once, so no other message ever has this id.
    let (id, channel) = (format!("quarantine/{raw}"), ON_CALL.to_owned());
    let message = NewMessage { id, run: None, channel, text, at: due };
    messages::insert(connection, None, message).await
}

/// The text about the last of `count` documents, where one message tells of all.
fn with_others(text: &str, count: u64, due: Timestamp) -> String {
    let others = count.saturating_sub(1);
    let word = if others == 1 { "other" } else { "others" };
    let began = due.checked_sub(TOLD_EVERY).unwrap_or(Timestamp::MIN);
    format!("{text}; and {others} {word} since {}", began.strftime("%Y-%m-%d %H:%MZ"))
}

fn from_row(row: &AnyRow) -> Result<QuarantineRow, StoreError> {
    Ok(QuarantineRow {
        raw: row.parsed("raw")?,
        reason: row.text("reason")?,
        code: row.text("code")?,
        source: row.text("source")?,
        received_at: row.time("received_at")?,
        seen: row.number("seen")?,
    })
}
