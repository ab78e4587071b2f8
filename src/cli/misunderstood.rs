//! A command line that was not understood: its number, what is wrong, how to find what is missing, and
//! the usage. clap says the rest.

use clap::error::ErrorKind;

use super::error::{CliError, USAGE};

/// Placeholders of clap's messages, and how to find what stands there.
const FINDABLE: [(&str, &str); 5] = [
    ("CASE", "`tourniquet case list` shows the ids of cases."),
    (
        "RUN",
        "`tourniquet case list` shows the ids of cases, and `tourniquet case show CASE` those of its runs.",
    ),
    ("APPROVAL", "`tourniquet approve` lists what waits for a decision, with its id."),
    ("NAME", "`tourniquet runbook list` shows the names of runbooks and what they take."),
    ("TOKEN", "`tourniquet token list` shows the ids and names of tokens."),
];

/// Options of every command: where the environment sets one, clap's usage line demands it.
const COMMON: [&str; 4] = [" --json", " --config <FILE>", " --url <URL>", " --token-file <FILE>"];

/// Tells that a command line was not understood, or shows the help that it asks for; gives the exit
/// code. For programs that is one JSON value, too.
#[must_use]
pub fn misunderstood(error: &clap::Error) -> u8 {
    let json = std::env::args_os().any(|word| word == "--json");
    let help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if help && !(json && error.use_stderr()) {
        // Where nobody reads any more the exit code still says it.
        drop(error.print());
        return if error.use_stderr() { USAGE } else { 0 };
    }
    explained(&error.to_string()).report(json)
}

/// clap's message as an error of ours.
fn explained(message: &str) -> CliError {
    let mut parts = message.trim_start_matches("error: ").split("\n\n");
    let told = parts.next().unwrap_or_default();
    // A list stands on lines of its own.
    let told: Vec<&str> = told.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut detail = told.first().copied().unwrap_or_default().to_owned();
    if let [_, rest @ ..] = told.as_slice()
        && !rest.is_empty()
    {
        detail = format!("{detail} {}", rest.join(", "));
    }
    let mut usage = None;
    for part in parts.map(str::trim) {
        if let Some(tip) = part.strip_prefix("tip: ") {
            detail = format!("{detail}; {}", tip.lines().next().unwrap_or_default());
        } else if let Some(line) = part.strip_prefix("Usage: ") {
            usage = line.lines().next().map(without_common);
        }
    }
    let mut remedy = Vec::new();
    remedy.extend(how_to_find(&detail).map(str::to_owned));
    if let Some(usage) = usage {
        let command: Vec<&str> =
            usage.split(' ').take_while(|word| !word.starts_with(['<', '[', '-'])).collect();
        remedy.push(format!("Usage: {usage}. `{} --help` says more.", command.join(" ")));
    }
    let error = CliError::usage(detail);
    if remedy.is_empty() { error } else { error.with_remedy(remedy.join(" ")) }
}

/// How to find what the message names by its placeholder.
fn how_to_find(detail: &str) -> Option<&'static str> {
    let found = FINDABLE.iter().find(|(name, _)| {
        detail.contains(&format!("<{name}>")) || detail.contains(&format!("[{name}]"))
    });
    // `--name <NAME>` is a name that a person makes up.
    found.filter(|_| !detail.contains("--name")).map(|(_, words)| *words)
}

fn without_common(usage: &str) -> String {
    COMMON.iter().fold(usage.to_owned(), |usage, option| usage.replacen(option, "", 1))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;
    use crate::error::Code;

    fn said(words: &[&str]) -> CliError {
        let parsed = Cli::try_parse_from([&["tourniquet"], words].concat());
        explained(&parsed.err().unwrap().to_string())
    }

    #[test]
    fn what_is_wrong_has_a_number_and_a_way_to_find_what_is_meant() {
        let with = ["--url", "http://h:1", "--token-file", "t"];
        for (words, detail, remedy) in [
            (&["case", "show"][..], "not provided: <CASE>", "`tourniquet case list` shows the ids"),
            (&["case", "show", "../x"], "invalid value '../x' for '<CASE>'", "case list"),
            (&["undo"], "<RUN>", "`tourniquet case show CASE` those of its runs"),
            (&["approve", "x y"], "[APPROVAL]", "`tourniquet approve` lists"),
            (&["run"], "<NAME>", "`tourniquet runbook list`"),
            (&["case", "close", "case-0001"], "--reason <REASON>", "Usage: tourniquet case close"),
            (
                &["case", "list", "--limit", "x"],
                "expected a number from 1 to 10000",
                "tourniquet help",
            ),
            (&["case", "list", "--limit", "-1"], "from 1 to 10000", "tourniquet help"),
            (&["case", "list", "--jsn"], "unexpected argument '--jsn' found; ", "case list --help"),
            (
                &["run", "observe", "--param", "role"],
                "expected NAME=VALUE, not \"role\"",
                "tourniquet help",
            ),
        ] {
            let error = said(&[&with, words].concat());
            assert_eq!((error.code, error.exit_code()), (Code::USAGE, USAGE), "{words:?}");
            assert!(error.detail.contains(detail), "{words:?}: {error}");
            assert!(error.remedy().contains(remedy), "{words:?}: {}", error.remedy());
            assert!(!error.remedy().contains("--url"), "{words:?}: {}", error.remedy());
        }
    }
}
