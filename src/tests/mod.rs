//! What tests of several modules share. Nothing here is part of the product.

#[cfg(feature = "aws")]
pub mod emulator;
#[cfg(feature = "aws")]
pub mod moto;
