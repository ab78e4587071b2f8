//! Tests of the real binary: started, talked to over HTTP, killed, started again.
//!
//! Nothing of the library is used here, so that what is proved is what users run.

mod bad_input;
mod crash;
#[cfg(feature = "aws")]
mod end_to_end;
mod support;
