//! Finding rows: the newest version of each finding, every version, and the case they count on.
//!
//! Plain reads and writes; what a version means is decided in `accept`.

use sqlx::AnyConnection;

use crate::case::{Closed, Disposition, Known, OpenCase, Version};
use crate::id::{AccountId, CaseId, Digest, Region};

use super::row::{Cells, integer, micros, micros_or_none};
use super::{Acceptance, StoreError};

fn account_key(incoming: &Acceptance) -> &str {
    incoming.account.as_ref().map_or("", AccountId::as_str)
}

fn region_key(incoming: &Acceptance) -> &str {
    incoming.region.as_ref().map_or("", Region::as_str)
}

/// What is stored of the incoming finding.
pub(super) async fn known(
    connection: &mut AnyConnection,
    incoming: &Acceptance,
) -> Result<Option<Known>, StoreError> {
    let row = sqlx::query(
        "SELECT f.case_id, f.updated_at, f.count, f.archived, f.content, c.closed, c.closed_at \
         FROM findings f JOIN cases c ON c.id = f.case_id \
         WHERE f.account = $1 AND f.region = $2 AND f.finding = $3",
    )
    .bind(account_key(incoming))
    .bind(region_key(incoming))
    .bind(incoming.finding_id.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let same = sqlx::query(
        "SELECT content FROM finding_versions \
         WHERE account = $1 AND region = $2 AND finding = $3 AND content = $4",
    )
    .bind(account_key(incoming))
    .bind(region_key(incoming))
    .bind(incoming.finding_id.as_str())
    .bind(incoming.version.content.as_str())
    .fetch_optional(connection)
    .await?;
    let newest = Version {
        updated_at: row.time_or_none("updated_at")?,
        count: row.number("count")?,
        archived: row.flag("archived")?,
        content: row.parsed("content")?,
    };
    let closed =
        if row.flag("closed")? { Closed::At(row.time_or_none("closed_at")?) } else { Closed::No };
    Ok(Some(Known { case: row.parsed("case_id")?, closed, newest, same_content: same.is_some() }))
}

/// The newest case with this correlation key.
pub(super) async fn newest_case(
    connection: &mut AnyConnection,
    correlation: &str,
) -> Result<Option<OpenCase>, StoreError> {
    let row = sqlx::query(
        "SELECT id, last_finding_at, closed FROM cases WHERE correlation = $1 \
         ORDER BY last_finding_at DESC, id DESC LIMIT 1",
    )
    .bind(correlation)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(OpenCase {
        case: row.parsed("id")?,
        last_finding: row.time("last_finding_at")?,
        closed: row.flag("closed")?,
    }))
}

/// Counts a version on its case. Severity only rises; a duplicate or stale version is not the newest.
pub(super) async fn count_case(
    connection: &mut AnyConnection,
    case: &CaseId,
    incoming: &Acceptance,
    disposition: &Disposition,
) -> Result<(), StoreError> {
    let newest = matches!(
        disposition,
        Disposition::Joined(_) | Disposition::Updated(_) | Disposition::Reopened(_)
    );
    sqlx::query(
        "UPDATE cases SET findings = findings + 1, \
         severity = CASE WHEN severity IS NULL OR severity < $2 THEN COALESCE($2, severity) ELSE severity END, \
         last_finding_at = CASE WHEN $3 = 1 AND last_finding_at < $4 THEN $4 ELSE last_finding_at END \
         WHERE id = $1",
    )
    .bind(case.as_str())
    .bind(incoming.severity.map(i64::from))
    .bind(i64::from(newest))
    .bind(micros(incoming.now))
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts a delivery of the finding; returns how many there were.
pub(super) async fn count_finding(
    connection: &mut AnyConnection,
    incoming: &Acceptance,
) -> Result<u64, StoreError> {
    sqlx::query(
        "UPDATE findings SET seen = seen + 1 \
         WHERE account = $1 AND region = $2 AND finding = $3 RETURNING seen",
    )
    .bind(account_key(incoming))
    .bind(region_key(incoming))
    .bind(incoming.finding_id.as_str())
    .fetch_optional(connection)
    .await?
    .ok_or(StoreError::NotFound)?
    .number("seen")
}

/// Keeps one version.
pub(super) async fn insert_version(
    connection: &mut AnyConnection,
    incoming: &Acceptance,
    raw: &Digest,
    document: &Digest,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO finding_versions \
         (account, region, finding, content, raw, document, source, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(account_key(incoming))
    .bind(region_key(incoming))
    .bind(incoming.finding_id.as_str())
    .bind(incoming.version.content.as_str())
    .bind(raw.as_str())
    .bind(document.as_str())
    .bind(incoming.source.as_str())
    .bind(micros(incoming.now))
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps a finding that was not known.
pub(super) async fn insert_finding(
    connection: &mut AnyConnection,
    incoming: &Acceptance,
    case: &CaseId,
    seq: u64,
    document: &Digest,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO findings (account, region, finding, case_id, first_seq, updated_at, count, \
         archived, content, document, seen)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1)",
    )
    .bind(account_key(incoming))
    .bind(region_key(incoming))
    .bind(incoming.finding_id.as_str())
    .bind(case.as_str())
    .bind(integer(seq))
    .bind(micros_or_none(incoming.version.updated_at))
    .bind(integer(incoming.version.count))
    .bind(i64::from(incoming.version.archived))
    .bind(incoming.version.content.as_str())
    .bind(document.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves a finding to a newer version.
pub(super) async fn update_finding(
    connection: &mut AnyConnection,
    incoming: &Acceptance,
    document: &Digest,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE findings SET updated_at = $4, count = $5, archived = $6, content = $7, document = $8 \
         WHERE account = $1 AND region = $2 AND finding = $3",
    )
    .bind(account_key(incoming))
    .bind(region_key(incoming))
    .bind(incoming.finding_id.as_str())
    .bind(micros_or_none(incoming.version.updated_at))
    .bind(integer(incoming.version.count))
    .bind(i64::from(incoming.version.archived))
    .bind(incoming.version.content.as_str())
    .bind(document.as_str())
    .execute(connection)
    .await?;
    Ok(())
}
