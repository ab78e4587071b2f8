//! Statements that go to the database at once: to cross to its thread and back costs more than a
//! small statement does.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Any, AnyConnection, Arguments as _, AssertSqlSafe, Encode, Type};

use super::{StoreError, dialect};

/// Rows of one statement: SQLite binds at most 32,766 values, PostgreSQL 65,535, and the widest row
/// takes 21.
const ROWS_MAX: usize = 1000;

/// Bytes of a text that is worth keeping prepared. Longer ones are of groups, and hardly any two
/// groups are of the same size; a hundred of them would take megabytes.
const KEPT_MAX: usize = 4096;

/// Statements with their values, carried out in the order in which they were added.
#[derive(Default)]
pub(super) struct Batch {
    text: String,
    values: AnyArguments,
    /// A value that has no form for the database.
    odd: Option<String>,
}

/// A row of values that is being added.
pub(super) struct Row<'b> {
    batch: &'b mut Batch,
    first: bool,
}

impl Batch {
    /// Adds a statement that begins with `head`, lists `rows` as `(…), (…)` and ends with `tail`; none
    /// for no rows, and several for more than [`ROWS_MAX`].
    pub(super) fn rows<T>(
        &mut self,
        head: &str,
        rows: impl IntoIterator<Item = T>,
        tail: &str,
        bind: impl Fn(&mut Row<'_>, T),
    ) {
        let mut count = 0;
        for row in rows {
            if count % ROWS_MAX == 0 {
                self.close(count, tail);
                self.text.push_str(if self.text.is_empty() { "" } else { "; " });
                self.text.push_str(head);
            }
            self.text.push_str(if count % ROWS_MAX == 0 { " (" } else { ", (" });
            bind(&mut Row { batch: self, first: true }, row);
            self.text.push(')');
            count += 1;
        }
        self.close(count, tail);
    }

    fn close(&mut self, count: usize, tail: &str) {
        if count > 0 {
            self.text.push_str(tail);
        }
    }

    /// Carries everything out; nothing, for no statements.
    ///
    /// # Errors
    /// The first statement's that fails. Those before it stand, until the transaction is rolled back.
    pub(super) async fn execute(self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        if !self.text.is_empty() {
            self.query()?.execute(connection).await?;
        }
        Ok(())
    }

    /// Carries everything out and returns the rows; none, for no statements.
    ///
    /// # Errors
    /// As [`Batch::execute`].
    pub(super) async fn fetch(
        self,
        connection: &mut AnyConnection,
    ) -> Result<Vec<AnyRow>, StoreError> {
        if self.text.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.query()?.fetch_all(connection).await?)
    }

    fn query(self) -> Result<sqlx::query::Query<'static, Any, AnyArguments>, StoreError> {
        if let Some(reason) = self.odd {
            return Err(StoreError::Corrupt(reason));
        }
        let kept = self.text.len() <= KEPT_MAX;
        Ok(sqlx::query_with(AssertSqlSafe(self.text), self.values).persistent(kept))
    }
}

impl Row<'_> {
    /// Adds the row's next value.
    pub(super) fn bind<'v, V>(&mut self, value: V) -> &mut Self
    where
        V: Encode<'v, Any> + Type<Any>,
    {
        if !std::mem::take(&mut self.first) {
            self.batch.text.push_str(", ");
        }
        if let Err(error) = self.batch.values.add(value) {
            self.batch.odd = Some(error.to_string());
        }
        dialect::placeholder(&mut self.batch.text, self.batch.values.len());
        self
    }
}
