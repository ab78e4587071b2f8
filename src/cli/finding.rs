//! `finding send`: files to a running service, and what became of each finding.

use std::path::PathBuf;

use clap::Subcommand;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::client::{Client, text};
use super::outcome::{Failure, Outcome};
use super::{Common, input, paint};

/// Files from which on a progress bar is worth its line.
const MANY: usize = 20;

/// Subcommands of `finding`.
#[derive(Subcommand)]
pub enum Command {
    /// Send files with findings, each as it is. The first that is refused ends it with exit code 1,
    /// after all were tried.
    Send {
        /// The files; - is standard input.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// Carries out a subcommand.
pub async fn finding(common: &Common, command: Command) -> Result<Outcome, Failure> {
    let Command::Send { files } = command;
    let client = Client::new(common)?;
    let bar =
        (files.len() >= MANY && paint::watched()).then(|| ProgressBar::new(files.len() as u64));
    let mut results: Vec<Value> = Vec::new();
    let mut first_failure = None;
    for file in &files {
        let name = file.display().to_string();
        match client.post_bytes("/v1/findings", input::file(file)?).await {
            Ok(answer) => results.push(json!({"file": name, "answer": answer})),
            Err(failure) => {
                let error = json!({"code": failure.code.number, "detail": failure.detail});
                results.push(json!({"file": name, "error": error}));
                first_failure.get_or_insert(failure);
            }
        }
        if let Some(bar) = &bar {
            bar.inc(1);
        }
    }
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    if common.json {
        paint::line(&Value::Array(results).to_string());
    } else {
        print(&results);
    }
    first_failure.map_or(Ok(Outcome::Done), Err)
}

fn print(results: &[Value]) {
    let mut table = paint::Table::new(&["file", "case", "what", "run"]);
    for result in results {
        let file = text(result, "file");
        if let Some(error) = result.get("error") {
            table.row([
                file.to_owned(),
                String::new(),
                format!("{} {}", text(error, "code"), text(error, "detail")),
                String::new(),
            ]);
            continue;
        }
        let answer = &result["answer"];
        if let Some(reason) = answer.get("ignored").and_then(Value::as_str) {
            table.row([
                file.to_owned(),
                String::new(),
                format!("ignored: {reason}"),
                String::new(),
            ]);
        }
        let list = |name: &str| {
            answer
                .get(name)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        for finding in list("findings") {
            let cells = ["case", "disposition", "run"].map(|name| text(&finding, name).to_owned());
            table.row([file.to_owned()].into_iter().chain(cells));
        }
        for refused in list("rejected") {
            let what = format!("{} {}", text(&refused, "code"), text(&refused, "reason"));
            table.row([file.to_owned(), String::new(), what, String::new()]);
        }
    }
    table.print();
}
