//! Tourniquet turns a GuardDuty finding into a contained, evidenced and auditable case.
//!
//! Imports point only down this table; `tidy` checks it.
//!
//! | Floor | Module | Is | Never |
//! |---|---|---|---|
//! | 9 | `main`, `cli`, `measured` | a menu: one file per subcommand (`cli/demo` is one); what benchmarks see | logic |
//! | 8 | `web`, `intake`, `deploy`, `playtest` | the edges | SQL, AWS calls |
//! | 7 | `run` | driver, replay, approvals, guards, undo, recovery | AWS names |
//! | 6 | `runbook` | load, engine, host API, lint, advance, derived policy | IO other than reading scripts |
//! | 5 | `action` | one verb per file, the registry, the shared harness | store |
//! | 4 | `store`, `notify`, `cloud` | the seams | each other |
//! | 3 | `change` | the kinds of change: inverse, IAM actions, ARNs, words | async |
//! | 2 | `finding`, `routing`, `case`, `timeline` | the pure core | async, IO, sqlx, axum, rhai, aws |
//! | 1 | `id`, `clock`, `config`, `error`, `fault`, `sanitise`, `telemetry` | the ground | anything above |

mod action;
mod case;
mod change;
mod cli;
mod clock;
mod cloud;
mod config;
mod deploy;
mod error;
mod fault;
mod finding;
mod id;
mod intake;
#[cfg(test)]
mod lab;
#[doc(hidden)]
pub mod measured;
mod notify;
#[cfg(test)]
mod playtest;
mod routing;
mod run;
mod runbook;
mod sanitise;
mod store;
mod telemetry;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tidy;
mod timeline;
mod web;

pub use cli::main;
