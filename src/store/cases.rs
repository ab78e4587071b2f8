//! Case rows: opening one, and keeping its projection in step with its runs.

use jiff::Timestamp;
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::case::{RunState, Status};
use crate::id::{AccountId, CaseId, Digest, Region, RunId};
use crate::routing::Mode;
use crate::timeline::{Actor, Draft, Kind};

use super::batch::Batch;
use super::chain::{Chain, head_from_row};
use super::row::{Cells, micros, micros_or_none};
use super::{CaseRow, StoreError};

/// Characters of a title, finding type, resource or correlation that are kept. The raw finding is
/// kept whole; a row and an entry must stay small whatever a sender writes.
pub const TEXT_MAX: usize = 512;

/// Runs that are named in one sentence.
const NAMED_MAX: usize = 5;

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

/// A case that is about to be inserted, and what its row takes of it.
pub(super) struct Opening {
    id: CaseId,
    title: String,
    finding_type: String,
    resource: Option<String>,
    correlation: String,
    status: Status,
    findings: i64,
    case: NewCase,
}

impl Opening {
    /// The case as it will be stored, with its first entry.
    ///
    /// # Errors
    /// When the entry may not be stored.
    pub(super) fn new(id: &CaseId, case: NewCase) -> Result<(Self, Chain), StoreError> {
        let opening = Self {
            id: id.clone(),
            title: cut(&case.title),
            finding_type: cut(&case.finding_type),
            resource: case.resource.as_deref().map(cut),
            correlation: correlation_key(&case.correlation),
            status: Status::Open,
            findings: 0,
            case,
        };
        let case = &opening.case;
        let body = json!({
            "title": opening.title,
            "finding_type": opening.finding_type,
            "severity": case.severity.map(severity_text),
            "account": case.account,
            "region": case.region,
            "resource": opening.resource,
            "correlation": opening.correlation,
        });
        let mut chain = Chain::start(id);
        chain.append(&Draft::new(case.at, case.by.clone(), Kind::CaseOpened, body))?;
        Ok((opening, chain))
    }

    /// The same, opened by a finding and with the status that followed.
    pub(super) fn by_finding(self, status: Status) -> Self {
        Self { status, findings: 1, ..self }
    }
}

/// Adds new cases.
pub(super) fn insert<'a>(batch: &mut Batch, openings: impl IntoIterator<Item = &'a Opening>) {
    batch.rows(
        "INSERT INTO cases (id, status, closed, title, finding_type, severity, account, region, \
         resource, correlation, opened_at, last_finding_at, contained_at, findings) VALUES",
        openings,
        "",
        |row, opening| {
            let case = &opening.case;
            row.bind(opening.id.as_str())
                .bind(opening.status.label())
                .bind(0_i64)
                .bind(opening.title.as_str())
                .bind(opening.finding_type.as_str())
                .bind(case.severity.map(i64::from))
                .bind(case.account.as_ref().map(AccountId::as_str))
                .bind(case.region.as_ref().map(Region::as_str))
                .bind(opening.resource.as_deref())
                .bind(opening.correlation.as_str())
                .bind(micros(case.at))
                .bind(micros(case.at))
                .bind(None::<i64>)
                .bind(opening.findings);
        },
    );
}

/// Inserts the case with its first entry, and returns its chain.
pub(super) async fn open(
    connection: &mut AnyConnection,
    id: &CaseId,
    case: &NewCase,
) -> Result<Chain, StoreError> {
    let (opening, chain) = Opening::new(id, case.clone())?;
    let mut batch = Batch::default();
    insert(&mut batch, [&opening]);
    batch.execute(connection).await?;
    Ok(chain)
}

/// A finding version that counts on a case that was there.
pub(super) struct Counted<'a> {
    pub(super) case: &'a CaseId,
    pub(super) severity: Option<u16>,
    /// When it came, if it is the newest. A duplicate or stale version is not.
    pub(super) newest_at: Option<Timestamp>,
    /// Whether it opens the case again.
    pub(super) reopens: bool,
    /// The status that followed, if it is another, and when.
    pub(super) status: Option<(Status, Timestamp)>,
}

/// Adds the counts of versions on their cases, each on another. Severity only rises; the first time
/// that a case was contained stands.
pub(super) fn count<'a>(batch: &mut Batch, counted: impl IntoIterator<Item = Counted<'a>>) {
    batch.rows(
        "WITH v (id, severity, newest_at, closed, status, contained_at) AS (VALUES",
        counted,
        ") UPDATE cases SET findings = cases.findings + 1, \
         severity = CASE WHEN cases.severity IS NULL OR cases.severity < v.severity \
         THEN COALESCE(v.severity, cases.severity) ELSE cases.severity END, \
         last_finding_at = CASE WHEN cases.last_finding_at < v.newest_at THEN v.newest_at \
         ELSE cases.last_finding_at END, \
         closed = COALESCE(v.closed, cases.closed), \
         status = COALESCE(v.status, cases.status), \
         contained_at = COALESCE(cases.contained_at, CASE WHEN v.contained_at IS NULL THEN NULL \
         ELSE COALESCE((SELECT MAX(r.looked_at) FROM runs r WHERE r.case_id = cases.id \
         AND r.contained = 1), v.contained_at) END) \
         FROM v WHERE cases.id = v.id",
        |row, counted| {
            let contained = counted.status.filter(|(status, _)| *status == Status::Contained);
            row.bind(counted.case.as_str())
                .bind(counted.severity.map(i64::from))
                .bind(micros_or_none(counted.newest_at))
                .bind(counted.reopens.then_some(0_i64))
                .bind(counted.status.map(|(status, _)| status.label()))
                .bind(micros_or_none(contained.map(|(_, at)| at)));
        },
    );
}

/// Marks the case as closed by a person at a time, or as open again. What is so already is refused, and
/// with it the entry that would say that it was done; so is closing a case over a run that is not over,
/// which is asked here, because a finding may have begun one since the person looked.
pub(super) async fn close(
    connection: &mut AnyConnection,
    case: &CaseId,
    closed: Option<Timestamp>,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE cases SET closed = $2, closed_at = COALESCE($3, closed_at) \
         WHERE id = $1 AND closed <> $2",
    )
    .bind(case.as_str())
    .bind(i64::from(closed.is_some()))
    .bind(micros_or_none(closed))
    .execute(&mut *connection)
    .await?;
    match (done.rows_affected(), closed) {
        (0, Some(_)) => return Err(StoreError::conflict("the case is closed already")),
        (0, None) => return Err(StoreError::conflict("the case is not closed")),
        (_, None) => return Ok(()),
        (_, Some(_)) => {}
    }
    match in_the_way(connection, case).await? {
        Some(words) => Err(StoreError::Conflict(words)),
        None => Ok(()),
    }
}

/// What keeps a case from being closed: the runs that are not over, and what they ask; `None`: nothing.
/// What was taken back contains nothing any more, and may go on with its evidence in a closed case.
async fn in_the_way(
    connection: &mut AnyConnection,
    case: &CaseId,
) -> Result<Option<String>, StoreError> {
    let rows = sqlx::query(
        "SELECT r.id, r.runbook, r.state, r.preserves, a.id AS approval FROM runs r \
         LEFT JOIN approvals a ON a.run = r.id AND a.state = 'pending' \
         WHERE r.case_id = $1 AND r.state IN ('queued', 'running', 'parked') \
         AND (r.released = 0 OR a.id IS NOT NULL) \
         ORDER BY a.id IS NULL, r.requested_at, r.id, a.id",
    )
    .bind(case.as_str())
    .fetch_all(connection)
    .await?;
    let told = rows.iter().take(NAMED_MAX).map(|row| {
        let (run, runbook, state) = (row.text("id")?, row.text("runbook")?, row.text("state")?);
        Ok(match row.text_or_none("approval")? {
            Some(approval) => {
                format!("{run} ({runbook}) asks a person: tourniquet approve {approval}")
            }
            None if state == RunState::Parked.label() && row.flag("preserves")? => {
                format!("{run} ({runbook}) waits for evidence that AWS is making, or for a look at what holds")
            }
            None => format!("{run} ({runbook}) is {state}"),
        })
    });
    let told = told.collect::<Result<Vec<_>, StoreError>>()?;
    let more = rows.len() - told.len();
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Ok((!told.is_empty())
        .then(|| format!("a run of this case is not over yet: {}{more}", told.join("; "))))
}

/// Opens the case again if a person had closed it and the run may act: nothing acts in a closed case, where
/// nobody would see it. Says whether it was closed; the change of status that follows is the entry.
pub(super) async fn reopen(
    connection: &mut AnyConnection,
    case: &CaseId,
    run: &RunId,
) -> Result<bool, StoreError> {
    let reopened = sqlx::query(
        "UPDATE cases SET closed = 0 WHERE id = $1 AND closed <> 0 \
         AND EXISTS (SELECT 1 FROM runs WHERE runs.id = $2 AND runs.mode <> $3)",
    );
    let reopened = reopened.bind(case.as_str()).bind(run.as_str()).bind(Mode::Observe.label());
    Ok(reopened.execute(connection).await?.rows_affected() > 0)
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
        findings: row.number("distinct_findings")?,
        deliveries: row.number("findings")?,
        length: head.length,
        head: head.hash,
    })
}
