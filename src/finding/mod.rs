//! What GuardDuty said: recognised, normalised, typed as far as routing and runbooks need it.
//!
//! [`recognise`] takes bytes from any door and never panics. Formats are rows of one table
//! (`recognise`), so that a new format is one new file and one new row, with a variant of `Format` and its label (README, "How
//! it is built"). The raw bytes are kept by
//! intake; the document here is normalised to lower-camel keys. Everything in it is hostile text.
//! No IO, and nothing about cases or runbooks.
//!
//! ```text
//! bytes ─► json ─► recognise ─► document ─► build ─► Finding
//!          strict  which        lower       typed,
//!                  format       camel       degraded
//! ```

mod build;
mod document;
#[cfg(test)]
mod expectations;
mod field;
pub mod fixtures;
mod json;
mod marks;
mod model;
mod named;
#[cfg(test)]
mod properties;
mod recognise;
mod rejection;
mod subject;
mod told;
mod when;

pub use model::{Finding, NoSeverity, Severity};
pub use named::resources;
pub use recognise::{Recognised, recognise};
pub use rejection::Rejection;
pub use told::Told;
