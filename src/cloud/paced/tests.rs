//! Who goes when: on a clock that only tests move, with many callers and no thread.

mod line;
mod making;
mod pacing;
mod session;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::LocalBoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};

use crate::change::{Permission, Urgency};
use crate::clock::ManualClock;
use crate::cloud::Scope;
use crate::id::Place;

pub fn clock() -> ManualClock {
    ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap())
}

pub fn at(account: &str) -> Place {
    Place { account: account.parse().unwrap(), region: "eu-west-1".parse().unwrap() }
}

pub fn scope(step: &str, urgency: Urgency) -> Scope {
    Scope {
        case: "case-0001".parse().unwrap(),
        run: Some("run-0001".parse().unwrap()),
        step: step.to_owned(),
        permissions: BTreeSet::from([Permission::new("*", "*")]),
        urgency,
    }
}

/// Plays tasks to their end in the clock's time: it moves on when none of them can.
pub fn play(clock: &ManualClock, tasks: Vec<LocalBoxFuture<'_, ()>>) {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut tasks: FuturesUnordered<_> = tasks.into_iter().collect();
    loop {
        match tasks.poll_next_unpin(&mut context) {
            Poll::Ready(Some(())) => {}
            Poll::Ready(None) => return,
            Poll::Pending if woken.0.swap(false, Ordering::Relaxed) => {}
            Poll::Pending => assert!(clock.skip(), "everybody waits, and nobody for the clock"),
        }
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
