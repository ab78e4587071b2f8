//! `GET /v1/cases/{id}/export`: everything that is needed to verify and read a case without us.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::id::CaseId;
use crate::store::StoreError;
use crate::timeline::{Entry, Head};
use crate::web::App;
use crate::web::body::Id;
use crate::web::handle::Answer;
use crate::web::problem::Problem;
use crate::web::view;

/// Entries read at once.
const PAGE: u32 = 500;

/// Bytes of blobs in one export: hundreds of findings; what is left out is named.
const BLOBS_MAX: usize = 64 * 1024 * 1024;

/// One object: `{case, head, entries, blobs, left_out}`. `entries` are the stored bytes as strings,
/// `blobs` the base64 of what they name by digest.
pub async fn export(State(app): State<App>, Id(id): Id<CaseId>) -> Answer {
    let case = app.store.case(&id).await?.ok_or_else(|| Problem::not_found("case"))?;
    // Of the same moment as the summary, whatever is appended meanwhile.
    let head = Head { length: case.length, hash: case.head.clone() };
    let mut entries: Vec<String> = Vec::new();
    let mut named = BTreeSet::new();
    while (entries.len() as u64) < head.length {
        let part = app.store.entries(&id, entries.len() as u64, PAGE).await?;
        if part.is_empty() {
            break;
        }
        for stored in part.into_iter().take_while(|stored| stored.seq < head.length) {
            if let Ok(entry) = Entry::parse(&stored.bytes) {
                named.extend(entry.documents());
            }
            entries.push(String::from_utf8_lossy(&stored.bytes).into_owned());
        }
    }
    let (mut blobs, mut left_out, mut size) = (BTreeMap::new(), Vec::new(), 0);
    for digest in named {
        let bytes = match app.store.blob(&digest).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => continue,
            // Other bytes than the digest says are as good as none: whoever verifies finds it missing.
            Err(StoreError::Corrupt(error)) => {
                tracing::error!(case = %id, error, "a document is left out of an export");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        size += bytes.len();
        if size > BLOBS_MAX {
            left_out.push(digest);
        } else {
            blobs.insert(digest, STANDARD.encode(bytes));
        }
    }
    Ok(Json(json!({
        "case": view::case(&case),
        "head": {"length": head.length, "hash": head.hash},
        "entries": entries,
        "blobs": blobs,
        "left_out": left_out,
    })))
}
