//! Case rows: opening one, and keeping its projection in step with its runs.

use jiff::Timestamp;
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::case::{RunFacts, RunState, Status};
use crate::id::{AccountId, CaseId, Digest, Region};
use crate::routing::Mode;
use crate::timeline::{Actor, Draft, Head, Kind};

use super::chain::Chain;
use super::row::{Cells, micros, micros_or_none};
use super::{CaseRow, StoreError};

/// Characters of a title, finding type, resource or correlation that are kept. The raw finding is
/// kept whole; a row and an entry must stay small whatever a sender writes.
pub const TEXT_MAX: usize = 512;

/// A case to open.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCase {
    /// When.
    pub at: Timestamp,
    /// Who opens it: the service for a finding, a person by hand.
    pub by: Actor,
    /// The title; cut to [`TEXT_MAX`] characters.
    pub title: String,
    /// The finding's type, or what a person calls it.
    pub finding_type: String,
    /// In tenths.
    pub severity: Option<u16>,
    /// The account it is about.
    pub account: Option<AccountId>,
    /// The Region.
    pub region: Option<Region>,
    /// The primary resource, as `type/id`.
    pub resource: Option<String>,
    /// What findings are joined by.
    pub correlation: String,
}

/// `80` as `8.0`: entries hold no decimals as numbers.
fn severity_text(tenths: u16) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}

/// The correlation key as it is stored: a long one by its digest, because a cut one would join what
/// does not belong together.
pub(super) fn correlation_key(text: &str) -> String {
    if text.chars().count() <= TEXT_MAX {
        text.to_owned()
    } else {
        super::row::named(&Digest::of(text.as_bytes()))
    }
}

/// Inserts the case with its first entry, and returns its chain.
pub(super) async fn open(
    connection: &mut AnyConnection,
    id: &CaseId,
    case: &NewCase,
    findings: i64,
) -> Result<Chain, StoreError> {
    let (title, finding_type) = (cut(&case.title), cut(&case.finding_type));
    let resource = case.resource.as_deref().map(cut);
    let correlation = correlation_key(&case.correlation);
    sqlx::query(
        "INSERT INTO cases (id, status, closed, title, finding_type, severity, account, region, \
         resource, correlation, opened_at, last_finding_at, findings)
         VALUES ($1, $2, 0, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)",
    )
    .bind(id.as_str())
    .bind(Status::Open.label())
    .bind(title.as_str())
    .bind(finding_type.as_str())
    .bind(case.severity.map(i64::from))
    .bind(case.account.as_ref().map(AccountId::as_str))
    .bind(case.region.as_ref().map(Region::as_str))
    .bind(resource.as_deref())
    .bind(correlation.as_str())
    .bind(micros(case.at))
    .bind(findings)
    .execute(&mut *connection)
    .await?;
    let mut chain = Chain::start(id);
    let body = json!({
        "title": title,
        "finding_type": finding_type,
        "severity": case.severity.map(severity_text),
        "account": case.account,
        "region": case.region,
        "resource": resource,
        "correlation": correlation,
    });
    let draft = Draft::new(case.at, case.by.clone(), Kind::CaseOpened, body);
    chain.append(&draft)?;
    Ok(chain)
}

/// Recomputes the case's status from its runs; a change is an entry at `at`.
///
/// # Errors
/// [`StoreError::Conflict`] when the status changes and no time is given: a change of state without
/// an entry.
pub(super) async fn settle(
    connection: &mut AnyConnection,
    chain: &mut Chain,
    at: Option<Timestamp>,
) -> Result<(), StoreError> {
    let case = chain.case().clone();
    let rows = sqlx::query(
        "SELECT c.status, c.closed, r.state, r.mode, r.contained, r.asks, r.released \
         FROM cases c LEFT JOIN runs r ON r.case_id = c.id WHERE c.id = $1",
    )
    .bind(case.as_str())
    .fetch_all(&mut *connection)
    .await?;
    let row = rows.first().ok_or(StoreError::NotFound)?;
    let before = row.label("status", Status::from_label)?;
    let facts = rows.iter().filter_map(|row| facts(row).transpose());
    let facts = facts.collect::<Result<Vec<_>, _>>()?;
    let after = Status::of(row.flag("closed")?, &facts);
    if before == after {
        return Ok(());
    }
    let at = at.ok_or_else(|| StoreError::conflict("a change of state needs an entry"))?;
    let body = json!({"from": before.label(), "to": after.label()});
    chain.append(&Draft::new(at, Actor::Service, Kind::CaseStatusChanged, body))?;
    // The first time that it was contained stands.
    sqlx::query(
        "UPDATE cases SET status = $2, contained_at = COALESCE(contained_at, $3) WHERE id = $1",
    )
    .bind(case.as_str())
    .bind(after.label())
    .bind((after == Status::Contained).then(|| micros(at)))
    .execute(connection)
    .await?;
    Ok(())
}

/// What a row tells of a run; `None`: it holds a case without runs.
fn facts(row: &AnyRow) -> Result<Option<RunFacts>, StoreError> {
    if row.text_or_none("state")?.is_none() {
        return Ok(None);
    }
    Ok(Some(RunFacts {
        state: row.label("state", RunState::from_label)?,
        acts: row.label("mode", Mode::from_label)? != Mode::Observe,
        contained: row.flag("contained")?,
        asks: row.flag("asks")?,
        released: row.flag("released")?,
    }))
}

/// Marks the case as closed by a person at a time, or as open again.
pub(super) async fn close(
    connection: &mut AnyConnection,
    case: &CaseId,
    closed: Option<Timestamp>,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE cases SET closed = $2, closed_at = COALESCE($3, closed_at) WHERE id = $1")
        .bind(case.as_str())
        .bind(i64::from(closed.is_some()))
        .bind(micros_or_none(closed))
        .execute(connection)
        .await?;
    Ok(())
}

/// A case row with its head.
pub(super) fn from_row(row: &AnyRow) -> Result<CaseRow, StoreError> {
    let head = head_from_row(row)?;
    Ok(CaseRow {
        id: row.parsed("id")?,
        status: row.label("status", Status::from_label)?,
        title: row.text("title")?,
        finding_type: row.text("finding_type")?,
        severity: row.number_or_none("severity")?,
        account: row.parsed_or_none("account")?,
        region: row.parsed_or_none("region")?,
        resource: row.text_or_none("resource")?,
        correlation: row.text("correlation")?,
        opened_at: row.time("opened_at")?,
        last_finding_at: row.time("last_finding_at")?,
        contained_at: row.time_or_none("contained_at")?,
        findings: row.number("findings")?,
        length: head.length,
        head: head.hash,
    })
}

/// A head.
pub(super) fn head_from_row(row: &AnyRow) -> Result<Head, StoreError> {
    Ok(Head { length: row.number("length")?, hash: row.parsed("hash")? })
}
