//! Questions that several steps have in line at once, and that are asked once for all of them.
//!
//! ```text
//!   ask ──► in line already? ── yes ──► its answer ──► there is none: ask again
//!                  │ no
//!                  └──► line ──► leaves: nobody joins any more ──► call ──► tell
//! ```
//!
//! Only a question that has not been sent yet can be joined, so that every answer was looked for after
//! everyone who gets it had asked: verified still means looked at afterwards. Where there is room
//! nothing waits, and nothing is shared.
//!
//! Who joins has the same permissions as who asks, and is not more urgent. CloudTrail shows the case
//! that asked. A refusal is not shared: the others ask for themselves.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::change::Urgency;

/// Questions `Q` in line, whose answers are `A`.
#[derive(Debug)]
pub struct Questions<Q, A> {
    state: Mutex<State<Q, A>>,
}

#[derive(Debug)]
struct State<Q, A> {
    in_line: BTreeMap<Q, InLine<A>>,
    /// The last number given out.
    last: u64,
}

#[derive(Debug)]
struct InLine<A> {
    number: u64,
    urgency: Urgency,
    answer: watch::Receiver<Option<A>>,
}

/// What to do about a question.
pub enum Asking<'a, Q: Ord, A> {
    /// Ask it, for all who join meanwhile.
    First(First<'a, Q, A>),
    /// Somebody does.
    Joined(Joined<A>),
}

/// Who asks for all.
pub struct First<'a, Q: Ord, A> {
    questions: &'a Questions<Q, A>,
    question: Q,
    number: u64,
    answer: watch::Sender<Option<A>>,
}

/// Who is answered by somebody else's question.
pub struct Joined<A> {
    answer: watch::Receiver<Option<A>>,
}

impl<Q, A> Default for Questions<Q, A> {
    fn default() -> Self {
        Self { state: Mutex::new(State { in_line: BTreeMap::new(), last: 0 }) }
    }
}

impl<Q: Ord + Clone, A> Questions<Q, A> {
    /// Joins a question that is in line, or is the first to ask it.
    pub fn ask(&self, question: &Q, urgency: Urgency) -> Asking<'_, Q, A> {
        let mut state = self.lock();
        if let Some(there) = state.in_line.get(question).filter(|there| there.urgency <= urgency) {
            return Asking::Joined(Joined { answer: there.answer.clone() });
        }
        state.last += 1;
        let number = state.last;
        let (sender, answer) = watch::channel(None);
        state.in_line.insert(question.clone(), InLine { number, urgency, answer });
        Asking::First(First { questions: self, question: question.clone(), number, answer: sender })
    }
}

impl<Q, A> Questions<Q, A> {
    fn lock(&self) -> MutexGuard<'_, State<Q, A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q: Ord, A> First<'_, Q, A> {
    /// It is sent now: who asks from here on has to ask anew.
    pub fn leaves(&self) {
        let mut state = self.questions.lock();
        if state.in_line.get(&self.question).is_some_and(|there| there.number == self.number) {
            state.in_line.remove(&self.question);
        }
    }

    /// Answers everyone who joined.
    pub fn tell(self, answer: A) {
        self.answer.send_replace(Some(answer));
    }
}

impl<Q: Ord, A> Drop for First<'_, Q, A> {
    fn drop(&mut self) {
        self.leaves();
    }
}

impl<A: Clone> Joined<A> {
    /// The answer; `None` when there is none, because the other one gave up or was refused.
    pub async fn answer(mut self) -> Option<A> {
        self.answer.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone())
    }
}
