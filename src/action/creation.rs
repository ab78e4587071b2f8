//! What is known of a create that a look does not see: made, lost, or never sent.
//!
//! EC2 creates take no client token and their results show up in Describe calls some time later
//! (EC2 API Reference, "Eventual consistency"). A second create is allowed only when the first can't
//! be there any more. Nothing here calls AWS.

use std::time::Duration;

use jiff::Timestamp;

use super::{Applied, Context};
use crate::change::Kind;
use crate::cloud::Created;

/// How long a create that AWS has confirmed may stay invisible. The EC2 API Reference advises to
/// look again for up to five minutes.
pub(super) const VISIBLE_WITHIN: Duration = Duration::from_secs(300);

/// How long a create without an answer is looked for before it is sent again. Tags are usually
/// visible within two seconds; ten times that keeps a lost call from costing much evidence.
pub(super) const LOST_AFTER: Duration = Duration::from_secs(20);

/// Time between two looks for something new.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What to do about something that a look does not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unseen {
    /// Create it (again).
    Create,
    /// It may be there: look again after this time.
    Wait(Duration),
}

/// Judges a create that a look does not see, from what this step has applied.
pub(super) fn unseen(context: &Context<'_>, wanted: impl Fn(&Kind) -> bool) -> Unseen {
    match sent(context, wanted).last() {
        None => Unseen::Create,
        Some(applied) => judge(applied, context.now),
    }
}

fn judge(applied: &Applied, now: Timestamp) -> Unseen {
    let limit = if applied.receipt.is_some() { VISIBLE_WITHIN } else { LOST_AFTER };
    left(limit, applied, now).map_or(Unseen::Create, Unseen::Wait)
}

/// Until the next look for what the last of these creates has certainly made; `None` when it should
/// have shown up long ago.
pub(super) fn late(context: &Context<'_>, wanted: impl Fn(&Kind) -> bool) -> Option<Duration> {
    left(VISIBLE_WITHIN, sent(context, wanted).last()?, context.now)
}

fn left(limit: Duration, applied: &Applied, now: Timestamp) -> Option<Duration> {
    let left = limit.checked_sub(age(applied.at, now))?;
    (!left.is_zero()).then(|| left.min(LOOK_EVERY))
}

/// The creates of this step that have happened or may have, oldest first.
pub(super) fn sent<'a>(context: &Context<'a>, wanted: impl Fn(&Kind) -> bool) -> Vec<&'a Applied> {
    context.applied.iter().filter(|applied| wanted(&applied.change.kind)).collect()
}

/// What AWS said that creates of this step made, oldest first.
pub(super) fn created<'a>(
    context: &Context<'a>,
    wanted: impl Fn(&Kind) -> bool,
) -> Vec<&'a Created> {
    sent(context, wanted).into_iter().filter_map(answer).collect()
}

/// What AWS said that this create made; `None` where its answer was lost.
pub(super) fn answer(applied: &Applied) -> Option<&Created> {
    applied.receipt.as_ref()?.created.as_ref()
}

/// The time from `then` to `now`; zero when the clocks disagree.
pub(super) fn age(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Change, Tags};
    use crate::cloud::Receipt;

    #[test]
    fn a_create_is_repeated_only_when_the_first_can_not_be_there() {
        let at: Timestamp = "2025-03-01T10:00:00Z".parse().unwrap();
        let kind = Kind::CreateGroup {
            vpc: "vpc-0a1b2c3d".parse().unwrap(),
            name: "n".to_owned(),
            description: "d".to_owned(),
            tags: Tags::new(),
        };
        let place = crate::id::Place {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let receipt = Receipt { request_id: "r".to_owned(), created: None };
        for (known, seconds, expected) in [
            (false, 0, Unseen::Wait(LOOK_EVERY)),
            (false, 19, Unseen::Wait(Duration::from_secs(1))),
            (false, 20, Unseen::Create),
            (true, 20, Unseen::Wait(LOOK_EVERY)),
            (true, 299, Unseen::Wait(Duration::from_secs(1))),
            (true, 300, Unseen::Create),
            // A clock that went back never makes a second create.
            (false, -30, Unseen::Wait(LOOK_EVERY)),
        ] {
            let applied = Applied {
                at,
                change: Change { at: place.clone(), kind: kind.clone() },
                receipt: known.then(|| receipt.clone()),
            };
            let now = at + jiff::SignedDuration::from_secs(seconds);
            assert_eq!(judge(&applied, now), expected, "{known} {seconds}");
        }
    }
}
