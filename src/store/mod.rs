//! The store: the only module that knows SQL.
//!
//! Embedded SQLite over sqlx `Any`, one schema that PostgreSQL takes too. A state change and its
//! entry share one transaction; an acknowledged write is on disk (`synchronous=FULL`), and writes
//! that arrive together share one fsync. Rows are projections of the timeline. Nothing here decides:
//! what a finding becomes is decided by `case::dispose`, a status by `case::Status::of`, and both
//! are called inside the transaction that they rule.

mod accept;
mod approvals;
mod claim;
mod commit;
mod error;
mod model;
mod open;
mod read;
mod tokens;
mod writer;

pub use accept::{Acceptance, Accepted, NewRun};
pub use approvals::{ApprovalRow, ApprovalState, Decide};
pub use claim::{Fence, LEASE};
pub use commit::{Commit, Effect};
pub use error::StoreError;
pub use model::{CaseFilter, CaseRow, Page, QuarantineRow, RunKind, RunRow, StoredEntry, TokenRow};
pub use open::Store;
pub use tokens::{NewToken, Role};
