//! Why a run is asked about first: the last of what people said against it. Who said it, when and why, is
//! the store's to find.

use serde::{Deserialize, Serialize};

use super::{Earlier, Place};
use crate::id::RunId;

/// What a person said to a run that keeps others from acting without a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// No, to a question of it.
    No,
    /// That it is to be taken back.
    Undo,
}

/// What stands against acting without a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// What was said.
    pub word: Against,
    /// To which run, of whichever case.
    pub run: RunId,
    /// Its place among all that people ever said; `None`: an older version did not write it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

impl Because {
    /// The last of what was said: an undo of `lifted`, or a no in its place to `denied`.
    pub(super) fn last<'a>(
        lifted: impl Iterator<Item = &'a Earlier>,
        denied: impl Iterator<Item = (Option<Place>, &'a Earlier)>,
    ) -> Option<Self> {
        let lifted = lifted.map(|run| (run.undo, Against::Undo, run));
        let said = lifted.chain(denied.map(|(no, run)| (no, Against::No, run)));
        let (place, word, run) = said.max_by_key(|(place, ..)| *place)?;
        Some(Self { word, run: run.id.clone(), place })
    }

    /// In words, as far as it is known without the store.
    #[must_use]
    pub fn why(&self) -> &'static str {
        match self.word {
            Against::Undo => "a run on this target was taken back",
            Against::No => "a person said no to a run on this target",
        }
    }
}
