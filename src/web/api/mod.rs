//! The `/v1` API, one file per thing. Each function is one route of `routes::ROUTES`.

pub mod approvals;
pub mod cases;
pub mod export;
pub mod findings;
pub mod quarantine;
pub mod runbooks;
pub mod runs;
