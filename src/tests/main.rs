//! Tests of the real binary: started, talked to over HTTP, killed, started again.
//!
//! Nothing of the library is used here, so that what is proved is what users run.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests of other processes, in real time"
)]

mod bad_input;
mod cannot_start;
mod crash;
#[cfg(feature = "aws")]
mod door;
#[cfg(feature = "aws")]
mod emulator;
#[cfg(feature = "aws")]
mod end_to_end;
mod hostile;
#[cfg(feature = "aws")]
mod moto;
#[cfg(feature = "aws")]
mod proof;
mod rights;
mod scene;
mod server;
mod strain;
mod support;
