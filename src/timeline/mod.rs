//! The timeline: a case's append-only, hash-chained log, and the only record there is.
//!
//! An entry is serialised once, with sorted keys, and stored as those bytes; its hash is
//! SHA-256(0x00 || bytes), the RFC 6962 leaf hash, and the hash before it is a field of the entry.
//! Verification hashes stored bytes and never serialises again. Nothing here reads or writes: the
//! store keeps the bytes, and what an entry's body means is known where it is written.

mod document;
mod entry;
mod seal;
mod verify;

pub use entry::{Actor, Draft, Entry, Kind, NoEntry};
pub use seal::{Head, INTEGER_MAX, SealError, Sealed};
pub use verify::{Report, verify};
