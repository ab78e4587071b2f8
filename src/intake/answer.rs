//! What the sender is told.

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::error::Code;
use crate::id::{CaseId, Digest, FindingId, RunId};
use crate::store::StoreError;

/// The answer to one body.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Answer {
    /// Findings that are stored, in their order.
    pub findings: Vec<Admitted>,
    /// Parts that are in quarantine.
    pub rejected: Vec<Refused>,
    /// Why an authentic message that is no finding was only acknowledged.
    pub ignored: Option<String>,
}

/// A stored finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Admitted {
    /// The finding.
    pub finding: FindingId,
    /// Its case.
    pub case: CaseId,
    /// `new`, `joined`, `updated`, `stale` or `duplicate`.
    pub disposition: &'static str,
    /// The run that answers it, if one was started.
    pub run: Option<RunId>,
}

/// Something in quarantine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refused {
    /// The error's number.
    #[serde(serialize_with = "number")]
    pub code: Code,
    /// Why, in words.
    pub reason: String,
    /// The SHA-256 under which the bytes are kept.
    pub raw: Digest,
}

fn number<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.number)
}

/// Nothing was acknowledged.
#[derive(Debug, Error)]
pub enum IntakeError {
    /// The store did not confirm: send it again.
    #[error("the finding could not be stored")]
    NotStored(#[from] StoreError),
    /// There is no finding in it; it is in quarantine.
    #[error("{}: {}", .0.code, .0.reason)]
    Refused(Refused),
}

impl From<Refused> for IntakeError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}
