//! The one way to write to a case: entries and what follows from them, in one transaction.
//!
//! Order: the fence and the head, the effects, the case's status, the entries, the head again. If
//! any of it is refused, none of it happens.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::case::RunEvent;
use crate::error::Code;
use crate::id::{ApprovalId, CaseId, RunId};
use crate::timeline::{Draft, Head, Kind};

use super::approvals::{self, ApprovalRow, Decide};
use super::cases::NewCase;
use super::chain::Chain;
use super::messages::NewMessage;
use super::runs::{Moved, NewRun};
use super::writer::Turn;
use super::{
    Fence, Store, StoreError, blobs, cases, claim, decide, decided, holds, messages, runs,
    standing, targets,
};

/// What to write to one case.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// The case.
    pub case: CaseId,
    /// The proof that the writer owns its run; `None` for what a person does.
    pub fence: Option<Fence>,
    /// Appended in this order.
    pub entries: Vec<Draft>,
    /// Carried out in this order, after the entries.
    pub effects: Vec<Effect>,
}

/// What follows from the entries.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Keeps bytes by their digest.
    Blob(Vec<u8>),
    /// Opens the case by hand; `case.opened` is written by the store, as the first entry.
    OpenCase(NewCase),
    /// Starts a run. `run.requested` is appended where the entries don't bring it. One that acts opens
    /// a closed case again.
    CreateRun(NewRun),
    /// Moves the run that the fence is for.
    Run {
        /// The run: the fence's.
        run: RunId,
        /// What happened to it; not `Claimed`.
        event: RunEvent,
        /// When it should go on. A decision that came since the claim wakes it earlier.
        wake_at: Option<Timestamp>,
        /// Whether a containment was verified in it; once set it stays.
        contained: bool,
        /// Its result or error, in words; `None` keeps what is there.
        summary: Option<String>,
        /// The number of the error that it ends with.
        code: Option<String>,
    },
    /// The fence's run has pinned its facts: it answers for other findings from now on.
    Confirm,
    /// A look has verified a containment of the fence's run.
    Looked {
        /// When.
        at: Timestamp,
    },
    /// An undo gave back something of a run of this case.
    Lifted {
        /// The run.
        run: RunId,
    },
    /// Marks a run of this case as taken back by an undo.
    Released {
        /// The run.
        run: RunId,
    },
    /// Puts a question to a person.
    OpenApproval(ApprovalRow),
    /// Keeps what the question of a step of the fence's run asks to have changed.
    Asks {
        /// The step.
        step: String,
        /// The resources, as holds name them.
        resources: BTreeSet<String>,
    },
    /// Records a person's decision; the one that settles it wakes the run. `approval.decided` is
    /// appended where the entries don't bring it.
    Decide(Decide),
    /// Ends a question that nobody answered in time.
    Expire {
        /// The question.
        approval: ApprovalId,
        /// When.
        at: Timestamp,
    },
    /// Takes a question back that nobody needs to answer any more, because the fence's run asks for
    /// all of it. One that was answered meanwhile stays answered.
    Withdraw {
        /// The question, of any run of the case.
        approval: ApprovalId,
        /// When.
        at: Timestamp,
    },
    /// Remembers that a run's step holds an AWS resource.
    Hold {
        /// The resource.
        resource: String,
        /// The run.
        run: RunId,
        /// The step.
        step: String,
    },
    /// Forgets it.
    Unhold {
        /// The resource.
        resource: String,
        /// The run that held it.
        run: RunId,
    },
    /// Takes a target for a step of the fence's run, unless another step works on it: [`Written`]
    /// says which. It asks for no transaction of its own where one is written anyway.
    Take {
        /// The step.
        step: String,
        /// The resource.
        resource: String,
    },
    /// Gives back the targets that a step of the fence's run has taken.
    Free {
        /// The step.
        step: String,
    },
    /// People are told, once this is on disk.
    Tell(NewMessage),
    /// Closes the case, unless a run of it is not over, or opens it again.
    CloseCase {
        /// Which of the two.
        closed: bool,
    },
}

/// What a commit wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The case's chain after it.
    pub head: Head,
    /// The steps whose target is theirs now, of those that asked for one by [`Effect::Take`].
    pub taken: BTreeSet<String>,
}

impl Effect {
    /// Whether the case's status may follow from it.
    fn may_change_status(&self) -> bool {
        match self {
            Self::OpenCase(_)
            | Self::CreateRun(_)
            | Self::Run { .. }
            | Self::Released { .. }
            | Self::OpenApproval(_)
            | Self::Decide(_)
            | Self::Expire { .. }
            | Self::Withdraw { .. }
            | Self::CloseCase { .. } => true,
            Self::Blob(_)
            | Self::Confirm
            | Self::Asks { .. }
            | Self::Hold { .. }
            | Self::Unhold { .. }
            | Self::Take { .. }
            | Self::Free { .. }
            | Self::Tell(_)
            | Self::Looked { .. }
            | Self::Lifted { .. } => false,
        }
    }
}

impl Store {
    /// Writes to a case. When this returns `Ok`, it is on disk.
    ///
    /// # Errors
    /// [`StoreError::LostLease`] when the fence's lease is another's; [`StoreError::Conflict`] when
    /// a step's entry is already recorded or an effect does not fit; [`StoreError::NotFound`] for an
    /// unknown case, run or approval; [`StoreError::Illegal`] for a run that can't move so;
    /// [`StoreError::Seal`] for an entry that may not be stored; [`StoreError::Unavailable`] when the
    /// database can't be written. Nothing was written in any of these.
    pub async fn commit(&self, commit: Commit) -> Result<Written, StoreError> {
        self.write(Turn::Next, move |connection| Box::pin(perform(connection, commit))).await
    }
}

async fn perform(connection: &mut AnyConnection, commit: Commit) -> Result<Written, StoreError> {
    let at = time_of(&commit);
    let Commit { case, fence, entries, effects } = commit;
    let mut chain = match (&fence, effects.iter().find_map(opened)) {
        (Some(_), Some(_)) => return Err(StoreError::conflict("a run opens no case")),
        (Some(fence), None) => claim::hold(connection, fence, &case).await?,
        (None, Some(new)) => cases::open(connection, &case, new).await?,
        (None, None) => Chain::of(connection, &case).await?,
    };
    let settles = effects.iter().any(Effect::may_change_status);
    for draft in &entries {
        chain.append(draft)?;
    }
    let (mut taken, mut reopened) = (BTreeSet::new(), false);
    for effect in effects {
        let (chain, fence) = (&mut chain, fence.as_ref());
        let (taken, reopened) = (&mut taken, &mut reopened);
        let mut scene = Scene { chain, fence, entries: &entries, at, taken, reopened };
        scene.carry_out(connection, effect).await?;
    }
    if settles || reopened {
        standing::settle(connection, &mut chain, at).await?;
    }
    Ok(Written { head: chain.save(connection).await?, taken })
}

fn opened(effect: &Effect) -> Option<&NewCase> {
    match effect {
        Effect::OpenCase(case) => Some(case),
        _ => None,
    }
}

/// The time of what the store itself writes: the last entry's, or the last that an effect carries.
fn time_of(commit: &Commit) -> Option<Timestamp> {
    let of_effects = commit.effects.iter().rev().find_map(|effect| match effect {
        Effect::OpenCase(case) => Some(case.at),
        Effect::OpenApproval(row) => Some(row.requested_at),
        Effect::Decide(decide) => Some(decide.at),
        Effect::Expire { at, .. } | Effect::Withdraw { at, .. } => Some(*at),
        _ => None,
    });
    commit.entries.last().map(|draft| draft.at).or(of_effects)
}

/// What an effect may see and touch.
struct Scene<'a> {
    chain: &'a mut Chain,
    fence: Option<&'a Fence>,
    entries: &'a [Draft],
    at: Option<Timestamp>,
    taken: &'a mut BTreeSet<String>,
    /// Whether a closed case was opened again.
    reopened: &'a mut bool,
}

impl Scene<'_> {
    async fn carry_out(
        &mut self,
        connection: &mut AnyConnection,
        effect: Effect,
    ) -> Result<(), StoreError> {
        match effect {
            // The case was opened before the entries.
            Effect::OpenCase(_) => Ok(()),
            Effect::Blob(bytes) => blobs::put(connection, bytes).await.map(drop),
            Effect::CreateRun(run) => self.create_run(connection, run).await,
            Effect::Run { run, event, wake_at, contained, summary, code } => {
                if self.fence.is_none_or(|fence| fence.run != run) {
                    return Err(StoreError::conflict("only the owner of a run moves it"));
                }
                let taken_back = code.as_deref() == Some(Code::TAKEN_BACK.number);
                let ends_badly = matches!(event, RunEvent::Failed | RunEvent::Halted);
                if ends_badly && !taken_back {
                    self.reopen(connection, &run).await?;
                }
                let moved = Moved {
                    at: self.at,
                    run: run.clone(),
                    event,
                    wake_at,
                    contained,
                    summary,
                    code,
                };
                if runs::advance(connection, moved).await?.is_over() {
                    decide::drop_all(connection, self.chain, &run, self.at).await?;
                }
                Ok(())
            }
            Effect::Confirm => runs::confirm(connection, &self.owner()?.run).await,
            Effect::Looked { at } => {
                let run = self.owner()?.run.clone();
                self.reopen(connection, &run).await?;
                runs::looked(connection, &run, at).await
            }
            Effect::Lifted { run } => runs::lift(connection, self.chain, &run).await,
            Effect::Released { run } => runs::release(connection, self.chain, &run).await,
            Effect::OpenApproval(row) => {
                self.reopen(connection, &row.run).await?;
                approvals::insert(connection, self.chain.case(), row).await
            }
            Effect::Asks { step, resources } => {
                decided::ask(connection, &self.owner()?.run, &step, &resources).await
            }
            Effect::Decide(decision) => {
                decide::decide(connection, self.chain, self.entries, decision).await
            }
            Effect::Expire { approval, at } => {
                decide::expire(connection, self.chain, &approval, at).await
            }
            Effect::Withdraw { approval, at } => {
                let run = self.owner()?.run.clone();
                decide::withdraw(connection, self.chain, &approval, &run, at).await
            }
            Effect::Hold { resource, run, step } => {
                holds::hold(connection, self.chain.case(), &resource, &run, &step).await
            }
            Effect::Unhold { resource, run } => holds::let_go(connection, &resource, &run).await,
            Effect::Take { step, resource } => {
                let run = &self.owner()?.run;
                if targets::take(connection, run, &resource, &step).await? {
                    self.taken.insert(step);
                }
                Ok(())
            }
            Effect::Free { step } => targets::free(connection, &self.owner()?.run, &step).await,
            Effect::Tell(message) => {
                messages::insert(connection, Some(self.chain.case()), message).await
            }
            Effect::CloseCase { closed } => {
                let at = self.at.ok_or_else(|| StoreError::conflict("closing needs an entry"))?;
                cases::close(connection, self.chain.case(), closed.then_some(at)).await
            }
        }
    }

    /// Opens the case again where a person had closed it and a run acts: a new one, or one that had been taken
    /// back and went on. What that asks, contains anew or fails at would be seen by nobody.
    async fn reopen(
        &mut self,
        connection: &mut AnyConnection,
        run: &RunId,
    ) -> Result<(), StoreError> {
        *self.reopened |= cases::reopen(connection, self.chain.case(), run).await?;
        Ok(())
    }

    fn owner(&self) -> Result<&Fence, StoreError> {
        self.fence.ok_or_else(|| StoreError::conflict("only the owner of a run may do this"))
    }

    async fn create_run(
        &mut self,
        connection: &mut AnyConnection,
        run: NewRun,
    ) -> Result<(), StoreError> {
        let at = self.at.ok_or_else(|| StoreError::conflict("a new run needs an entry"))?;
        let brought = self
            .entries
            .iter()
            .any(|draft| draft.kind == Kind::RunRequested && draft.run() == Some(run.id.as_str()));
        if !brought {
            self.chain.append(&run.requested(at))?;
        }
        let id = run.id.clone();
        runs::create(connection, self.chain, run, at).await?;
        self.reopen(connection, &id).await
    }
}
