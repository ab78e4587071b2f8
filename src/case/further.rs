//! When a finding gets a run: what it asks for, compared with the runs that its case has had. Pure; the
//! store supplies the facts.
//!
//! ```text
//!  an earlier run …        stands for what is asked if it is confirmed, under way or done, as free to
//!                          act, about the same and no less, and not taken back
//!  … on an IAM principal   stands for it wherever it was seen from: IAM is global, and what is denied to
//!                          a role, a user or a key is denied in every Region. All else is about the
//!                          same only where it is in the same Region
//!  … that GuardDuty did not confirm, or that another run answers, is none
//!  … whose question nobody answered is no answer: it is asked again
//!  … that only observed stands for what nothing acts on if it told people of no less severe
//!
//!  a target on which …     a person denied or took back a run, in whichever case, is not acted on
//!                          without a person, unless one has said yes to a run there since. What an
//!                          attack sequence names is its target, too
//!  … a no                  was said to a question, whatever became of its run: that may go on, or have
//!                          ended with another number. Only where none is written down does the number
//!                          of the end tell
//!  … an answer             is about its run's target and what its question named, and about nothing
//!                          that another question of the run named
//! ```

mod because;
mod ruling;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::{Disposition, Mode, RunState};
use crate::error::Code;
use crate::id::{AccountId, Region, RunId, RunbookName};

pub use because::{Against, Because};
pub use ruling::{Bears, Ruling};

/// Why a run is started beside one that has done the same.
const SINCE: &str = "another run: it was seen after the last one had looked";

/// Why what nothing acts on is told.
const UNTOLD: &str =
    "another run: nothing acts on it, and the people on call were told of none as severe";

/// The kinds of targets that an account has once, whichever Region sees them.
const GLOBAL: [&str; 3] = ["role", "user", "access-key"];

/// The place of what a person said among all that people ever said.
pub type Place = u64;

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
    /// The band of severity, counted from low, of a finding that nothing acts on and that people must
    /// hear of; `None`: they need not.
    pub tells: Option<u8>,
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
    /// Of which band of severity, counted from low, it told the people on call or will, because nothing
    /// acts; `None`: it is no such run.
    pub told: Option<u8>,
    /// Whether a person has answered a question of it.
    pub answered: bool,
    /// The place of the last yes to a question of it.
    pub yes: Option<Place>,
    /// The place of the last no.
    pub no: Option<Place>,
    /// Whether it was taken back, wholly or in part, or is being taken back.
    pub taken_back: bool,
    /// The place of the last undo that was asked for.
    pub undo: Option<Place>,
}

/// What follows for a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Further {
    /// It asks for nothing that is worth a word.
    Nothing,
    /// A run of the case stands for the one that it asks for.
    Answered,
    /// A run.
    Run {
        /// The freest mode that it may have.
        most: Mode,
        /// Why it may go no further: what people decided.
        because: Option<Because>,
        /// What to say of it, beyond what routing said.
        why: Option<&'static str>,
    },
}

/// Decides whether a finding gets the run that it asks for, beside those that its case has had.
/// `decided`: the runs of whichever case that people have decided on and that bear on it; they say how
/// far it may go, and stand for nothing.
#[must_use]
pub fn further(
    disposition: &Disposition,
    wanted: &Wanted<'_>,
    earlier: &[Earlier],
    decided: &[Ruling],
) -> Further {
    let yes = last_yes(wanted, earlier, decided);
    let because = most(wanted, earlier, decided, yes);
    let most = if because.is_some() { Mode::Approve } else { Mode::Contain };
    let wanted = &Wanted { mode: wanted.mode.min(most), ..*wanted };
    let like: Vec<&Earlier> = earlier.iter().filter(|run| run.is_about(wanted)).collect();
    let run = |why: Option<&'static str>| Further::Run { most, because: because.clone(), why };
    // One that may have acted less far stands for nothing, unless a person has said how far.
    let as_free = |run: &&&Earlier| run.mode >= wanted.mode;
    let standing = || like.iter().filter(|run| run.stands()).filter(as_free);
    let since = standing().next().map(|_| SINCE);
    // Who was told has been told, whatever became of the run.
    let told = |band| like.iter().any(|run| run.told >= Some(band));
    let heard = wanted.tells.map(|band| told(band) || standing().any(|run| run.acts_on(wanted)));
    match disposition {
        Disposition::Duplicate(_) => Further::Nothing,
        Disposition::New => run(None),
        // A person had done with it, and it goes on: whoever looks again comes before people.
        Disposition::Reopened(_)
            if heard != Some(false) && standing().any(|run| !run.state.is_over()) =>
        {
            Further::Nothing
        }
        Disposition::Reopened(_) => run(None),
        _ if heard == Some(false) => run(Some(UNTOLD)),
        Disposition::Joined(_)
            if heard == Some(true) || standing().any(|run| run.answers(wanted)) =>
        {
            Further::Answered
        }
        Disposition::Joined(_) => run(since),
        _ if wanted.mode == Mode::Observe => Further::Nothing,
        // Anybody may forge a later version, and one that is only observed is never confirmed: what a
        // late one asks for is, before it acts.
        Disposition::Updated(_) | Disposition::Stale(_) => match version(wanted, &like, yes) {
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
fn version(wanted: &Wanted<'_>, like: &[&Earlier], yes: Option<Place>) -> Asks {
    let free = |run: &&Earlier| run.mode >= wanted.mode || run.answered;
    let acted = like.iter().copied().filter(|run| run.acts()).filter(free);
    let (silent, had): (Vec<&Earlier>, Vec<&Earlier>) = acted.partition(|run| run.waited_in_vain());
    let standing = || had.iter().filter(|run| run.stands());
    let partly = || had.iter().filter(|run| run.denied_in_part());
    // A no stands, whatever the next version says, until somebody says yes. But what was done beside it
    // may have to be done again, like that of a run without one.
    if had.iter().any(|run| run.denied_after(yes) && !run.denied_in_part())
        || standing().chain(partly()).any(|run| run.answers(wanted))
    {
        Asks::Had
    } else if standing().chain(partly()).next().is_some() {
        Asks::Since
    } else if had.is_empty() || !silent.is_empty() || had.iter().any(|run| run.undone_after(yes)) {
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

/// Why a person is asked before a run does something, after what people have `decided` on that, and on
/// what; `None`: nothing stands against it. What was said to `run` itself is its script's to heed.
#[must_use]
pub fn asks_on<'a>(run: &RunId, decided: &'a [Ruling]) -> Option<(&'a str, Because)> {
    let since = |ruling: &&Ruling| ruling::last_yes_on(&ruling.on, decided);
    let others = || decided.iter().filter(|ruling| ruling.run.id != *run);
    let lifted = others().filter(|ruling| ruling.lifts(since(ruling)));
    let denied = others().filter(|ruling| ruling.denies(since(ruling)));
    let because = Because::last(
        lifted.clone().map(|ruling| &ruling.run),
        denied.clone().map(|ruling| (ruling.no(), &ruling.run)),
    )?;
    let is_it = |ruling: &&Ruling| ruling.run.id == because.run;
    let on = match because.word {
        Against::Undo => lifted.clone().find(is_it),
        Against::No => denied.clone().find(|ruling| is_it(ruling) && ruling.no() == because.place),
    };
    on.map(|ruling| (ruling.on.as_str(), because.clone()))
}

/// The last yes to what is wanted. One beside a no to the same run is none.
fn last_yes(wanted: &Wanted<'_>, earlier: &[Earlier], decided: &[Ruling]) -> Option<Place> {
    let ours = earlier.iter().filter(|run| run.is_on_target(wanted) && !run.denied());
    let theirs = wanted.target.and_then(|target| ruling::last_yes_on(target, decided));
    ours.filter_map(|run| run.yes).chain(theirs).max()
}

/// Why a run may go no further than to ask, after what people have decided on its target.
fn most(
    wanted: &Wanted<'_>,
    earlier: &[Earlier],
    decided: &[Ruling],
    yes: Option<Place>,
) -> Option<Because> {
    if wanted.mode == Mode::Observe {
        return None;
    }
    let ours = || earlier.iter().filter(|run| run.is_on_target(wanted));
    // A yes to one thing that a sequence names is none to another.
    let since = |on: &str| match wanted.target {
        Some(target) if target == on => yes,
        _ => ruling::last_yes_on(on, decided),
    };
    let undone = decided.iter().filter(|ruling| ruling.lifts(since(&ruling.on)));
    let denied = decided.iter().filter(|ruling| ruling.denies(since(&ruling.on)));
    Because::last(
        ours().filter(|run| run.undone_after(yes)).chain(undone.map(|ruling| &ruling.run)),
        ours()
            .filter(|run| run.denied_after(yes))
            .map(|run| (run.no, run))
            .chain(denied.map(|ruling| (ruling.no(), &ruling.run))),
    )
}

impl Earlier {
    fn acts(&self) -> bool {
        self.mode != Mode::Observe
    }

    /// Whether it acts on the target, or does the same where there is none.
    fn is_on_target(&self, wanted: &Wanted<'_>) -> bool {
        let same = self.target.is_some() && self.target.as_deref() == wanted.target;
        self.acts() && (same || self.is_about(wanted))
    }

    fn ended_with(&self, code: Code) -> bool {
        self.state.is_over() && self.code.as_deref() == Some(code.number)
    }

    /// Whether a person said no to a question of it. Of an old run only its end may tell.
    fn denied(&self) -> bool {
        self.no.is_some() || self.ended_with(Code::APPROVAL_DENIED)
    }

    /// Whether a person said no to it, and nobody yes on its target since.
    fn denied_after(&self, yes: Option<Place>) -> bool {
        self.denied() && is_last(self.no, yes)
    }

    /// Whether a person took it back, and nobody said yes on its target since.
    fn undone_after(&self, yes: Option<Place>) -> bool {
        self.taken_back && is_last(self.undo, yes)
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
        let on_target = self.target.is_some() && self.target.as_deref() == wanted.target;
        let same = wanted.named.is_empty() || on_target;
        let (account, region) = wanted.at;
        let everywhere = on_target && wanted.target.is_some_and(is_global);
        self.confirmed
            && !self.ended_with(Code::UNCONFIRMED)
            && !self.ended_with(Code::SUPERSEDED)
            && self.runbook == *wanted.runbook
            && self.at.0 == *account
            && (everywhere || self.at.1 == *region)
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

    /// Whether it looked for the last time before what the finding tells of was seen.
    fn missed(&self, wanted: &Wanted<'_>) -> bool {
        self.saw().zip(wanted.seen_at).is_some_and(|(saw, seen)| seen >= saw)
    }

    /// Whether it has seen, or will see, what the finding tells of. Who only looks is not asked again.
    fn answers(&self, wanted: &Wanted<'_>) -> bool {
        !self.missed(wanted) || wanted.mode == Mode::Observe
    }

    /// Whether it acts, and has seen or will see what the finding tells of.
    fn acts_on(&self, wanted: &Wanted<'_>) -> bool {
        self.acts() && !self.missed(wanted)
    }
}

/// Whether a target (`account/type/id`) is the same one in every Region.
fn is_global(target: &str) -> bool {
    target.split('/').nth(1).is_some_and(|kind| GLOBAL.contains(&kind))
}

/// Whether nobody said yes after a no or an undo; one of which nobody knows when it was may be the last.
fn is_last(word: Option<Place>, yes: Option<Place>) -> bool {
    word.zip(yes).is_none_or(|(word, yes)| word > yes)
}

#[cfg(test)]
mod tests;
