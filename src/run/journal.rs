//! What a run writes: the typed bodies of its entries, one constructor each.
//!
//! The shapes here are read again by `replay`; a field is added, never renamed.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::last_entry::LastEntry;
use super::line::{Line, counts};
use super::outcome::{Does, Outcome, StepEnd};
use crate::change::Change;
use crate::id::{ApprovalId, Digest, RunId};
use crate::runbook::StepKey;
use crate::timeline::{Actor, Draft, Kind};

/// The step key under which a run's plan is approved.
pub const PLAN_STEP: &str = "plan";

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// What each step would do, or why it would do nothing, for people.
    pub lines: Vec<Line>,
    /// Each verb with what it is called with, and each instance, role and user that it would touch:
    /// what an approval is about. How a verb gets there may change between the yes and the deed, for
    /// example because another run has made the same group; what it is done to may not.
    pub scope: BTreeSet<String>,
}

impl Plan {
    /// Whether it would change anything, as far as that can be told: what is refused or fails changes
    /// nothing.
    #[must_use]
    pub fn acts(&self) -> bool {
        let acts = |line: &Line| matches!(line.does, Does::Change | Does::Later | Does::Wait);
        self.lines.iter().any(acts)
    }

    /// The changes alone, in words.
    #[must_use]
    pub fn changes(&self) -> Vec<&str> {
        let changes = self.lines.iter().filter(|line| line.does == Does::Change);
        changes.map(|line| line.words.as_str()).collect()
    }
}

/// Lines of a plan in its entry.
const PLAN_LINES_MAX: usize = 150;

/// Bytes of a plan's lines in its entry, as JSON: most have some 300, and an entry's 65,535 hold the
/// scope, too.
const PLAN_BYTES_MAX: usize = 45_000;

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
        let mut bytes = 0;
        let fits = |line: &&Line| {
            bytes += json!(line.words).to_string().len();
            bytes <= PLAN_BYTES_MAX
        };
        let shown: Vec<&Line> = plan.lines.iter().take(PLAN_LINES_MAX).take_while(fits).collect();
        let more = plan.lines.len() - shown.len();
        // A scope that does not fit is bound by the hash alone: any other plan is asked about.
        let scope = (plan.scope.len() <= PLAN_LINES_MAX / 3).then_some(&plan.scope);
        let words: Vec<&str> = shown.iter().map(|line| line.words.as_str()).collect();
        let does: Vec<Does> = shown.iter().map(|line| line.does).collect();
        let body = json!({
            "hash": hash,
            "changes": words,
            "does": does,
            "counts": counts(&plan.lines),
            "more": more,
            "scope": scope,
        });
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
    pub fn ended(&self, at: Timestamp, ended: &LastEntry<'_>) -> Draft {
        self.draft(at, Kind::RunFinished, ended.body())
    }
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
        // What an attacker wrote into a tag can take six bytes a character.
        for (letter, expected) in [("x", 147), ("\u{1}", 24)] {
            let line = |n| Line::new(Does::Change, format!("{n} {}", letter.repeat(300)));
            let plan = Plan { lines: (0..1_000).map(line).collect(), ..Plan::default() };
            let entry = writer.plan(Timestamp::UNIX_EPOCH, &Digest::of(b"all"), &plan);
            assert_eq!(entry.body["changes"].as_array().unwrap().len(), expected);
            assert_eq!(entry.body["does"].as_array().unwrap().len(), expected);
            assert_eq!(entry.body["more"], 1_000 - expected);
            assert_eq!(entry.body["counts"], json!({"change": 1_000}));
            entry.seal(&"case-0001".parse().unwrap(), &mut Head::empty()).unwrap();
        }
    }
}
