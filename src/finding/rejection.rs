//! Why a document is not taken: what quarantine keeps beside the bytes.

use crate::error::Code;

/// A document, or one finding of a document, that is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The numbered error.
    pub code: Code,
    /// Why, in plain words; values from the document are cut short.
    pub reason: String,
    /// The format that was recognised, as the README names it; `None`: none was.
    pub format: Option<&'static str>,
}

impl Rejection {
    /// A rejection of a document whose format is not known.
    pub(super) fn unknown(code: Code, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), format: None }
    }

    /// A rejection of a document in `format`.
    pub(super) fn of(format: &'static str, code: Code, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), format: Some(format) }
    }
}
