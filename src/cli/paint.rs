//! What reaches a terminal: colours, tables, and the one place where hostile text loses its teeth.

use std::io::{IsTerminal, Write};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, presets};
use jiff::Timestamp;
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
    let line: String = clean(text)
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect();
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

/// A table that fits the terminal; on anything else, as wide as it needs to be.
pub struct Table {
    inner: comfy_table::Table,
}

impl Table {
    /// A table with these titles.
    #[must_use]
    pub fn new(titles: &[&str]) -> Self {
        let mut inner = comfy_table::Table::new();
        inner
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic);
        let bold = |title: &&str| {
            let cell = Cell::new(title.to_uppercase());
            if colours() {
                cell.add_attribute(Attribute::Bold)
            } else {
                cell
            }
        };
        inner.set_header(titles.iter().map(bold));
        Self { inner }
    }

    /// Adds a row: every text is made harmless, and a status gets its colour.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.inner.add_row(cells.into_iter().map(|text| {
            let cell = Cell::new(short(&text, CELL_MAX));
            match tone(&text) {
                Some(colour) if colours() => cell.fg(colour),
                _ => cell,
            }
        }));
    }

    /// Prints it.
    pub fn print(&self) {
        line(&self.inner.trim_fmt());
    }
}

/// Whether standard output takes colours: a terminal, and no NO_COLOR.
#[must_use]
pub fn colours() -> bool {
    "x".if_supports_color(Stream::Stdout, |text| text.bold())
        .to_string()
        != "x"
}

/// The colour of a word that is a status or a state.
fn tone(label: &str) -> Option<Color> {
    match label {
        "contained" | "succeeded" | "granted" | "valid" => Some(Color::Green),
        "attention" | "failed" | "halted" | "denied" | "revoked" => Some(Color::Red),
        "waiting" | "active" | "running" | "queued" | "parked" | "pending" | "expired" => {
            Some(Color::Yellow)
        }
        _ => None,
    }
}

/// A status in its colour, outside of a table.
#[must_use]
pub fn status(label: &str) -> String {
    match tone(label) {
        Some(Color::Green) => good(label),
        Some(Color::Red) => bad(label),
        Some(_) => warn(label),
        None => clean(label),
    }
}

/// A time as the API writes it, to the second; empty for none.
#[must_use]
pub fn moment(text: &str) -> String {
    text.parse::<Timestamp>()
        .map_or_else(|_| clean(text), |at| time(&at))
}

/// A time in UTC, to the second.
#[must_use]
pub fn time(at: &Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Prints a line to standard output. A closed pipe (`| head`) is no error.
pub fn line(text: &str) {
    drop(writeln!(std::io::stdout().lock(), "{}", escaped(text)));
}

/// `text` with what a terminal obeys and JSON leaves as it is (C1 controls, marks that hide) in the
/// form of JSON's escapes. Words for people are [`clean`] before, so this is for JSON, and there it
/// changes no value.
fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\u{7f}'..='\u{9f}') || is_hidden(c) {
            let units = c.encode_utf16(&mut [0; 2]).to_vec();
            line.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            line.push(c);
        }
    }
    line
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
    fn json_keeps_its_value_without_what_a_terminal_obeys() {
        let value =
            serde_json::json!({"a": "\u{9b}31m \u{7f} \u{202e} \u{e0041} \u{1b}[2J ünïcode 🚒"});
        let line = escaped(&value.to_string());
        assert!(
            !line.contains(|c: char| c.is_control() || is_hidden(c)),
            "{line:?}"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&line).unwrap(),
            value
        );
    }

    #[test]
    fn hostile_text_commands_no_terminal() {
        for (text, expected) in [
            ("plain – ünïcode", "plain – ünïcode"),
            (
                "\u{1b}[2J\u{1b}]0;owned\u{7}x",
                "\u{fffd}[2J\u{fffd}]0;owned\u{fffd}x",
            ),
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
