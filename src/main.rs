//! The program: a menu over the library.

fn main() {}
