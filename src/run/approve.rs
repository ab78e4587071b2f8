//! Asking a person: an intent without a call, whose outcome is a decision.
//!
//! What is approved is bound by a hash; the decision itself is written by the [`super::Desk`].

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::execute::{Executor, StepRun};
use super::journal::{Ask, PLAN_STEP};
use super::outcome::StepEnd;
use super::step::StepLog;
use super::step_end::{MESSAGE_MAX, cut_at, failed, succeeded};
use super::tell;
use crate::error::Code;
use crate::id::Digest;
use crate::sanitise::sanitise;
use crate::store::{ApprovalRow, ApprovalState, Effect, StoreError};

/// How long a question stays open where the runbook says nothing: a night and a morning.
pub const APPROVAL_WAIT: SignedDuration = SignedDuration::from_hours(12);

/// The longest that a question may stay open.
pub const APPROVAL_WAIT_MAX: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Characters of a question in a message to people: what it is about and the command that answers it
/// stand around it.
const QUESTION_MAX: usize = 1_500;

/// What became of a question.
pub enum Answer {
    /// It is asked now, or still open.
    Open(Box<StepRun>),
    /// Yes: by whom.
    Granted(Vec<Value>),
    /// No, or no answer in time.
    Refused(Refusal),
    /// Nobody needs to answer: another run asks for all of it.
    Withdrawn,
}

/// Why what was asked is not done.
pub struct Refusal {
    /// [`Code::APPROVAL_DENIED`], or [`Code::UNANSWERED`] for silence, which is no decision.
    pub code: Code,
    /// In words.
    pub reason: String,
}

impl Refusal {
    fn no(reason: impl Into<String>) -> Answer {
        Answer::Refused(Self { code: Code::APPROVAL_DENIED, reason: reason.into() })
    }

    fn silence() -> Answer {
        let reason = "nobody answered in time".to_owned();
        Answer::Refused(Self { code: Code::UNANSWERED, reason })
    }

    /// The end of the step that asked.
    pub fn end(&self, step: &StepLog) -> StepEnd {
        failed(step, self.code, "denied", &self.reason)
    }
}

/// A question.
pub struct Question<'a> {
    /// The step's key, or [`PLAN_STEP`].
    pub step: &'a str,
    /// In words.
    pub text: &'a str,
    /// What is approved.
    pub hash: Digest,
    /// How many must say yes.
    pub quorum: u32,
    /// For how long it stays open.
    pub within: SignedDuration,
}

/// Asks, or looks what was answered.
///
/// # Errors
/// When the store can't be read.
pub async fn ask(executor: &Executor<'_>, question: &Question<'_>) -> Result<Answer, StoreError> {
    let now = executor.env.clock.now();
    let asked = executor.env.store.approvals_of(&executor.run.id).await?;
    let Some(row) = asked.into_iter().find(|row| row.step == question.step) else {
        let expires_at = now.checked_add(question.within.min(APPROVAL_WAIT_MAX)).ok();
        // It may repeat a finding, or what somebody gave as a reason.
        let text = sanitise(question.text, MESSAGE_MAX);
        let approval = executor.env.ids.approval(executor.env.clock.as_ref());
        let ask = Ask {
            approval: &approval,
            question: &text,
            hash: &question.hash,
            quorum: question.quorum,
            expires_at,
        };
        let drafts = vec![executor.writer.asked(now, question.step, &ask)];
        let row = ApprovalRow {
            id: approval.clone(),
            case: executor.run.case.clone(),
            run: executor.run.id.clone(),
            step: question.step.to_owned(),
            question: text.clone(),
            hash: question.hash.clone(),
            quorum: question.quorum,
            requested_by: executor.run.requested_by.clone(),
            requested_at: now,
            expires_at,
            state: ApprovalState::Pending,
            decisions: vec![],
        };
        let told = tell::of_run(executor.env, executor.run, row.id.to_string(), &words(&row)).await;
        let effects = vec![Effect::OpenApproval(row), told];
        return Ok(Answer::Open(Box::new(StepRun::Parked {
            wake_at: expires_at,
            drafts,
            effects,
        })));
    };
    Ok(match row.state {
        ApprovalState::Granted if row.hash == question.hash => Answer::Granted(row.decisions),
        ApprovalState::Granted => Refusal::no("what was approved is not what would be done now"),
        ApprovalState::Denied => Refusal::no(denied(&row.decisions)),
        ApprovalState::Withdrawn => Answer::Withdrawn,
        ApprovalState::Expired => Refusal::silence(),
        ApprovalState::Pending if row.expires_at.is_some_and(|at| at <= now) => {
            let entry = executor.writer.expired(now, question.step, &row.id);
            executor
                .write(vec![entry], vec![Effect::Expire { approval: row.id.clone(), at: now }])
                .await?;
            Refusal::silence()
        }
        ApprovalState::Pending => {
            let wake_at: Option<Timestamp> = row.expires_at;
            Answer::Open(Box::new(StepRun::Parked { wake_at, drafts: vec![], effects: vec![] }))
        }
    })
}

/// The runbook's `approve(question, #{quorum, within})`.
///
/// # Errors
/// When the store can't be read or written.
pub async fn perform(executor: &Executor<'_>, step: &StepLog) -> Result<StepRun, StoreError> {
    let text = step.args.get("question").and_then(Value::as_str).unwrap_or_default();
    let quorum = step
        .args
        .get("quorum")
        .and_then(Value::as_u64)
        .and_then(|n| u32::try_from(n).ok())
        .unwrap_or(1);
    let within = step
        .args
        .get("within_seconds")
        .and_then(Value::as_i64)
        .map_or(APPROVAL_WAIT, SignedDuration::from_secs);
    let bound = json!({
        "run": executor.run.id,
        "runbook": executor.run.hash,
        "params": executor.run.params,
        "step": step.key,
        "args": step.args,
    });
    let hash = Digest::of(bound.to_string().as_bytes());
    let question = Question { step: step.key.as_str(), text, hash, quorum: quorum.max(1), within };
    debug_assert_ne!(question.step, PLAN_STEP, "the plan has its own question");
    let end = match ask(executor, &question).await? {
        Answer::Open(parked) => return Ok(*parked),
        Answer::Granted(decisions) => {
            succeeded(step, json!({"approved": true, "decisions": decisions}))
        }
        Answer::Refused(refusal) => refusal.end(step),
        Answer::Withdrawn => {
            failed(step, Code::APPROVAL_DENIED, "denied", "the question was withdrawn")
        }
    };
    Ok(StepRun::Ended { end, drafts: vec![], effects: vec![] })
}

/// Who said no, and why.
fn denied(decisions: &[Value]) -> String {
    let text = |name: &str| decisions.last().and_then(|last| last.get(name)?.as_str());
    match (text("by"), text("reason")) {
        (Some(by), Some(reason)) => format!("a person said no ({by}: {reason})"),
        _ => "a person said no".to_owned(),
    }
}

/// A question for people, with the command that answers it and until when. It may be as long as a
/// message: its end goes before the command does.
fn words(row: &ApprovalRow) -> String {
    let until = row.expires_at.map(|at| at.strftime(", until %Y-%m-%d %H:%MZ").to_string());
    let question = cut_at(&row.question, QUESTION_MAX);
    let people = match row.quorum {
        0 | 1 => String::new(),
        n => format!(" ({n} people must agree)"),
    };
    format!("{question}{people}: tourniquet approve {}{}", row.id, until.unwrap_or_default())
}
