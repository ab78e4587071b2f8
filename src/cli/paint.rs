//! What reaches a terminal: colours, tables, and the one place where hostile text loses its teeth.

use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use owo_colors::{OwoColorize, Stream};

/// Characters of a cell before it is cut: a title in a list is there to be recognised.
pub const CELL_MAX: usize = 60;

/// `text` without anything that a terminal obeys: control characters, escape sequences, and the
/// marks that turn the direction of writing or hide text.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() || is_hidden(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// `text` clean, on one line, and at most `max` characters long.
#[must_use]
pub fn short(text: &str, max: usize) -> String {
    let line: String = clean(text).chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    if line.chars().count() <= max {
        return line;
    }
    let kept: String = line.chars().take(max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Zero-width and direction marks (Unicode 16, general category Cf, those with an effect on a line).
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{00ad}'
            | '\u{061c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

macro_rules! colours {
    ($($(#[$doc:meta])* $name:ident => $method:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(text: &str) -> String {
            // Only on a terminal, and never with NO_COLOR.
            text.if_supports_color(Stream::Stdout, |text| text.$method()).to_string()
        }
    )*};
}

colours! {
    /// Something that went well.
    good => green;
    /// Something that went wrong.
    bad => red;
    /// Something that a person should look at.
    warn => yellow;
    /// What is less important.
    dim => dimmed;
    /// What is most important.
    strong => bold;
}

/// A case's status or a run's state in its colour.
#[must_use]
pub fn status(label: &str) -> String {
    match label {
        "contained" | "succeeded" | "granted" => good(label),
        "attention" | "failed" | "halted" | "denied" => bad(label),
        "waiting" | "active" | "running" | "queued" | "parked" | "pending" => warn(label),
        _ => clean(label),
    }
}

/// A table that fits the terminal.
#[must_use]
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|title| strong(title)));
    table
}

/// Prints a line to standard output. A closed pipe (`| head`) is no error.
pub fn line(text: &str) {
    drop(writeln!(std::io::stdout().lock(), "{text}"));
}

/// Prints a line to standard error.
pub fn error_line(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Whether a person watches standard error.
#[must_use]
pub fn watched() -> bool {
    std::io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_commands_no_terminal() {
        for (text, expected) in [
            ("plain – ünïcode", "plain – ünïcode"),
            ("\u{1b}[2J\u{1b}]0;owned\u{7}x", "\u{fffd}[2J\u{fffd}]0;owned\u{fffd}x"),
            ("a\rb\u{8}", "a\u{fffd}b\u{fffd}"),
            ("\u{9b}31m", "\u{fffd}31m"),
            ("abc\u{202e}cba", "abc\u{fffd}cba"),
            ("a\u{200b}b", "a\u{fffd}b"),
        ] {
            assert_eq!(clean(text), expected);
        }
        assert_eq!(short("one\ntwo three", 8), "one two…");
    }
}
