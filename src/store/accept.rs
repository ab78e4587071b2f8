//! Taking a finding version in: one transaction from the raw bytes to the queued run.
//!
//! What becomes of it is `case::dispose`'s decision, made on what the transaction reads, so that a
//! hundred deliveries at once end as one case and one run.
//!
//! ```text
//!  Store::accept: hash, serialise ─► writer ─► group: read ─► outcome: decide, seal ─► save
//! ```
//!
//! Those that wait together are accepted together: what there is for all of them is read in one
//! statement, and what follows is written in one more crossing to the database's thread.

mod group;
mod outcome;
mod save;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::case::{Disposition, Version};
use crate::id::{AccountId, CaseId, Digest, FindingId, Region, RunId};
use crate::timeline::INTEGER_MAX;

use super::runs::NewRun;
use super::{Store, StoreError, cases};

pub(super) use group::accept_all;

/// A finding version that was parsed and routed.
#[derive(Debug, Clone, PartialEq)]
pub struct Acceptance {
    /// A fresh id, used if a case is opened.
    pub case: CaseId,
    /// When it was received.
    pub now: Timestamp,
    /// Which door it came through.
    pub source: String,
    /// The bytes as they came.
    pub raw: Vec<u8>,
    /// The account it is about; `None`: it named none that is valid.
    pub account: Option<AccountId>,
    /// The Region.
    pub region: Option<Region>,
    /// GuardDuty's id of the finding.
    pub finding_id: FindingId,
    /// Which version it is.
    pub version: Version,
    /// When GuardDuty saw last what it tells of, where it says so.
    pub seen_at: Option<Timestamp>,
    /// The normalised document.
    pub document: Value,
    /// Its title: hostile text.
    pub title: String,
    /// Its type.
    pub finding_type: String,
    /// Its severity, in tenths.
    pub severity: Option<u16>,
    /// The primary resource, as `type/id`.
    pub resource: Option<String>,
    /// What further findings are joined by.
    pub correlation: String,
    /// The body of `routing.decided`: an object without decimals.
    pub reasons: Value,
    /// Started when a case is opened, or joined by a finding that asks for something it has no run
    /// for yet.
    pub run: Option<NewRun>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The decision.
    pub disposition: Disposition,
    /// The case that holds it.
    pub case: CaseId,
    /// The run that was started for it.
    pub run: Option<RunId>,
    /// How often this finding was received, this time included.
    pub seen: u64,
}

impl Store {
    /// Stores a finding version and what follows from it. When this returns `Ok`, it is on disk.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when nothing was stored and the sender should try again.
    pub async fn accept(
        &self,
        acceptance: impl Into<Arc<Acceptance>>,
    ) -> Result<Accepted, StoreError> {
        let accepted = self.writer().deliver(Delivery::new(acceptance.into())).await;
        self.note_failure(&accepted);
        // A count alone takes no room.
        if accepted
            .as_ref()
            .is_ok_and(|done| !matches!(done.disposition, Disposition::Duplicate(_)))
        {
            self.took_what_was_written();
        }
        accepted
    }
}

/// An acceptance with all that can be made of it before its turn at the writer.
pub(super) struct Delivery {
    incoming: Arc<Acceptance>,
    /// The raw bytes' digest.
    raw: Digest,
    /// The normalised document as it is stored, and its digest.
    document: (Digest, Vec<u8>),
    /// The digest of the source that the run brings.
    source: Option<Digest>,
    /// The correlation key as it is stored.
    correlation: String,
}

impl Delivery {
    fn new(mut incoming: Arc<Acceptance>) -> Self {
        // A hostile count must not make the entry unwritable; no real one comes near.
        if incoming.version.count > INTEGER_MAX {
            Arc::make_mut(&mut incoming).version.count = INTEGER_MAX;
        }
        let document = incoming.document.to_string().into_bytes();
        let source = incoming.run.as_ref().map(|run| run.source.as_bytes());
        Self {
            raw: Digest::of(&incoming.raw),
            document: (Digest::of(&document), document),
            source: source.filter(|source| !source.is_empty()).map(Digest::of),
            correlation: cases::correlation_key(&incoming.correlation),
            incoming,
        }
    }
}
