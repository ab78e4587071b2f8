//! Skeleton: replaced by the sandbox work.
