//! How far a run was taken back: what a drive may still do hangs on it.

/// Whether an undo of a run was asked for before it was gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenBack {
    /// No.
    No,
    /// Yes, but for what keeps stolen credentials out.
    ButForDenies,
    /// Yes, all of it.
    Wholly,
}
