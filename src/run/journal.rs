//! What a run writes: the typed bodies of its entries, one constructor each.
//!
//! The shapes here are read again by `replay`; a field is added, never renamed.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::change::Change;
use crate::cloud::{CloudError, Receipt};
use crate::id::{ApprovalId, Digest, RunId};
use crate::runbook::{StepFailure, StepKey};
use crate::timeline::{Actor, Draft, Kind};

/// The step key under which a run's plan is approved.
pub const PLAN_STEP: &str = "plan";

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Each change, in words, for people.
    pub changes: Vec<String>,
    /// Each verb with what it is called with, and each instance, role and user that it would touch:
    /// what an approval is about. How a verb gets there may change between the yes and the deed, for
    /// example because another run has made the same group; what it is done to may not.
    pub scope: BTreeSet<String>,
}

/// Lines of a plan in its entry: at most some 300 bytes each, so that an entry's 65,535 hold them.
const PLAN_LINES_MAX: usize = 150;

/// `change.outcome`, without run and step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What became of it.
    pub result: OutcomeResult,
    /// AWS's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// AWS's refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<CloudError>,
    /// Calls made.
    pub attempts: u32,
    /// From the first call to the last answer, in milliseconds.
    pub millis: u64,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeResult {
    /// AWS confirmed it.
    Ok,
    /// A look after a lost answer showed that it happened.
    Observed,
    /// A look after a lost answer showed that it did not happen.
    NotHappened,
    /// AWS refused it.
    Failed,
    /// Neither: a person must look.
    Unknown,
}

impl OutcomeResult {
    /// Whether the world has changed.
    #[must_use]
    pub fn happened(self) -> bool {
        matches!(self, Self::Ok | Self::Observed)
    }

    /// Whether the world may have changed, for all that is known.
    #[must_use]
    pub fn may_have_happened(self) -> bool {
        self.happened() || self == Self::Unknown
    }
}

/// How a step ended, as the timeline tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// It did what it should, and a look verified it.
    Ok,
    /// It looked and changed nothing: the mode is `observe`.
    Planned,
    /// It failed.
    Failed,
}

/// `step.finished`, without run and step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepEnd {
    /// The step's name.
    pub name: String,
    /// How it ended.
    pub result: StepResult,
    /// What the script sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// What the script sees, where it is too large for an entry: a blob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_blob: Option<Digest>,
    /// What is raised in the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StepFailure>,
    /// Changes that were planned, in words, for mode `observe`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub planned: Vec<String>,
}

/// Shorter waits for room in AWS's limits are not told.
const WAITED_MIN: Duration = Duration::from_secs(1);

/// Writes the entries of one run.
#[derive(Debug, Clone)]
pub struct Writer {
    run: RunId,
}

impl Writer {
    /// The writer of `run`.
    #[must_use]
    pub fn new(run: RunId) -> Self {
        Self { run }
    }

    fn draft(&self, at: Timestamp, kind: Kind, mut body: Value) -> Draft {
        body["run"] = json!(self.run);
        Draft::new(at, Actor::Run(self.run.clone()), kind, body)
    }

    /// The run was claimed for the first time: its facts are pinned.
    #[must_use]
    pub fn started(&self, at: Timestamp, facts: &Digest, confirmed: &str) -> Draft {
        self.draft(
            at,
            Kind::RunStarted,
            json!({"facts": format!("sha256:{facts}"), "finding": confirmed}),
        )
    }

    /// A plan was made.
    #[must_use]
    pub fn plan(&self, at: Timestamp, hash: &Digest, plan: &Plan) -> Draft {
        // The hash covers every line; the entry shows as many as fit well into one.
        let shown: Vec<&String> = plan.changes.iter().take(PLAN_LINES_MAX).collect();
        let more = plan.changes.len() - shown.len();
        // A scope that does not fit is bound by the hash alone: any other plan is asked about.
        let scope = (plan.scope.len() <= PLAN_LINES_MAX / 3).then_some(&plan.scope);
        let body = json!({"hash": hash, "changes": shown, "more": more, "scope": scope});
        self.draft(at, Kind::PlanMade, body)
    }

    /// The script asked for a step.
    #[must_use]
    pub fn requested(
        &self,
        at: Timestamp,
        step: &StepKey,
        name: &str,
        args: &Value,
        log: &[String],
    ) -> Draft {
        let mut body = json!({"step": step, "name": name, "args": args});
        if !log.is_empty() {
            body["log"] = json!(log);
        }
        self.draft(at, Kind::StepRequested, body)
    }

    /// A change is about to be made, after the step has `waited` for room in AWS's limits.
    #[must_use]
    pub fn intent(
        &self,
        at: Timestamp,
        step: &StepKey,
        n: usize,
        change: &Change,
        waited: Duration,
    ) -> Draft {
        let mut body = json!({
            "step": change_key(step, n),
            "change": change,
            "operation": change.operation(),
            "words": change.words(),
        });
        if waited >= WAITED_MIN {
            body["waited_s"] = json!(waited.as_secs());
        }
        self.draft(at, Kind::ChangeIntent, body)
    }

    /// What became of a change.
    #[must_use]
    pub fn outcome(&self, at: Timestamp, step: &StepKey, n: usize, outcome: &Outcome) -> Draft {
        let mut body = serde_json::to_value(outcome)
            .unwrap_or_else(|error| json!({"unwritable": error.to_string()}));
        body["step"] = json!(change_key(step, n));
        self.draft(at, Kind::ChangeOutcome, body)
    }

    /// A step ended.
    #[must_use]
    pub fn finished(&self, at: Timestamp, step: &StepKey, end: &StepEnd) -> Draft {
        let mut body = serde_json::to_value(end)
            .unwrap_or_else(|error| json!({"unwritable": error.to_string()}));
        body["step"] = json!(step);
        self.draft(at, Kind::StepFinished, body)
    }

    /// A guard stopped a step.
    #[must_use]
    pub fn tripped(&self, at: Timestamp, step: &StepKey, code: &str, reason: &str) -> Draft {
        self.draft(at, Kind::GuardTripped, json!({"step": step, "code": code, "reason": reason}))
    }

    /// One chain-of-custody record.
    #[must_use]
    pub fn evidence(&self, at: Timestamp, step: &StepKey, n: usize, record: &Value) -> Draft {
        self.draft(
            at,
            Kind::EvidenceRecorded,
            json!({"step": format!("{step}#evidence{n}"), "evidence": record}),
        )
    }

    /// A person is asked.
    #[must_use]
    pub fn asked(&self, at: Timestamp, step: &str, ask: &Ask<'_>) -> Draft {
        let body = json!({
            "step": step,
            "approval": ask.approval,
            "question": ask.question,
            "hash": ask.hash,
            "quorum": ask.quorum,
            "expires_at": ask.expires_at.map(|at| at.to_string()),
        });
        self.draft(at, Kind::ApprovalRequested, body)
    }

    /// Nobody answered in time.
    #[must_use]
    pub fn expired(&self, at: Timestamp, step: &str, approval: &ApprovalId) -> Draft {
        let body =
            json!({"step": step, "approval": approval, "decision": "expired", "by": "service"});
        self.draft(at, Kind::ApprovalDecided, body)
    }

    /// The run ended.
    #[must_use]
    pub fn ended(&self, at: Timestamp, ended: &Ended<'_>) -> Draft {
        let mut body = json!({
            "state": ended.state,
            "summary": ended.summary,
            "contained": ended.contained,
            "open": ended.open,
        });
        if let Some(code) = ended.code {
            body["code"] = json!(code);
        }
        if let Some(returned) = &ended.returned {
            body["returned"] = json!(returned);
        }
        if !ended.log.is_empty() {
            body["log"] = json!(ended.log);
        }
        self.draft(at, Kind::RunFinished, body)
    }
}

/// How a run ended.
pub struct Ended<'a> {
    /// The label of its last event.
    pub state: &'a str,
    /// Its result, in words.
    pub summary: &'a str,
    /// The number of the error that it ended with.
    pub code: Option<&'a str>,
    /// Whether a containment was verified, and nothing remains.
    pub contained: bool,
    /// What remains for a person.
    pub open: &'a [String],
    /// What the script returned, as JSON text for people, which may be cut; `None`: nothing.
    pub returned: Option<String>,
    /// What the script logged after its last step.
    pub log: &'a [String],
}

/// A question to a person.
pub struct Ask<'a> {
    /// Its id.
    pub approval: &'a ApprovalId,
    /// The question, in words.
    pub question: &'a str,
    /// What is approved.
    pub hash: &'a Digest,
    /// How many must say yes.
    pub quorum: u32,
    /// When it closes.
    pub expires_at: Option<Timestamp>,
}

/// `<step>#<n>`: a change's place inside its step, from 1.
#[must_use]
pub fn change_key(step: &StepKey, n: usize) -> String {
    format!("{step}#{n}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Head;

    #[test]
    fn a_plan_of_any_length_fits_into_an_entry() {
        let writer = Writer::new("run-0001".parse().unwrap());
        let lines: Vec<String> = (0..1_000).map(|n| format!("{n} {}", "x".repeat(300))).collect();
        let plan = Plan { changes: lines, ..Plan::default() };
        let entry = writer.plan(Timestamp::UNIX_EPOCH, &Digest::of(b"all"), &plan);
        assert_eq!(entry.body["changes"].as_array().unwrap().len(), PLAN_LINES_MAX);
        assert_eq!(entry.body["more"], 1_000 - PLAN_LINES_MAX);
        entry.seal(&"case-0001".parse().unwrap(), &mut Head::empty()).unwrap();
    }
}
