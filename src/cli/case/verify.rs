//! `case verify`: the chain is checked here, over the exact bytes, so that nobody has to trust the
//! service about its own records.

use std::path::Path;

use serde_json::{Value, json};

use super::chain::Chain;
use super::export::{Beside, Export};
use super::summary::{Differs, NOT_COVERED};
use crate::cli::client::Client;
use crate::cli::error::{CliError, NO};
use crate::cli::input;
use crate::cli::screen::Screen;
use crate::cli::table::Tone;
use crate::cli::wrap::wrap;
use crate::error::Code;
use crate::id::{CaseId, Digest};
use crate::sanitise::{VALUE_MAX, sanitise};
use crate::timeline::Report;

mod all;
pub(super) use all::all;

/// Faults that are told one by one: after a change in the middle nearly every entry can be at fault.
const FAULTS_MAX: usize = 5;

/// What is told where this token may not read documents.
const UNREAD: &str =
    "The documents that entries name were not looked at: this token may not read them.";

/// What was proved of the summary; the fields that were not follow.
const COVERED: &str = "Checked: the entries, the documents that they name, and what of the summary in `case` follows \
    from them. Not covered by any entry, and worth nothing as proof:";

/// A head as people keep it: bare, or as `sha256:…`.
pub(super) fn head(text: &str) -> Result<Digest, String> {
    let text = text.trim();
    let bare = text.strip_prefix("sha256:").unwrap_or(text);
    bare.parse()
        .map_err(|_| "a head is 64 hexadecimal digits, as `case verify` prints it".to_owned())
}

pub(super) async fn case(
    client: &Client,
    screen: &mut Screen,
    case: &CaseId,
    kept: Option<&Digest>,
) -> Result<u8, CliError> {
    let (report, beside) = look(client, case).await?;
    Verdict { case, report, beside, kept }.tell(screen)
}

/// Checks the timeline of a case here, and what stands beside it as far as this token may read that.
async fn look(client: &Client, case: &CaseId) -> Result<(Report, Option<Beside>), CliError> {
    let chain = Chain::fetch(client, case, 0).await?;
    let answer: Result<Value, CliError> =
        client.get(&["v1", "cases", case.as_str(), "export"], &[]).await;
    let beside = match answer {
        Ok(value) => {
            let export = Export::read(&value)?;
            Some(export.beside(&export.verify()))
        }
        // Whoever may look at a case may not read every document of it.
        Err(error) if error.code == Code::FORBIDDEN => None,
        Err(error) => return Err(error),
    };
    Ok((chain.verify(case), beside))
}

/// Verifies an export without a service. A file that can't be read as one was damaged, or is another:
/// it is not verified, and that is the answer.
pub(super) fn file(
    screen: &mut Screen,
    path: &Path,
    kept: Option<&Digest>,
) -> Result<u8, CliError> {
    let bytes = input::file(path)?;
    let read = serde_json::from_slice(&bytes).map_err(|error| error.to_string());
    let export = match read.and_then(|value| Export::parse(&value)) {
        Ok(export) => export,
        Err(why) => {
            let (word, file) = (screen.paint(Tone::Bad, "INVALID:"), path.display().to_string());
            let words = format!("{file}: it can't be read as an export: {why}");
            screen.line(&format!("{word} {}", sanitise(&words, VALUE_MAX)))?;
            screen
                .value(&json!({"case": null, "valid": false, "file": file, "unreadable": why}))?;
            return Ok(NO);
        }
    };
    let report = export.verify();
    let beside = Some(export.beside(&report));
    Verdict { case: &export.case, report, beside, kept }.tell(screen)
}

/// A sentence under the verdict, wrapped where the terminal ends.
fn remark(screen: &mut Screen, words: &str) -> Result<(), CliError> {
    let width = screen.style.width.map_or(usize::MAX, usize::from).saturating_sub(2);
    screen.line(&format!("  {}", wrap(words, width).join("\n  ")))
}

/// What was found out about one case.
struct Verdict<'a> {
    case: &'a CaseId,
    report: Report,
    /// What stands beside the chain; `None`: this token may not read it.
    beside: Option<Beside>,
    /// The head that was kept elsewhere.
    kept: Option<&'a Digest>,
}

impl Verdict<'_> {
    /// Prints it; exit code 0 when everything is valid.
    fn tell(self, screen: &mut Screen) -> Result<u8, CliError> {
        let Self { case, report, beside, kept } = &self;
        let faults = self.faults();
        let valid = faults.is_empty();
        let summary = self.summary();
        if valid {
            let word = screen.paint(Tone::Good, "valid:");
            screen.line(&format!("{word} {case}: {summary}"))?;
        } else {
            self.line(screen, faults.len())?;
            for fault in faults.iter().take(FAULTS_MAX) {
                // Names of fields and documents are whoever's who wrote the file.
                let words = screen.paint(Tone::Bad, &sanitise(fault, VALUE_MAX));
                screen.line(&format!("  {words}"))?;
            }
            if faults.len() > FAULTS_MAX {
                screen.line(&format!("  … and {} more", faults.len() - FAULTS_MAX))?;
            }
        }
        for words in self.unknown() {
            let words = screen.paint(Tone::Warn, &words);
            screen.line(&format!("  {words}"))?;
        }
        if beside.as_ref().is_some_and(|beside| valid && beside.faults().is_empty()) {
            remark(screen, &format!("{COVERED} {}.", NOT_COVERED.join(", ")))?;
        }
        if valid {
            remark(screen, &self.reach())?;
        }
        let blobs = |list: fn(&Beside) -> &Vec<String>| {
            beside.as_ref().map(list).into_iter().flatten().collect::<Vec<_>>()
        };
        let differs = beside.iter().flat_map(|beside| &beside.differs);
        let differs: Vec<Value> = differs.map(Differs::value).collect();
        screen.value(&json!({
            "case": case,
            "valid": valid,
            "entries": report.entries,
            "head": report.head,
            "faults": report.faults,
            "blobs_checked": beside.is_some(),
            "broken_blobs": blobs(|beside| &beside.broken),
            "missing_blobs": blobs(|beside| &beside.missing),
            "left_out": blobs(|beside| &beside.left_out),
            "extra_blobs": blobs(|beside| &beside.extra),
            "added_fields": blobs(|beside| &beside.added),
            "summary": {"differs": differs, "not_covered": NOT_COVERED},
            "kept_head": kept.map(|kept| json!({"hash": kept, "length": report.length_at(kept)})),
        }))?;
        Ok(if valid { 0 } else { NO })
    }

    /// How long the chain is, and its head.
    fn summary(&self) -> String {
        format!("{} entries, head {}", self.report.entries, self.report.head)
    }

    /// The one line of a case that is not valid.
    fn line(&self, screen: &mut Screen, faults: usize) -> Result<(), CliError> {
        let word = screen.paint(Tone::Bad, "INVALID:");
        let first = match self.report.faults.first() {
            Some(fault) => format!(", the first fault at entry {}", fault.seq),
            None => String::new(),
        };
        let (case, count, summary) = (self.case, super::faults(faults), self.summary());
        screen.line(&format!("{word} {case}: {count} in {summary}{first}"))
    }

    /// Every fault, in words.
    fn faults(&self) -> Vec<String> {
        let beside = self.beside.iter().flat_map(Beside::faults);
        let rewritten = self.kept.filter(|kept| self.report.length_at(kept).is_none()).map(|kept| {
            format!("this chain never had the head {kept}: it was written anew or cut, or is another's")
        });
        let faults = self.report.faults.iter().map(ToString::to_string);
        // What nobody can see in the chain itself comes first.
        rewritten.into_iter().chain(faults).chain(beside).collect()
    }

    /// What could not be looked at.
    fn unknown(&self) -> Vec<String> {
        let Some(beside) = &self.beside else {
            return vec![UNREAD.to_owned()];
        };
        match beside.left_out.len() {
            0 => vec![],
            1 => vec![
                "1 document is not there: the export says that it left it out because of its size."
                    .to_owned(),
            ],
            n => vec![format!(
                "{n} documents are not there: the export says that it left them out because of their size."
            )],
        }
    }

    /// How far a chain that is valid can be trusted.
    fn reach(&self) -> String {
        let Some(length) = self.kept.and_then(|kept| self.report.length_at(kept)) else {
            return "A chain that was written anew as a whole looks valid, too: only a head kept elsewhere tells. \
                    Keep this one, and later give it to --head."
                .to_owned();
        };
        match self.report.entries - length {
            0 => "The head kept elsewhere is this one: nothing was written anew.".to_owned(),
            later => format!(
                "The head kept elsewhere is that of the first {length} entries: none of them was written anew. \
                 {later} came later."
            ),
        }
    }
}
