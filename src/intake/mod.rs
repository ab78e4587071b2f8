//! The one way in: whatever carries a finding ends in [`accept`].
//!
//! Recognise, route, store; only then is a sender told that it arrived. What can't be read is kept in
//! quarantine with the reason. Nothing here talks to AWS or waits for a run.
//!
//! ```text
//!  bytes ─► recognise ─► per finding: route ─► store.accept (durable) ─► desk.wake
//!              └─► rejected ─► store.quarantine (durable) ─► 4xx
//! ```

mod admit;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::{StreamExt, stream};
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::clock::Clock;
use crate::error::Code;
use crate::finding::{Recognised, Rejection, recognise};
use crate::id::{CaseId, FindingId, Ids, RunId};
use crate::routing::Policy;
use crate::run::Desk;
use crate::runbook::Library;
use crate::store::{Store, StoreError};

/// Findings of one body that are written beside each other: they share one fsync.
const TOGETHER_MAX: usize = 32;

/// What findings meet on their way in.
#[derive(Clone)]
pub struct Intake {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<Ids>,
    /// Where they are kept.
    pub store: Store,
    /// What may answer them.
    pub library: Arc<Library>,
    /// What the deployment allows.
    pub policy: Policy,
    /// Who is told that a run waits.
    pub desk: Desk,
}

/// What became of a body.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Each finding in it, in its order.
    pub items: Vec<Item>,
    /// Why nothing was done, for an event that holds no finding and is no mistake.
    pub ignored: Option<String>,
}

/// What became of one finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Item {
    /// It is stored.
    Stored {
        /// GuardDuty's id of it.
        finding: FindingId,
        /// Its case.
        case: CaseId,
        /// `new`, `joined`, `updated`, `stale` or `duplicate`.
        disposition: &'static str,
        /// The run that was queued for it.
        run: Option<RunId>,
        /// How often it was received.
        seen: u64,
    },
    /// It is kept in quarantine; the others of the body are stored.
    Quarantined {
        /// The error's number.
        code: &'static str,
        /// Why.
        detail: String,
    },
}

impl Item {
    /// The case that holds it.
    #[must_use]
    pub fn case(&self) -> Option<&CaseId> {
        match self {
            Self::Stored { case, .. } => Some(case),
            Self::Quarantined { .. } => None,
        }
    }
}

/// A body that was not taken.
#[derive(Debug, Error)]
pub enum IntakeError {
    /// It can't be read; its bytes are in quarantine.
    #[error("{code}: {reason}")]
    Rejected {
        /// The error's number.
        code: Code,
        /// Why, in words.
        reason: String,
    },
    /// The store did not confirm the write: the sender must send it again.
    #[error("{detail}")]
    NotStored {
        /// What a sender may read.
        detail: String,
        /// What the log may read.
        #[source]
        cause: StoreError,
    },
}

/// Takes `raw`, which came through the door `source`. `Ok` means that all of it is on disk.
///
/// # Errors
/// When it can't be read (it is in quarantine then), or when the store did not confirm a write.
pub async fn accept(intake: &Intake, raw: Vec<u8>, source: &str) -> Result<Answer, IntakeError> {
    let findings = match recognise(&raw) {
        Recognised::Ignored { reason } => {
            tracing::info!(source, reason, "an event was ignored");
            return Ok(Answer { items: vec![], ignored: Some(reason) });
        }
        Recognised::Rejected(rejection) => {
            quarantine(intake, &raw, &rejection, source).await?;
            let Rejection { code, reason, .. } = rejection;
            return Err(IntakeError::Rejected { code, reason });
        }
        Recognised::Findings(findings) => findings,
    };
    let total = findings.len();
    let raw = raw.as_slice();
    let results: Vec<Result<Item, StoreError>> = stream::iter(findings)
        .map(|finding| async move {
            match finding {
                Ok(finding) => admit::admit(intake, finding, raw, source).await,
                Err(rejection) => {
                    store_quarantine(intake, raw, &rejection, source).await?;
                    let Rejection { code, reason, .. } = rejection;
                    Ok(Item::Quarantined { code: code.number, detail: reason })
                }
            }
        })
        .buffered(TOGETHER_MAX)
        .collect()
        .await;
    intake.desk.wake();

    let stored = results.iter().filter(|result| result.is_ok()).count();
    let items = results.into_iter().collect::<Result<Vec<_>, _>>().map_err(|cause| {
        let detail = format!("{stored} of {total} findings are stored; send all of them again");
        IntakeError::NotStored { detail, cause }
    })?;
    // A body of which nothing could be read is refused like a single bad finding.
    let readable = items.iter().any(|item| item.case().is_some());
    match items.first() {
        Some(Item::Quarantined { code, detail }) if !readable => Err(IntakeError::Rejected {
            code: Code::find(code).unwrap_or(Code::NOT_A_FINDING),
            reason: detail.clone(),
        }),
        _ => Ok(Answer { items, ignored: None }),
    }
}

async fn quarantine(
    intake: &Intake,
    raw: &[u8],
    rejection: &Rejection,
    source: &str,
) -> Result<(), IntakeError> {
    store_quarantine(intake, raw, rejection, source).await.map_err(|cause| {
        let detail = "the document could not be kept; send it again".to_owned();
        IntakeError::NotStored { detail, cause }
    })
}

async fn store_quarantine(
    intake: &Intake,
    raw: &[u8],
    rejection: &Rejection,
    source: &str,
) -> Result<(), StoreError> {
    let code = rejection.code.number;
    let now = intake.clock.now();
    let digest = intake.store.quarantine(raw, &rejection.reason, code, source, now).await?;
    tracing::warn!(source, code, raw = %digest, reason = rejection.reason, "quarantined");
    Ok(())
}
