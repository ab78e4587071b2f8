//! Rows as the rest of the program sees them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::{RunState, Status};
use crate::finding::Severity;
use crate::id::{AccountId, CaseId, Digest, Region, RunId, RunbookName, TokenId};
use crate::routing::Mode;

use super::Role;

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseRow {
    /// Its id.
    pub id: CaseId,
    /// Where it is.
    pub status: Status,
    /// The finding's title, as it came: hostile text.
    pub title: String,
    /// The finding's type.
    pub finding_type: String,
    /// The highest severity of its findings, in tenths; `None`: none had one.
    pub severity: Option<u16>,
    /// The account it is about; `None`: the finding named none that is valid.
    pub account: Option<AccountId>,
    /// The Region.
    pub region: Option<Region>,
    /// The primary resource, as `type/id`.
    pub resource: Option<String>,
    /// What further findings are joined by.
    pub correlation: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When its newest finding was received.
    pub last_finding_at: Timestamp,
    /// When its first containment was verified.
    pub contained_at: Option<Timestamp>,
    /// Findings in it, each counted once.
    pub findings: u64,
    /// How often they were delivered: every version, and every duplicate.
    pub deliveries: u64,
    /// Entries in its timeline.
    pub length: u64,
    /// The hash of the last entry.
    pub head: Digest,
}

/// What a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// It executes a runbook.
    Runbook,
    /// It takes another run's changes back.
    Undo,
}

/// What stands in a target for the resource, where a runbook is about none.
pub const WHOLE_ACCOUNT: &str = "account/whole";

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// Its case.
    pub case: CaseId,
    /// What it is.
    pub kind: RunKind,
    /// The runbook; for an undo, that of the run it takes back.
    pub runbook: RunbookName,
    /// The pinned source: a blob.
    pub hash: Digest,
    /// The host API's version when it was started.
    pub host_api: u32,
    /// How far it may go.
    pub mode: Mode,
    /// Where it is.
    pub state: RunState,
    /// Checked parameters; for an undo, `{"of": run, "revive": bool}`.
    pub params: Value,
    /// The account it acts in.
    pub account: AccountId,
    /// The Region it acts in.
    pub region: Region,
    /// What runs exclude each other by, as `account/type/id`; `None` for a run that only observes.
    pub target: Option<String>,
    /// Who asked: `service` or a token's name.
    pub requested_by: String,
    /// When.
    pub requested_at: Timestamp,
    /// When it should go on; `None`: at once when queued, by a decision when parked.
    pub wake_at: Option<Timestamp>,
    /// Whether a containment action ended verified in it.
    pub contained: bool,
    /// Whether it waits for a person.
    pub asks: bool,
    /// Whether an undo took it back.
    pub released: bool,
    /// Parked: whether it waits for nothing but evidence.
    pub preserves: bool,
    /// How often it was claimed: a run that keeps dying is stopped.
    pub attempts: u32,
    /// Its result or error, in words, once it ended.
    pub summary: Option<String>,
    /// The number of the error that it ended with.
    pub code: Option<String>,
    /// The finding that it answers, as the digest of its document; `None`: what the case began with.
    pub document: Option<Digest>,
    /// The resources and actors that an attack sequence names; empty for every other finding.
    pub named: BTreeSet<String>,
}

impl RunRow {
    /// How leases and holds call a target in this run's account: `account/type/id`.
    #[must_use]
    pub fn resource(&self, target: &str) -> String {
        format!("{}/{target}", self.account)
    }

    /// What it is about, as `type/id`; `None`: nothing in particular, or it only observes.
    #[must_use]
    pub fn about(&self) -> Option<&str> {
        let target = self.target.as_deref()?;
        let (_, resource) = target.split_once('/')?;
        Some(resource).filter(|resource| *resource != WHOLE_ACCOUNT)
    }
}

/// One entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its place.
    pub seq: u64,
    /// The exact bytes.
    pub bytes: Vec<u8>,
    /// The hash stored beside them.
    pub hash: Digest,
}

/// A part of a list, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Give this as `cursor` to get the next part; `None`: this was the last.
    pub next: Option<String>,
}

/// Which cases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CaseFilter {
    /// Only these statuses; empty: all.
    pub status: Vec<Status>,
    /// Only this account.
    pub account: Option<AccountId>,
    /// Only of at least this severity.
    pub severity: Option<Severity>,
    /// In which order.
    pub sort: CaseSort,
}

/// The order of cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CaseSort {
    /// The one that was opened last first.
    #[default]
    Newest,
    /// The most severe first, and of these the newest; one without a severity last.
    Severity,
}

impl CaseSort {
    /// Every order, by its label.
    pub const ALL: [(&str, Self); 2] = [("newest", Self::Newest), ("severity", Self::Severity)];

    /// The order with this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(known, sort)| (known == label).then_some(sort))
    }
}

/// What could not be parsed, kept with the reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuarantineRow {
    /// The SHA-256 of the raw bytes: a blob.
    pub raw: Digest,
    /// Why, in words.
    pub reason: String,
    /// The error's number.
    pub code: String,
    /// Which door it came through.
    pub source: String,
    /// When it came first.
    pub received_at: Timestamp,
    /// How often.
    pub seen: u64,
}

/// A run's step that holds an AWS resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoldRow {
    /// The resource.
    pub resource: String,
    /// The run.
    pub run: RunId,
    /// Its case.
    pub case: CaseId,
    /// The step that took it.
    pub step: String,
}

/// An API token, without its secret.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TokenRow {
    /// Its public name.
    pub id: TokenId,
    /// What people call it; the actor in entries.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}
