//! How Lambda functions are written in a scenario.

use serde::Deserialize;

use crate::change::Tags;
use crate::id::{EventSourceId, FunctionName, Region, RoleName};

/// A Lambda function.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionSpec {
    /// Its name.
    pub name: FunctionName,
    /// Its Region.
    pub region: Option<Region>,
    /// The role that it runs in; there must be one of this name.
    pub role: RoleName,
    /// Executions that are reserved for it; not set when left out.
    pub concurrency: Option<u32>,
    /// Its event sources that are read.
    #[serde(default)]
    pub sources: Vec<SourceSpec>,
    /// Whether its policy lets everybody call it.
    #[serde(default)]
    pub public: bool,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// An event source of a function.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// The id of the mapping.
    pub id: EventSourceId,
    /// The ARN of what is read.
    pub source: String,
    /// Whether it is turned off.
    #[serde(default)]
    pub off: bool,
}
