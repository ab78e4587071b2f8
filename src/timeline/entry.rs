//! What goes into an entry: when, who, what kind, and the body.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::id::{CaseId, Digest, RunId};

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "name", rename_all = "snake_case")]
pub enum Actor {
    /// Tourniquet itself: intake, routing, recovery.
    Service,
    /// A person or program with a token: the token's name.
    Person(String),
    /// A run of a runbook.
    Run(RunId),
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $label:literal,)*) => {
        /// What an entry says. The label is stored; it never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $name,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stored label.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// The kind with this label.
            #[must_use]
            pub fn from_label(label: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.label() == label)
            }
        }
    };
}

kinds! {
    /// A case was opened: title, severity, account, primary resource.
    CaseOpened = "case.opened",
    /// A finding version was received: its identity, version and the digest of the raw bytes.
    FindingReceived = "finding.received",
    /// What routing decided, and why, in words.
    RoutingDecided = "routing.decided",
    /// A run was asked for: runbook, hash, mode, parameters, who.
    RunRequested = "run.requested",
    /// A run was claimed and started.
    RunStarted = "run.started",
    /// The plan of a run in mode `approve`, or the result of mode `observe`: all changes, and its hash.
    PlanMade = "plan.made",
    /// A runbook asked for a step: its name and arguments.
    StepRequested = "step.requested",
    /// A change is about to be made: before and after. Durable before the call.
    ChangeIntent = "change.intent",
    /// What became of a change: AWS's request id and attempts, or the error.
    ChangeOutcome = "change.outcome",
    /// A step's result, as the runbook sees it.
    StepFinished = "step.finished",
    /// A person is asked.
    ApprovalRequested = "approval.requested",
    /// A person decided, or the question expired.
    ApprovalDecided = "approval.decided",
    /// A guard stopped a step before its first change.
    GuardTripped = "guard.tripped",
    /// Evidence was preserved or handed over: one chain-of-custody record.
    EvidenceRecorded = "evidence.recorded",
    /// A run ended: its state and what remains open.
    RunFinished = "run.finished",
    /// The case's status changed.
    CaseStatusChanged = "case.status_changed",
    /// A person wrote a note, or the service says what it told whom.
    NoteAdded = "note.added",
}

/// An entry that has no place in the chain yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// When, from the injected clock.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What kind.
    pub kind: Kind,
    /// The details. `run` and `step` in it, where set, make (run, step, kind) unique in the store.
    pub body: Map<String, Value>,
}

impl Draft {
    /// An entry with a body made of `body`, which must be a JSON object.
    #[must_use]
    pub fn new(at: Timestamp, actor: Actor, kind: Kind, body: Value) -> Self {
        let body = match body {
            Value::Object(map) => map,
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        Self { at, actor, kind, body }
    }

    /// `body.run`, where set.
    #[must_use]
    pub fn run(&self) -> Option<&str> {
        self.body.get("run").and_then(Value::as_str)
    }

    /// `body.step`, where set. For changes it is `<step>#<n>`.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        self.body.get("step").and_then(Value::as_str)
    }
}

/// An entry, read back. The bytes remain the truth: verify them first.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Entry {
    /// The case.
    pub case: CaseId,
    /// Its place.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// The kind's label; a newer version of Tourniquet may have written one that is unknown here.
    pub kind: String,
    /// The details.
    pub body: Map<String, Value>,
    /// The hash before it.
    pub prev: Digest,
}

/// Stored bytes that are no entry.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the stored bytes are no entry: {0}")]
pub struct NoEntry(String);

impl Entry {
    /// Reads stored bytes.
    ///
    /// # Errors
    /// When they are no entry: the chain does not verify then, either.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoEntry> {
        serde_json::from_slice(bytes).map_err(|error| NoEntry(error.to_string()))
    }

    /// What kind it is, where this version knows it.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_label(&self.kind)
    }
}
