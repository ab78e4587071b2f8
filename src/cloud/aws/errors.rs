//! From an SDK failure to the class that decides what happens next.
//!
//! Classified by service and wire code first: the same code means a quota in one service and
//! throttling in another (`LimitExceeded` of IAM is a quota, 409). Then by HTTP status, then by the
//! form of the code. A failure without an answer is in doubt for a change, unless it is certain that
//! nothing was sent.

use std::error::Error;
use std::io::ErrorKind as IoKind;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use crate::cloud::{CloudError, ErrorClass};

/// Whether a call that got no answer may be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It changes nothing.
    Reads,
    /// It may have happened.
    Changes,
}

impl Effect {
    /// The class of a failure that says nothing about whether the call took effect.
    fn unknown(self) -> ErrorClass {
        match self {
            Self::Reads => ErrorClass::Transient,
            Self::Changes => ErrorClass::InDoubt,
        }
    }
}

/// What the SDK says to a call.
pub(super) type Answer<A, E> = std::result::Result<A, SdkError<E, HttpResponse>>;

/// The failure of a read. `operation` is `service:Operation`.
pub(super) fn read<E>(operation: &str, error: SdkError<E, HttpResponse>) -> CloudError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    failed(operation, Effect::Reads, &error)
}

/// The failure of a change.
pub(super) fn change<E>(operation: &str, error: SdkError<E, HttpResponse>) -> CloudError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    failed(operation, Effect::Changes, &error)
}

/// An answer that lacks what it must hold. A change has then happened, but not what it made is known.
pub(super) fn unreadable(operation: &str, effect: Effect, what: impl Into<String>) -> CloudError {
    CloudError::new(effect.unknown(), operation, "UnreadableAnswer", what)
}

fn failed<E>(operation: &str, effect: Effect, error: &SdkError<E, HttpResponse>) -> CloudError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let shown = || DisplayErrorContext(error).to_string();
    let (class, code, message) = match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let service = operation.split(':').next().unwrap_or_default();
            let code = error.code().unwrap_or_default();
            let class = classify(service, code, status, effect);
            let code = if code.is_empty() { format!("Http{status}") } else { code.to_owned() };
            (class, code, error.message().map_or_else(shown, str::to_owned))
        }
        // The request was never built, so it was never sent.
        SdkError::ConstructionFailure(_) => (ErrorClass::Invalid, "NotSent".to_owned(), shown()),
        SdkError::TimeoutError(_) => (effect.unknown(), "Timeout".to_owned(), shown()),
        SdkError::ResponseError(_) => (effect.unknown(), "UnreadableAnswer".to_owned(), shown()),
        SdkError::DispatchFailure(_) | _ => {
            let (class, code) = undelivered(error, effect);
            (class, code.to_owned(), shown())
        }
    };
    let request_id = error.request_id().or_else(|| error.meta().request_id()).map(str::to_owned);
    CloudError { class, operation: operation.to_owned(), code, message, request_id }
}

/// A call that got no answer: the class follows from whether it can have left this machine.
fn undelivered(error: &(dyn Error + 'static), effect: Effect) -> (ErrorClass, &'static str) {
    let mut next = Some(error);
    while let Some(cause) = next {
        match cause.downcast_ref::<CredentialsError>() {
            Some(CredentialsError::ProviderError(_) | CredentialsError::ProviderTimedOut(_)) => {
                return (ErrorClass::Transient, "CredentialsUnavailable");
            }
            Some(_) => return (ErrorClass::Denied, "NoCredentials"),
            None => {}
        }
        let refused = cause.downcast_ref::<std::io::Error>().is_some_and(|io| {
            matches!(
                io.kind(),
                IoKind::ConnectionRefused | IoKind::HostUnreachable | IoKind::NetworkUnreachable
            )
        });
        // The HTTP client words every failure before the first byte (DNS, TCP, TLS) like this. Were
        // the wording to change, the failure would count as in doubt, which is the safe side.
        if refused || cause.to_string() == "client error (Connect)" {
            return (ErrorClass::Transient, "NotConnected");
        }
        next = cause.source();
    }
    (effect.unknown(), "ConnectionLost")
}

/// Codes that ask to come back later. The first block is the SDK's own list of throttling codes
/// (smithy-rs), the second EC2's limits on work in progress (EC2 API, error codes).
const THROTTLED: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "RequestThrottled",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
    "Client.RequestLimitExceeded",
    "ConcurrentSnapshotLimitExceeded",
    // "You might have too many snapshot copies in progress."
    "ResourceLimitExceeded",
    "SnapshotCreationPerVolumeRateExceeded",
    "ConcurrentTagAccess",
];

/// Codes that pass by themselves, and after which nothing has happened (IAM API, S3 API).
const TRANSIENT: &[&str] = &[
    "EntityTemporarilyUnmodifiable",
    "EntityTemporarilyUnmodifiableException",
    "ConcurrentModification",
    "ConcurrentModificationException",
    "OperationAborted",
    // A status that passes (RDS API, ModifyDBInstance and ModifyDBCluster).
    "InvalidDBInstanceState",
    "InvalidDBClusterStateFault",
];

/// Codes that only a person can do something about.
const DENIED: &[&str] = &[
    "UnauthorizedOperation",
    "AccessDenied",
    "AccessDeniedException",
    "UnmodifiableEntity",
    "UnmodifiableEntityException",
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "OptInRequired",
    "PendingVerification",
    "Blocked",
    "OperationNotPermitted",
    "RegionDisabledException",
    "ResourceCountExceeded",
];

/// Codes of a world that is not as the change expects. A rule that is to be revoked and is not there
/// says nothing about whether its group exists, so it is a conflict and not gone.
const CONFLICT: &[&str] = &[
    "InvalidPermission.NotFound",
    "DependencyViolation",
    "DeleteConflict",
    "DeleteConflictException",
    "ResourceConflictException",
    "PreconditionFailed",
    "InvalidState",
    "Resource.AlreadyAssociated",
    "InvalidTarget",
    "InvalidInstance",
    // An event source mapping on its way from one state to another (Lambda API).
    "ResourceInUseException",
];

const GONE: &[&str] = &[
    "NoSuchEntity",
    "NoSuchEntityException",
    "NoSuchBucket",
    "ResourceNotFoundException",
    "TargetGroupNotFound",
    "LoadBalancerNotFound",
    "DBInstanceNotFound",
    "DBClusterNotFoundFault",
    "ClusterNotFoundException",
    "ServiceNotFoundException",
];

/// The class of an answered failure.
pub(super) fn classify(service: &str, code: &str, status: u16, effect: Effect) -> ErrorClass {
    let quota = matches!(service, "iam" | "sts")
        && matches!(code, "LimitExceeded" | "LimitExceededException");
    if quota || DENIED.contains(&code) {
        ErrorClass::Denied
    } else if THROTTLED.contains(&code) || status == 429 {
        ErrorClass::Throttled
    } else if TRANSIENT.contains(&code) {
        ErrorClass::Transient
    } else if CONFLICT.contains(&code) {
        ErrorClass::Conflict
    } else if GONE.contains(&code) {
        ErrorClass::Gone
    } else if status >= 500 || matches!(code, "RequestTimeout" | "RequestTimeoutException") {
        effect.unknown()
    } else if code.ends_with(".NotFound") {
        ErrorClass::Gone
    } else if code.ends_with(".Duplicate")
        || code.ends_with(".InUse")
        || code.contains("AlreadyExists")
        || code.starts_with("Incorrect")
    {
        ErrorClass::Conflict
    } else if code.ends_with("LimitExceeded") || matches!(status, 401 | 403) {
        // What is left of `…LimitExceeded` are quotas: groups of a VPC, rules of a group, snapshots.
        ErrorClass::Denied
    } else {
        ErrorClass::Invalid
    }
}
