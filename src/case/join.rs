//! How a finding version meets what is already known: pure, so that the store can decide inside its
//! transaction. Whether it gets a run is `further`'s.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{CaseId, Digest};

/// How long after its last finding a case is joined by another finding on the same resource.
/// GuardDuty batches updates for up to 6 h (User Guide, EventBridge); a day covers four batches.
pub const CORRELATION_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// One version of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// `updatedAt`; `None` where the document has none.
    pub updated_at: Option<Timestamp>,
    /// `service.count`.
    pub count: u64,
    /// `service.archived`.
    pub archived: bool,
    /// The SHA-256 of the normalised document.
    pub content: Digest,
}

/// A finding identity that the store already holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its case.
    pub case: CaseId,
    /// Whether a person closed that case.
    pub closed: Closed,
    /// The newest version.
    pub newest: Version,
    /// Whether exactly the incoming version (its content) is stored.
    pub same_content: bool,
}

/// Whether a person closed a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It is open.
    No,
    /// It is closed; when, where that is known.
    At(Option<Timestamp>),
}

/// A case with the incoming finding's correlation key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCase {
    /// The case.
    pub case: CaseId,
    /// When its newest finding was received.
    pub last_finding: Timestamp,
    /// Whether a person closed it.
    pub closed: bool,
}

/// What becomes of an incoming finding version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// Nothing like it is known: a case is opened.
    New,
    /// Another finding on the same resource: it joins this case.
    Joined(CaseId),
    /// A newer version of a known finding: state moves on.
    Updated(CaseId),
    /// As `Updated`, in a case that a person had closed before GuardDuty saw this: it goes on, so the
    /// case is opened again, and a person sees it.
    Reopened(CaseId),
    /// An older version: kept as evidence, state does not go back.
    Stale(CaseId),
    /// Exactly what is stored: counted, nothing else.
    Duplicate(CaseId),
}

impl Disposition {
    /// The label in entries and answers.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Joined(_) => "joined",
            Self::Updated(_) => "updated",
            Self::Reopened(_) => "reopened",
            Self::Stale(_) => "stale",
            Self::Duplicate(_) => "duplicate",
        }
    }
}

/// Decides. `known` is the finding's own identity, `open` the newest case with its correlation key.
#[must_use]
pub fn dispose(
    known: Option<&Known>,
    open: Option<&OpenCase>,
    incoming: &Version,
    now: Timestamp,
) -> Disposition {
    if let Some(known) = known {
        let case = known.case.clone();
        let (old, new) = (&known.newest, incoming);
        let older = match (old.updated_at, new.updated_at) {
            (Some(old_at), Some(new_at)) if old_at != new_at => new_at < old_at,
            _ => new.count < old.count,
        };
        return if known.same_content {
            Disposition::Duplicate(case)
        } else if older {
            Disposition::Stale(case)
        } else if goes_on(known.closed, incoming) {
            Disposition::Reopened(case)
        } else {
            Disposition::Updated(case)
        };
    }
    match open {
        Some(open) if !open.closed && is_recent(open.last_finding, now) => {
            Disposition::Joined(open.case.clone())
        }
        _ => Disposition::New,
    }
}

/// Whether another finding still bears on a case: on the same resource it belongs to it.
fn is_recent(last_finding: Timestamp, now: Timestamp) -> bool {
    now.duration_since(last_finding).unsigned_abs() <= CORRELATION_WINDOW
}

/// Whether what people decided on a run binds findings of other cases: it does for a day from the last
/// finding of the run's case, or from the last word that was said to it, whichever was later. `None`:
/// nobody knows when that was.
#[must_use]
pub fn still_binds(last_finding: Timestamp, said: Option<Timestamp>, now: Timestamp) -> bool {
    is_recent(said.map_or(last_finding, |said| said.max(last_finding)), now)
}

/// Whether a version tells of something that was seen after its case was closed. What GuardDuty
/// archived is over; what has no time may be new.
fn goes_on(closed: Closed, incoming: &Version) -> bool {
    match closed {
        Closed::No => false,
        _ if incoming.archived => false,
        Closed::At(closed_at) => {
            incoming.updated_at.zip(closed_at).is_none_or(|(seen, closed)| seen > closed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(updated: &str, count: u64, content: &str) -> Version {
        Version {
            updated_at: updated.parse().ok(),
            count,
            archived: false,
            content: Digest::of(content.as_bytes()),
        }
    }

    #[test]
    fn versions_move_forward_only() {
        let case: CaseId = "case-0001".parse().unwrap();
        let now = "2026-01-03T10:00:00Z".parse().unwrap();
        let newest = version("2026-01-02T00:00:00Z", 5, "b");
        let known = |same_content| Known {
            case: case.clone(),
            closed: Closed::No,
            newest: newest.clone(),
            same_content,
        };
        for (same, incoming, expected) in [
            (true, version("2026-01-02T00:00:00Z", 5, "b"), "duplicate"),
            (true, version("2026-01-01T00:00:00Z", 1, "a"), "duplicate"),
            (false, version("2026-01-01T00:00:00Z", 3, "a"), "stale"),
            (false, version("2026-01-02T00:00:00Z", 5, "c"), "updated"),
            (false, version("2026-01-03T00:00:00Z", 6, "c"), "updated"),
            (false, version("", 4, "c"), "stale"),
        ] {
            assert_eq!(
                dispose(Some(&known(same)), None, &incoming, now).label(),
                expected,
                "{incoming:?}"
            );
        }
    }

    #[test]
    fn another_finding_joins_an_open_case_within_the_window() {
        let case: CaseId = "case-0001".parse().unwrap();
        let last_finding: Timestamp = "2026-01-03T10:00:00Z".parse().unwrap();
        let incoming = version("2026-01-03T10:00:00Z", 1, "a");
        for (closed, now, expected) in [
            (false, "2026-01-04T09:59:00Z", "joined"),
            (false, "2026-01-04T10:01:00Z", "new"),
            (true, "2026-01-03T10:01:00Z", "new"),
        ] {
            let open = OpenCase { case: case.clone(), last_finding, closed };
            assert_eq!(
                dispose(None, Some(&open), &incoming, now.parse().unwrap()).label(),
                expected
            );
        }
        assert_eq!(dispose(None, None, &incoming, last_finding), Disposition::New);
    }

    #[test]
    fn what_people_decided_binds_for_a_day_from_the_later_of_finding_and_word() {
        let time = |text: &str| -> Timestamp { text.parse().unwrap() };
        let found = time("2026-01-03T10:00:00Z");
        for (said, now, expected) in [
            (None, "2026-01-04T10:00:00Z", true),
            (None, "2026-01-04T10:00:01Z", false),
            (Some("2026-01-02T09:00:00Z"), "2026-01-04T10:00:00Z", true),
            (Some("2026-01-02T09:00:00Z"), "2026-01-04T10:00:01Z", false),
            (Some("2026-01-05T10:00:00Z"), "2026-01-06T10:00:00Z", true),
            (Some("2026-01-05T10:00:00Z"), "2026-01-06T10:00:01Z", false),
        ] {
            assert_eq!(still_binds(found, said.map(time), time(now)), expected, "{said:?} {now}");
        }
    }
}
