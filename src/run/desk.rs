//! Everything that a person, or an edge for a person, may ask of runs. All checks are here, so that
//! API and CLI can't differ.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Env;
use super::execute::Executor;
use super::held::held_later;
use super::journal::Writer;
use super::lease::Lease;
use super::once_more::taken_back_before;
use super::plan::Unplanned;
use super::record::{self, RecordError};
use super::refused::DeskError;
use super::request::{StartRun, TakeBack, check, row};
use super::script::Script;
use super::taken_back::TakenBack;
use super::{start, undo};
use crate::case::{RunState, Status};
use crate::error::Code;
use crate::id::{CaseId, RunId};
use crate::routing::Mode;
use crate::runbook::{Facts, HOST_API};
use crate::store::{
    ApprovalRow, CaseRow, Commit, Decide, Effect, Fence, NewCase, NewRun, RunKind, RunRow,
    StoreError,
};
use crate::timeline::{Actor, Draft, Kind};

/// Characters of a note or a reason.
pub const TEXT_MAX: usize = 4_000;

/// What a person can ask.
#[derive(Clone)]
pub struct Desk {
    env: Arc<Env>,
    hint: Arc<Notify>,
}

impl Desk {
    /// A desk over `env`; `hint` wakes the driver.
    #[must_use]
    pub fn new(env: Arc<Env>, hint: Arc<Notify>) -> Self {
        Self { env, hint }
    }

    /// Tells the driver that there may be work.
    pub fn wake(&self) {
        self.hint.notify_one();
    }

    /// Whether GuardDuty is asked about a finding before anything acts on it.
    #[must_use]
    pub fn confirms(&self) -> bool {
        self.env.limits.confirm_findings
    }

    /// Starts a runbook by hand.
    ///
    /// # Errors
    /// When the runbook, a parameter, the account or the case does not fit; nothing is started then.
    pub async fn start(&self, request: StartRun) -> Result<RunRow, DeskError> {
        let by = request.by.clone();
        let reason = given(request.reason.as_deref())?;
        let checked = check(&self.env, request).await?;
        let now = self.env.clock.now();
        let run = checked.new.id.clone();
        let (case, mut effects) = match &checked.case {
            Some(case) => (case.id.clone(), vec![]),
            None => {
                let case = self.env.ids.case(self.env.clock.as_ref());
                let open = NewCase {
                    at: now,
                    by: Actor::Person(by.clone()),
                    title: format!("{} started by hand", checked.new.runbook),
                    finding_type: "manual".to_owned(),
                    severity: None,
                    account: Some(checked.account.clone()),
                    region: Some(checked.region.clone()),
                    resource: checked.resource.clone(),
                    // Nothing joins it: a person knows what they started it for.
                    correlation: format!("manual/{case}"),
                };
                (case, vec![Effect::OpenCase(open)])
            }
        };
        let mut entries = vec![];
        let mut requested = checked.new.requested(now);
        if let Some(reason) = reason {
            entries.push(note(now, &by, &reason));
            // Whoever is asked to agree to this run is told why it was wanted.
            requested.body.insert("reason".to_owned(), json!(reason));
        }
        entries.push(requested);
        effects.push(Effect::CreateRun(checked.new));
        self.env.store.commit(Commit { case, fence: None, entries, effects }).await?;
        self.wake();
        self.run(&run).await
    }

    /// What a run would change now, in words; nothing is written and nothing is changed.
    ///
    /// # Errors
    /// As [`Desk::start`], and when the script fails.
    pub async fn plan(&self, mut request: StartRun) -> Result<Value, DeskError> {
        request.mode = Mode::Observe;
        let checked = check(&self.env, request).await?;
        let new = checked.new;
        let case = match &checked.case {
            Some(case) => case.id.clone(),
            None => unopened(),
        };
        let run = row(&new, case, self.env.clock.now());
        let facts = match &checked.case {
            Some(_) => start::facts(&self.env, &run).await?,
            None => {
                json!({"id": run.case, "account": run.account, "region": run.region, "finding": null})
            }
        };
        let runbook = self
            .env
            .compiled(&new.runbook, &new.hash, &new.source)
            .map_err(|error| DeskError::new(Code::RUNBOOK_SYNTAX, error))?;
        let params = new.params.as_object().cloned().unwrap_or_default();
        let script =
            Script::Runbook(runbook, Arc::new(Facts { case: facts, params, mode: Mode::Observe }));
        let fence = Fence { run: run.id.clone(), owner: self.env.owner.clone(), epoch: 0 };
        let lease = Lease::new(fence, self.env.clock.monotonic());
        let writer = Writer::new(run.id.clone());
        let changed = std::sync::Mutex::default();
        let executor = Executor {
            env: &self.env,
            run: &run,
            lease: &lease,
            writer: &writer,
            changed: &changed,
            agreed: None,
            taken_back: TakenBack::No,
            stopping: &CancellationToken::new(),
        };
        let plan =
            super::plan::pass(&executor, &script).await.map_err(|unplanned| match unplanned {
                Unplanned::Script(error) => {
                    let words = format!("the runbook fails{}: {}", error.place(), error.message);
                    // Its role is missing as well, more often than not.
                    match self.env.limits.off_list(&run.account) {
                        Some(off_list) => {
                            let words = format!("{off_list}; what failed: {words}");
                            DeskError::new(Code::GUARD_ACCOUNT, words)
                        }
                        None => DeskError::new(Code::SCRIPT_FAILED, words),
                    }
                }
                Unplanned::Later => {
                    DeskError::new(Code::CONFLICT, "AWS can't be read now; ask again")
                }
            })?;
        Ok(json!({
            "runbook": new.runbook,
            "hash": super::plan::hash(&run, &plan),
            "account": run.account,
            "region": run.region,
            "changes": plan.changes(),
            "lines": plan.lines,
            "counts": super::line::counts(&plan.lines),
        }))
    }

    /// A person's decision on an approval.
    ///
    /// # Errors
    /// When it is not open any more, the hash differs, or this person may not decide.
    pub async fn decide(&self, mut decide: Decide) -> Result<ApprovalRow, DeskError> {
        decide.at = self.env.clock.now();
        decide.reason = bounded(&decide.reason)?;
        if decide.reason.is_empty() {
            return Err(DeskError::new(
                Code::BAD_REQUEST,
                "`reason` is needed: the timeline says why",
            ));
        }
        let row = self.env.store.approval(&decide.approval).await?.ok_or(StoreError::NotFound)?;
        // The store would refuse it, too, but in words about entries.
        if row.decisions.iter().any(|decision| decision.get("by") == Some(&json!(decide.by))) {
            let detail = format!("you have decided already; the question is {}", row.state.label());
            return Err(DeskError::new(Code::CONFLICT, detail));
        }
        let approval = row.id.clone();
        let body = json!({
            "run": row.run,
            "step": format!("{}@{}", row.step, decide.by),
            "approval": row.id,
            "decision": if decide.grant { "approve" } else { "deny" },
            "hash": decide.hash,
            "by": decide.by,
            "reason": decide.reason,
        });
        let entry =
            Draft::new(decide.at, Actor::Person(decide.by.clone()), Kind::ApprovalDecided, body);
        let effects = vec![Effect::Decide(decide)];
        self.env
            .store
            .commit(Commit { case: row.case, fence: None, entries: vec![entry], effects })
            .await?;
        self.wake();
        self.env.store.approval(&approval).await?.ok_or_else(|| StoreError::NotFound.into())
    }

    /// Takes a run's changes back, as a run of its own.
    ///
    /// # Errors
    /// When the run is not over (nor waits for evidence only), was taken back before, is an undo itself, or
    /// changed nothing and its case is closed; and when stolen credentials would work again for no reason.
    pub async fn take_back(&self, request: TakeBack) -> Result<RunRow, DeskError> {
        let TakeBack { run, by, revive, reason } = request;
        let reason = given(reason.as_deref())?;
        if revive && reason.is_none() {
            return Err(DeskError::new(
                Code::BAD_REQUEST,
                "`reason` is needed with `revive`: stolen credentials may work again, and the timeline says why",
            ));
        }
        let of = self.run(&run).await?;
        let refuse = |detail: &str| Err(DeskError::new(Code::CONFLICT, detail));
        if of.kind == RunKind::Undo {
            return refuse("an undo is not taken back; start the runbook again");
        }
        if of.mode == Mode::Observe {
            return refuse("the run only observed; there is nothing to take back");
        }
        if !undo::may_begin(&of) {
            return refuse("the run is not over yet");
        }
        if self.env.limits.mode(&of.account) == Mode::Observe {
            return Err(DeskError::new(
                Code::GUARD_ACCOUNT,
                format!(
                    "account {} is not on the allow list any more, or only observed",
                    of.account
                ),
            ));
        }
        let others = self.env.store.runs_of(&of.case).await?;
        // What an undo kept may still be taken back, too.
        let revived = others.iter().any(|other| {
            undoes(other, &of) && undo::revives(other) && other.state == RunState::Succeeded
        });
        if of.released
            && (!revive || revived)
            && let Some(reason) = taken_back_before(&self.env, &of).await?
        {
            return refuse(&reason);
        }
        if others.iter().any(|other| undoes(other, &of) && !other.state.is_over()) {
            return refuse("an undo of this run is under way");
        }
        if let Some(reason) = held_later(&self.env, &of.id, revive).await? {
            return refuse(&reason);
        }
        if self.is_closed(&of.case).await? && self.is_needless(&of, revive).await? {
            // An undo opens a closed case again: not for nothing.
            return refuse(
                "the run changed nothing, so there is nothing to take back; the case stays closed",
            );
        }
        let new = NewRun {
            id: self.env.ids.run(self.env.clock.as_ref()),
            kind: RunKind::Undo,
            runbook: of.runbook.clone(),
            hash: of.hash.clone(),
            source: String::new(),
            host_api: HOST_API,
            mode: Mode::Contain,
            params: json!({"of": of.id, "revive": revive}),
            account: of.account.clone(),
            region: of.region.clone(),
            target: of.target.clone(),
            requested_by: by,
            document: None,
            named: BTreeSet::new(),
            unanswered: None,
            confirmed: true,
        };
        let id = new.id.clone();
        let mut requested = new.requested(self.env.clock.now());
        if let Some(reason) = reason {
            requested.body.insert("reason".to_owned(), json!(reason));
        }
        let (entries, effects) = (vec![requested], vec![Effect::CreateRun(new)]);
        self.env.store.commit(Commit { case: of.case, fence: None, entries, effects }).await?;
        self.wake();
        self.run(&id).await
    }

    /// A person closes a case.
    ///
    /// # Errors
    /// When it is closed already, a run is under way, or the case does not exist.
    pub async fn close_case(
        &self,
        case: &CaseId,
        by: String,
        reason: &str,
    ) -> Result<CaseRow, DeskError> {
        let reason = bounded(reason)?;
        if reason.is_empty() {
            return Err(DeskError::new(
                Code::BAD_REQUEST,
                "`reason` is needed: the timeline says why",
            ));
        }
        let entries = vec![note(self.env.clock.now(), &by, &format!("closed: {reason}"))];
        let effects = vec![Effect::CloseCase { closed: true }];
        self.env.store.commit(Commit { case: case.clone(), fence: None, entries, effects }).await?;
        self.env.store.case(case).await?.ok_or_else(|| StoreError::NotFound.into())
    }

    /// A person writes a note into a case's timeline.
    ///
    /// # Errors
    /// When it is empty, too long, or the case does not exist.
    pub async fn note(&self, case: &CaseId, by: String, text: &str) -> Result<(), DeskError> {
        let text = bounded(text)?;
        if text.is_empty() {
            return Err(DeskError::new(Code::BAD_REQUEST, "`text` is empty"));
        }
        self.env.store.case(case).await?.ok_or(StoreError::NotFound)?;
        let entries = vec![note(self.env.clock.now(), &by, &text)];
        self.env
            .store
            .commit(Commit { case: case.clone(), fence: None, entries, effects: vec![] })
            .await?;
        Ok(())
    }

    /// Whether an undo of this run could only say that there was nothing to take back: it changed
    /// nothing, and holds nothing that an undo would let go of.
    async fn is_needless(&self, of: &RunRow, revive: bool) -> Result<bool, StoreError> {
        let log = match record::log_of(&self.env, &of.case, &of.id).await {
            Ok(log) => log,
            Err(RecordError::Store(error)) => return Err(error),
            // What can't be read is for the undo to tell.
            Err(_) => return Ok(false),
        };
        Ok(undo::restores(&log, revive, of.released).is_empty()
            && self.env.store.holds_of(&of.id).await?.is_empty())
    }

    async fn is_closed(&self, case: &CaseId) -> Result<bool, DeskError> {
        let row = self.env.store.case(case).await?.ok_or(StoreError::NotFound)?;
        Ok(row.status == Status::Closed)
    }

    async fn run(&self, run: &RunId) -> Result<RunRow, DeskError> {
        self.env.store.run(run).await?.ok_or_else(|| StoreError::NotFound.into())
    }
}

/// Whether `other` takes `of` back.
fn undoes(other: &RunRow, of: &RunRow) -> bool {
    other.kind == RunKind::Undo
        && other.params.get("of").and_then(Value::as_str) == Some(of.id.as_str())
}

fn note(at: jiff::Timestamp, by: &str, text: &str) -> Draft {
    Draft::new(at, Actor::Person(by.to_owned()), Kind::NoteAdded, json!({"text": text, "by": by}))
}

/// The case of a plan that belongs to none: none will ever have this id.
fn unopened() -> CaseId {
    "case-not-opened-yet".parse().expect("it has the form of a case id")
}

/// A reason that may be left out; one without a word is none.
fn given(reason: Option<&str>) -> Result<Option<String>, DeskError> {
    let reason = reason.map(bounded).transpose()?;
    Ok(reason.filter(|reason| !reason.is_empty()))
}

fn bounded(text: &str) -> Result<String, DeskError> {
    let text = text.trim();
    if text.chars().count() > TEXT_MAX {
        return Err(DeskError::new(
            Code::BAD_REQUEST,
            format!("a text has at most {TEXT_MAX} characters"),
        ));
    }
    Ok(text.to_owned())
}
