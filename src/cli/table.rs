//! Tables and colour: how things look, for the terminal at hand. What is said is decided elsewhere.

use std::io::IsTerminal;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use owo_colors::OwoColorize;

use super::sanitise::{VALUE_MAX, sanitise};

/// Characters of a cell: a title in a list is there to be recognised.
pub const CELL_MAX: usize = 80;

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

    /// A table with these rows, sanitised; fits the terminal. Long cells are cut.
    #[must_use]
    pub fn table(self, header: &[&str], rows: Vec<Vec<(Tone, String)>>) -> String {
        self.lay(header, rows, CELL_MAX)
    }

    /// The same for rows that are there to be read, not only to be recognised: nothing that a line of
    /// a timeline would show is cut.
    #[must_use]
    pub fn whole(self, header: &[&str], rows: Vec<Vec<(Tone, String)>>) -> String {
        self.lay(header, rows, VALUE_MAX)
    }

    fn lay(self, header: &[&str], rows: Vec<Vec<(Tone, String)>>, max: usize) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        match self.width {
            Some(width) => {
                table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width)
            }
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        if self.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(header.iter().map(|title| cell(Tone::Strong, title, max)));
        for row in rows {
            table.add_row(row.iter().map(|(tone, text)| cell(*tone, text, max)));
        }
        // The first column stands at the left edge, as all other lines do.
        table.column_iter_mut().for_each(|column| {
            column.set_padding((0, 2));
        });
        table.trim_fmt()
    }
}

/// POSIX: the first of these variables that is set and not empty decides.
fn is_unicode(variables: [Option<String>; 3]) -> bool {
    variables.into_iter().flatten().find(|value| !value.is_empty()).is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}

fn cell(tone: Tone, text: &str, max: usize) -> Cell {
    let cell = Cell::new(sanitise(text, max));
    match tone {
        Tone::Plain => cell,
        Tone::Good => cell.fg(Color::Green),
        Tone::Bad => cell.fg(Color::Red),
        Tone::Warn => cell.fg(Color::Yellow),
        Tone::Dim => cell.add_attribute(Attribute::Dim),
        Tone::Strong => cell.add_attribute(Attribute::Bold),
    }
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

    fn rows() -> Vec<Vec<(Tone, String)>> {
        vec![
            vec![
                (Tone::Plain, "case-0001".to_owned()),
                (tone_of("contained"), "contained".to_owned()),
                (Tone::Plain, "an \u{1b}[31mEC2\u{1b}[0m instance\nmines coins".to_owned()),
            ],
            vec![
                (Tone::Plain, "case-0002".to_owned()),
                (tone_of("attention"), "attention".to_owned()),
                (Tone::Plain, "x".repeat(CELL_MAX + 1)),
            ],
        ]
    }

    #[test]
    fn a_table_is_plain_where_nobody_watches() {
        insta::assert_snapshot!(PLAIN.table(&["case", "status", "title"], rows()), @r"
        case       status     title
        case-0001  contained  an EC2 instance mines coins
        case-0002  attention  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
        ");
    }

    #[test]
    fn a_table_fits_its_terminal_and_colours_only_what_it_says_itself() {
        let style = Style { colour: true, unicode: true, width: Some(48) };
        let drawn = style.table(&["case", "status", "title"], rows());
        assert!(drawn.contains("contained") && drawn.contains("\u{1b}["), "{drawn:?}");
        let plain = Style { colour: false, ..style }.table(&["case", "status", "title"], rows());
        assert!(plain.lines().all(|line| line.chars().count() <= 48), "{plain}");
        assert!(!plain.contains('\u{1b}'));
    }

    #[test]
    fn a_whole_table_wraps_its_words_and_cuts_none() {
        let words = "no group of i-0a1b2c3d has an egress rule, and no tracked connection is left "
            .repeat(2);
        let style = Style { colour: false, unicode: true, width: Some(60) };
        let rows = vec![vec![(Tone::Plain, "web-1".to_owned()), (Tone::Plain, words.clone())]];
        let drawn = style.whole(&["who", "why"], rows);
        assert!(drawn.lines().all(|line| line.chars().count() <= 60), "{drawn}");
        assert!(!drawn.contains('…'), "{drawn}");
        assert_eq!(drawn.matches("left").count(), 2, "{drawn}");
    }
}
