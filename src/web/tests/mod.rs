//! The edge, tested through a real socket: a whole service in this process on a loopback port.

mod auth;
mod flow;
pub mod harness;
mod input;
mod start;
