//! What CloudTrail's event history tells of a user or a key: whom it made itself, and what it made.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::id::{AccessKeyId, UserName};

/// How far back is looked: nothing that a user's credentials made, its own sessions among it, lives on
/// longer by itself (STS: 36 h for GetSessionToken, 12 h for a role).
pub const TRAIL_WINDOW: SignedDuration = SignedDuration::from_hours(36);

/// Where IAM's own events are, and those of STS's one global endpoint (CloudTrail User Guide, global
/// service events).
pub const GLOBAL_REGION: &str = "us-east-1";

/// The event of a role that was assumed.
pub const ASSUMES: &str = "AssumeRole";

/// Events of new ways in.
const CREATES: [&str; 9] = [
    "CreateUser",
    "CreateRole",
    "CreateAccessKey",
    "CreateLoginProfile",
    "UpdateLoginProfile",
    "CreateServiceSpecificCredential",
    "UploadSSHPublicKey",
    "CreateSAMLProvider",
    "CreateOpenIDConnectProvider",
];

/// Whether anybody asks for an event of this name.
#[must_use]
pub fn is_told(event: &str) -> bool {
    event == ASSUMES || CREATES.contains(&event)
}

/// Whose doings are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doer {
    /// Those that were signed with this key.
    Key(AccessKeyId),
    /// Those of this IAM user, with any of its keys and sessions.
    User(UserName),
}

/// A call that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Deed {
    /// When, RFC 3339.
    pub at: String,
    /// The event's name.
    pub event: String,
    /// The ARN of the role that was assumed, or the name of what was made. Whoever called chose it.
    pub about: String,
}

/// One page of the history, latest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrailPage {
    /// What is asked for; other events are left out.
    pub deeds: Vec<Deed>,
    /// What the next page is asked with; `None`: this is the last.
    pub next: Option<String>,
}
