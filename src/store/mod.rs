//! The store: the only module that knows SQL.
//!
//! Embedded SQLite over sqlx `Any`, one schema that PostgreSQL takes too. A state change and its
//! entry share one transaction; an acknowledged write is on disk (`synchronous=FULL`), and writes
//! that arrive together share one fsync. Rows are projections of the timeline. Nothing here decides:
//! what a finding becomes is decided by `case::dispose`, a status by `case::Status::of`, and both
//! are called inside the transaction that they rule.

mod accept;
mod approvals;
mod batch;
mod blobs;
mod cases;
mod chain;
mod claim;
mod commit;
mod decide;
mod decided;
mod dialect;
mod error;
mod findings;
mod holds;
mod messages;
mod migrate;
mod model;
mod open;
mod place;
mod quarantine;
mod read;
mod row;
mod runs;
mod said;
mod serving;
mod standing;
mod targets;
#[cfg(test)]
mod tests;
mod tokens;
mod transaction;
mod words;
mod writable;
mod writer;

pub use accept::Acceptance;
pub use approvals::{ApprovalRow, ApprovalState, Decide};
pub use cases::NewCase;
pub use claim::{Fence, LEASE};
pub use commit::{Commit, Effect, Written};
pub use error::StoreError;
pub use messages::{Gathered, MESSAGE_WAIT_MAX, MessageRow, NewMessage};
pub use model::{
    CaseFilter, CaseRow, CaseSort, HoldRow, Page, QuarantineRow, RunKind, RunRow, StoredEntry,
    TokenRow, WHOLE_ACCOUNT,
};
pub use open::Store;
pub use quarantine::Unreadable;
pub use runs::NewRun;
pub use runs::SERVICE;
pub use said::Said;
pub use serving::ServingLock;
pub use tokens::{Holder, NewToken, Role};
