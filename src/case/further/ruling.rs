//! What people decided on a run, in whichever case, as it bears on a part of what is wanted: on the target
//! of that run, on what it held, on what a question of it named.

use super::{Earlier, Place, is_last};

/// A run that people have decided on, in whichever case, and how it bears on what is wanted.
#[derive(Debug, Clone)]
pub struct Ruling {
    /// The run.
    pub run: Earlier,
    /// How it bears on that.
    pub bears: Bears,
    /// On which part: the target of what is wanted, or something else that its attack sequence names.
    pub on: String,
}

/// How a run bears on a part of what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bears {
    /// It was about it.
    Target,
    /// It has held it.
    Held,
    /// A question of it named it, and was answered with yes, in this place.
    Agreed(Option<Place>),
    /// A question of it named it, and was answered with no, in this place; `None`: nobody knows when.
    Refused(Option<Place>),
}

impl Ruling {
    /// The place of the last yes to what it bears on. That it held something tells of none: a question
    /// named that, if there was one.
    fn yes(&self) -> Option<Place> {
        match self.bears {
            Bears::Target => self.run.yes,
            Bears::Agreed(place) => place,
            Bears::Held | Bears::Refused(_) => None,
        }
    }

    /// The place of the no to what it bears on.
    pub(super) fn no(&self) -> Option<Place> {
        match self.bears {
            Bears::Refused(no) => no,
            Bears::Target | Bears::Held | Bears::Agreed(_) => self.run.no,
        }
    }

    /// Whether what it bears on was given back, and nobody said yes there since: its target, and all that
    /// it held.
    pub(super) fn lifts(&self, yes: Option<Place>) -> bool {
        matches!(self.bears, Bears::Target | Bears::Held) && self.run.undone_after(yes)
    }

    /// Whether what it bears on was refused, and nobody said yes there since: its target, and what the
    /// question named.
    pub(super) fn denies(&self, yes: Option<Place>) -> bool {
        match self.bears {
            Bears::Target => self.run.denied_after(yes),
            Bears::Refused(no) => is_last(no, yes),
            Bears::Held | Bears::Agreed(_) => false,
        }
    }
}

/// The last yes to something. One beside a no to the same of the same run is none.
pub(super) fn last_yes_on(on: &str, decided: &[Ruling]) -> Option<Place> {
    let here = || decided.iter().filter(|ruling| ruling.on == on);
    let refused =
        |ruling: &&Ruling| here().any(|other| other.run.id == ruling.run.id && other.denies(None));
    here().filter(|ruling| !refused(ruling)).filter_map(Ruling::yes).max()
}
