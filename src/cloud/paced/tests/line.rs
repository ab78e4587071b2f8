//! The order of a line, as a pure thing.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::Notify;

use crate::change::Urgency;
use crate::cloud::paced::Size;
use crate::cloud::paced::line::{Line, PATIENCE, SHARE, Waiter};

const SIZE: Size = Size { burst: 1, per_second: 1 };

const URGENCIES: [Urgency; 3] = [Urgency::Containment, Urgency::Evidence, Urgency::Description];

fn waiter(ticket: u64, urgency: Urgency, turn: u64, since: Duration) -> Waiter {
    Waiter { ticket, urgency, turn, since, given: 0, needs: 1, told: Arc::new(Notify::new()) }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Serves second by second, and says who left the line when.
fn served(line: &mut Line, tickets: &[u64], from: u64, to: u64) -> Vec<(u64, u64)> {
    let mut left: Vec<(u64, u64)> = Vec::new();
    for second in from..to {
        line.serve(seconds(second));
        let gone = tickets.iter().filter(|ticket| line.wait(**ticket).is_none());
        let new: Vec<u64> =
            gone.copied().filter(|ticket| left.iter().all(|(t, _)| t != ticket)).collect();
        left.extend(new.into_iter().map(|ticket| (ticket, second)));
    }
    left
}

#[test]
fn the_most_urgent_goes_first_and_then_the_step_that_came_first() {
    let mut line = Line::new(SIZE, seconds(0));
    line.join(waiter(1, Urgency::Description, 1, seconds(0)));
    line.join(waiter(2, Urgency::Evidence, 2, seconds(0)));
    line.join(waiter(3, Urgency::Containment, 4, seconds(0)));
    // Came last, and belongs to a step that came before: what is begun is ended.
    line.join(waiter(4, Urgency::Containment, 3, seconds(0)));
    let order = served(&mut line, &[1, 2, 3, 4], 0, 4);
    assert_eq!(order, [(4, 0), (3, 1), (2, 2), (1, 3)]);
}

#[test]
fn a_call_that_needs_several_tokens_takes_them_as_they_come() {
    let mut line = Line::new(SIZE, seconds(0));
    line.join(Waiter { needs: 3, ..waiter(1, Urgency::Containment, 1, seconds(0)) });
    line.join(waiter(2, Urgency::Containment, 2, seconds(0)));
    assert_eq!(served(&mut line, &[1, 2], 0, 4), [(1, 2), (2, 3)], "more than the bucket holds");
}

#[test]
fn who_leaves_gives_back_what_it_was_given() {
    let mut line = Line::new(SIZE, seconds(0));
    line.join(Waiter { needs: 2, ..waiter(1, Urgency::Containment, 1, seconds(0)) });
    line.serve(seconds(0));
    line.leave(1);
    line.join(waiter(2, Urgency::Description, 2, seconds(0)));
    assert_eq!(served(&mut line, &[2], 0, 1), [(2, 0)]);
}

#[test]
fn an_endless_wave_of_containment_starves_nobody() {
    let mut line = Line::new(SIZE, seconds(0));
    for ticket in 1..=6 {
        let urgency = if ticket <= 3 { Urgency::Evidence } else { Urgency::Description };
        line.join(waiter(ticket, urgency, ticket, seconds(0)));
    }
    let mut left = Vec::new();
    let lower: Vec<u64> = (1..=6).collect();
    for second in 0..1_000 {
        // Two more every second than there are tokens.
        for n in 0..3 {
            let ticket = 1_000 + second * 3 + n;
            line.join(waiter(ticket, Urgency::Containment, ticket, seconds(second)));
        }
        let new = served(&mut line, &lower, second, second + 1);
        left.extend(
            new.into_iter().filter(|(ticket, _)| left_not_yet(&left, *ticket)).collect::<Vec<_>>(),
        );
    }
    assert_eq!(left.len(), 6, "{left:?}");
    for (n, (ticket, second)) in left.iter().enumerate() {
        assert_eq!(*ticket, lower[n], "who came first");
        let bound = PATIENCE + seconds((n as u64 + 1) * u64::from(SHARE));
        assert!(seconds(*second) >= PATIENCE, "{ticket} overtook at {second} s");
        assert!(seconds(*second) <= bound, "{ticket} waited {second} s, and may {bound:?}");
    }
}

fn left_not_yet(left: &[(u64, u64)], ticket: u64) -> bool {
    left.iter().all(|(known, _)| *known != ticket)
}

proptest! {
    /// Before anybody is due, no token goes to a call while a more urgent one waits; and no more
    /// tokens are given out than the bucket had.
    #[test]
    fn nothing_overtakes_what_is_more_urgent(
        calls in proptest::collection::vec((0u64..60, 0usize..3, 0u64..20), 1..60),
    ) {
        let mut calls = calls;
        calls.sort_unstable();
        let mut line = Line::new(Size { burst: 4, per_second: 2 }, seconds(0));
        let mut waiting: Vec<(u64, Urgency)> = Vec::new();
        let mut gone = 0;
        let mut next = calls.iter().enumerate().peekable();
        for second in 0..PATIENCE.as_secs() {
            while let Some((n, (_, urgency, turn))) =
                next.next_if(|(_, (since, ..))| *since <= second)
            {
                let (ticket, urgency) = (n as u64, URGENCIES[*urgency]);
                line.join(waiter(ticket, urgency, *turn, seconds(second)));
                waiting.push((ticket, urgency));
            }
            line.serve(seconds(second));
            let (left, still): (Vec<_>, Vec<_>) =
                waiting.iter().copied().partition(|(ticket, _)| line.wait(*ticket).is_none());
            let least = left.iter().map(|(_, urgency)| *urgency).max();
            let most = still.iter().map(|(_, urgency)| *urgency).min();
            if let (Some(least), Some(most)) = (least, most) {
                prop_assert!(least <= most, "{least:?} went while {most:?} waits");
            }
            gone += left.len() as u64;
            prop_assert!(gone <= 4 + 2 * second);
            waiting = still;
        }
        prop_assert!(waiting.is_empty(), "all are served in the end");
    }
}
