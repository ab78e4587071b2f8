//! One evaluation's state, thread-local around `advance`: Rhai's `on_progress` has no argument for it.
//!
//! The halt flag is sticky. A script can swallow the error that carries a halt (inside `map`,
//! `sort`, `try`), so every host function and every operation asks this flag first, and the verdict
//! is read from here, never from the error that the evaluation returned.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Instant;

use rhai::Position;
use serde_json::{Value, json};

use super::key::{KeyScope, StepKey};
use super::limits::{
    BRANCHES_MAX, CLOCK_EVERY, EVALUATION_MAX, LOG_LINE_CHARS_MAX, LOG_LINES_MAX, OPERATIONS_MAX,
    PARALLEL_DEPTH_MAX, STEPS_MAX,
};
use super::step::{Recorded, StepFailure, Wanted};
use super::value::cut;

/// Why an evaluation can't go on at all, whatever the script caught.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stop {
    /// A limit; in words.
    Limit(String),
    /// The script asked for another step than the one recorded.
    Diverged { key: StepKey, recorded: Value, requested: Value },
}

/// What a host call gets.
pub(super) enum Answer {
    /// Its recorded result.
    Value(Value),
    /// Its recorded failure, to be raised.
    Failure(StepKey, StepFailure),
    /// The evaluation is halted: return at once.
    Halt,
}

/// The state.
pub(super) struct Run {
    recorded: Recorded,
    scopes: Vec<KeyScope>,
    visited: BTreeSet<StepKey>,
    wanted: Vec<Wanted>,
    log: Vec<String>,
    kept: Vec<String>,
    halted: bool,
    stop: Option<Stop>,
    operations: u64,
    started: Instant,
}

thread_local! {
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

/// Clears the thread's state when the evaluation ends, also by a panic.
struct Clear;

impl Drop for Clear {
    fn drop(&mut self) {
        RUN.with(|run| run.borrow_mut().take());
    }
}

/// Runs `evaluate` with fresh state and returns its result with the state that it left.
pub(super) fn around<T>(recorded: &Recorded, evaluate: impl FnOnce() -> T) -> (T, Run) {
    let clear = Clear;
    RUN.with(|run| *run.borrow_mut() = Some(Run::new(recorded.clone())));
    let result = evaluate();
    let run = RUN.with(|run| run.borrow_mut().take()).unwrap_or_else(|| Run::new(Recorded::new()));
    drop(clear);
    (result, run)
}

/// The state of this thread's evaluation; `None` outside of one (a constant folded at compile time).
pub(super) fn with<T>(act: impl FnOnce(&mut Run) -> T) -> Option<T> {
    RUN.with(|run| run.borrow_mut().as_mut().map(act))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one home of the evaluation's deadline, which no test moves"
)]
fn monotonic() -> Instant {
    Instant::now()
}

impl Run {
    fn new(recorded: Recorded) -> Self {
        Self {
            recorded,
            scopes: vec![KeyScope::default()],
            visited: BTreeSet::new(),
            wanted: Vec::new(),
            log: Vec::new(),
            kept: Vec::new(),
            halted: false,
            stop: None,
            operations: 0,
            started: monotonic(),
        }
    }

    /// Whether anything more may happen.
    pub(super) fn is_halted(&self) -> bool {
        self.halted || self.stop.is_some()
    }

    /// Called for every operation; true ends the evaluation.
    ///
    /// Rhai's own count starts again inside closures that native functions call, so this one counts.
    pub(super) fn tick(&mut self) -> bool {
        self.operations += 1;
        if self.operations > OPERATIONS_MAX {
            self.limit(format!("more than {OPERATIONS_MAX} operations"));
        } else if self.operations.is_multiple_of(CLOCK_EVERY)
            && monotonic().duration_since(self.started) > EVALUATION_MAX
        {
            self.limit(format!("longer than {} s", EVALUATION_MAX.as_secs()));
        }
        self.is_halted()
    }

    fn limit(&mut self, what: String) {
        self.stop.get_or_insert(Stop::Limit(what));
    }

    /// A host call: looks its step up, or asks for it and halts.
    pub(super) fn step(&mut self, name: &str, args: Value, at: Position) -> Answer {
        if self.is_halted() {
            return Answer::Halt;
        }
        let key = self.take_key();
        if self.visited.len() >= STEPS_MAX {
            self.limit(format!("more than {STEPS_MAX} steps"));
            return Answer::Halt;
        }
        self.visited.insert(key.clone());
        let Some(recorded) = self.recorded.get(&key) else {
            let log = std::mem::take(&mut self.log);
            self.wanted.push(Wanted {
                key,
                name: name.to_owned(),
                args,
                line: at.line(),
                column: at.position(),
                log,
            });
            self.halted = true;
            return Answer::Halt;
        };
        if recorded.name != name || recorded.args != args {
            self.stop = Some(Stop::Diverged {
                recorded: json!({"name": recorded.name, "args": recorded.args}),
                requested: json!({"name": name, "args": args}),
                key,
            });
            return Answer::Halt;
        }
        // These lines went out with this step when it was first asked for.
        self.log.clear();
        match &recorded.outcome {
            None => {
                self.halted = true;
                Answer::Halt
            }
            Some(Ok(value)) => Answer::Value(value.clone()),
            Some(Err(failure)) => Answer::Failure(key, failure.clone()),
        }
    }

    fn take_key(&mut self) -> StepKey {
        if self.scopes.is_empty() {
            self.scopes.push(KeyScope::default());
        }
        let last = self.scopes.len() - 1;
        self.scopes[last].next()
    }

    /// Begins a `parallel` of `branches`: its key, or `None` when it may not begin.
    pub(super) fn fork(&mut self, branches: usize) -> Option<StepKey> {
        if self.is_halted() {
            return None;
        }
        if branches > BRANCHES_MAX {
            self.limit(format!("more than {BRANCHES_MAX} branches in one parallel"));
            return None;
        }
        if self.scopes.len() > PARALLEL_DEPTH_MAX {
            self.limit(format!("parallel nested deeper than {PARALLEL_DEPTH_MAX}"));
            return None;
        }
        Some(self.take_key())
    }

    /// Begins branch `index`.
    pub(super) fn enter(&mut self, parallel: &StepKey, index: usize) {
        self.scopes.push(KeyScope::branch(parallel, index));
    }

    /// Ends a branch: whether it waits for something. Its halt is lifted, so that its siblings'
    /// steps come out together with its own.
    pub(super) fn leave(&mut self) -> bool {
        self.scopes.pop();
        std::mem::take(&mut self.halted)
    }

    /// Whether nothing more may happen in any branch.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_some()
    }

    /// Halts until something that a branch waits for is there.
    pub(super) fn halt(&mut self) {
        self.halted = true;
    }

    /// The log lines that wait for the next step.
    pub(super) fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// Puts lines before those that wait.
    pub(super) fn put_log(&mut self, lines: Vec<String>) {
        self.log.splice(0..0, lines);
        self.log.truncate(LOG_LINES_MAX);
    }

    /// A line for people; attached to the next step, or to the end of the run.
    pub(super) fn line(&mut self, text: &str) {
        if !self.is_halted() && self.log.len() < LOG_LINES_MAX {
            self.log.push(cut(text, LOG_LINE_CHARS_MAX));
        }
    }

    /// Whether this step is recorded as failed.
    pub(super) fn has_failed(&self, key: &StepKey) -> bool {
        self.recorded.get(key).is_some_and(|step| matches!(step.outcome, Some(Err(_))))
    }

    /// Notes a branch's own error that `parallel` hands to the script as a value. The script may go
    /// on; people hear of it all the same.
    pub(super) fn keep(&mut self, error: String) {
        self.kept.push(error);
    }

    /// What the evaluation left: why it stopped, whether it waits, what it wants.
    pub(super) fn end(self) -> Ended {
        let unasked = self
            .recorded
            .iter()
            .find(|(key, _)| !self.visited.contains(*key))
            .map(|(key, step)| (key.clone(), json!({"name": step.name, "args": step.args})));
        Ended {
            stop: self.stop,
            halted: self.halted,
            wanted: self.wanted,
            unasked,
            log: self.log,
            kept: self.kept,
        }
    }
}

/// What an evaluation left.
pub(super) struct Ended {
    /// Why it can't go on.
    pub(super) stop: Option<Stop>,
    /// It waits for something.
    pub(super) halted: bool,
    /// New steps.
    pub(super) wanted: Vec<Wanted>,
    /// A recorded step that the script did not ask for this time.
    pub(super) unasked: Option<(StepKey, Value)>,
    /// Lines that no step has carried yet.
    pub(super) log: Vec<String>,
    /// Errors of branches that `parallel` handed to the script as values.
    pub(super) kept: Vec<String>,
}
