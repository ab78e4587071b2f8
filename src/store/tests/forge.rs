//! What somebody does who can write the database file, past every guard of it.

use crate::id::CaseId;
use crate::store::writer::Turn;
use crate::store::{Store, StoreError};

impl Store {
    /// Puts `to` in place of `from` in the entries of a case.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn falsify(&self, case: &CaseId, from: &str, to: &str) -> Result<(), StoreError> {
        let (case, from, to) = (case.to_string(), from.to_owned(), to.to_owned());
        self.write(Turn::Next, move |connection| {
            Box::pin(async move {
                let forged = "UPDATE entries SET bytes = REPLACE(bytes, $2, $3) WHERE case_id = $1";
                sqlx::query("DROP TRIGGER entries_never_change").execute(&mut *connection).await?;
                sqlx::query(forged).bind(case).bind(from).bind(to).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    /// Has the timeline of a case begin anew, so that it takes no further entry.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn behead(&self, case: &CaseId) -> Result<(), StoreError> {
        let case = case.to_string();
        self.write(Turn::Next, move |connection| {
            Box::pin(async move {
                let forged = "UPDATE heads SET length = 0 WHERE case_id = $1";
                sqlx::query(forged).bind(case).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }
}
