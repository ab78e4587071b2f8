//! `tourniquet finding send`: posts findings as they are; the service recognises the format. What it could
//! not read is `quarantined`'s.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::Common;
use super::answer::{items, shown, text};
use super::client::Client;
use super::error::{CliError, FAILED};
use super::input;
use super::quarantined::{QuarantinedArgs, quarantined};
use super::screen::Screen;
use super::table::{Tone, tone_of};
use crate::sanitise::{VALUE_MAX, sanitise};

/// What to do with findings.
#[derive(Debug, Clone, Subcommand)]
pub enum FindingCommand {
    /// Send findings to the service, each file as it is.
    Send {
        /// Files with a finding or an event each; `-` is standard input.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// List what came in and could not be read; with a document, show why, and its bytes.
    Quarantined(QuarantinedArgs),
}

/// Carries the command out; gives the exit code: 1 if any file was not taken.
///
/// # Errors
/// When the address or the token has the wrong form, or the answer can't be printed; of what is kept, also when
/// the service does not answer or refuses.
pub(super) async fn finding(
    common: &Common,
    screen: &mut Screen,
    command: FindingCommand,
) -> Result<u8, CliError> {
    let client = Client::open(common, screen)?;
    match command {
        FindingCommand::Send { files } => send(&client, screen, &files).await,
        FindingCommand::Quarantined(args) => quarantined(&client, screen, &args).await,
    }
}

async fn send(client: &Client, screen: &mut Screen, files: &[PathBuf]) -> Result<u8, CliError> {
    let mut results = Vec::new();
    let mut failed = false;
    for path in files {
        let name = path.display().to_string();
        let answer = match input::file(path) {
            Ok(bytes) => client.send::<Value>(&["v1", "findings"], bytes).await,
            Err(error) => Err(error),
        };
        let taken = match answer {
            Ok(answer) => taken(&name, answer),
            Err(error) => vec![json!({"file": name, "error": error.value()})],
        };
        for result in taken {
            failed |= result.get("error").is_some();
            // At once, so that what was sent is known even if the next file takes long.
            tell(screen, &result)?;
            results.push(result);
        }
    }
    screen.value(&Value::Array(results))?;
    Ok(if failed { FAILED } else { 0 })
}

/// One result for each finding, refused part or ignored message of an answer.
fn taken(file: &str, mut answer: Value) -> Vec<Value> {
    let mut results = Vec::new();
    for finding in items(&mut answer, "findings") {
        results.push(json!({
            "file": file,
            "case": finding.get("case"),
            "disposition": finding.get("disposition"),
            "run": finding.get("run"),
            "finding": finding.get("finding"),
        }));
    }
    if let Some(Value::Array(rejected)) = answer.get("rejected") {
        results.extend(rejected.iter().map(|part| {
            let error = json!({"code": part.get("code"), "detail": part.get("reason")});
            json!({"file": file, "error": error})
        }));
    }
    if let Some(reason) = answer.get("ignored").filter(|reason| !reason.is_null()) {
        results.push(json!({"file": file, "ignored": reason}));
    }
    if results.is_empty() {
        let error = CliError::unreachable("the answer names no finding");
        results.push(json!({"file": file, "error": error.value()}));
    }
    results
}

fn tell(screen: &mut Screen, result: &Value) -> Result<(), CliError> {
    let file = shown(result, "file");
    if let Some(error) = result.get("error") {
        let words = format!("{}: {}", shown(error, "code"), shown(error, "detail"));
        let words = screen.paint(Tone::Bad, &words);
        screen.line(&format!("{file}: {words}"))?;
        if let Some(remedy) = error.get("remedy").and_then(Value::as_str) {
            screen.line(&format!("  {}", sanitise(remedy, VALUE_MAX)))?;
        }
        return Ok(());
    }
    if result.get("ignored").is_some() {
        let words = screen.paint(Tone::Dim, &format!("ignored: {}", shown(result, "ignored")));
        return screen.line(&format!("{file}: {words}"));
    }
    let disposition =
        screen.paint(tone_of(text(result, "disposition")), &shown(result, "disposition"));
    let run = match result.get("run").and_then(Value::as_str) {
        Some(run) => format!("started {}", sanitise(run, VALUE_MAX)),
        None => "no run".to_owned(),
    };
    screen.line(&format!("{file}: {} ({disposition}, {run})", shown(result, "case")))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;
    use crate::cli::client::tests::{Service, problem};
    use crate::cli::screen::tests::screen;

    async fn check(json: bool) -> (u8, String) {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for (name, content) in
            [("good", "{\"id\": 1}"), ("bad", "{"), ("pair", "[]"), ("control", "{}")]
        {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            files.push(path);
        }
        files.insert(1, folder.path().join("missing"));
        let service = Service::start(|request| match request.body.as_str() {
            "{\"id\": 1}" => (StatusCode::ACCEPTED, json!({"findings": [{"case": "case-0001", "disposition": "new",
                "run": "run-0002", "finding": "f-1"}], "rejected": [], "ignored": null})),
            "[]" => (StatusCode::ACCEPTED, json!({"findings": [{"case": "case-0001", "disposition": "duplicate",
                "run": null, "finding": "f-1"}], "rejected": [{"code": "E0103", "reason": "no\u{1b}[2J id"}], "ignored": null})),
            "{}" => (StatusCode::ACCEPTED, json!({"findings": [], "rejected": [], "ignored": "a test message"})),
            _ => problem(StatusCode::BAD_REQUEST, "E0101", "line 1: cut off"),
        })
        .await;
        let (mut screen, out, _) = screen(json);
        let code = send(&service.client(), &mut screen, &files).await.unwrap();
        (code, out.text().replace(&format!("{}/", folder.path().display()), ""))
    }

    #[tokio::test]
    async fn every_file_is_sent_and_told_whatever_became_of_the_others() {
        let (code, text) = check(false).await;
        assert_eq!(code, FAILED);
        insta::assert_snapshot!(text, @r"
        good: case-0001 (new, started run-0002)
        missing: E0007: missing: No such file or directory (os error 2)
          Check the path and that you may read the file; `-` stands for standard input.
        bad: E0101: line 1: cut off
          do this
        pair: case-0001 (duplicate, no run)
        pair: E0103: no id
        control: ignored: a test message
        ");
    }

    #[tokio::test]
    async fn a_program_gets_one_array() {
        let (code, text) = check(true).await;
        let results: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!((code, results.len()), (FAILED, 6));
        assert_eq!(results[0]["case"], "case-0001");
        assert_eq!(results[1]["error"]["code"], "E0007");
        assert_eq!(results[2]["error"]["code"], "E0101");
        assert_eq!(results[4]["error"]["detail"], "no\u{1b}[2J id");
        assert_eq!(results[5]["ignored"], "a test message");
    }
}
