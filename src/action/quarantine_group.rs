//! Skeleton: replaced by the action work.
