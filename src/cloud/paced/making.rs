//! Things that many steps need and one of them makes: the groups of a VPC.
//!
//! A wave finds that there is no quarantine group all at once. If everyone made one, each VPC would
//! have one for each case, and EC2's bucket for making them would hold up the wave: 50, then 5 a
//! second. So who comes first makes it, and the others look again when it is there.
//!
//! Who makes it may fail, be stopped by a guard or die: [`MAKING_MAX`] after it had its tokens nobody
//! waits for it. While it is in line for them, nobody else would get one earlier. And who comes when it has just been made may have looked before it was: it looks again, once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::sync::watch;

use crate::change::{Change, GroupOwner, Kind, TAG_PURPOSE};
use crate::id::{CaseId, Place, RunId};

/// How long others wait for who makes it: some calls and the guards' looks, when all are slow.
pub const MAKING_MAX: Duration = Duration::from_secs(5);

/// How long ago something was made that a look may have missed: more than a look takes in a long line.
const MISSED_MAX: Duration = Duration::from_secs(60);

/// Case, run and step.
pub type StepId = (CaseId, Option<RunId>, String);

/// What is being made: where, and which group, by its VPC and purpose as long as it has no id.
type Thing = (Place, String);

/// What is being made, and by whom.
#[derive(Debug, Default)]
pub struct Making {
    makers: HashMap<Thing, Maker>,
    made: HashMap<Thing, Made>,
}

/// Something that was made.
#[derive(Debug)]
struct Made {
    at: Duration,
    /// Who has looked since, or need not.
    known_to: HashSet<StepId>,
}

#[derive(Debug)]
struct Maker {
    step: StepId,
    /// Whether it is in line for its tokens: a step that is not waited for any more leaves.
    in_line: bool,
    /// Until when others wait for it, once it has them.
    until: Duration,
    /// Its changes that are not made yet.
    left: u32,
    /// Gone when it is done.
    done: watch::Sender<()>,
}

/// Somebody else makes it.
pub struct Other {
    /// When to look anyway.
    pub until: Duration,
    /// Ends when it is done.
    pub done: watch::Receiver<()>,
}

impl Making {
    /// Who else makes what `changes` would make; otherwise `step` does, from now on.
    pub fn begin(&mut self, step: &StepId, changes: &[Change], now: Duration) -> Option<Other> {
        self.makers.retain(|_, maker| maker.in_line || now < maker.until);
        self.made.retain(|_, made| now.saturating_sub(made.at) < MISSED_MAX);
        let things: Vec<Thing> = changes.iter().filter_map(thing).collect();
        let others = things.iter().filter_map(|thing| self.makers.get(thing));
        if let Some(other) = others.into_iter().find(|maker| maker.step != *step) {
            let until = if other.in_line { now + MAKING_MAX } else { other.until };
            return Some(Other { until, done: other.done.subscribe() });
        }
        let mut missed = false;
        for thing in &things {
            missed |=
                self.made.get_mut(thing).is_some_and(|made| made.known_to.insert(step.clone()));
        }
        if missed {
            let done = watch::channel(()).1;
            return Some(Other { until: now, done });
        }
        for thing in &things {
            self.makers.remove(thing);
        }
        for thing in things {
            let maker = self.makers.entry(thing).or_insert_with(|| Maker {
                step: step.clone(),
                in_line: true,
                until: now,
                left: 0,
                done: watch::channel(()).0,
            });
            maker.left += 1;
        }
        None
    }

    /// `step` has its tokens, and makes what it began.
    pub fn admitted(&mut self, step: &StepId, now: Duration) {
        for maker in self.makers.values_mut().filter(|maker| maker.step == *step) {
            (maker.in_line, maker.until) = (false, now + MAKING_MAX);
        }
    }

    /// `step` is not in line any more: what it has no tokens for, others may make.
    pub fn left(&mut self, step: &StepId) {
        self.makers.retain(|_, maker| !maker.in_line || maker.step != *step);
    }

    /// `step` has made `change`, or AWS has refused it.
    pub fn made(&mut self, step: &StepId, change: &Change, now: Duration) {
        let Some(thing) = thing(change) else {
            return;
        };
        if let Some(maker) = self.makers.get_mut(&thing).filter(|maker| maker.step == *step) {
            maker.left = maker.left.saturating_sub(1);
            if maker.left == 0 {
                self.makers.remove(&thing);
                self.made.insert(thing, Made { at: now, known_to: [step.clone()].into() });
            }
        }
    }
}

/// Whether others may need what `change` makes.
pub fn is_for_all(change: &Change) -> bool {
    thing(change).is_some()
}

fn thing(change: &Change) -> Option<Thing> {
    let what = match &change.kind {
        Kind::CreateGroup { vpc, tags, .. } => {
            format!("{vpc}/{}", tags.get(TAG_PURPOSE).map(String::as_str).unwrap_or_default())
        }
        Kind::GroupRules { group, owner: GroupOwner::Ours, .. } => group.to_string(),
        _ => return None,
    };
    Some((change.at.clone(), what))
}
