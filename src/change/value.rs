//! What attributes hold, where it is more than a text or a number, and how AWS writes it.

use serde::{Deserialize, Serialize};

/// Whether an Elastic IP address leads anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressUse {
    /// To the interface of the change.
    Associated,
    /// To nothing.
    Free,
}

/// What becomes of an instance that shuts itself down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnShutdown {
    /// It stops, and its EBS volumes stay.
    Stop,
    /// It is terminated.
    Terminate,
}

impl OnShutdown {
    /// As EC2 writes it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Terminate => "terminate",
        }
    }
}

/// Whether an access key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyStatus {
    /// Requests signed with it are accepted.
    Active,
    /// Requests signed with it are refused.
    Inactive,
}

/// What a user may sign in or sign with besides access keys and password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    /// An SSH public key, for CodeCommit.
    SshPublicKey,
    /// An X.509 certificate that signs SOAP requests.
    SigningCertificate,
    /// A password or API key of one service: CodeCommit over HTTPS, Keyspaces, Bedrock.
    ServiceSpecific,
}

impl CredentialKind {
    /// All of them.
    pub const ALL: [Self; 3] =
        [Self::SshPublicKey, Self::SigningCertificate, Self::ServiceSpecific];

    /// As in a path of ours.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::SshPublicKey => "ssh-public-key",
            Self::SigningCertificate => "signing-certificate",
            Self::ServiceSpecific => "service-specific-credential",
        }
    }

    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::SshPublicKey => "SSH public key",
            Self::SigningCertificate => "signing certificate",
            Self::ServiceSpecific => "service-specific credential",
        }
    }
}

/// What IAM tells of a console password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginProfile {
    /// When it was created, RFC 3339.
    pub created: String,
    /// Whether the user must set a new password at the next sign-in.
    pub reset_required: bool,
}

impl KeyStatus {
    /// As IAM writes it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Inactive => "Inactive",
        }
    }
}

/// What S3 does not let a bucket's public grants do, as the bucket is configured (S3 API Reference,
/// `PublicAccessBlockConfiguration`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAccessBlock {
    /// New public ACLs are refused (`BlockPublicAcls`).
    pub block_acls: bool,
    /// Public ACLs grant nothing (`IgnorePublicAcls`).
    pub ignore_acls: bool,
    /// New public policies are refused (`BlockPublicPolicy`).
    pub block_policy: bool,
    /// A public policy grants only to AWS services and the bucket's own account
    /// (`RestrictPublicBuckets`).
    pub restrict: bool,
}

impl PublicAccessBlock {
    /// Nothing is public, whatever grants it.
    pub const ALL: Self =
        Self { block_acls: true, ignore_acls: true, block_policy: true, restrict: true };

    /// As S3 calls what is on; `none`: nothing is.
    #[must_use]
    pub fn words(self) -> String {
        let parts = [
            (self.block_acls, "BlockPublicAcls"),
            (self.ignore_acls, "IgnorePublicAcls"),
            (self.block_policy, "BlockPublicPolicy"),
            (self.restrict, "RestrictPublicBuckets"),
        ];
        let on: Vec<&str> = parts.into_iter().filter_map(|(on, name)| on.then_some(name)).collect();
        if on.is_empty() { "none".to_owned() } else { on.join(", ") }
    }
}

/// Whether an Auto Scaling group counts on one of its instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// It does: it checks the instance's health, and replaces it when that fails.
    InService,
    /// It does not, and leaves it alone.
    Standby,
}

impl Duty {
    /// As Auto Scaling writes it (`LifecycleState`).
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::InService => "InService",
            Self::Standby => "Standby",
        }
    }
}
