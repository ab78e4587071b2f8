//! What GuardDuty said: recognised, normalised, typed as far as routing and runbooks need it.
//!
//! [`recognise`] takes bytes from any door and never panics. Formats are rows of one table
//! (`recognise`), so that a new format is one new file and one new row. The raw bytes are kept by
//! intake; the document here is normalised to lower-camel keys. Everything in it is hostile text.
//! No IO, and nothing about cases or runbooks.

mod document;
mod json;
mod model;
mod recognise;

pub use json::{DEPTH_MAX, parse_strict};
pub use model::{
    AccessKey, Bucket, Degraded, Finding, FindingType, Format, InstanceDetails, Severity,
};
pub use recognise::{Recognised, Rejection, recognise};
