//! Every error answer, in one form: `application/problem+json` (RFC 9457) with our error number.
//!
//! The client reads the external sentence; what caused it goes to the log and never into a body.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::Code;
use crate::id::IdError;
use crate::intake::IntakeError;
use crate::run::DeskError;
use crate::store::StoreError;

/// Seconds after which a sender should try again: EventBridge itself waits longer.
const RETRY_SECONDS: u32 = 5;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its number.
    pub code: Code,
    /// The HTTP status.
    pub status: StatusCode,
    /// What a client may read.
    pub detail: String,
    /// Seconds for `Retry-After`.
    pub retry_after: Option<u32>,
    /// What to do about this one; `None`: what the number's table says.
    pub remedy: Option<&'static str>,
}

/// How to find the id of a thing, by its name in a sentence.
const FIND: [(&str, &str); 4] = [
    ("case", "`tourniquet case list` (GET /v1/cases) shows the ids of cases."),
    ("run", "`tourniquet case show CASE` (GET /v1/cases/ID) shows the ids of a case's runs."),
    (
        "document in quarantine",
        "`tourniquet finding quarantined` (GET /v1/quarantine) lists the documents; those of cases are in their exports.",
    ),
    ("approval", "`tourniquet approve` (GET /v1/approvals) lists the questions that are open."),
];

impl Problem {
    /// A problem with the status that its number has.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = status(code);
        let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_SECONDS);
        Self { code, status, detail: detail.into(), retry_after, remedy: None }
    }

    /// A field or header that is wrong.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(Code::BAD_REQUEST, detail)
    }

    /// Something that does not exist.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        let remedy = FIND.iter().find(|(name, _)| *name == what).map(|(_, words)| *words);
        Self { remedy, ..Self::new(Code::NOT_FOUND, format!("there is no {what} with this id")) }
    }

    /// A defect of ours: nothing of it is shown.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(Code::INTERNAL, "the request could not be carried out")
    }

    /// The same problem with another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same problem with something else to do about it.
    #[must_use]
    pub fn with_remedy(self, remedy: &'static str) -> Self {
        Self { remedy: Some(remedy), ..self }
    }

    /// The same problem with a time after which to try again, in seconds.
    #[must_use]
    pub fn after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

/// The status of a numbered error, where a client can see it.
fn status(code: Code) -> StatusCode {
    match code {
        Code::NOT_JSON | Code::BAD_REQUEST | Code::REGION_UNKNOWN => StatusCode::BAD_REQUEST,
        Code::NOT_A_FINDING
        | Code::FINDING_INVALID
        | Code::FORMAT_UNSUPPORTED
        | Code::RUNBOOK_PARAMS
        | Code::RUNBOOK_SYNTAX
        | Code::RUNBOOK_HEADER
        | Code::SCRIPT_FAILED
        | Code::SCRIPT_LIMIT => StatusCode::UNPROCESSABLE_ENTITY,
        Code::BODY_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
        Code::NOT_STORED | Code::UNAVAILABLE => StatusCode::SERVICE_UNAVAILABLE,
        Code::UNAUTHENTICATED => StatusCode::UNAUTHORIZED,
        Code::FORBIDDEN | Code::RUNBOOK_MODE | Code::GUARD_ACCOUNT | Code::GUARD_PROTECTED => {
            StatusCode::FORBIDDEN
        }
        Code::NOT_FOUND | Code::RUNBOOK_UNKNOWN => StatusCode::NOT_FOUND,
        Code::CONFLICT | Code::LEASE_LOST => StatusCode::CONFLICT,
        Code::RATE_LIMITED => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": format!("urn:tourniquet:error:{}", self.code.number),
            "title": self.code.title,
            "status": self.status.as_u16(),
            "code": self.code.number,
            "detail": self.detail,
            "remedy": self.remedy.unwrap_or(self.code.remedy),
        });
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        (self.status, headers, Json(body)).into_response()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = error.code();
        match &error {
            StoreError::NotFound => Self::new(code, "there is no such thing"),
            StoreError::Conflict(words) => Self::new(code, words.clone()),
            StoreError::Illegal(illegal) => Self::new(code, illegal.to_string()),
            StoreError::Cursor => Self::new(code, "`cursor` is not one that this list gave"),
            StoreError::Unavailable(_) => {
                tracing::error!(error = %error, "the store can't be used");
                Self::new(code, "the database does not answer")
            }
            _ => {
                tracing::error!(error = %error, "the store failed");
                Self { code, ..Self::internal() }
            }
        }
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        let problem = Self::new(error.code, error.detail);
        if problem.status.is_server_error() {
            let cause = error.cause.as_ref().map(ToString::to_string);
            tracing::error!(code = problem.code.number, cause, "a request of a person failed");
        }
        problem
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Refused(refused) => Self::new(refused.code, refused.reason),
            IntakeError::NotStored(cause) => {
                tracing::error!(error = %cause, "a finding could not be stored");
                Self::new(Code::NOT_STORED, "nothing was acknowledged; send all of it again")
            }
        }
    }
}

impl From<IdError> for Problem {
    fn from(error: IdError) -> Self {
        Self::bad_request(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_says_stays_inside() {
        let secret = "/var/lib/secret.db: SQL";
        for error in [
            StoreError::Unavailable(secret.to_owned()),
            StoreError::Corrupt(secret.to_owned()),
            StoreError::Open { path: secret.into(), reason: secret.to_owned() },
        ] {
            let problem = Problem::from(error);
            assert!(!problem.detail.contains("secret"), "{problem:?}");
            assert!(problem.status.is_server_error());
        }
    }
}
