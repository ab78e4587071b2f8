//! What the benchmarks measure, made ready outside the measured time. Not part of the product.

use serde_json::json;

use crate::id::CaseId;
use crate::runbook::Advance;
use crate::timeline::{self, Actor, Draft, Head, Kind, Sealed};

/// A run with recorded steps, to be evaluated once more.
pub struct Replay(crate::runbook::Replay);

impl Replay {
    /// A script with `steps` recorded steps.
    ///
    /// # Panics
    /// When the measured script does not compile.
    #[must_use]
    pub fn of_steps(steps: usize) -> Self {
        Self(crate::runbook::Replay::new(steps).expect("the measured script compiles"))
    }

    /// One evaluation; whether it came to the script's end.
    #[must_use]
    pub fn advance_to_the_end(&self) -> bool {
        matches!(self.0.run(), Advance::Done(_))
    }
}

/// A chain to verify.
pub struct Chain {
    case: CaseId,
    entries: Vec<Sealed>,
    head: Head,
}

impl Chain {
    /// A chain of entries of a usual size, about 550 bytes.
    ///
    /// # Panics
    /// When an entry can't be sealed.
    #[must_use]
    pub fn of_entries(count: usize) -> Self {
        let case: CaseId = "case-0001".parse().expect("a case id");
        let mut head = Head::empty();
        let at = jiff::Timestamp::UNIX_EPOCH;
        let body = json!({"step": "2[0]/1#3", "text": "x".repeat(300)});
        let entries = (0..count)
            .map(|_| {
                let draft = Draft::new(at, Actor::Service, Kind::NoteAdded, body.clone());
                draft.seal(&case, &mut head).expect("an entry")
            })
            .collect();
        Self { case, entries, head }
    }

    /// Verifies all of it.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let entries = self.entries.iter().map(|entry| (entry.bytes.as_slice(), Some(&entry.hash)));
        timeline::verify(&self.case, entries, Some(&self.head)).is_valid()
    }
}
