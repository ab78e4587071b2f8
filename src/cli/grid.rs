//! Tables. Ids, names, accounts and times are there to be copied: they are never wrapped or cut. What a
//! narrow terminal has no room for is taken from the other columns, and in the end each row becomes a
//! block of `key: value` lines.

use comfy_table::{
    Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets,
};

use super::table::{Style, Tone};
use super::wrap::{length, parts, wrap};
use crate::sanitise::{VALUE_MAX, sanitise};

/// Characters of a cell that is there to be recognised, such as a title in a list.
pub const CELL_MAX: usize = 80;

/// Columns of blank space after each column.
const GAP: usize = 2;

/// Columns that a sentence gets at least: narrower ones are hard to read.
const WORDS_MIN: usize = 24;

/// Columns above which a single word does not make its column wider: an attacker's word has no end.
const WORD_MAX: usize = 48;

/// Columns that a cut cell gets at least.
const CUT_MIN: usize = 12;

/// The same of one whose middle goes: an instance is known again by the last half of its id.
const MIDDLE_MIN: usize = 20;

/// What a column has to be shown with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// All of it on one line.
    Whole,
    /// All of it, on as many lines as it takes.
    Words,
    /// All of it; where there is no room for it, it is broken where its parts end.
    Name,
    /// As much as there is room for, and its end tells as much as its beginning: what goes is the middle.
    Middle,
}

impl Room {
    /// A clean `text` in `width` columns, as far as it may be cut.
    fn cut(self, text: String, width: usize) -> String {
        match self {
            Self::Whole | Self::Words => text,
            Self::Name => parts(&text, width).join("\n"),
            Self::Middle => without_middle(text, width),
        }
    }
}

/// The beginning and the end of `text`, with `…` between them where it is longer than `width`.
fn without_middle(text: String, width: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    let kept = width.saturating_sub(1);
    if letters.len() <= width || kept == 0 {
        return text;
    }
    let (head, tail) = (kept / 2, kept - kept / 2);
    let begin = letters.iter().take(head);
    begin.chain(&['…']).chain(letters.iter().skip(letters.len() - tail)).collect()
}

/// A column: its head, and what a narrow terminal may take from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    title: &'static str,
    room: Room,
    /// How easily it is missed; 0: never left out.
    spare: u8,
}

impl Column {
    /// What is copied or compared: an id, a name, an account, a time, a state.
    pub const fn whole(title: &'static str) -> Self {
        Self { title, room: Room::Whole, spare: 0 }
    }

    /// What is read to its end: it is wrapped between words.
    pub const fn words(title: &'static str) -> Self {
        Self { title, room: Room::Words, spare: 0 }
    }

    /// What is long and known by all of it, such as a finding's type: it is broken between its parts.
    pub const fn name(title: &'static str) -> Self {
        Self { title, room: Room::Name, spare: 0 }
    }

    /// What is known by its beginning and its end, such as a resource: its middle may be cut.
    pub const fn middle(title: &'static str) -> Self {
        Self { title, room: Room::Middle, spare: 0 }
    }

    /// The same, and it may be left out; the column with the highest `rank` goes first.
    pub const fn spare(self, rank: u8) -> Self {
        Self { spare: rank, ..self }
    }
}

/// A cell before it is laid out.
type Given = (Tone, String);

impl Style {
    /// A table with these rows, sanitised; it fits the terminal.
    #[must_use]
    pub fn table(self, columns: &[Column], rows: Vec<Vec<Given>>) -> String {
        let clean = |(column, (tone, text)): (&Column, Given)| {
            let whole = matches!(column.room, Room::Words | Room::Middle);
            let max = if whole { VALUE_MAX } else { CELL_MAX };
            (tone, sanitise(&text, max))
        };
        let rows: Vec<Vec<Given>> =
            rows.into_iter().map(|row| columns.iter().zip(row).map(clean).collect()).collect();
        let widths: Vec<(usize, usize)> = columns
            .iter()
            .enumerate()
            .map(|(n, column)| {
                let cells =
                    || rows.iter().filter_map(|row| row.get(n)).map(|(_, text)| text.as_str());
                needs(*column, cells)
            })
            .collect();
        let width = self.width.map_or(usize::MAX, usize::from);
        match fit(columns, &widths, width) {
            Some(fitted) => self.grid(columns, &fitted, rows),
            None => self.blocks(columns, &rows, width),
        }
    }

    /// The columns side by side, each as wide as `widths` says; those without a width are left out.
    fn grid(self, columns: &[Column], widths: &[Option<usize>], rows: Vec<Vec<Given>>) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let shown = |n: usize| widths.get(n).copied().flatten();
        if self.width.is_some() {
            let total: usize = widths.iter().flatten().map(|width| width + GAP).sum();
            let total = total.saturating_sub(GAP);
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(u16::try_from(total).unwrap_or(u16::MAX));
        } else {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        if self.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        let heads = columns.iter().enumerate().filter(|(n, _)| shown(*n).is_some());
        table.set_header(heads.map(|(_, column)| cell(Tone::Strong, column.title)));
        for row in rows {
            let cells = row.into_iter().enumerate().filter_map(|(n, (tone, text))| {
                let width = shown(n)?;
                Some(cell(tone, &columns.get(n)?.room.cut(text, width)))
            });
            table.add_row(cells.collect::<Vec<_>>());
        }
        let last = widths.iter().flatten().count().saturating_sub(1);
        let widths = widths.iter().flatten().enumerate();
        for (column, (n, width)) in table.column_iter_mut().zip(widths) {
            // The first column stands at the left edge, as all other lines do, and a coloured one that
            // is last must not push the line over the terminal's edge.
            let gap = if n == last { 0 } else { GAP };
            column.set_padding((0, u16::try_from(gap).unwrap_or(u16::MAX)));
            if self.width.is_none() {
                continue;
            }
            let width = u16::try_from(width + gap).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        }
        table.trim_fmt()
    }

    /// Each row as lines of its own: here is room for everything.
    fn blocks(self, columns: &[Column], rows: &[Vec<Given>], width: usize) -> String {
        // A colon stands behind each key.
        let head = columns.iter().map(|column| length(column.title)).max().unwrap_or(0) + 1 + GAP;
        let room = width.saturating_sub(head);
        let block = |row: &Vec<Given>| {
            let lines = columns.iter().zip(row).map(|(column, (tone, text))| {
                let key = format!("{}:", column.title);
                let key = self.paint(Tone::Dim, &format!("{key:<head$}"));
                let lines = match column.room {
                    Room::Words => wrap(text, room),
                    Room::Name => parts(text, room),
                    kind => vec![kind.cut(text.clone(), room.max(CUT_MIN))],
                };
                let lines: Vec<String> = lines.iter().map(|line| self.paint(*tone, line)).collect();
                format!("{key}{}", lines.join(&format!("\n{}", " ".repeat(head))))
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        rows.iter().map(block).collect::<Vec<_>>().join("\n\n")
    }
}

/// The columns that a column can do with, and those that it would take.
fn needs<'t, I: Iterator<Item = &'t str>>(column: Column, cells: impl Fn() -> I) -> (usize, usize) {
    let title = length(column.title);
    let natural = cells().map(length).max().unwrap_or(0).max(title);
    let natural = if column.room == Room::Middle { natural.min(CELL_MAX) } else { natural };
    let least = match column.room {
        Room::Whole => natural,
        Room::Words => {
            let word = cells().flat_map(str::split_whitespace).map(length).max().unwrap_or(0);
            word.clamp(WORDS_MIN, WORD_MAX)
        }
        Room::Name => WORDS_MIN.max(title),
        Room::Middle => MIDDLE_MIN.max(title),
    };
    (least.min(natural), natural)
}

/// How wide each column becomes, `None`: it is left out. Nothing where even what can't be left out
/// does not fit.
fn fit(columns: &[Column], needs: &[(usize, usize)], width: usize) -> Option<Vec<Option<usize>>> {
    let mut shown: Vec<Option<usize>> = needs.iter().map(|(least, _)| Some(*least)).collect();
    // No gap is needed behind the last column.
    let used = |shown: &[Option<usize>]| {
        shown.iter().flatten().map(|width| width + GAP).sum::<usize>().saturating_sub(GAP)
    };
    while used(&shown) > width {
        let present = |n: &usize| shown[*n].is_some() && columns[*n].spare > 0;
        let first = (0..columns.len()).filter(present).max_by_key(|n| columns[*n].spare)?;
        shown[first] = None;
    }
    // What is left over goes to the narrowest of the columns that want more, one by one.
    let mut free = width - used(&shown);
    while free > 0 {
        let wants = |n: &usize| shown[*n].is_some_and(|width| width < needs[*n].1);
        let Some(next) = (0..needs.len()).filter(wants).min_by_key(|n| shown[*n]) else {
            break;
        };
        shown[next] = shown[next].map(|width| width + 1);
        free -= 1;
    }
    Some(shown)
}

fn cell(tone: Tone, text: &str) -> Cell {
    let cell = Cell::new(text);
    match tone {
        Tone::Plain => cell,
        Tone::Good => cell.fg(Color::Green),
        Tone::Bad => cell.fg(Color::Red),
        Tone::Warn => cell.fg(Color::Yellow),
        Tone::Dim => cell.add_attribute(Attribute::Dim),
        Tone::Strong => cell.add_attribute(Attribute::Bold),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::table::tests::PLAIN;
    use crate::cli::table::tone_of;

    fn rows() -> Vec<Vec<Given>> {
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

    const COLUMNS: [Column; 3] =
        [Column::whole("case"), Column::whole("status"), Column::name("title")];

    fn at(width: u16) -> Style {
        Style { colour: false, unicode: true, width: Some(width) }
    }

    #[test]
    fn a_table_is_plain_where_nobody_watches() {
        insta::assert_snapshot!(PLAIN.table(&COLUMNS, rows()), @r"
        case       status     title
        case-0001  contained  an EC2 instance mines coins
        case-0002  attention  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
        ");
    }

    #[test]
    fn a_table_fits_its_terminal_and_colours_only_what_it_says_itself() {
        let style = Style { colour: true, ..at(48) };
        let drawn = style.table(&COLUMNS, rows());
        assert!(drawn.lines().all(|line| !line.ends_with(' ')), "{drawn:?}");
        assert!(drawn.contains("contained") && drawn.contains("\u{1b}["), "{drawn:?}");
        insta::assert_snapshot!(at(48).table(&COLUMNS, rows()), @r"
        case       status     title
        case-0001  contained  an EC2 instance mines
                              coins
        case-0002  attention  xxxxxxxxxxxxxxxxxxxxxxxxxx
                              xxxxxxxxxxxxxxxxxxxxxxxxxx
                              xxxxxxxxxxxxxxxxxxxxxxxxxx
                              x…
        ");
        insta::assert_snapshot!(at(30).table(&COLUMNS, rows()), @r"
        case:    case-0001
        status:  contained
        title:   an EC2 instance mines
                 coins

        case:    case-0002
        status:  attention
        title:   xxxxxxxxxxxxxxxxxxxxx
                 xxxxxxxxxxxxxxxxxxxxx
                 xxxxxxxxxxxxxxxxxxxxx
                 xxxxxxxxxxxxxxxx…
        ");
    }

    #[test]
    fn the_middle_goes_where_beginning_and_end_tell() {
        for (text, width, expected) in [
            ("instance/i-0a1b2c3d4e5f60718", 28, "instance/i-0a1b2c3d4e5f60718"),
            ("instance/i-0a1b2c3d4e5f60718", 20, "instance/…d4e5f60718"),
            ("abcdef", 5, "ab…ef"),
            ("abcdef", 2, "…f"),
            ("ab", 1, "ab"),
            ("ünïcödé", 4, "ü…dé"),
        ] {
            assert_eq!(without_middle(text.to_owned(), width), expected, "{text} {width}");
        }
        let rows = || vec![vec![(Tone::Plain, format!("role/{}\u{1b}[2J/end", "x".repeat(400)))]];
        for width in [None, Some(200), Some(24), Some(8)] {
            let style = Style { width, ..PLAIN };
            let drawn = style.table(&[Column::middle("resource")], rows());
            let longest = drawn.lines().map(length).max().unwrap();
            assert!(longest <= CELL_MAX && drawn.contains('…'), "{width:?}: {drawn}");
            assert!(!drawn.contains('\u{1b}'), "{drawn:?}");
        }
    }

    #[test]
    fn words_are_wrapped_and_none_is_cut() {
        let words = "no group of i-0a1b2c3d has an egress rule, and no tracked connection is left "
            .repeat(2);
        let rows = vec![vec![(Tone::Plain, "web-1".to_owned()), (Tone::Plain, words)]];
        let drawn = at(60).table(&[Column::whole("who"), Column::words("why")], rows);
        assert!(drawn.lines().all(|line| line.chars().count() <= 60), "{drawn}");
        assert!(!drawn.contains('…'), "{drawn}");
        assert_eq!(drawn.matches("left").count(), 2, "{drawn}");
    }

    #[test]
    fn what_is_copied_stands_on_one_line_at_every_width() {
        let id = "case-01kb1v2c3d4e5f6g7h8j9k0m1n";
        let columns = [
            Column::whole("case"),
            Column::whole("account"),
            Column::name("type").spare(1),
            Column::words("question"),
            Column::whole("last finding").spare(2),
        ];
        let row = || {
            let cells = [
                id,
                "111122223333",
                "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
                "Isolate i-0a1b2c3d4e5f60718 and copy its disks?",
                "2026-01-03 10:00:00Z",
            ];
            cells.map(|text| (Tone::Plain, text.to_owned())).to_vec()
        };
        for (width, left_out) in [(20, false), (60, false), (80, true), (120, false), (200, false)]
        {
            let drawn = at(width).table(&columns, vec![row(), row()]);
            for whole in [id, "111122223333", "i-0a1b2c3d4e5f60718"] {
                assert_eq!(drawn.matches(whole).count(), 2, "{width}: {drawn}");
            }
            assert_eq!(!drawn.contains("2026-01-03 10:00:00Z"), left_out, "{width}: {drawn}");
            let longest = drawn.lines().map(length).max().unwrap();
            assert!(longest <= usize::from(width).max(46), "{width}: {drawn}");
        }
    }
}
