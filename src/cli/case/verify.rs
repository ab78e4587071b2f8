//! `case verify`: the chain is checked here, over the exact bytes, so that nobody has to trust the
//! service about its own records.

use std::path::Path;

use serde_json::{Value, json};

use super::chain::Chain;
use super::export::Export;
use crate::cli::client::Client;
use crate::cli::error::{CliError, NO};
use crate::cli::input;
use crate::cli::screen::Screen;
use crate::cli::table::Tone;
use crate::id::{CaseId, Digest};
use crate::timeline::Report;

/// Faults that are told one by one: after a change in the middle nearly every entry can be at fault.
const FAULTS_MAX: usize = 5;

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
    let chain = Chain::fetch(client, case, 0).await?;
    Verdict { case, report: chain.verify(case), broken: vec![], missing: vec![], kept }.tell(screen)
}

/// Verifies an export without a service.
pub(super) fn file(
    screen: &mut Screen,
    path: &Path,
    kept: Option<&Digest>,
) -> Result<u8, CliError> {
    let bytes = input::file(path)?;
    let refuse = |why: String| CliError::usage(format!("{}: {why}", path.display()));
    let value: Value =
        serde_json::from_slice(&bytes).map_err(|error| refuse(format!("no export: {error}")))?;
    let export = Export::read(&value).map_err(|error| refuse(error.detail))?;
    let (broken, missing) = (export.broken_blobs(), export.missing_blobs());
    Verdict { case: &export.case, report: export.verify(), broken, missing, kept }.tell(screen)
}

/// What was found out about one case.
struct Verdict<'a> {
    case: &'a CaseId,
    report: Report,
    /// Blobs whose content is not what they name.
    broken: Vec<String>,
    /// Documents that entries name and that are not there.
    missing: Vec<String>,
    /// The head that was kept elsewhere.
    kept: Option<&'a Digest>,
}

impl Verdict<'_> {
    /// Prints it; exit code 0 when everything is valid.
    fn tell(self, screen: &mut Screen) -> Result<u8, CliError> {
        let Self { case, report, broken, missing, kept } = &self;
        let faults = self.faults();
        let valid = faults.is_empty();
        let summary = format!("{} entries, head {}", report.entries, report.head);
        if valid {
            let word = screen.paint(Tone::Good, "valid:");
            screen.line(&format!("{word} {case}: {summary}"))?;
        } else {
            let word = screen.paint(Tone::Bad, "INVALID:");
            let count = super::faults(faults.len());
            let first = match report.faults.first() {
                Some(fault) => format!(", the first fault at entry {}", fault.seq),
                None => String::new(),
            };
            screen.line(&format!("{word} {case}: {count} in {summary}{first}"))?;
            for fault in faults.iter().take(FAULTS_MAX) {
                let words = screen.paint(Tone::Bad, fault);
                screen.line(&format!("  {words}"))?;
            }
            if faults.len() > FAULTS_MAX {
                screen.line(&format!("  … and {} more", faults.len() - FAULTS_MAX))?;
            }
        }
        if !missing.is_empty() {
            let words = match missing.len() {
                1 => "1 document that entries name is not in this file".to_owned(),
                n => format!("{n} documents that entries name are not in this file"),
            };
            let words = screen.paint(Tone::Warn, &words);
            screen.line(&format!("  {words}"))?;
        }
        if valid {
            screen.line(&format!("  {}", self.reach()))?;
        }
        screen.value(&json!({
            "case": case,
            "valid": valid,
            "entries": report.entries,
            "head": report.head,
            "faults": report.faults,
            "broken_blobs": broken,
            "missing_blobs": missing,
            "kept_head": kept.map(|kept| json!({"hash": kept, "length": report.length_at(kept)})),
        }))?;
        Ok(if valid { 0 } else { NO })
    }

    /// Every fault, in words.
    fn faults(&self) -> Vec<String> {
        let blobs = self
            .broken
            .iter()
            .map(|blob| format!("the document {blob} was changed: its hash does not match"));
        let rewritten = self.kept.filter(|kept| self.report.length_at(kept).is_none()).map(|kept| {
            format!("this chain never had the head {kept}: it was written anew or cut, or is another's")
        });
        let faults = self.report.faults.iter().map(ToString::to_string);
        // What nobody can see in the chain itself comes first.
        rewritten.into_iter().chain(faults).chain(blobs).collect()
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
