//! Colour and width: how things look, for the terminal at hand. What is said is decided elsewhere.

use std::io::IsTerminal;

use comfy_table::Table;
use owo_colors::OwoColorize;

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether colours are shown.
    pub colour: bool,
    /// Whether glyphs outside of ASCII are shown.
    pub unicode: bool,
    /// Columns; `None`: no terminal, nothing is wrapped.
    pub width: Option<u16>,
}

/// What a piece of text is for, and so its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// A person should look.
    Warn,
    /// Less important.
    Dim,
    /// Most important.
    Strong,
}

impl Style {
    /// What standard output can show: colour on a terminal without `NO_COLOR`, glyphs where the
    /// locale is UTF-8.
    #[must_use]
    pub fn of_stdout() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        // no-color.org: any value but an empty one.
        let refused = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colour: std::io::stdout().is_terminal() && !refused,
            unicode: is_unicode(["LC_ALL", "LC_CTYPE", "LANG"].map(variable)),
            // comfy-table asks the terminal behind standard output.
            width: std::io::stdout().is_terminal().then(|| Table::new().width()).flatten(),
        }
    }

    /// `text`, which must be clean, in the colour of `tone`.
    #[must_use]
    pub fn paint(self, tone: Tone, text: &str) -> String {
        match tone {
            _ if !self.colour || text.is_empty() => text.to_owned(),
            Tone::Plain => text.to_owned(),
            Tone::Good => text.green().to_string(),
            Tone::Bad => text.red().to_string(),
            Tone::Warn => text.yellow().to_string(),
            Tone::Dim => text.dimmed().to_string(),
            Tone::Strong => text.bold().to_string(),
        }
    }
}

/// POSIX: the first of these variables that is set and not empty decides.
fn is_unicode(variables: [Option<String>; 3]) -> bool {
    variables.into_iter().flatten().find(|value| !value.is_empty()).is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}

/// The tone of a case's status, a run's state, an approval's or a token's state, or a finding's
/// disposition.
#[must_use]
pub fn tone_of(label: &str) -> Tone {
    match label {
        "contained" | "succeeded" | "granted" | "valid" => Tone::Good,
        "attention" | "failed" | "halted" | "denied" | "expired" | "revoked" | "rejected" => {
            Tone::Bad
        }
        "waiting" | "active" | "running" | "queued" | "parked" | "pending" => Tone::Warn,
        "closed" | "duplicate" | "stale" | "ignored" => Tone::Dim,
        _ => Tone::Plain,
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// No colour, ASCII only, nothing wrapped.
    pub const PLAIN: Style = Style { colour: false, unicode: false, width: None };

    #[test]
    fn the_locale_decides_about_glyphs() {
        let set = |text: &str| Some(text.to_owned());
        for (variables, expected) in [
            ([None, None, None], false),
            ([None, None, set("en_GB.UTF-8")], true),
            ([set("C"), None, set("en_GB.UTF-8")], false),
            ([set(""), set("C.utf8"), set("C")], true),
            ([None, None, set("de_DE.ISO-8859-1")], false),
        ] {
            assert_eq!(is_unicode(variables.clone()), expected, "{variables:?}");
        }
    }
}
