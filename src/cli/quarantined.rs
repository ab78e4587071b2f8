//! `tourniquet finding quarantined`: what came in and could not be read. The bytes are whatever a sender
//! wrote: a terminal gets them escaped, a program in base64, and a file as they are.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::Value;

use super::answer::{items, shown, text, time};
use super::client::Client;
use super::error::CliError;
use super::grid::Column;
use super::screen::Screen;
use super::table::Tone;
use crate::id::Digest;
use crate::sanitise::escaped;

/// Digits of a SHA-256 that name a document at least: fewer name another by chance.
const DIGITS_MIN: usize = 8;

/// The most documents that the service lists at once.
const LISTED_MAX: usize = 500;

/// Bytes of a document that a terminal gets: some pages. `--out` has all of them.
const SHOWN_MAX: usize = 16 * 1024;

const COLUMNS: [Column; 5] = [
    Column::whole("received"),
    Column::whole("code"),
    Column::whole("seen").spare(1),
    Column::words("reason"),
    Column::whole("document"),
];

/// Arguments of `finding quarantined`.
#[derive(Debug, Clone, Args)]
pub struct QuarantinedArgs {
    /// The document, by the SHA-256 of its bytes or its first 8 digits or more; without it, all are
    /// listed, newest first.
    #[arg(value_name = "SHA256", value_parser = digits)]
    document: Option<String>,
    /// Write its bytes, as they came, to this new file.
    #[arg(long, value_name = "FILE", requires = "document")]
    out: Option<PathBuf>,
    /// How many are listed at most: a number from 1 to 500.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
}

/// Carries the command out; gives the exit code.
///
/// # Errors
/// When the service does not answer or refuses, or the file can't be written.
pub(super) async fn quarantined(
    client: &Client,
    screen: &mut Screen,
    args: &QuarantinedArgs,
) -> Result<u8, CliError> {
    match &args.document {
        None => list(client, screen, args.limit).await,
        Some(digits) => {
            let document = document(client, digits).await?;
            show(client, screen, &document, args.out.as_deref()).await
        }
    }
}

/// The beginning of a SHA-256, in lower case.
fn digits(text: &str) -> Result<String, String> {
    let hex = text.chars().all(|c| c.is_ascii_hexdigit());
    if hex && (DIGITS_MIN..=64).contains(&text.len()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!(
        "a document is named by its SHA-256, 64 hexadecimal digits, or by its first {DIGITS_MIN} or more"
    ))
}

/// The one document that these digits begin.
async fn document(client: &Client, digits: &str) -> Result<Digest, CliError> {
    if let Ok(whole) = digits.parse() {
        return Ok(whole);
    }
    let query = [("limit", LISTED_MAX.to_string())];
    let mut answer: Value = client.get(&["v1", "quarantine"], &query).await?;
    let kept = items(&mut answer, "items");
    let mut found = kept.iter().map(|row| text(row, "raw")).filter(|raw| raw.starts_with(digits));
    let of = match kept.len() < LISTED_MAX {
        true => "in quarantine".to_owned(),
        false => format!("of the newest {LISTED_MAX} in quarantine"),
    };
    let wrong = |words: String| {
        CliError::usage(words).with_remedy(
            "`tourniquet finding quarantined` lists them; give more digits, or all 64.",
        )
    };
    match (found.next(), found.next()) {
        (Some(one), None) => one.parse().map_err(|_| {
            CliError::unreachable("the answer names a document by what is no SHA-256".to_owned())
        }),
        (Some(_), Some(_)) => {
            Err(wrong(format!("more than one document {of} begins with {digits}")))
        }
        (None, _) => Err(wrong(format!("no document {of} begins with {digits}"))),
    }
}

async fn list(client: &Client, screen: &mut Screen, limit: u32) -> Result<u8, CliError> {
    let query = [("limit", limit.to_string())];
    let mut answer: Value = client.get(&["v1", "quarantine"], &query).await?;
    let kept = items(&mut answer, "items");
    if kept.is_empty() {
        screen.line("nothing is in quarantine")?;
    } else {
        let row = |row: &Value| {
            vec![
                (Tone::Dim, time(row, "received_at")),
                (Tone::Warn, shown(row, "code")),
                (Tone::Plain, shown(row, "seen")),
                (Tone::Plain, shown(row, "reason")),
                (Tone::Plain, shown(row, "raw")),
            ]
        };
        let table = screen.style.table(&COLUMNS, kept.iter().map(row).collect());
        screen.line(&table)?;
        if kept.len() >= limit as usize {
            screen.note(&format!("there may be more than {limit}; --limit shows more"));
        }
        screen.note("look into one: tourniquet finding quarantined SHA256");
    }
    screen.value(&Value::Array(kept))?;
    Ok(0)
}

async fn show(
    client: &Client,
    screen: &mut Screen,
    document: &Digest,
    out: Option<&Path>,
) -> Result<u8, CliError> {
    let row: Value = client.get(&["v1", "quarantine", document.as_str()], &[]).await?;
    let bytes = STANDARD.decode(text(&row, "content")).ok();
    let bytes = bytes.filter(|bytes| Digest::of(bytes) == *document).ok_or_else(|| {
        CliError::unreachable(format!("the answer does not hold the bytes of {document}"))
    })?;
    for (name, tone, value) in [
        ("document", Tone::Strong, shown(&row, "raw")),
        ("reason", Tone::Warn, format!("{}: {}", shown(&row, "code"), shown(&row, "reason"))),
        ("received", Tone::Plain, time(&row, "received_at")),
        ("source", Tone::Plain, shown(&row, "source")),
        ("seen", Tone::Plain, shown(&row, "seen")),
        ("size", Tone::Plain, format!("{} bytes", bytes.len())),
    ] {
        screen.fact(name, tone, &value)?;
    }
    match out {
        Some(path) => {
            write(path, &bytes)?;
            screen.line(&format!("its bytes are in {}, as they came", path.display()))?;
        }
        None => {
            screen.line("")?;
            screen.line(&escaped(&bytes[..bytes.len().min(SHOWN_MAX)]))?;
            if bytes.len() > SHOWN_MAX {
                let more = bytes.len() - SHOWN_MAX;
                screen.note(&format!("{more} more bytes are not shown; --out FILE writes all"));
            }
        }
    }
    screen.value(&row)?;
    Ok(0)
}

/// Writes a new file that only its owner may read: a document can hold what nobody else should see.
fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let written = options.open(path).and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| {
        CliError::usage(format!("{} can't be written: {error}", path.display()))
            .with_remedy("Name a file that is not there yet, in a folder where you may write.")
    })
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use super::*;
    use crate::cli::client::tests::{Service, problem};
    use crate::cli::screen::tests::screen;
    use crate::error::Code;

    const BYTES: &[u8] = b"{\"title\": \"\x1b[2Jowned\",\n \xff\xe2\x80\xae}";

    async fn service() -> Service {
        let row = json!({"raw": Digest::of(BYTES), "reason": "not \u{1b}[2JUTF-8", "code": "E0101",
            "source": "http:eventbridge", "received_at": "2026-01-03T10:00:00Z", "seen": 2});
        Service::start(move |request| {
            let mut whole = row.clone();
            (whole["content"], whole["size"]) = (json!(STANDARD.encode(BYTES)), json!(BYTES.len()));
            match request.path.as_str() {
                "/v1/quarantine" => (StatusCode::OK, json!({"items": [row.clone()]})),
                path if path.ends_with(Digest::of(BYTES).as_str()) => (StatusCode::OK, whole),
                // Other bytes under a digest that they do not have.
                path if path.ends_with(Digest::zero().as_str()) => (StatusCode::OK, whole),
                _ => problem(StatusCode::NOT_FOUND, "E0203", "no such document"),
            }
        })
        .await
    }

    fn args(document: Option<Digest>, out: Option<PathBuf>) -> QuarantinedArgs {
        QuarantinedArgs { document: document.map(|digest| digest.to_string()), out, limit: 50 }
    }

    #[tokio::test]
    async fn what_is_kept_is_listed_and_its_bytes_command_no_terminal() {
        let service = service().await;
        let (mut human, out, _) = screen(false);
        assert_eq!(quarantined(&service.client(), &mut human, &args(None, None)).await, Ok(0));
        assert!(out.text().contains("E0101") && out.text().contains("not UTF-8"), "{}", out.text());
        let (mut human, out, _) = screen(false);
        let one = args(Some(Digest::of(BYTES)), None);
        assert_eq!(quarantined(&service.client(), &mut human, &one).await, Ok(0));
        let text = out.text();
        let expected = "{\"title\": \"\\u{1b}[2Jowned\",\n \\xff\\u{202e}}\n";
        assert!(text.ends_with(expected), "{text}");
        assert!(!text.contains('\u{1b}') && text.contains("reason     E0101: not UTF-8"), "{text}");
        let (mut program, out, _) = screen(true);
        assert_eq!(quarantined(&service.client(), &mut program, &one).await, Ok(0));
        assert_eq!(out.value()["content"], STANDARD.encode(BYTES));
        for digest in [Digest::zero(), Digest::of(b"other")] {
            let wrong = args(Some(digest), None);
            assert!(quarantined(&service.client(), &mut program, &wrong).await.is_err());
        }
    }

    #[tokio::test]
    async fn the_list_has_the_whole_sha_256_on_one_line_of_a_narrow_terminal() {
        let service = service().await;
        for width in [80, 100, 160] {
            let (mut human, out, _) = screen(false);
            human.style.width = Some(width);
            assert_eq!(quarantined(&service.client(), &mut human, &args(None, None)).await, Ok(0));
            let text = out.text();
            assert!(text.contains(Digest::of(BYTES).as_str()) && text.contains("E0101"), "{text}");
            let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= usize::from(width), "{text}");
        }
    }

    #[tokio::test]
    async fn a_document_is_known_by_its_first_digits_where_no_other_begins_so() {
        let other = format!("{}{}", &Digest::of(BYTES).as_str()[..10], "0".repeat(54));
        let whole = json!({"raw": Digest::of(BYTES), "reason": "no", "code": "E0101", "size": 1,
            "source": "cli", "received_at": "2026-01-03T10:00:00Z", "seen": 1,
            "content": STANDARD.encode(BYTES)});
        let service = Service::start(move |request| match request.path.as_str() {
            "/v1/quarantine" => {
                (StatusCode::OK, json!({"items": [{"raw": Digest::of(BYTES)}, {"raw": other}]}))
            }
            path if path.ends_with(Digest::of(BYTES).as_str()) => (StatusCode::OK, whole.clone()),
            _ => problem(StatusCode::NOT_FOUND, "E0203", "no such document"),
        })
        .await;
        let first = |n: usize| Digest::of(BYTES).as_str()[..n].to_uppercase();
        for (given, expected) in [
            (first(11), Ok(0)),
            (first(63), Ok(0)),
            (first(10), Err("more than one document in quarantine begins with ")),
            ("0123456789".to_owned(), Err("no document in quarantine begins with 0123456789")),
        ] {
            let document = Some(digits(&given).unwrap());
            let (mut human, _, _) = screen(false);
            let args = QuarantinedArgs { document, out: None, limit: 1 };
            match (quarantined(&service.client(), &mut human, &args).await, expected) {
                (Ok(code), Ok(expected)) => assert_eq!(code, expected),
                (Err(error), Err(words)) => {
                    assert!(error.detail.contains(words), "{error}");
                    assert_eq!(error.code, Code::USAGE);
                }
                (found, _) => panic!("{given}: {found:?}"),
            }
        }
        for wrong in ["0123456", "0123456g", &"0".repeat(65)] {
            assert!(digits(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_file_gets_the_bytes_as_they_came_and_none_is_written_over() {
        let service = service().await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("document");
        let one = args(Some(Digest::of(BYTES)), Some(path.clone()));
        let (mut human, _, _) = screen(false);
        assert_eq!(quarantined(&service.client(), &mut human, &one).await, Ok(0));
        assert_eq!(std::fs::read(&path).unwrap(), BYTES);
        std::fs::write(&path, "mine").unwrap();
        let again = quarantined(&service.client(), &mut human, &one).await.unwrap_err();
        assert_eq!(again.code, Code::USAGE);
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    }
}
