//! Runs: from a queued row to a verified end, through any number of crashes.
//!
//! The driver claims runs; [`drive`] evaluates the script, performs the steps that it asks for and
//! records what became of them; [`execute`] is the one place where AWS is changed, and only after
//! the intent is durable. Everything that a person may ask of runs goes through the [`Desk`]. AWS is
//! named here only through `cloud` and `change`.
//!
//! ```text
//!   Desk ──► store ◄── Driver ── claims ──► drive ──► advance (runbook, pure)
//!                                             │  ▲
//!                                     wanted  ▼  │ outcomes
//!                                          perform: query · action · approve · sleep · notify
//!                                                     │
//!                                                  execute: look → guard → intent → call → outcome → look
//! ```

mod abandon;
mod admission;
mod again;
mod agree;
mod approve;
mod attempt;
mod confirm;
mod desk;
mod drive;
mod driver;
mod env;
mod execute;
mod finish;
mod guard;
mod held;
mod journal;
mod last_entry;
mod lease;
mod line;
mod needless;
mod once_more;
mod outbox;
mod outcome;
mod outlived;
mod pause;
mod perform;
mod plan;
mod record;
mod refused;
mod remains;
mod replay;
mod request;
mod resting;
mod retreat;
mod script;
mod settle;
mod shared;
mod stage;
mod start;
mod step;
mod step_end;
mod subject;
mod supersede;
mod taken_back;
mod tell;
#[cfg(test)]
mod tests;
mod undo;
mod unsettled;

pub use desk::Desk;
#[cfg(test)]
pub use driver::run_until_idle;
pub use driver::{Driver, DriverHandle};
pub use env::{Env, Limits};
#[cfg(test)]
pub use outbox::send_due;
pub use outcome::Does;
pub use refused::DeskError;
pub use request::{StartRun, TakeBack};
pub use step_end::UNDONE;
pub use tell::{nothing_acts, unreadable};
