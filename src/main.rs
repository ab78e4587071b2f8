//! The program: a menu over the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tourniquet::main()
}
