//! What people say to a run, in its order: a clock may stand still or go back. When it was said is kept
//! beside it, for what was said binds for a while; and to which question, for an answer is about no other.

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::StoreError;
use super::row::micros;
use crate::id::RunId;

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
