//! The case: its status, its runs' states, and how a finding joins it. Pure.
//!
//! Status changes go through [`Status::of`] and [`RunState::next`], which are total; an illegal
//! pair is an error that carries both.

mod join;
mod run_state;
mod status;

pub use join::{Closed, Disposition, Known, OpenCase, Version, dispose};
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
