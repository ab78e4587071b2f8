//! The form of a case file.
//!
//! Findings stand in the file as JSON, or are our documents in `src/finding/fixtures`, as they are
//! or with a few values set anew. Nothing is played here.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use crate::cloud::sandbox::Scenario;
use crate::id::{
    AccessKeyId, AccountId, BucketName, DatabaseId, FunctionName, InstanceId, UserName,
};

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// What it shows, in a sentence.
    pub about: String,
    /// When it begins.
    pub at: Timestamp,
    /// The allow list.
    #[serde(default)]
    pub allowed: Vec<AccountId>,
    /// The forensics account.
    pub forensics: Option<AccountId>,
    /// Findings as JSON, delivered one after the other; each is answered before the next comes.
    #[serde(default)]
    pub findings: Vec<String>,
    /// Documents of `src/finding/fixtures`, delivered after `findings`.
    #[serde(default)]
    pub finding_files: Vec<String>,
    /// Documents of which this case needs another form, delivered last.
    #[serde(default)]
    pub edited: Vec<Edited>,
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

/// A document with some values set anew.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edited {
    /// A document of `src/finding/fixtures`.
    pub file: String,
    /// JSON pointers of values that the document has, and what stands there instead.
    pub set: BTreeMap<String, serde_json::Value>,
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
    /// The runbooks of the runs after it, an undo as `undo`.
    #[serde(default)]
    pub then: Vec<String>,
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
    /// Users who must not be able to sign in to the console.
    #[serde(default)]
    pub signed_out: Vec<UserName>,
    /// Users who must still be able to.
    #[serde(default)]
    pub signed_in: Vec<UserName>,
    /// Buckets that nobody may read without being let in by name.
    #[serde(default)]
    pub closed: Vec<BucketName>,
    /// Buckets that everybody must still be able to read.
    #[serde(default)]
    pub open: Vec<BucketName>,
    /// Ports of instances, `instance:port`, at which not everybody may come in any more.
    #[serde(default)]
    pub shut: Vec<String>,
    /// Ports of instances at which everybody must still be able to.
    #[serde(default)]
    pub exposed: Vec<String>,
    /// Databases to which nobody may open a connection.
    #[serde(default)]
    pub unreachable: Vec<DatabaseId>,
    /// Databases to which somebody must still be able to.
    #[serde(default)]
    pub reachable: Vec<DatabaseId>,
    /// Tasks, `cluster/id`, that must not reach out any more.
    #[serde(default)]
    pub tasks_cut_off: Vec<String>,
    /// Tasks that must still reach out.
    #[serde(default)]
    pub tasks_connected: Vec<String>,
    /// Functions that must not run any more.
    #[serde(default)]
    pub throttled: Vec<FunctionName>,
    /// Functions that must still run.
    #[serde(default)]
    pub running: Vec<FunctionName>,
    /// Calls that changed something in AWS.
    pub mutations: usize,
    /// The timeline, one entry a line.
    pub timeline: String,
}

const MARK: &str = "timeline = '''\n";

impl CaseFile {
    /// Reads a case.
    pub fn parse(text: &str) -> Result<Self, String> {
        let case: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if case.about.trim().is_empty() {
            return Err("`about` says nothing".to_owned());
        }
        Ok(case)
    }

    /// The documents in the order of their delivery.
    ///
    /// # Errors
    /// A file that is not there, or a pointer to nothing: a silent edit would test something else.
    pub fn documents(&self) -> Result<Vec<String>, String> {
        let mut all = self.findings.clone();
        for name in &self.finding_files {
            all.push(fixture(name)?);
        }
        for edited in &self.edited {
            let mut document: serde_json::Value =
                serde_json::from_str(&fixture(&edited.file)?).map_err(|error| error.to_string())?;
            for (pointer, value) in &edited.set {
                let place = document.pointer_mut(pointer);
                *place.ok_or_else(|| format!("{} has no {pointer}", edited.file))? = value.clone();
            }
            all.push(document.to_string());
        }
        if all.is_empty() { Err("no finding is delivered".to_owned()) } else { Ok(all) }
    }
}

fn fixture(name: &str) -> Result<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/finding/fixtures").join(name);
    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The file's text with another timeline.
pub fn with_timeline(text: &str, timeline: &str) -> String {
    let Some(start) = text.find(MARK).map(|at| at + MARK.len()) else {
        return text.to_owned();
    };
    let end = text[start..].find("'''").map_or(text.len(), |at| start + at);
    format!("{}{}{}", &text[..start], timeline.replace("'''", "' ' '"), &text[end..])
}
