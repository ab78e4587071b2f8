//! The twin against the AWS documentation, as tables.

mod smoke;
