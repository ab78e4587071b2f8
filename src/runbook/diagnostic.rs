//! One thing that is wrong with a script, and where: what loading, header and lint all report.

use std::fmt;

use crate::error::Code;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiagnosticLevel {
    /// The runbook is not loaded.
    Error,
    /// It works, but not as well as it could.
    Warning,
}

impl DiagnosticLevel {
    /// `error` or `warning`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub level: DiagnosticLevel,
    /// Which page of `tourniquet explain` has more.
    pub code: Code,
    /// A sentence.
    pub message: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// `x.rhai:12:5: error E0301: message (help)`, as editors and terminals read places; without a
    /// place `x.rhai: error …`.
    #[must_use]
    pub fn in_file(&self, file: &str) -> String {
        let space = if self.line.is_some() { "" } else { " " };
        format!("{file}:{space}{self}")
    }
}

impl fmt::Display for Diagnostic {
    /// `12:5: error E0301: message (help)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "{line}:{}: ", self.column.unwrap_or(1))?;
        }
        write!(f, "{} {}: {}", self.level.label(), self.code.number, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_stands_before_the_message_where_there_is_one() {
        for (line, column, help, expected) in [
            (Some(3), Some(5), None, "x.rhai:3:5: warning E0308: weak"),
            (Some(3), None, Some("mend"), "x.rhai:3:1: warning E0308: weak (mend)"),
            (None, None, None, "x.rhai: warning E0308: weak"),
        ] {
            let diagnostic = Diagnostic {
                level: DiagnosticLevel::Warning,
                code: Code::RUNBOOK_WEAK,
                message: "weak".to_owned(),
                line,
                column,
                help: help.map(str::to_owned),
            };
            assert_eq!(diagnostic.in_file("x.rhai"), expected);
        }
    }
}
