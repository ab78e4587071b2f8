//! When a finding gets a run: what it asks for, compared with the runs that its case has had. Pure; the
//! store supplies the facts.
//!
//! ```text
//!  an earlier run …        stands for what is asked if it is confirmed, under way or done, as free to
//!                          act, about the same and no less, and not taken back
//!  … that GuardDuty did not confirm, or that another run answers, is none
//!  … that a person denied or took back keeps the next one from acting without a person, also when
//!                          the case was closed since and the finding opens another
//!  … whose question nobody answered is no answer: it is asked again
//! ```

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::{Disposition, Mode, RunState};
use crate::error::Code;
use crate::id::{AccountId, Region, RunId, RunbookName};

/// Why what was taken back is asked about.
const LIFTED: &str = "at most approve: it goes on after the containment was taken back";

/// Why what was denied is asked about.
const DENIED: &str = "at most approve: a person said no to a run on this target";

/// Why a run is started beside one that has done the same.
const SINCE: &str = "another run: it was seen after the last one had looked";

/// Why what nothing acts on is told again.
const GREW: &str =
    "another run: it is more severe than all that came before, and nothing acts on it";

/// The run that a finding asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Its runbook.
    pub runbook: &'a RunbookName,
    /// Where it would act.
    pub at: (&'a AccountId, &'a Region),
    /// How far it may go.
    pub mode: Mode,
    /// What runs exclude each other by; `None`: it only observes.
    pub target: Option<&'a str>,
    /// Its parameters.
    pub params: &'a Value,
    /// What an attack sequence names; empty for every other finding.
    pub named: &'a BTreeSet<String>,
    /// When GuardDuty saw last what the finding tells of, where that is known.
    pub seen_at: Option<Timestamp>,
    /// Whether nothing acts on the finding, and it is of a higher band of severity than all that came
    /// before in its case: who was told of those has not been told of this.
    pub grew: bool,
}

/// A run that its case has had; undos are none.
#[derive(Debug, Clone)]
pub struct Earlier {
    /// Its id.
    pub id: RunId,
    /// Its runbook.
    pub runbook: RunbookName,
    /// Where it acts.
    pub at: (AccountId, Region),
    /// How far it may go.
    pub mode: Mode,
    /// What runs exclude each other by.
    pub target: Option<String>,
    /// Its parameters.
    pub params: Value,
    /// What an attack sequence named.
    pub named: BTreeSet<String>,
    /// Where it is.
    pub state: RunState,
    /// The number of what it ended with.
    pub code: Option<String>,
    /// When it ended, where that is known.
    pub ended_at: Option<Timestamp>,
    /// When a look last verified a containment of it.
    pub looked_at: Option<Timestamp>,
    /// Whether what it was asked for is genuine as far as anybody can tell: its facts are pinned.
    pub confirmed: bool,
    /// Whether a person has answered a question of it.
    pub answered: bool,
    /// Whether it was taken back, wholly or in part, or is being taken back.
    pub taken_back: bool,
}

/// What follows for a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Further {
    /// It asks for nothing that is worth a word.
    Nothing,
    /// A run of the case stands for the one that it asks for.
    Answered,
    /// A run.
    Run {
        /// The freest mode that it may have.
        most: Mode,
        /// What to say of it, beyond what routing said.
        why: Option<&'static str>,
    },
}

/// Decides whether a finding gets the run that it asks for, beside those that its case has had. For a
/// finding that opens a case, `earlier` are those of the case that it would have joined, had nobody
/// closed that.
#[must_use]
pub fn further(disposition: &Disposition, wanted: &Wanted<'_>, earlier: &[Earlier]) -> Further {
    let (most, capped) = most(wanted, earlier);
    let wanted = &Wanted { mode: wanted.mode.min(most), ..*wanted };
    let like: Vec<&Earlier> = earlier.iter().filter(|run| run.is_about(wanted)).collect();
    let run = |why: Option<&'static str>| Further::Run { most, why: capped.or(why) };
    // One that may have acted less far stands for nothing, unless a person has said how far.
    let as_free = |run: &&&Earlier| run.mode >= wanted.mode;
    let standing = || like.iter().filter(|run| run.stands()).filter(as_free);
    let since = standing().next().map(|_| SINCE);
    match disposition {
        Disposition::Duplicate(_) => Further::Nothing,
        Disposition::New => run(None),
        Disposition::Joined(_) if wanted.grew => run(Some(GREW)),
        Disposition::Joined(_) if standing().any(|run| run.answers(wanted)) => Further::Answered,
        Disposition::Joined(_) => run(since),
        // A person had done with it, and it goes on: whoever looks again comes before people.
        Disposition::Reopened(_) if standing().any(|run| !run.state.is_over()) => Further::Nothing,
        Disposition::Reopened(_) => run(None),
        _ if wanted.grew => run(Some(GREW)),
        _ if wanted.mode == Mode::Observe => Further::Nothing,
        // Anybody may forge a later version, and one that is only observed is never confirmed: what a
        // late one asks for is, before it acts.
        Disposition::Updated(_) | Disposition::Stale(_) => match version(wanted, &like) {
            Asks::New => run(None),
            Asks::Since => run(Some(SINCE)),
            Asks::Had => Further::Nothing,
        },
    }
}

/// What a version of a finding asks for.
enum Asks {
    /// What the case never had, or what was taken back.
    New,
    /// What it had, of what was seen later.
    Since,
    /// What it had: a version of the finding is no reason to do it again.
    Had,
}

/// Compares what a version asks for with the runs that were about it.
fn version(wanted: &Wanted<'_>, like: &[&Earlier]) -> Asks {
    let free = |run: &&Earlier| run.mode >= wanted.mode || run.answered;
    let had: Vec<&Earlier> = like.iter().copied().filter(|run| run.acts()).filter(free).collect();
    let standing = || had.iter().filter(|run| run.stands());
    let partly = || had.iter().filter(|run| run.denied_in_part());
    // A no stands, whatever the next version says. But what was done beside it may have to be done
    // again, like that of a run without one.
    if had.iter().any(|run| run.denied() && !run.denied_in_part())
        || standing().chain(partly()).any(|run| run.answers(wanted))
    {
        Asks::Had
    } else if standing().chain(partly()).next().is_some() {
        Asks::Since
    } else if had.is_empty() || had.iter().any(|run| run.taken_back || run.waited_in_vain()) {
        Asks::New
    } else {
        // It failed or was halted: a person looks at it already.
        Asks::Had
    }
}

/// The run that has come to answer what `wanted` was asked for at `requested_at`, while that waited for
/// its turn. One that had ended before is none: it was known then. One that waits itself may still
/// fail before it does anything.
#[must_use]
pub fn answered_meanwhile<'a>(
    wanted: &Wanted<'_>,
    requested_at: Timestamp,
    others: &'a [Earlier],
) -> Option<&'a Earlier> {
    others.iter().find(|run| {
        let will_look = run.state != RunState::Queued && !run.state.is_over();
        let meanwhile = run.saw().map_or(will_look, |saw| saw > requested_at);
        meanwhile && run.is_about(wanted) && run.stands() && run.mode >= wanted.mode
    })
}

/// How far a run may go after what people have decided on its target, and why no further.
fn most(wanted: &Wanted<'_>, earlier: &[Earlier]) -> (Mode, Option<&'static str>) {
    let on_target = || {
        let same = |run: &&Earlier| {
            (run.target.is_some() && run.target.as_deref() == wanted.target) || run.is_about(wanted)
        };
        earlier.iter().filter(|run| run.acts()).filter(same)
    };
    let why = if wanted.mode < Mode::Contain {
        None
    } else if on_target().any(|run| run.taken_back) {
        Some(LIFTED)
    } else if on_target().any(Earlier::denied) {
        Some(DENIED)
    } else {
        None
    };
    (if why.is_some() { Mode::Approve } else { Mode::Contain }, why)
}

impl Earlier {
    fn acts(&self) -> bool {
        self.mode != Mode::Observe
    }

    fn ended_with(&self, code: Code) -> bool {
        self.state.is_over() && self.code.as_deref() == Some(code.number)
    }

    fn denied(&self) -> bool {
        self.ended_with(Code::APPROVAL_DENIED)
    }

    /// Whether it has contained what nobody said no to.
    fn denied_in_part(&self) -> bool {
        self.denied() && self.looked_at.is_some()
    }

    /// Whether it asked, and nobody answered. Silence is no decision.
    fn waited_in_vain(&self) -> bool {
        self.ended_with(Code::UNANSWERED)
    }

    /// Whether it is about what is wanted and no less, as far as anybody knows: one that may still turn
    /// out to be a forgery, did so, or gave way to another run, is about nothing.
    fn is_about(&self, wanted: &Wanted<'_>) -> bool {
        // What an attack sequence is about is what it names, and no parameter tells it.
        let same = wanted.named.is_empty()
            || (self.target.is_some() && self.target.as_deref() == wanted.target);
        self.confirmed
            && !self.ended_with(Code::UNCONFIRMED)
            && !self.ended_with(Code::SUPERSEDED)
            && self.runbook == *wanted.runbook
            && (&self.at.0, &self.at.1) == wanted.at
            && same
            && self.params == *wanted.params
            && self.named.is_superset(wanted.named)
    }

    /// Whether it is under way or done, and what it did is in place.
    fn stands(&self) -> bool {
        !matches!(self.state, RunState::Failed | RunState::Halted) && !self.taken_back
    }

    /// When it saw last how things stand: evidence may be waited for long after that. `None`: it will
    /// look, or nobody knows.
    fn saw(&self) -> Option<Timestamp> {
        self.looked_at.or(self.ended_at)
    }

    /// Whether it has seen, or will see, what the finding tells of. Who only looks is not asked again.
    fn answers(&self, wanted: &Wanted<'_>) -> bool {
        let missed = self.saw().zip(wanted.seen_at).is_some_and(|(saw, seen)| seen >= saw);
        !missed || wanted.mode == Mode::Observe
    }
}

#[cfg(test)]
mod tests;
