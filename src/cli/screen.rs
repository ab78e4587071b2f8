//! Where a command writes: lines for people, or one JSON value for programs; never both.

use std::io::{ErrorKind, IsTerminal, Write};

use serde_json::Value;

use super::error::CliError;
use super::table::{Style, Tone, width_of_stderr};
use super::wrap::wrap;
use crate::error::Code;
use crate::sanitise::{VALUE_MAX, inert_json, sanitise};

/// Columns of the name of a fact.
const NAME_WIDTH: usize = 10;

/// Characters of a note on standard error.
const NOTE_MAX: usize = 500;

/// What a command is asked to print, and where it goes.
pub struct Screen {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    /// How things look.
    pub style: Style,
    /// Whether a program reads: one JSON value and nothing else on standard output.
    pub json: bool,
    /// Whether a person watches standard error.
    pub watched: bool,
    /// Columns of the terminal behind standard error; `None`: it is none, and nothing is wrapped.
    err_width: Option<u16>,
    closed: bool,
}

impl Screen {
    /// Standard output and standard error.
    #[must_use]
    pub fn of_process(json: bool) -> Self {
        Self {
            out: Box::new(std::io::stdout()),
            err: Box::new(std::io::stderr()),
            style: Style::of_stdout(),
            json,
            watched: std::io::stderr().is_terminal(),
            err_width: width_of_stderr(),
            closed: false,
        }
    }

    /// Whether the reader has gone (`| head`): there is nobody left to print for.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// A line, or several, for people; nothing where a program reads. `text` must be clean.
    ///
    /// # Errors
    /// When it can't be written, for example on a full disk.
    pub fn line(&mut self, text: &str) -> Result<(), CliError> {
        if self.json { Ok(()) } else { self.write(text) }
    }

    /// A name and its value for people, wrapped between words where the terminal ends.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn fact(&mut self, name: &str, tone: Tone, value: &str) -> Result<(), CliError> {
        self.fact_within(name, tone, value, VALUE_MAX)
    }

    /// As [`Screen::fact`], with at most `max` characters of the value.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn fact_within(
        &mut self,
        name: &str,
        tone: Tone,
        value: &str,
        max: usize,
    ) -> Result<(), CliError> {
        let name = self.paint(Tone::Dim, &format!("{name:<NAME_WIDTH$}"));
        let width = self.style.width.map_or(usize::MAX, usize::from);
        let lines = wrap(&sanitise(value, max), width.saturating_sub(NAME_WIDTH + 1));
        let lines: Vec<String> = lines.iter().map(|line| self.style.paint(tone, line)).collect();
        let margin = format!("\n{}", " ".repeat(NAME_WIDTH + 1));
        self.line(&format!("{name} {}", lines.join(&margin)))
    }

    /// The one JSON value for programs; nothing where a person reads.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn value(&mut self, value: &Value) -> Result<(), CliError> {
        if self.json { self.write(&inert_json(&value.to_string())) } else { Ok(()) }
    }

    /// A JSON value for whoever reads, such as an export.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn document(&mut self, value: &Value) -> Result<(), CliError> {
        self.write(&inert_json(&value.to_string()))
    }

    /// A remark beside the answer, on standard error, for a person who watches.
    pub fn note(&mut self, text: &str) {
        if self.watched && !self.json {
            self.warn(text);
        }
    }

    /// A remark that must not be missed, on standard error.
    pub fn warn(&mut self, text: &str) {
        let text = sanitise(text, NOTE_MAX);
        let text = match self.err_width {
            Some(width) => wrap(&text, usize::from(width)).join("\n"),
            None => text,
        };
        // Where standard error is closed nobody can be told.
        drop(writeln!(self.err, "{text}"));
    }

    /// `text`, sanitised, in the colour of `tone`.
    #[must_use]
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        self.style.paint(tone, &sanitise(text, VALUE_MAX))
    }

    fn write(&mut self, text: &str) -> Result<(), CliError> {
        match writeln!(self.out, "{text}").and_then(|()| self.out.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => Err(CliError::new(
                Code::OUTPUT,
                format!("standard output can't be written: {error}"),
            )),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::cli::table::tests::PLAIN;

    /// What was written to a screen of a test.
    #[derive(Clone, Default)]
    pub struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        pub fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }

        pub fn value(&self) -> Value {
            serde_json::from_str(&self.text()).unwrap()
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A screen that keeps what is written, plain.
    pub fn screen(json: bool) -> (Screen, Written, Written) {
        let (out, err) = (Written::default(), Written::default());
        let screen = Screen {
            out: Box::new(out.clone()),
            err: Box::new(err.clone()),
            style: PLAIN,
            json,
            watched: true,
            err_width: None,
            closed: false,
        };
        (screen, out, err)
    }

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_who_left_is_no_error_and_a_full_disk_is_one() {
        for (kind, closed, fails) in
            [(ErrorKind::BrokenPipe, true, false), (ErrorKind::StorageFull, false, true)]
        {
            let (mut screen, _, _) = screen(false);
            screen.out = Box::new(Broken(kind));
            let written = screen.line("x");
            assert_eq!((written.is_err(), screen.is_closed()), (fails, closed));
            let code = written.err().map(|error| error.exit_code());
            assert_eq!(code, fails.then_some(crate::cli::error::FAILED));
        }
    }

    #[test]
    fn a_program_gets_one_value_and_a_person_gets_lines() {
        for (json, expected) in [(true, "{\"a\":\"\\u001b\\u202e\"}\n"), (false, "words\n")] {
            let (mut screen, out, _) = screen(json);
            screen.line("words").unwrap();
            screen.value(&serde_json::json!({"a": "\u{1b}\u{202e}"})).unwrap();
            assert_eq!(out.text(), expected);
        }
    }
}
