//! Skeleton: replaced by the adapter work.
