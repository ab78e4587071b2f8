//! The case: its status, its runs' states, how a finding joins it and when it gets a run. Pure.
//!
//! Status changes go through [`Status::of`] and [`RunState::next`], which are total; an illegal
//! pair is an error that carries both.

mod further;
mod join;
mod mode;
mod run_state;
mod status;

pub use further::{
    Against, Bears, Because, Earlier, Further, Ruling, Wanted, answered_meanwhile, asks_on, further,
};
pub use join::{Closed, Disposition, Known, OpenCase, Version, dispose, still_binds};
pub use mode::Mode;
pub use run_state::{RunEvent, RunState};
pub use status::{RunFacts, Status};

use thiserror::Error;

/// A status change that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{event} is not possible while {state}")]
pub struct Illegal {
    /// The state it was in.
    pub state: &'static str,
    /// What was asked.
    pub event: &'static str,
}
