//! Looking again at what was contained: a change of IAM reaches AWS's endpoints only by and by, and until
//! then whoever was denied everything may still take that back, or make a new key.
//!
//! ```text
//!   step 3 ends verified ──► 3~1, when the change is known as a rule ──► 3~2, for certain ──► it held
//!                             ▲ │                                        │
//!                             │ └── undone meanwhile: done again, people ┘
//!                             └──── are told, and it begins anew, up to AGAIN_MAX looks
//! ```
//!
//! No script asks for it or waits for it: what comes after a containment, another one perhaps, begins at
//! once. The run is over when it has held. A run that leaves something to people ends at once, and says
//! what was not looked at again: they are not to hear of it a minute later.

use jiff::{SignedDuration, Timestamp};

use super::drive::Drive;
use super::execute::{Executor, StepRun};
use super::outcome::StepResult;
use super::step::StepLog;
use super::step_end::{Reason, not_looked, undone};
use super::taken_back::TakenBack;
use super::tell;
use crate::action::{self, Applied};
use crate::change::Inverse;
use crate::error::Code;
use crate::routing::Mode;
use crate::runbook::{AGAIN_MAX, StepKey};
use crate::store::RunKind;
use crate::timeline::Draft;

/// How late a look may be and still contain anew: a restart takes less. After that, people may have
/// lifted what it would deny, and only they can tell.
const LATE_MAX: SignedDuration = SignedDuration::from_mins(10);

/// What a look waits for: see [`Cloud::spreads_within`].
///
/// [`Cloud::spreads_within`]: crate::cloud::Cloud::spreads_within
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Until the change is known at each endpoint as a rule.
    First,
    /// Until it is for certain.
    Then,
}

/// What the look waits for that comes after these, each of which found what was contained undone or not;
/// `None`: it has held. What is done anew can be undone again within the same seconds.
fn wait(looks: &[bool]) -> Option<Wait> {
    let mut wait = Some(Wait::First);
    for undone in looks {
        wait = match wait {
            _ if *undone => Some(Wait::First),
            Some(Wait::First) => Some(Wait::Then),
            _ => None,
        };
    }
    wait
}

impl Drive<'_> {
    /// Asks for the looks that are due next: their entries are added, and nothing waits for them.
    pub(super) fn look_again(&mut self, entries: &mut Vec<Draft>) {
        if self.run.mode == Mode::Observe || self.run.kind == RunKind::Undo {
            return;
        }
        let now = self.env.clock.now();
        let next: Vec<StepLog> =
            self.log.steps.iter().filter_map(|of| self.next(of, now)).collect();
        for step in next {
            entries.push(self.writer.requested(now, &step.key, &step.name, &step.args, &[]));
            self.log.steps.push(step);
        }
    }

    /// The next look at what a step of the script contained; `None`: it is under way, or has held.
    fn next(&self, of: &StepLog, now: Timestamp) -> Option<StepLog> {
        let spreads = action::find(&of.name).is_some_and(action::Action::spreads);
        if lifted(self.taken_back, &of.own()) {
            return None;
        }
        if !spreads || was_so(of) || of.key.looks_again().is_some() || !holds(of) {
            return None;
        }
        let looks = (1..=AGAIN_MAX).map_while(|nth| self.log.step(&of.key.again(nth)));
        let looks: Vec<&StepLog> = looks.collect();
        let found: Vec<bool> = looks.iter().map(|look| was_undone(look)).collect();
        let next = u8::try_from(looks.len()).ok()?.checked_add(1)?;
        if next > AGAIN_MAX || wait(&found).is_none() || !looks.iter().all(|look| holds(look)) {
            return None;
        }
        let (name, args) = (of.name.clone(), of.args.clone());
        Some(StepLog::asked(of.key.again(next), name, args, now))
    }

    /// Whether nothing but looks at what was contained is left to do, and nothing is left to people.
    pub(super) fn looks_again(&self) -> bool {
        let mut open = self.log.steps.iter().filter(|step| step.end.is_none());
        open.any(|step| step.key.looks_again().is_some()) && self.remains().is_empty()
    }

    /// What was undone each time that it was looked at, in words.
    pub(super) fn never_held(&self) -> impl Iterator<Item = (String, String)> {
        let last = self.log.steps.iter().filter(|step| {
            step.key.looks_again().is_some_and(|(_, nth)| nth == AGAIN_MAX) && was_undone(step)
        });
        last.map(|step| {
            let number = Code::ACTION_FAILED.number;
            let words = format!(
                "{} {}: {number}: it was done again {AGAIN_MAX} times, because somebody undid it each time: \
                 look who that is, and deny them everything in a service control policy",
                step.name, step.key
            );
            (number.to_owned(), words)
        })
    }
}

impl Executor<'_> {
    /// Why a step that looks again, and finds what was contained undone, leaves that to people: it comes so
    /// late that they may have lifted it themselves. `None`: it contains it anew.
    pub(super) fn too_late(&self, step: &StepLog) -> Option<Reason> {
        let late = self.env.clock.now().duration_since(self.due(step));
        let is_late = step.origin.is_some() && step.changes.is_empty() && late > LATE_MAX;
        let text = format!(
            "what was contained is not so any more, and the look comes {} min late, so that it may have been \
             lifted by one of you: look at it, and contain it anew if nobody has",
            late.as_mins()
        );
        is_late.then(|| Reason::new(Code::ACTION_FAILED, "conflict", text))
    }

    /// When a step is to look: one that looks again, some time after it was asked for.
    pub(super) fn due(&self, step: &StepLog) -> Timestamp {
        if step.key.looks_again().is_none() {
            return step.requested;
        }
        let [first, then] = self.env.cloud.spreads_within();
        let after = match step.origin.as_ref().and_then(|origin| wait(&origin.looks)) {
            Some(Wait::Then) => then,
            // What was just asked for does not know the others, and comes again when it does.
            Some(Wait::First) | None => first,
        };
        step.requested.checked_add(after).unwrap_or(Timestamp::MAX)
    }

    /// How a step that looks again goes on without a look: it is not due, or its run was taken back.
    pub(super) fn not_yet(&self, step: &StepLog) -> Option<StepRun> {
        if step.key.looks_again().is_none() || !step.changes.is_empty() {
            return None;
        }
        let applied = step.origin.as_ref().map(|origin| origin.applied.as_slice());
        if lifted(self.taken_back, applied.unwrap_or_default()) {
            let end = not_looked(step, "the run was taken back");
            return Some(StepRun::Ended { end, drafts: vec![], effects: vec![] });
        }
        // What was just asked for does not know what it goes on from: the timeline alone does.
        let due = self.due(step);
        (step.origin.is_none() || self.env.clock.now() < due).then(|| StepRun::Parked {
            wake_at: Some(due),
            drafts: vec![],
            effects: vec![],
        })
    }

    /// Tells people that somebody undid a containment, where that is how a step ended.
    pub(super) async fn tell_of_undone(&self, key: &StepKey, became: &mut StepRun) {
        if let StepRun::Ended { end, effects, .. } = became
            && undone(end)
        {
            let text = format!(
                "{} was undone by somebody after it had been verified, and was done again: whoever was \
                 contained fights back",
                end.name
            );
            let id = format!("{}/{key}", self.run.id);
            effects.push(tell::of_end(self.env, self.run, id, &text).await);
        }
    }
}

/// Whether an undo that was asked for takes this back. One that is not told to leaves denies and disabled
/// keys in place: they are to hold on.
fn lifted(taken_back: TakenBack, applied: &[Applied]) -> bool {
    let back = |applied: &Applied| matches!(applied.change.inverse(), Inverse::Change(_));
    match taken_back {
        TakenBack::No => false,
        TakenBack::ButForDenies => applied.iter().any(back),
        TakenBack::Wholly => true,
    }
}

fn holds(step: &StepLog) -> bool {
    step.end.as_ref().is_some_and(|end| end.result == StepResult::Ok)
}

/// Whether it had nothing to change: what it found is not this run's to hold, and nobody may have agreed to
/// its doing that.
fn was_so(step: &StepLog) -> bool {
    let output = step.end.as_ref().and_then(|end| end.output.as_ref());
    output.is_some_and(|output| output["already"] == true)
}

fn was_undone(step: &StepLog) -> bool {
    step.end.as_ref().is_some_and(undone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_held_when_the_long_wait_found_it_so() {
        for (looks, next) in [
            (&[][..], Some(Wait::First)),
            (&[false], Some(Wait::Then)),
            (&[false, false], None),
            (&[true], Some(Wait::First)),
            (&[false, true], Some(Wait::First)),
            (&[true, false], Some(Wait::Then)),
            (&[false, true, false], Some(Wait::Then)),
            (&[false, true, false, false], None),
        ] {
            assert_eq!(wait(looks), next, "{looks:?}");
        }
    }
}
