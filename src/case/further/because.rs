//! Why a run is asked about first: the last of what people said against it. Who said it, when and why, is
//! the store's to find.

use serde::{Deserialize, Serialize};

use super::Earlier;
use crate::id::RunId;

/// What a person said to a run that keeps others from acting without a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// No, to a question of it.
    No,
    /// That it is to be taken back.
    Undo,
}

/// What stands against acting without a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// What was said.
    pub word: Word,
    /// To which run, of whichever case.
    pub run: RunId,
}

impl Because {
    /// The last undo of `lifted`, or else the last no to `denied`: what was given back outweighs what was
    /// never done.
    pub(super) fn last<'a>(
        lifted: impl Iterator<Item = &'a Earlier>,
        denied: impl Iterator<Item = &'a Earlier>,
    ) -> Option<Self> {
        let lifted = lifted.max_by_key(|run| run.undo).map(|run| (Word::Undo, run));
        let said = lifted.or_else(|| denied.max_by_key(|run| run.no).map(|run| (Word::No, run)));
        said.map(|(word, run)| Self { word, run: run.id.clone() })
    }

    /// In words, as far as it is known without the store.
    #[must_use]
    pub fn why(&self) -> &'static str {
        match self.word {
            Word::Undo => "it goes on after the containment was taken back",
            Word::No => "a person said no to a run on this target",
        }
    }
}
