//! What reads return of a Lambda function: what actions look at, and no more. Its environment variables,
//! which may hold secrets, are not among it.

use serde::{Deserialize, Serialize};

use crate::change::Polling;
use crate::id::{EventSourceId, FunctionName, RoleName};

/// A Lambda function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: FunctionName,
    /// The role that it runs in.
    pub role: RoleName,
    /// The SHA-256 of its code, base64, as Lambda tells it: evidence of what ran.
    pub code_sha256: String,
    /// How many executions are reserved for it and its limit; `None`: not set. 0 keeps it from running.
    pub concurrency: Option<u32>,
    /// The event sources that Lambda reads for it, those of its versions and aliases among them.
    pub sources: Vec<EventSource>,
    /// Whether its resource policy lets everybody call it.
    pub public: bool,
}

/// What connects an event source with a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSource {
    /// The id of the mapping.
    pub id: EventSourceId,
    /// The ARN of what is read: a queue, a stream, a table's stream; of a cluster of one's own there is none.
    pub source: Option<String>,
    /// `Creating`, `Enabling`, `Enabled`, `Disabling`, `Disabled`, `Updating` or `Deleting` (Lambda API).
    pub state: String,
}

impl EventSource {
    /// Whether it is read, or is about to be, as far as it is one of the two.
    #[must_use]
    pub fn polling(&self) -> Option<Polling> {
        match self.state.as_str() {
            "Enabled" | "Enabling" | "Creating" => Some(Polling::On),
            "Disabled" | "Disabling" => Some(Polling::Off),
            _ => None,
        }
    }
}
