//! What could not be parsed: the bytes and the reason are kept, and a repetition is counted. People are
//! told of it in the same transaction, but not of each: one wrong sender makes many.

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::config::ON_CALL;
use crate::error::Code;
use crate::id::Digest;

use super::messages::{self, NewMessage};
use super::row::{Cells, micros};
use super::writer::Turn;
use super::{QuarantineRow, Store, StoreError, blobs};

/// The shortest time between two messages: a sender that is set up wrong sends every minute, and whoever
/// is on call has to see it once and needs the night for what is contained.
const TOLD_EVERY: SignedDuration = SignedDuration::from_hours(1);

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

/// Tells people of what is new in quarantine, or counts it where they were told less than
/// [`TOLD_EVERY`] ago. A clock that was put back counts as long ago: nobody waits for it to come by.
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
    let told_at = row.time_or_none("told_at")?;
    let ago = told_at.map(|told_at| at.duration_since(told_at));
    if ago.is_some_and(|ago| (SignedDuration::ZERO..TOLD_EVERY).contains(&ago)) {
        return Ok(());
    }
    let others = row.number::<u64>("since")?.saturating_sub(1);
    let text = match told_at {
        Some(told_at) if others > 0 => {
            let word = if others == 1 { "other" } else { "others" };
            format!("{text}; and {others} {word} since {}", told_at.strftime("%Y-%m-%d %H:%MZ"))
        }
        _ => text,
    };
    sqlx::query("UPDATE unreadable SET told_at = $1, since = 0")
        .bind(micros(at))
        .execute(&mut *connection)
        .await?;
    let (id, channel) = (format!("quarantine/{raw}"), ON_CALL.to_owned());
    messages::insert(connection, None, NewMessage { id, run: None, channel, text, at }).await
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
