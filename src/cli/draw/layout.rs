//! Laying lines out: columns, glyphs, wrapping. Nothing here knows what an entry means.

use jiff::Timestamp;

use super::since;
use crate::cli::table::{Style, Tone};
use crate::sanitise::{VALUE_MAX, sanitise};

/// Columns of the time: `+59m59s` and a space.
const TIME_WIDTH: usize = 8;

/// Columns of who: `tourniquet` and a space; longer names are cut.
const WHO_WIDTH: usize = 11;

/// Columns that a text gets at least, however deep it lies and however narrow the terminal is.
const TEXT_WIDTH_MIN: usize = 24;

/// Levels of indentation that are drawn: deeper ones would leave no room for words.
const DEPTH_MAX: usize = 6;

/// Lines below a line: a plan of a thousand changes is read with `--json`.
const BELOW_MAX: usize = 40;

/// What kind of line it is, at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glyph {
    /// Something is so.
    Fact,
    /// A step was asked for.
    Step,
    /// Something in AWS changes.
    Change,
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// A person is asked.
    Question,
    /// A guard or a status that a person should see.
    Alarm,
    /// Evidence.
    Evidence,
    /// A person wrote.
    Note,
}

impl Glyph {
    fn mark(self, unicode: bool) -> char {
        match (self, unicode) {
            (Self::Fact, true) => '●',
            (Self::Fact, false) => '*',
            (Self::Step, true) => '▸',
            (Self::Step, false) => '-',
            (Self::Change, true) => '→',
            (Self::Change, false) => '>',
            (Self::Good, true) => '✓',
            (Self::Good, false) => '+',
            (Self::Bad, true) => '✗',
            (Self::Bad, false) => 'x',
            (Self::Question, _) => '?',
            (Self::Alarm, _) => '!',
            (Self::Evidence, true) => '◆',
            (Self::Evidence, false) => '#',
            (Self::Note, true) => '✎',
            (Self::Note, false) => '"',
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Fact | Self::Note => Tone::Plain,
            Self::Step => Tone::Dim,
            Self::Change | Self::Evidence => Tone::Strong,
            Self::Good => Tone::Good,
            Self::Bad => Tone::Bad,
            Self::Question | Self::Alarm => Tone::Warn,
        }
    }
}

/// A piece of text with its tone; clean from the moment that it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    tone: Tone,
    text: String,
    mark: Option<Glyph>,
}

/// `text`, sanitised and cut.
pub(super) fn span(tone: Tone, text: &str) -> Span {
    Span { tone, text: sanitise(text, VALUE_MAX), mark: None }
}

/// A glyph inside a line: how a change ended.
pub(super) fn mark(glyph: Glyph) -> Span {
    Span { tone: glyph.tone(), text: String::new(), mark: Some(glyph) }
}

/// What one entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// At its left.
    pub glyph: Glyph,
    /// How far it is moved to the right.
    pub depth: usize,
    /// The line; a space stands between two pieces.
    pub spans: Vec<Span>,
    /// Lines below it.
    pub below: Vec<Span>,
}

impl Said {
    /// One line without indentation.
    pub(super) fn new(glyph: Glyph, spans: Vec<Span>) -> Self {
        Self { glyph, depth: 0, spans, below: vec![] }
    }

    /// The same, moved to the right.
    pub(super) fn at(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    /// The same with lines below; what is too much is counted.
    pub(super) fn with(mut self, tone: Tone, lines: &[&str]) -> Self {
        self.below.extend(lines.iter().take(BELOW_MAX).map(|line| span(tone, line)));
        if lines.len() > BELOW_MAX {
            self.below.push(span(Tone::Dim, &format!("and {} more", lines.len() - BELOW_MAX)));
        }
        self
    }
}

/// The columns of a drawing.
pub(super) struct Layout {
    style: Style,
    first: Option<Timestamp>,
    /// Who did the line before: a name is written where it changes.
    last_who: String,
}

impl Layout {
    pub(super) fn new(style: Style) -> Self {
        Self { style, first: None, last_who: String::new() }
    }

    /// The lines of one entry, each with its line end.
    pub(super) fn line(&mut self, at: Timestamp, who: &str, said: &Said) -> String {
        let first = *self.first.get_or_insert(at);
        let who = self.ascii(&sanitise(who, WHO_WIDTH - 1));
        let shown = if who == self.last_who { String::new() } else { who.clone() };
        self.last_who = who;
        let margin = TIME_WIDTH + WHO_WIDTH + 2 * said.depth.min(DEPTH_MAX);
        let mut drawn = String::new();
        let head = format!("{:<TIME_WIDTH$}{:<WHO_WIDTH$}", since(first, at), shown);
        drawn.push_str(&self.style.paint(Tone::Dim, head.trim_end()));
        let gap = margin - head.trim_end().chars().count();
        drawn.push_str(&" ".repeat(gap));
        let glyph = said.glyph.mark(self.style.unicode).to_string();
        drawn.push_str(&self.style.paint(said.glyph.tone(), &glyph));
        drawn.push(' ');
        drawn.push_str(&self.wrapped(&said.spans, margin + 2));
        for below in &said.below {
            drawn.push_str(&" ".repeat(margin + 2));
            let dot = if self.style.unicode { "· " } else { ". " };
            drawn.push_str(&self.style.paint(Tone::Dim, dot));
            drawn.push_str(&self.wrapped(std::slice::from_ref(below), margin + 4));
        }
        drawn
    }

    fn ascii(&self, text: &str) -> String {
        if self.style.unicode { text.to_owned() } else { text.replace('…', "~") }
    }

    /// The words of `spans`, wrapped so that no line passes the terminal's edge; the first line is
    /// begun already, further ones begin at `margin`.
    fn wrapped(&self, spans: &[Span], margin: usize) -> String {
        let width = self.style.width.map_or(usize::MAX, |width| {
            usize::from(width).saturating_sub(margin).max(TEXT_WIDTH_MIN)
        });
        let mut lines: Vec<Vec<(Tone, String)>> = vec![vec![]];
        let mut used = 0;
        for (tone, word) in spans.iter().flat_map(|span| self.words(span, width)) {
            let length = word.chars().count();
            if used > 0 && used + 1 + length > width {
                lines.push(vec![]);
                used = 0;
            }
            let Some(line) = lines.last_mut() else {
                continue;
            };
            let space = if used > 0 { " " } else { "" };
            used += length + space.len();
            match line.last_mut() {
                Some((last, text)) if *last == tone => {
                    text.push_str(space);
                    text.push_str(&word);
                }
                Some((_, text)) => {
                    text.push_str(space);
                    line.push((tone, word));
                }
                None => line.push((tone, word)),
            }
        }
        let painted = lines.iter().map(|line| {
            line.iter().map(|(tone, text)| self.style.paint(*tone, text)).collect::<String>()
        });
        let mut drawn = painted.collect::<Vec<_>>().join(&format!("\n{}", " ".repeat(margin)));
        drawn.push('\n');
        drawn
    }

    /// The words of a span, none longer than `width`: an attacker's word may have no end.
    fn words(&self, span: &Span, width: usize) -> Vec<(Tone, String)> {
        if let Some(glyph) = span.mark {
            return vec![(span.tone, glyph.mark(self.style.unicode).to_string())];
        }
        let text = self.ascii(&span.text);
        let mut words = Vec::new();
        for word in text.split_whitespace() {
            let letters: Vec<char> = word.chars().collect();
            words.extend(letters.chunks(width).map(|part| (span.tone, part.iter().collect())));
        }
        words
    }
}
