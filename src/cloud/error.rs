//! One error for every call, with the class that decides what happens next.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a failed call means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// Too many calls: try again later, with backoff.
    Throttled,
    /// AWS failed and nothing happened: try again.
    Transient,
    /// No answer: it may have happened. Look before anything else.
    InDoubt,
    /// Not allowed, or a quota: a person is asked; trying again changes nothing.
    Denied,
    /// The target does not exist (any more): recorded, not an error of ours.
    Gone,
    /// The world is not as the change expects (duplicate name, wrong state): look again.
    Conflict,
    /// The call itself is wrong: a defect of ours or a hostile value.
    Invalid,
}

impl ErrorClass {
    /// The label in entries and JSON.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::InDoubt => "in_doubt",
            Self::Denied => "denied",
            Self::Gone => "gone",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
        }
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{operation}: {code}: {message}")]
pub struct CloudError {
    /// What the failure means.
    pub class: ErrorClass,
    /// `service:Operation`.
    pub operation: String,
    /// The wire code, such as `InvalidGroup.NotFound`; ours where there was no answer.
    pub code: String,
    /// AWS's words. Hostile: they can repeat what was sent.
    pub message: String,
    /// The AWS request id, where there was an answer.
    pub request_id: Option<String>,
}

impl CloudError {
    /// An error without a request id.
    pub fn new(class: ErrorClass, operation: &str, code: &str, message: impl Into<String>) -> Self {
        Self {
            class,
            operation: operation.to_owned(),
            code: code.to_owned(),
            message: message.into(),
            request_id: None,
        }
    }
}
