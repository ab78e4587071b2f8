//! Roles and users of the twin, what they sign with and what was issued to them, as plain data.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::settle::Settling;
use crate::change::{CredentialKind, Document, KeyStatus, LoginProfile, Tags};
use crate::id::{AccessKeyId, CredentialId, RoleName, UserName};

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleState {
    /// `/…/`.
    pub path: String,
    /// `AROA…`.
    pub unique_id: String,
    /// Its trust policy.
    pub trust: Document,
    /// The one that was enforced when it was written, and when that was: it is felt for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_was: Option<(Document, Timestamp)>,
    /// Inline policies; a value of `None` is one that was deleted and may still be felt.
    pub policies: BTreeMap<String, Settling<Option<Document>>>,
    /// Its tags.
    pub tags: Tags,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserState {
    /// `/…/`.
    pub path: String,
    /// `AIDA…`.
    pub unique_id: String,
    /// Its access keys.
    pub keys: BTreeMap<AccessKeyId, Settling<KeyStatus>>,
    /// What else it signs in or signs with.
    #[serde(default)]
    pub credentials: BTreeMap<CredentialId, CredentialState>,
    /// Its console password.
    pub login_profile: Option<LoginProfile>,
    /// Inline policies, as those of a role.
    pub policies: BTreeMap<String, Settling<Option<Document>>>,
    /// Its tags.
    pub tags: Tags,
}

/// An SSH key, a certificate or a service-specific credential.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CredentialState {
    /// What it is.
    pub kind: CredentialKind,
    /// The service that takes it, where it is one service's only.
    pub service: Option<String>,
    /// Whether it works.
    pub status: Settling<KeyStatus>,
}

/// Temporary credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// Whose.
    pub principal: Principal,
    /// `aws:TokenIssueTime`.
    pub issued_at: Timestamp,
    /// When they end by themselves.
    pub expires_at: Timestamp,
}

/// Who credentials stand for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "name", rename_all = "snake_case")]
pub enum Principal {
    /// A role.
    Role(RoleName),
    /// A user (`sts:GetSessionToken`).
    User(UserName),
}
