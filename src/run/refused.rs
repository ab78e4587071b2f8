//! A request of a person that was not carried out: a number, what the client may read, and the cause
//! for the log.

use thiserror::Error;

use super::start::StartError;
use crate::error::Code;
use crate::store::StoreError;

/// A request that was not carried out.
#[derive(Debug, Error)]
#[error("{code}: {detail}")]
pub struct DeskError {
    /// Its number.
    pub code: Code,
    /// What a client may read.
    pub detail: String,
    /// What the log may read.
    #[source]
    pub cause: Option<Box<StoreError>>,
}

impl DeskError {
    /// A refusal without a cause below.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), cause: None }
    }
}

impl From<StoreError> for DeskError {
    fn from(error: StoreError) -> Self {
        let (code, detail) = match &error {
            StoreError::NotFound => (Code::NOT_FOUND, "nothing with this id exists".to_owned()),
            StoreError::Conflict(words) => (Code::CONFLICT, words.clone()),
            StoreError::Unavailable(_) => {
                (Code::UNAVAILABLE, "the database did not confirm the write".to_owned())
            }
            StoreError::Illegal(illegal) => (Code::CONFLICT, illegal.to_string()),
            _ => (Code::INTERNAL, "the request could not be carried out".to_owned()),
        };
        Self { code, detail, cause: Some(Box::new(error)) }
    }
}

impl From<StartError> for DeskError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Store(error) => error.into(),
            StartError::Later => Self::new(Code::CONFLICT, "AWS can't be read now; ask again"),
            StartError::Needless { by } => {
                Self::new(Code::SUPERSEDED, format!("not needed: {by} answers it"))
            }
            StartError::Halt { code, reason } => Self::new(code, reason),
        }
    }
}
