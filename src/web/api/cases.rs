//! Cases: list, one, its timeline; a person's note and a person's close.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::case::Status;
use crate::finding::Severity;
use crate::id::{AccountId, CaseId};
use crate::store::{CaseFilter, CaseSort, StoredEntry};
use crate::web::App;
use crate::web::about;
use crate::web::auth::Caller;
use crate::web::body::{Id, Json as Body, Query, limit};
use crate::web::handle::Answer;
use crate::web::problem::Problem;
use crate::web::view;

/// Cases or entries in one answer when nothing is asked for.
const LIMIT_DEFAULT: u32 = 50;
/// Cases in one answer.
const CASES_MAX: u32 = 200;
/// Entries in one answer: 500 of the largest are 32 MB, and real ones are under a kilobyte.
const ENTRIES_MAX: u32 = 500;

/// The query of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    cursor: Option<String>,
    limit: Option<String>,
    /// Labels with commas between them.
    status: Option<String>,
    account: Option<AccountId>,
    /// The least, from 0 to 10.
    severity: Option<String>,
    /// `newest` or `severity`.
    sort: Option<String>,
}

/// `GET /v1/cases`: newest or most severe first.
pub async fn list(State(app): State<App>, Query(query): Query<Listing>) -> Answer {
    let status = query
        .status
        .iter()
        .flat_map(|labels| labels.split(','))
        .map(|label| Status::from_label(label.trim()).ok_or_else(|| unknown_status(label)))
        .collect::<Result<Vec<_>, _>>()?;
    let severity = query.severity.map(|text| text.parse::<Severity>()).transpose();
    let severity =
        severity.map_err(|error| Problem::bad_request(format!("`severity`: {error}")))?;
    let sort = query.sort.map(|label| CaseSort::from_label(&label).ok_or_else(unknown_sort));
    let sort = sort.transpose()?.unwrap_or_default();
    let filter = CaseFilter { status, account: query.account, severity, sort };
    let limit = limit(query.limit.as_deref(), LIMIT_DEFAULT, CASES_MAX)?;
    let page = app.store.cases(filter, query.cursor.as_deref(), limit).await?;
    let cases: Vec<_> = page.items.iter().map(view::case).collect();
    Ok(Json(json!({"items": cases, "next": page.next})))
}

fn unknown_status(label: &str) -> Problem {
    let known: Vec<&str> = Status::ALL.iter().map(|status| status.label()).collect();
    let given: String = label.chars().take(crate::id::SHOWN_MAX).collect();
    Problem::bad_request(format!("`status`: {given:?} is not one of {}", known.join(", ")))
}

fn unknown_sort() -> Problem {
    let known = CaseSort::ALL.map(|(label, _)| label);
    Problem::bad_request(format!("`sort` must be one of {}", known.join(", ")))
}

/// `GET /v1/cases/{id}`: the case with its runs, open questions, and what people are still to be told.
pub async fn show(State(app): State<App>, Id(id): Id<CaseId>) -> Answer {
    // The case comes last: a run that is shown as over has then moved the case's status already.
    let runs = app.store.runs_of(&id).await?;
    let mut approvals = app.store.approvals_pending().await?;
    approvals.retain(|approval| approval.case == id);
    let case = app.store.case(&id).await?.ok_or_else(|| Problem::not_found("case"))?;
    let mut shown = view::case(&case);
    shown["runs"] = runs.iter().map(view::run).collect();
    shown["approvals"] = about::approvals(&app, &approvals).await?;
    let untold = app.store.untold(&id).await?;
    shown["untold"] = untold.iter().map(view::untold).collect();
    Ok(Json(shown))
}

/// The query of a timeline.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    from: Option<u64>,
    limit: Option<String>,
}

/// `GET /v1/cases/{id}/timeline`: entries from `from`, each with its exact bytes as `entry`, so that
/// whoever reads it can verify it.
pub async fn timeline(
    State(app): State<App>,
    Id(id): Id<CaseId>,
    Query(query): Query<Part>,
) -> Result<Json<Timeline>, Problem> {
    let head = app.store.head(&id).await?.ok_or_else(|| Problem::not_found("case"))?;
    let from = query.from.unwrap_or(0);
    let limit = limit(query.limit.as_deref(), LIMIT_DEFAULT, ENTRIES_MAX)?;
    let stored = app.store.entries(&id, from, limit).await?;
    let next = stored.last().map(|entry| entry.seq + 1).filter(|next| *next < head.length);
    let entries = stored.into_iter().map(Entry::of).collect::<Result<_, _>>()?;
    let head = Head { length: head.length, hash: head.hash.to_string() };
    Ok(Json(Timeline { case: id, head, entries, next }))
}

/// A part of a timeline.
#[derive(serde::Serialize)]
pub struct Timeline {
    case: CaseId,
    head: Head,
    entries: Vec<Entry>,
    /// Give this as `from` to get the next part; absent: this was the last.
    next: Option<u64>,
}

#[derive(serde::Serialize)]
struct Head {
    length: u64,
    hash: String,
}

#[derive(serde::Serialize)]
struct Entry {
    seq: u64,
    hash: String,
    /// The stored bytes, unchanged.
    entry: Box<RawValue>,
}

impl Entry {
    fn of(stored: StoredEntry) -> Result<Self, Problem> {
        let text = String::from_utf8_lossy(&stored.bytes).into_owned();
        // Bytes that are no JSON any more were tampered with: sent as text, they don't verify either.
        let entry = RawValue::from_string(text.clone())
            .or_else(|_| serde_json::value::to_raw_value(&text))
            .map_err(|_| Problem::internal())?;
        Ok(Self { seq: stored.seq, hash: stored.hash.to_string(), entry })
    }
}

/// The body of a note.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    text: String,
}

/// `POST /v1/cases/{id}/notes`
pub async fn note(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<CaseId>,
    Body(note): Body<Note>,
) -> Answer {
    app.desk.note(&id, caller.name, &note.text).await?;
    Ok(Json(json!({"case": id})))
}

/// The body of a close.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    reason: String,
}

/// `POST /v1/cases/{id}/close`
pub async fn close(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<CaseId>,
    Body(close): Body<Close>,
) -> Answer {
    let case = app.desk.close_case(&id, caller.name, &close.reason).await?;
    Ok(Json(view::case(&case)))
}
