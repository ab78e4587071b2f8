//! A folder of public documents with a `manifest.csv` that says what each must lead to.
//!
//! The folder is no part of this repository: it is read where it stands beside it, or where
//! `TOURNIQUET_FINDINGS` points. Our own documents are tested without it, in `recognise`.

use std::path::{Path, PathBuf};

use super::*;
use crate::error::Code;

/// The formats that are read; every other one must be named and refused.
const READ: &[&str] =
    &["raw-camel", "api-pascal", "api-pascal-fragment", "eventbridge", "eventbridge-other"];

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("TOURNIQUET_FINDINGS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/findings"),
        PathBuf::from,
    );
    folder.join("manifest.csv").is_file().then_some(folder)
}

/// The records of a CSV text (RFC 4180).
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut letters = text.chars().filter(|letter| *letter != '\r').peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            other => field.push(other),
        }
    }
    if !record.is_empty() || !field.is_empty() {
        record.push(field);
        records.push(record);
    }
    records
}

/// What is wrong with the outcome of a document, if anything.
fn fault(format: &str, expect: &str, recognised: &Recognised) -> Option<String> {
    let good = match recognised {
        Recognised::Findings(findings) => findings.iter().flatten().collect(),
        _ => Vec::new(),
    };
    let holds = match (READ.contains(&format), expect) {
        (false, _) => matches!(recognised, Recognised::Rejected(rejection)
            if rejection.code == Code::FORMAT_UNSUPPORTED && rejection.format.is_some()),
        (true, "accept") => !good.is_empty(),
        (true, "degraded") => good.iter().any(|finding| !finding.degraded.is_empty()),
        (true, "ignore") => matches!(recognised, Recognised::Ignored { .. }),
        (true, "reject") => matches!(recognised, Recognised::Rejected(_)),
        (true, "either") => true,
        (true, _) => false,
    };
    (!holds).then(|| format!("{format} should be {expect}: {recognised:?}"))
}

#[test]
fn every_public_document_leads_to_what_its_manifest_says() {
    let Some(folder) = folder() else {
        println!("no folder of public findings here; our own documents are tested in `recognise`");
        return;
    };
    let manifest = records(&std::fs::read_to_string(folder.join("manifest.csv")).unwrap());
    let column = |name: &str| manifest[0].iter().position(|column| column == name).unwrap();
    let (file, format, expect) = (column("file"), column("format"), column("expect"));
    let mut faults = Vec::new();
    for row in &manifest[1..] {
        let recognised = recognise(&std::fs::read(folder.join(&row[file])).unwrap());
        if let Some(fault) = fault(&row[format], &row[expect], &recognised) {
            faults.push(format!("{}: {fault}", row[file]));
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {}:\n{}",
        faults.len(),
        manifest.len() - 1,
        faults.join("\n")
    );
    assert!(manifest.len() > 1, "the manifest names no documents");
}

#[test]
fn a_wrong_outcome_is_a_fault() {
    let ignored = Recognised::Ignored { reason: String::new() };
    let degraded = recognise(fixtures::DEGRADED_TEMPLATE.as_bytes());
    let complete = recognise(fixtures::LEAKED_USER_KEY.as_bytes());
    let sns = recognise(fixtures::UNSUPPORTED_SNS_NOTIFICATION.as_bytes());
    for (format, expect, recognised, holds) in [
        ("eventbridge", "accept", &complete, true),
        ("eventbridge", "accept", &ignored, false),
        ("eventbridge", "degraded", &degraded, true),
        ("eventbridge", "degraded", &complete, false),
        ("eventbridge-other", "ignore", &ignored, true),
        ("eventbridge-other", "ignore", &complete, false),
        ("raw-camel", "reject", &sns, true),
        ("raw-camel", "reject", &complete, false),
        ("raw-camel", "a new word", &complete, false),
        ("sns", "accept", &sns, true),
        ("sns", "accept", &complete, false),
        ("sqs", "reject", &ignored, false),
    ] {
        assert_eq!(fault(format, expect, recognised).is_none(), holds, "{format} {expect}");
    }
}

#[test]
fn records_are_split() {
    assert_eq!(
        records("a,\"b, \"\"c\"\"\"\r\n,\"d\ne\""),
        [["a", "b, \"c\""], ["", "d\ne"]].map(|record| record.map(str::to_owned).to_vec())
    );
}
