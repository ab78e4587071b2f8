//! Checking a chain, offline: every element, all faults, in fixed words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::seal::{ENTRY_MAX, Head, leaf_hash};
use crate::id::{CaseId, Digest};

/// What is wrong at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// An entry is missing or out of its place.
    Moved,
    /// The bytes do not have the hash that is stored or expected.
    Hash,
    /// The bytes are no entry.
    Format,
    /// The entry belongs to another case.
    OtherCase,
    /// The chain ends before or after the recorded head.
    NotFound,
    /// There is no entry: a case has one from its first moment on.
    Empty,
}

/// A fault and its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Position in the chain, from 0.
    pub seq: u64,
    /// What is wrong.
    pub kind: FaultKind,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seq = self.seq;
        match self.kind {
            FaultKind::Moved => {
                write!(f, "entry {seq} is not in its place: one was removed, added or moved")
            }
            FaultKind::Hash => write!(
                f,
                "the hash at entry {seq} does not match: it, or the one before it, was changed"
            ),
            FaultKind::Format => write!(f, "entry {seq} does not have the form of an entry"),
            FaultKind::OtherCase => write!(f, "entry {seq} belongs to another case"),
            FaultKind::NotFound => write!(
                f,
                "from entry {seq} on, the chain and its head do not agree on what there is: \
                 entries were removed or added at the end"
            ),
            FaultKind::Empty => {
                write!(f, "there is no entry at all: a case has one from its first moment on")
            }
        }
    }
}

/// The result of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many entries were read.
    pub entries: u64,
    /// The head that was computed.
    pub head: String,
    /// Every fault, first to last.
    pub faults: Vec<Fault>,
    /// The entries' hashes as computed, in order: a head of an earlier day is one of them.
    #[serde(skip)]
    pub hashes: Vec<Digest>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.faults.is_empty()
    }

    /// How many entries the chain had when `head` was its head; `None`: it never was.
    #[must_use]
    pub fn length_at(&self, head: &Digest) -> Option<u64> {
        self.hashes.iter().position(|hash| hash == head).map(|at| at as u64 + 1)
    }
}

#[derive(Deserialize)]
struct Links {
    case: CaseId,
    prev: Digest,
    seq: u64,
}

/// Verifies the chain of `case`: `entries` are the stored bytes, each with the hash stored beside
/// it where there is one, in order; `head` is the recorded head where there is one.
pub fn verify<'a>(
    case: &CaseId,
    entries: impl IntoIterator<Item = (&'a [u8], Option<&'a Digest>)>,
    head: Option<&Head>,
) -> Report {
    let (mut faults, mut hashes) = (Vec::new(), Vec::new());
    let mut computed = Head::empty();
    for (bytes, stored) in entries {
        let seq = computed.length;
        let mut fault = |kind| faults.push(Fault { seq, kind });
        let hash = leaf_hash(bytes);
        if stored.is_some_and(|stored| *stored != hash) {
            fault(FaultKind::Hash);
        }
        if bytes.len() > ENTRY_MAX || bytes.contains(&b'\n') {
            fault(FaultKind::Format);
        }
        match serde_json::from_slice::<Links>(bytes) {
            Err(_) => fault(FaultKind::Format),
            Ok(links) => {
                if links.case != *case {
                    fault(FaultKind::OtherCase);
                }
                if links.seq != seq {
                    fault(FaultKind::Moved);
                }
                if links.prev != computed.hash {
                    fault(FaultKind::Hash);
                }
            }
        }
        hashes.push(hash.clone());
        computed = Head { length: seq + 1, hash };
    }
    if computed.length == 0 {
        faults.push(Fault { seq: 0, kind: FaultKind::Empty });
    }
    if let Some(head) = head {
        if head.length != computed.length {
            faults.push(Fault { seq: computed.length.min(head.length), kind: FaultKind::NotFound });
        } else if head.hash != computed.hash {
            faults.push(Fault { seq: computed.length.saturating_sub(1), kind: FaultKind::Hash });
        }
    }
    Report { entries: computed.length, head: computed.hash.to_string(), faults, hashes }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::timeline::{Actor, Draft, Kind, Sealed};

    fn chain(case: &CaseId, notes: &[String]) -> (Vec<Sealed>, Head) {
        let mut head = Head::empty();
        let at = "2026-01-03T10:00:00Z".parse().unwrap();
        let sealed = notes
            .iter()
            .map(|note| {
                let actor = Actor::Person("ada".into());
                Draft::new(at, actor, Kind::NoteAdded, json!({"text": note}))
                    .seal(case, &mut head)
                    .unwrap()
            })
            .collect();
        (sealed, head)
    }

    fn check(case: &CaseId, sealed: &[Sealed], head: &Head) -> Report {
        verify(case, sealed.iter().map(|s| (s.bytes.as_slice(), Some(&s.hash))), Some(head))
    }

    proptest! {
        #[test]
        fn any_chain_verifies_and_any_flipped_bit_is_found(
            notes in proptest::collection::vec(".{0,40}", 1..8),
            place in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let case: CaseId = "case-0001".parse().unwrap();
            let (mut sealed, head) = chain(&case, &notes);
            prop_assert!(check(&case, &sealed, &head).is_valid());
            let total: usize = sealed.iter().map(|s| s.bytes.len()).sum();
            let mut at = place.index(total);
            for entry in &mut sealed {
                if at < entry.bytes.len() {
                    entry.bytes[at] ^= 1 << bit;
                    break;
                }
                at -= entry.bytes.len();
            }
            prop_assert!(!check(&case, &sealed, &head).is_valid());
        }

        #[test]
        fn a_missing_doubled_or_swapped_entry_is_found(
            notes in proptest::collection::vec("[a-z]{1,8}", 3..8),
            place in any::<prop::sample::Index>(),
            edit in 0..3,
        ) {
            let case: CaseId = "case-0001".parse().unwrap();
            let (mut sealed, head) = chain(&case, &notes);
            let at = place.index(sealed.len() - 1);
            match edit {
                0 => { sealed.remove(at); }
                1 => { let twin = sealed[at].clone(); sealed.insert(at, twin); }
                _ => sealed.swap(at, at + 1),
            }
            prop_assert!(!check(&case, &sealed, &head).is_valid());
        }
    }

    #[test]
    fn a_truncated_chain_and_a_foreign_entry_are_found() {
        let case: CaseId = "case-0001".parse().unwrap();
        let notes = ["a".to_owned(), "b".to_owned()];
        let (sealed, head) = chain(&case, &notes);
        let cut = check(&case, &sealed[..1], &head);
        assert_eq!(cut.faults, [Fault { seq: 1, kind: FaultKind::NotFound }]);
        let other: CaseId = "case-0002".parse().unwrap();
        assert!(
            check(&other, &sealed, &head).faults.iter().all(|f| f.kind == FaultKind::OtherCase)
        );
    }

    #[test]
    fn nothing_is_no_chain_and_a_head_of_an_earlier_day_has_its_place() {
        let case: CaseId = "case-0001".parse().unwrap();
        let nothing = verify(&case, [], Some(&Head::empty()));
        assert_eq!(nothing.faults, [Fault { seq: 0, kind: FaultKind::Empty }]);
        let notes = ["a".to_owned(), "b".to_owned()];
        let (sealed, head) = chain(&case, &notes);
        let report = check(&case, &sealed, &head);
        assert_eq!(report.length_at(&sealed[0].hash), Some(1));
        assert_eq!(report.length_at(&head.hash), Some(2));
        assert_eq!(report.length_at(&Digest::zero()), None);
    }
}
