//! How the twin says no: AWS's code and words, and the class that follows from the code.
//!
//! The class is a function of the code alone, as it must be for the SDK adapter, which sees nothing
//! else. Nothing here decides when to refuse.

use crate::cloud::{CloudError, ErrorClass};

/// A refused call, before it is known under which operation and request id it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// AWS's code.
    pub code: &'static str,
    /// AWS's words, ours where the documentation gives none.
    pub message: String,
}

impl Refused {
    /// A refusal.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The error that the caller sees.
    #[must_use]
    pub fn error(self, operation: &str, request_id: Option<String>) -> CloudError {
        CloudError {
            request_id,
            ..CloudError::new(class(self.code), operation, self.code, self.message)
        }
    }
}

/// What a code means for the caller (EC2 API reference, error codes; IAM API reference, common
/// errors). `InvalidGroup.NotFound` is Gone also where the group is of another VPC: the code can't
/// tell the two apart. A rule that is to be revoked and is not there says nothing about its group,
/// so `InvalidPermission.NotFound` is a conflict: look again.
#[must_use]
pub fn class(code: &str) -> ErrorClass {
    match code {
        "RequestLimitExceeded" | "ResourceLimitExceeded" | "Throttling" => ErrorClass::Throttled,
        // A status passes.
        "InternalError" | "InvalidDBInstanceState" | "ServiceUnavailable" => ErrorClass::Transient,
        "AccessDenied"
        | "AccessDeniedException"
        | "AuthFailure"
        | "LimitExceeded"
        | "OperationNotPermitted"
        | "RulesPerSecurityGroupLimitExceeded"
        | "SecurityGroupLimitExceeded"
        | "SecurityGroupsPerInterfaceLimitExceeded"
        | "TagLimitExceeded"
        | "UnauthorizedOperation"
        | "UnmodifiableEntity" => ErrorClass::Denied,
        "IncorrectInstanceState"
        | "IncorrectState"
        | "InvalidGroup.Duplicate"
        | "InvalidPermission.Duplicate"
        | "InvalidInstance"
        | "InvalidPermission.NotFound"
        | "InvalidTarget"
        | "ProfileChanged"
        | "Resource.AlreadyAssociated"
        | "ResourceInUseException"
        | "SnapshotIsPublic" => ErrorClass::Conflict,
        "DBClusterNotFoundFault"
        | "DBInstanceNotFound"
        | "LoadBalancerNotFound"
        | "NoSuchBucket"
        | "NoSuchEntity"
        | "ResourceNotFoundException"
        | "ServiceNotFoundException"
        | "TargetGroupNotFound" => ErrorClass::Gone,
        code if code.ends_with(".NotFound") => ErrorClass::Gone,
        _ => ErrorClass::Invalid,
    }
}
