//! Reading cases, timelines and runs. Reads go to the read connections and never wait for a write.

use serde_json::Value;
use sqlx::any::AnyRow;

use crate::case::Status;
use crate::finding::Severity;
use crate::id::{AccountId, CaseId, Digest, RunId};
use crate::timeline::{Head, Kind};

use super::row::{Cells, integer, micros};
use super::{
    CaseFilter, CaseRow, CaseSort, Page, RunRow, Store, StoreError, StoredEntry, cases, chain, runs,
};

/// Cases of one page, whatever is asked for: a page is built in memory.
pub const PAGE_MAX: u32 = 500;

macro_rules! select_case {
    ($($rest:expr),+) => {
        concat!(
            "SELECT c.id, c.status, c.title, c.finding_type, c.severity, c.account, c.region, ",
            "c.resource, c.correlation, c.opened_at, c.last_finding_at, c.contained_at, c.findings, ",
            "(SELECT COUNT(*) FROM findings f WHERE f.case_id = c.id) AS distinct_findings, ",
            "h.length, h.hash FROM cases c JOIN heads h ON h.case_id = c.id ",
            $($rest),+
        )
    };
}

/// Cases after a place in an order; the other places hold account, limit, statuses, least severity.
macro_rules! select_cases {
    ($after:literal, $order:literal) => {
        select_case!(
            "WHERE ",
            $after,
            " AND ($3 IS NULL OR c.account = $3) AND c.status IN ($5, $6, $7, $8, $9, $10, $11) \
             AND ($12 IS NULL OR c.severity >= $12) ORDER BY ",
            $order,
            " LIMIT $4"
        )
    };
}

impl Store {
    /// The case with this id.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn case(&self, id: &CaseId) -> Result<Option<CaseRow>, StoreError> {
        let row = sqlx::query(select_case!("WHERE c.id = $1"))
            .bind(id.as_str())
            .fetch_optional(self.readers())
            .await?;
        row.as_ref().map(cases::from_row).transpose()
    }

    /// Cases, at most `limit` and [`PAGE_MAX`] of them. Cases that are opened while somebody pages through
    /// the newest are on the first page only: no page shifts.
    ///
    /// # Errors
    /// [`StoreError::Cursor`] for a cursor that no page of this order gave.
    pub async fn cases(
        &self,
        filter: CaseFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<CaseRow>, StoreError> {
        let limit = limit.clamp(1, PAGE_MAX);
        // Before everything that there is: the first page.
        let Place { severity, at, id } = match cursor {
            None => Place { severity: i64::MAX, at: i64::MAX, id: String::new() },
            Some(cursor) => Place::parse(cursor, filter.sort)?,
        };
        let statement = match filter.sort {
            CaseSort::Newest => select_cases!(
                "(c.opened_at, c.id) < ($1, $2) AND CAST($13 AS BIGINT) IS NOT NULL",
                "c.opened_at DESC, c.id DESC"
            ),
            CaseSort::Severity => select_cases!(
                "(COALESCE(c.severity, -1), c.opened_at, c.id) < ($13, $1, $2)",
                "COALESCE(c.severity, -1) DESC, c.opened_at DESC, c.id DESC"
            ),
        };
        let mut query = sqlx::query(statement)
            .bind(at)
            .bind(id)
            .bind(filter.account.as_ref().map(AccountId::as_str))
            // One more than asked for says whether there is a next page.
            .bind(i64::from(limit) + 1);
        for status in seven(&filter.status) {
            query = query.bind(status.label());
        }
        let query = query.bind(filter.severity.map(|Severity(tenths)| i64::from(tenths)));
        let query = query.bind(severity);
        let rows = query.fetch_all(self.readers()).await?;
        let mut items = rows.iter().map(cases::from_row).collect::<Result<Vec<_>, _>>()?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| more).map(|case| Place::of(case).cursor(filter.sort));
        Ok(Page { items, next })
    }

    /// Entries of a case from `from` on, in order, at most `limit`.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn entries(
        &self,
        case: &CaseId,
        from: u64,
        limit: u32,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT seq, bytes, hash FROM entries WHERE case_id = $1 AND seq >= $2 ORDER BY seq LIMIT $3",
        )
        .bind(case.as_str())
        .bind(integer(from))
        .bind(i64::from(limit))
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(entry_from_row).collect()
    }

    /// The first entry of this kind that a run has in its case.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn first_entry(
        &self,
        case: &CaseId,
        run: &RunId,
        kind: Kind,
    ) -> Result<Option<StoredEntry>, StoreError> {
        let row = sqlx::query(
            "SELECT seq, bytes, hash FROM entries WHERE case_id = $1 AND run = $2 AND kind = $3 \
             ORDER BY seq LIMIT 1",
        )
        .bind(case.as_str())
        .bind(run.as_str())
        .bind(kind.label())
        .fetch_optional(self.readers())
        .await?;
        row.as_ref().map(entry_from_row).transpose()
    }

    /// The end of a case's timeline.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn head(&self, case: &CaseId) -> Result<Option<Head>, StoreError> {
        let row = sqlx::query("SELECT length, hash FROM heads WHERE case_id = $1")
            .bind(case.as_str())
            .fetch_optional(self.readers())
            .await?;
        row.as_ref().map(chain::head_from_row).transpose()
    }

    /// The run with this id.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn run(&self, id: &RunId) -> Result<Option<RunRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM runs WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(self.readers())
            .await?;
        row.as_ref().map(runs::from_row).transpose()
    }

    /// Whether anything of the run was taken back, or an undo of it is under way or done, which may have found
    /// nothing to give back: it takes up no containment any more.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn taken_back(&self, run: &RunId) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT id FROM runs WHERE id = $1 AND (released <> 0 OR lifted <> 0) \
             UNION ALL SELECT id FROM runs WHERE undoes = $1 \
             AND state IN ('queued', 'running', 'parked', 'succeeded') LIMIT 1",
        )
        .bind(run.as_str())
        .fetch_optional(self.readers())
        .await?;
        Ok(row.is_some())
    }

    /// Whether an undo of the run was asked for that takes back what keeps stolen credentials out, too.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn revived(&self, run: &RunId) -> Result<bool, StoreError> {
        let rows = sqlx::query("SELECT * FROM runs WHERE undoes = $1");
        let rows = rows.bind(run.as_str()).fetch_all(self.readers()).await?;
        let undos = rows.iter().map(runs::from_row).collect::<Result<Vec<_>, _>>()?;
        Ok(undos.iter().any(|undo| undo.params.get("revive") == Some(&Value::Bool(true))))
    }

    /// The runs of a case, in the order in which they were asked for.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn runs_of(&self, case: &CaseId) -> Result<Vec<RunRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM runs WHERE case_id = $1 ORDER BY requested_at, id")
            .bind(case.as_str())
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(runs::from_row).collect()
    }

    /// The runs that are not over, in the order in which they were asked for.
    ///
    /// # Errors
    /// When the database can't be read.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "tests ask it, to know when all runs are over")
    )]
    pub async fn runs_open(&self) -> Result<Vec<RunRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM runs WHERE state IN ('queued', 'running', 'parked') ORDER BY requested_at, id",
        )
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(runs::from_row).collect()
    }

    /// The normalised document of the finding that a run answers; `None` for one that a person asked for.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn answered(&self, run: &RunRow) -> Result<Option<Value>, StoreError> {
        let Some(digest) = &run.document else { return Ok(None) };
        let bytes = self.blob(digest).await?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// The normalised document of the newest version of the case's first finding; `None` for a case
    /// that was opened by hand.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn finding_document(&self, case: &CaseId) -> Result<Option<Value>, StoreError> {
        let row = sqlx::query(
            "SELECT document FROM findings WHERE case_id = $1 ORDER BY first_seq LIMIT 1",
        )
        .bind(case.as_str())
        .fetch_optional(self.readers())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let digest: Digest = row.parsed("document")?;
        let missing = || StoreError::Corrupt(format!("the document {digest} is missing"));
        let bytes = self.blob(&digest).await?.ok_or_else(missing)?;
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|_| StoreError::Corrupt(format!("the document {digest} is no JSON")))
    }
}

/// The wanted statuses, repeated to as many as the statement has places for. None wanted: all.
fn seven(wanted: &[Status]) -> impl Iterator<Item = Status> {
    let wanted = if wanted.is_empty() { &Status::ALL[..] } else { wanted };
    // A filter may name a status twice; each kind is enough once.
    let distinct: Vec<Status> =
        Status::ALL.into_iter().filter(|status| wanted.contains(status)).collect();
    (0..Status::ALL.len()).map(move |n| distinct[n % distinct.len()])
}

/// The place of a case among all.
struct Place {
    /// In tenths; -1: it has none.
    severity: i64,
    /// When it was opened.
    at: i64,
    id: String,
}

impl Place {
    fn of(case: &CaseRow) -> Self {
        let severity = case.severity.map_or(-1, i64::from);
        Self { severity, at: micros(case.opened_at), id: case.id.to_string() }
    }

    /// `at.id`, and before that the severity where that sorts.
    fn cursor(&self, sort: CaseSort) -> String {
        let Self { severity, at, id } = self;
        match sort {
            CaseSort::Newest => format!("{at}.{id}"),
            CaseSort::Severity => format!("{severity}.{at}.{id}"),
        }
    }

    fn parse(cursor: &str, sort: CaseSort) -> Result<Self, StoreError> {
        let number = |text: &str| text.parse().map_err(|_| StoreError::Cursor);
        let (severity, rest) = match sort {
            CaseSort::Newest => (i64::MAX, cursor),
            CaseSort::Severity => {
                let (severity, rest) = cursor.split_once('.').ok_or(StoreError::Cursor)?;
                (number(severity)?, rest)
            }
        };
        let (at, id) = rest.split_once('.').ok_or(StoreError::Cursor)?;
        let id: CaseId = id.parse().map_err(|_| StoreError::Cursor)?;
        Ok(Self { severity, at: number(at)?, id: id.into() })
    }
}

fn entry_from_row(row: &AnyRow) -> Result<StoredEntry, StoreError> {
    Ok(StoredEntry {
        seq: row.number("seq")?,
        bytes: row.text("bytes")?.into_bytes(),
        hash: row.parsed("hash")?,
    })
}
