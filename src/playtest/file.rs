//! The form of a case file.

use jiff::Timestamp;
use serde::Deserialize;

use crate::cloud::sandbox::Scenario;
use crate::id::{AccessKeyId, AccountId, InstanceId};

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// What it shows, in a sentence.
    #[expect(dead_code, reason = "for the reader of the file")]
    pub about: String,
    /// When it begins.
    pub at: Timestamp,
    /// The allow list.
    #[serde(default)]
    pub allowed: Vec<AccountId>,
    /// The forensics account.
    pub forensics: Option<AccountId>,
    /// Findings as JSON, delivered one after the other.
    pub findings: Vec<String>,
    /// What people decide, in the order in which they are asked.
    #[serde(default)]
    pub decisions: Vec<Decision>,
    /// Whether the first acting run is taken back at the end.
    #[serde(default)]
    pub undo: bool,
    /// The sandbox's accounts.
    pub scenario: Scenario,
    /// What must come of it.
    pub expect: Expect,
}

/// A person's decision.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Who.
    pub by: String,
    /// Yes or no.
    pub approve: bool,
}

/// What must come of a case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The runbook of the first run.
    pub runbook: String,
    /// The case's status at the end.
    pub status: String,
    /// Credentials that must not work any more.
    #[serde(default)]
    pub denied: Vec<AccessKeyId>,
    /// Credentials that must still work.
    #[serde(default)]
    pub working: Vec<AccessKeyId>,
    /// Instances that must not reach out any more.
    #[serde(default)]
    pub cut_off: Vec<InstanceId>,
    /// Instances that must still reach out.
    #[serde(default)]
    pub connected: Vec<InstanceId>,
    /// Calls that changed something in AWS.
    pub mutations: usize,
    /// The timeline, one entry a line.
    pub timeline: String,
}

const MARK: &str = "timeline = '''\n";

impl CaseFile {
    /// Reads a case.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }
}

/// The file's text with another timeline.
pub fn with_timeline(text: &str, timeline: &str) -> String {
    let Some(start) = text.find(MARK).map(|at| at + MARK.len()) else { return text.to_owned() };
    let end = text[start..].find("'''").map_or(text.len(), |at| start + at);
    format!("{}{}{}", &text[..start], timeline.replace("'''", "' ' '"), &text[end..])
}
