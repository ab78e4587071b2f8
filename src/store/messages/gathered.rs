//! What is sent together: messages that nobody but the sender of a finding makes necessary, and whoever
//! may deliver findings can make any number of them.
//!
//! Which messages go out as one is written down before that is sent: it is the same, with the same id,
//! when it is sent again, also by the next process.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{MessageRow, from_row};
use crate::id::{CaseId, Digest};
use crate::store::batch::Batch;
use crate::store::chain::{self, Chain};
use crate::store::row::{Cells, micros};
use crate::store::writer::Turn;
use crate::store::{Store, StoreError};
use crate::timeline::Draft;

/// Messages that are sent as one, and that nobody else sends until they are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// What receivers know it by: no other messages ever have this id together.
    pub id: String,
    /// At least one, all to the same channel; those of the most severe cases first.
    pub messages: Vec<MessageRow>,
}

/// What is to be claimed together.
struct Chosen {
    id: String,
    /// Those that were together with no others before; empty: what was to be sent together already.
    fresh: Vec<String>,
}

impl Store {
    /// Takes messages that are sent as one: those that were taken together before and are due again, or
    /// where there are none at all, at most `fresh` that are due. Until `until` nobody else gets them.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn claim_gathered(
        &self,
        now: Timestamp,
        until: Timestamp,
        fresh: u32,
    ) -> Result<Option<Gathered>, StoreError> {
        let Some(chosen) = self.choose(now, fresh).await? else { return Ok(None) };
        self.write(Turn::Next, move |connection| {
            Box::pin(async move {
                let Chosen { id, fresh } = chosen;
                let mut batch = Batch::default();
                batch.rows(
                    "WITH v (id, batch, at) AS (VALUES",
                    &fresh,
                    ") UPDATE messages SET batch = v.batch FROM v WHERE messages.id = v.id \
                     AND messages.batch IS NULL AND messages.due_at <= v.at",
                    |row, message| {
                        row.bind(message.as_str()).bind(id.as_str()).bind(micros(now));
                    },
                );
                batch.execute(&mut *connection).await?;
                sqlx::query("UPDATE messages SET due_at = $3 WHERE batch = $1 AND due_at <= $2")
                    .bind(id.as_str())
                    .bind(micros(now))
                    .bind(micros(until))
                    .execute(&mut *connection)
                    .await?;
                let rows = sqlx::query(
                    "SELECT messages.*, \
                     (SELECT state FROM approvals WHERE approvals.id = messages.id) AS question \
                     FROM messages JOIN cases ON cases.id = messages.case_id \
                     WHERE messages.batch = $1 AND messages.due_at = $2 \
                     ORDER BY COALESCE(cases.severity, 0) DESC, messages.created_at, messages.id",
                )
                .bind(id.as_str())
                .bind(micros(until))
                .fetch_all(connection)
                .await?;
                let messages = rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
                Ok((!messages.is_empty()).then_some(Gathered { id, messages }))
            })
        })
        .await
    }

    /// What is to be claimed; `None`: nothing. It is read outside of the transaction: many may wait, and
    /// no index has the most severe of them first.
    async fn choose(&self, now: Timestamp, fresh: u32) -> Result<Option<Chosen>, StoreError> {
        let before = sqlx::query(
            "SELECT batch, due_at FROM messages WHERE batch IS NOT NULL ORDER BY due_at, batch LIMIT 1",
        );
        if let Some(row) = before.fetch_optional(self.readers()).await? {
            let chosen = Chosen { id: row.text("batch")?, fresh: Vec::new() };
            return Ok((row.time("due_at")? <= now).then_some(chosen));
        }
        if fresh == 0 {
            return Ok(None);
        }
        let oldest = sqlx::query(
            "SELECT channel FROM messages WHERE gathered = 1 AND due_at <= $1 ORDER BY due_at LIMIT 1",
        );
        let oldest = oldest.bind(micros(now)).fetch_optional(self.readers()).await?;
        let Some(oldest) = oldest else { return Ok(None) };
        let rows = sqlx::query(
            "SELECT messages.id FROM messages JOIN cases ON cases.id = messages.case_id \
             WHERE messages.gathered = 1 AND messages.due_at <= $1 AND messages.channel = $2 \
             ORDER BY COALESCE(cases.severity, 0) DESC, messages.created_at, messages.id LIMIT $3",
        )
        .bind(micros(now))
        .bind(oldest.text("channel")?)
        .bind(i64::from(fresh))
        .fetch_all(self.readers())
        .await?;
        let mut fresh = rows.iter().map(|row| row.text("id")).collect::<Result<Vec<_>, _>>()?;
        fresh.sort_unstable();
        let id = format!("gathered/{}", Digest::of(fresh.join("\n").as_bytes()));
        Ok((!fresh.is_empty()).then_some(Chosen { id, fresh }))
    }

    /// Says what became of messages that were claimed together, or of some of them, as `settle_message`
    /// does of one. There is a note, or none, for each of them.
    ///
    /// # Errors
    /// When the database can't be written: they are sent again then.
    pub async fn settle_gathered(
        &self,
        gathered: Gathered,
        again: Option<Timestamp>,
        notes: Vec<Option<Draft>>,
    ) -> Result<(), StoreError> {
        let Some(due_at) = gathered.messages.first().map(|message| message.due_at) else {
            return Ok(());
        };
        self.write(Turn::Next, move |connection| {
            Box::pin(async move {
                let ours = sqlx::query("SELECT id FROM messages WHERE batch = $1 AND due_at = $2");
                let ours = ours.bind(gathered.id).bind(micros(due_at));
                let ours = ours.fetch_all(&mut *connection).await?;
                let ours = ours.iter().map(|row| row.text("id")).collect::<Result<BTreeSet<_>, _>>()?;
                let settled = gathered.messages.into_iter().zip(notes);
                let settled: Vec<_> =
                    settled.filter(|(message, _)| ours.contains(&message.id)).collect();
                let mut batch = Batch::default();
                let tail = match again {
                    Some(_) => {
                        ") UPDATE messages SET due_at = v.at, attempts = messages.attempts + 1 FROM v \
                         WHERE messages.id = v.id"
                    }
                    None => ") DELETE FROM messages WHERE id IN (SELECT id FROM v)",
                };
                let at = micros(again.unwrap_or_default());
                batch.rows("WITH v (id, at) AS (VALUES", &settled, tail, |row, (message, _)| {
                    row.bind(message.id.as_str()).bind(at);
                });
                batch.execute(&mut *connection).await?;
                let mut chains: BTreeMap<CaseId, Chain> = BTreeMap::new();
                for (message, note) in settled {
                    let (Some(case), Some(note)) = (message.case, note) else { continue };
                    let chain = match chains.entry(case) {
                        Entry::Occupied(chain) => chain.into_mut(),
                        Entry::Vacant(place) => {
                            let chain = Chain::of(&mut *connection, place.key()).await?;
                            place.insert(chain)
                        }
                    };
                    chain.append(&note)?;
                }
                let mut batch = Batch::default();
                chain::put(&mut batch, &chains.values().collect::<Vec<_>>());
                batch.execute(connection).await
            })
        })
        .await
    }
}
