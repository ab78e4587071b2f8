//! Finding rows: the newest version of each finding and every version that came.
//!
//! Plain reads and writes of a whole group; what a version means is decided in `accept`.

use sqlx::AnyConnection;

use crate::case::{Closed, Known, OpenCase, Version};
use crate::id::{AccountId, CaseId, Digest, Region};

use super::batch::{Batch, Row};
use super::row::{Cells, integer, micros, micros_or_none};
use super::{Acceptance, StoreError};

/// What there is that bears on a finding version.
pub(super) struct Stored {
    /// Its own finding.
    pub(super) known: Option<Known>,
    /// How often that was received.
    pub(super) seen: u64,
    /// The newest case with its correlation key.
    pub(super) open: Option<OpenCase>,
    /// The correlation key of the case that it is in, which another finding may have opened.
    pub(super) key: Option<String>,
}

fn account_key(incoming: &Acceptance) -> &str {
    incoming.account.as_ref().map_or("", AccountId::as_str)
}

fn region_key(incoming: &Acceptance) -> &str {
    incoming.region.as_ref().map_or("", Region::as_str)
}

/// What names the finding, whichever of its versions it is.
pub(super) fn identity(incoming: &Acceptance) -> (&str, &str, &str) {
    (account_key(incoming), region_key(incoming), incoming.finding_id.as_str())
}

fn bind_identity(row: &mut Row<'_>, incoming: &Acceptance) {
    let (account, region, finding) = identity(incoming);
    row.bind(account).bind(region).bind(finding);
}

/// Reads what there is for each of `wanted`, with its stored correlation key.
pub(super) async fn stored(
    connection: &mut AnyConnection,
    wanted: &[(&Acceptance, &str)],
) -> Result<Vec<Stored>, StoreError> {
    let mut batch = Batch::default();
    batch.rows(
        "WITH w (n, account, region, finding, content, correlation) AS (VALUES",
        wanted.iter().enumerate(),
        ") SELECT w.n, f.case_id, f.updated_at, f.count, f.archived, f.content, f.seen, \
         c.closed, c.closed_at, c.correlation AS case_key, v.content AS same, \
         o.id AS open_id, o.last_finding_at AS open_last, o.closed AS open_closed \
         FROM w LEFT JOIN findings f \
         ON f.account = w.account AND f.region = w.region AND f.finding = w.finding \
         LEFT JOIN cases c ON c.id = f.case_id \
         LEFT JOIN finding_versions v ON v.account = w.account AND v.region = w.region \
         AND v.finding = w.finding AND v.content = w.content \
         LEFT JOIN cases o ON o.id = (SELECT x.id FROM cases x \
         WHERE x.correlation = w.correlation ORDER BY x.last_finding_at DESC, x.id DESC LIMIT 1) \
         ORDER BY w.n",
        |row, (n, (incoming, correlation))| {
            row.bind(i64::try_from(n).unwrap_or(i64::MAX));
            bind_identity(row, incoming);
            row.bind(incoming.version.content.as_str()).bind(*correlation);
        },
    );
    let rows = batch.fetch(connection).await?;
    if rows.len() != wanted.len() {
        return Err(StoreError::Corrupt("a finding is stored more than once".to_owned()));
    }
    rows.iter().map(stored_from_row).collect()
}

fn stored_from_row(row: &sqlx::any::AnyRow) -> Result<Stored, StoreError> {
    let open = match row.parsed_or_none("open_id")? {
        None => None,
        Some(case) => Some(OpenCase {
            case,
            last_finding: row.time("open_last")?,
            closed: row.flag("open_closed")?,
        }),
    };
    let Some(case) = row.parsed_or_none("case_id")? else {
        return Ok(Stored { known: None, seen: 0, open, key: None });
    };
    let newest = Version {
        updated_at: row.time_or_none("updated_at")?,
        count: row.number("count")?,
        archived: row.flag("archived")?,
        content: row.parsed("content")?,
    };
    let closed =
        if row.flag("closed")? { Closed::At(row.time_or_none("closed_at")?) } else { Closed::No };
    let same_content = row.text_or_none("same")?.is_some();
    let known = Some(Known { case, closed, newest, same_content });
    let key = row.text_or_none("case_key")?;
    Ok(Stored { known, seen: row.number("seen")?, open, key })
}

/// A finding that was not known.
pub(super) struct NewFinding<'a> {
    pub(super) incoming: &'a Acceptance,
    pub(super) case: &'a CaseId,
    /// The place of its first entry.
    pub(super) seq: u64,
    pub(super) document: &'a Digest,
}

/// Adds findings that were not known.
pub(super) fn insert<'a>(batch: &mut Batch, new: impl IntoIterator<Item = NewFinding<'a>>) {
    batch.rows(
        "INSERT INTO findings (account, region, finding, case_id, first_seq, updated_at, count, \
         archived, content, document, seen) VALUES",
        new,
        "",
        |row, new| {
            bind_identity(row, new.incoming);
            row.bind(new.case.as_str()).bind(integer(new.seq));
            bind_version(row, new.incoming, new.document);
            row.bind(1_i64);
        },
    );
}

/// Adds the move of findings to a newer version.
pub(super) fn update<'a>(
    batch: &mut Batch,
    newer: impl IntoIterator<Item = (&'a Acceptance, &'a Digest)>,
) {
    batch.rows(
        "WITH v (account, region, finding, updated_at, count, archived, content, document) \
         AS (VALUES",
        newer,
        ") UPDATE findings SET updated_at = v.updated_at, count = v.count, archived = v.archived, \
         content = v.content, document = v.document FROM v WHERE findings.account = v.account \
         AND findings.region = v.region AND findings.finding = v.finding",
        |row, (incoming, document)| {
            bind_identity(row, incoming);
            bind_version(row, incoming, document);
        },
    );
}

/// Adds one more delivery of each of these findings.
pub(super) fn count<'a>(batch: &mut Batch, known: impl IntoIterator<Item = &'a Acceptance>) {
    batch.rows(
        "WITH v (account, region, finding) AS (VALUES",
        known,
        ") UPDATE findings SET seen = findings.seen + 1 FROM v \
         WHERE findings.account = v.account AND findings.region = v.region \
         AND findings.finding = v.finding",
        bind_identity,
    );
}

fn bind_version(row: &mut Row<'_>, incoming: &Acceptance, document: &Digest) {
    row.bind(micros_or_none(incoming.version.updated_at))
        .bind(integer(incoming.version.count))
        .bind(i64::from(incoming.version.archived))
        .bind(incoming.version.content.as_str())
        .bind(document.as_str());
}

/// Adds versions, with the digests of their raw bytes and documents.
pub(super) fn keep_versions<'a>(
    batch: &mut Batch,
    versions: impl IntoIterator<Item = (&'a Acceptance, &'a Digest, &'a Digest)>,
) {
    batch.rows(
        "INSERT INTO finding_versions \
         (account, region, finding, content, raw, document, source, received_at) VALUES",
        versions,
        "",
        |row, (incoming, raw, document)| {
            bind_identity(row, incoming);
            row.bind(incoming.version.content.as_str())
                .bind(raw.as_str())
                .bind(document.as_str())
                .bind(incoming.source.as_str())
                .bind(micros(incoming.now));
        },
    );
}
