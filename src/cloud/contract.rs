//! Skeleton: replaced by the contract suite.
