//! `runbook check`: lint, without a service and without a database.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::error::CliError;
use crate::cli::screen::Screen;
use crate::cli::table::Tone;
use crate::cli::{Common, input, settings};
use crate::config::NotifyConfig;
use crate::error::Code;
use crate::runbook::{
    Channel, CheckedFile, Diagnostic, DiagnosticLevel, Library, Runbook, build_engine, channels,
    check_file, lint,
};
use crate::sanitise::{VALUE_MAX, sanitise};

/// Characters of one line: a long path, a sentence, and all the words that are known.
const LINE_MAX: usize = 2_000;

/// Checks files and folders, or the configuration's runbooks.
pub(super) fn check(
    common: &Common,
    screen: &mut Screen,
    files: &[PathBuf],
) -> Result<u8, CliError> {
    let checked = if files.is_empty() { configured(common)? } else { given(files)? };
    for one in &checked {
        tell(screen, one)?;
    }
    screen.value(&listed(&checked))?;
    match errors(&checked) {
        0 => Ok(0),
        n => Err(refused(n)),
    }
}

fn refused(errors: usize) -> CliError {
    let detail = match errors {
        1 => "1 error".to_owned(),
        n => format!("{n} errors"),
    };
    CliError::new(Code::RUNBOOKS_LOAD, detail).with_remedy(
        "Correct the lines that are named above; until then the service does not start with them.",
    )
}

/// Whether a service would start with the runbooks of `dir`. What keeps it from that is told line by line;
/// a program gets it as one value that says `"valid": false`.
///
/// # Errors
/// When the folder can't be read, or a runbook has an error.
pub(in crate::cli) fn loadable(screen: &mut Screen, dir: &Path) -> Result<(), CliError> {
    let mut checked = folder(dir)?;
    let count = errors(&checked);
    if count == 0 {
        return Ok(());
    }
    for (_, diagnostics) in &mut checked {
        diagnostics.retain(|one| one.level == DiagnosticLevel::Error);
    }
    checked.retain(|(_, diagnostics)| !diagnostics.is_empty());
    for one in &checked {
        tell(screen, one)?;
    }
    screen.value(&json!({"valid": false, "runbooks": listed(&checked)}))?;
    Err(refused(count))
}

/// Files and what is wrong with them, for programs.
fn listed(checked: &[CheckedFile]) -> Value {
    Value::from_iter(checked.iter().map(|(name, diagnostics)| {
        let diagnostics: Vec<Value> = diagnostics.iter().map(view).collect();
        json!({"file": name, "diagnostics": diagnostics})
    }))
}

fn configured(common: &Common) -> Result<Vec<CheckedFile>, CliError> {
    let config = settings::load(common)?;
    if let Some(dir) = &config.runbooks {
        let checked = folder(dir)?;
        // Line by line; what a service says that does not start is one text.
        if errors(&checked) > 0 {
            return Ok(checked);
        }
    }
    let library = crate::web::library(&config)?;
    let checked = library.iter().map(|runbook| {
        let told = nobody(runbook, &config.notify);
        (runbook.name.to_string(), runbook.warnings.iter().cloned().chain(told).collect())
    });
    Ok(checked.collect())
}

/// A warning for each message of the runbook that goes to a channel which the configuration does not
/// have, where it has some.
fn nobody(runbook: &Runbook, notify: &BTreeMap<String, NotifyConfig>) -> Vec<Diagnostic> {
    let told = channels(runbook).into_iter();
    let unknown = told.filter(|told| !notify.is_empty() && !notify.contains_key(&told.name));
    let known: Vec<&str> = notify.keys().map(String::as_str).collect();
    let warning = |told: Channel| Diagnostic {
        level: DiagnosticLevel::Warning,
        code: Code::RUNBOOK_WEAK,
        message: format!(
            "no channel of the configuration is called `{}`: this is logged, and not sent",
            told.name
        ),
        line: told.line,
        column: told.column,
        help: Some(format!("[notify] has {}", known.join(", "))),
    };
    unknown.map(warning).collect()
}

fn given(paths: &[PathBuf]) -> Result<Vec<CheckedFile>, CliError> {
    let engine = build_engine();
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() {
            all.extend(folder(path)?);
            continue;
        }
        let source = String::from_utf8(input::file(path)?)
            .map_err(|_| CliError::usage(format!("{}: not UTF-8", path.display())))?;
        // Of standard input, or of a draft with another ending, the name says nothing.
        let found = match path.extension().is_some_and(|extension| extension == "rhai") {
            true => check_file(&engine, path, &source),
            false => lint(&engine, &source),
        };
        all.push((path.display().to_string(), found));
    }
    Ok(all)
}

fn folder(dir: &Path) -> Result<Vec<CheckedFile>, CliError> {
    Library::check(dir).map_err(|error| {
        CliError::new(Code::RUNBOOKS_LOAD, error.to_string()).with_remedy(
            "Name a folder that holds runbooks, each one file NAME.rhai directly in it, or name the files; without \
             either, the runbooks of the configuration are checked.",
        )
    })
}

fn errors(checked: &[CheckedFile]) -> usize {
    let all = checked.iter().flat_map(|(_, diagnostics)| diagnostics);
    all.filter(|diagnostic| diagnostic.level == DiagnosticLevel::Error).count()
}

fn tell(screen: &mut Screen, (name, diagnostics): &CheckedFile) -> Result<(), CliError> {
    let name = sanitise(name, VALUE_MAX);
    if diagnostics.is_empty() {
        let good = screen.paint(Tone::Good, "good");
        screen.line(&format!("{name}: {good}"))?;
    }
    for diagnostic in diagnostics {
        let tone = match diagnostic.level {
            DiagnosticLevel::Error => Tone::Bad,
            DiagnosticLevel::Warning => Tone::Warn,
        };
        // Some messages have lines of their own, such as a hint.
        for line in diagnostic.in_file(&name).lines() {
            let line = screen.style.paint(tone, &sanitise(line, LINE_MAX));
            screen.line(&line)?;
        }
    }
    Ok(())
}

fn view(diagnostic: &Diagnostic) -> Value {
    json!({
        "level": diagnostic.level.label(),
        "code": diagnostic.code.number,
        "message": diagnostic.message,
        "line": diagnostic.line,
        "column": diagnostic.column,
        "help": diagnostic.help,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::screen::tests::screen;

    const GOOD: &str =
        "//! Good.\nconst RUNBOOK = #{ on: [\"*\"] };\nfn run(case, p) { case.id }\n";

    /// A folder with these files, beside a configuration.
    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let outer = tempfile::tempdir().unwrap();
        let dir = outer.path().join("books");
        std::fs::create_dir(&dir).unwrap();
        for (name, source) in files {
            std::fs::write(dir.join(name), source).unwrap();
        }
        let config = format!("runbooks = {:?}\nfallback = \"good\"\n", dir.display().to_string());
        std::fs::write(outer.path().join("tourniquet.toml"), config).unwrap();
        (outer, dir)
    }

    /// The end, and the lines on standard output without the folder's path.
    fn said(dir: &Path, paths: &[PathBuf], json: bool) -> (Result<u8, CliError>, Vec<String>) {
        let config = dir.parent().unwrap().join("tourniquet.toml");
        let common = Common { json, config: Some(config), url: None, token_file: None };
        let (mut screen, out, _) = screen(json);
        let ended = check(&common, &mut screen, paths);
        let prefix = format!("{}/", dir.display());
        (ended, out.text().lines().map(|line| line.replace(&prefix, "")).collect())
    }

    #[test]
    fn a_folder_is_checked_whole() {
        let files = [
            ("good.rhai", GOOD.to_owned()),
            ("bad.rhai", GOOD.replace("case.id", "p.x + case.idd")),
            ("Ill Named.rhai", GOOD.replace("case.id", "case.idd")),
            ("weak.rhai", GOOD.replace("//! Good.", "")),
            ("notes.txt", "no script".to_owned()),
        ];
        let files = files.each_ref().map(|(name, source)| (*name, source.as_str()));
        let (_outer, dir) = folder(&files);
        std::fs::write(dir.join("latin.rhai"), b"//! \xe9").unwrap();
        let expected = [
            "Ill Named.rhai: error E0004: ",
            "Ill Named.rhai:3:24: error E0301: `case` has no `idd` (did you mean `id`?)",
            "bad.rhai:3:21: error E0301: the header has no parameter `x` (declare it under `params`)",
            "bad.rhai:3:30: error E0301: `case` has no `idd` (did you mean `id`?)",
            "good.rhai: good",
            "latin.rhai: error E0004: ",
            "weak.rhai: warning E0308: the runbook has no summary",
        ];
        // Named, and as the configuration's own.
        for paths in [vec![dir.clone()], vec![]] {
            let (ended, lines) = said(&dir, &paths, false);
            let error = ended.unwrap_err();
            assert_eq!((error.code, error.detail.as_str()), (Code::RUNBOOKS_LOAD, "5 errors"));
            assert_eq!(lines.len(), expected.len(), "{lines:#?}");
            for (line, expected) in lines.iter().zip(expected) {
                assert!(line.starts_with(expected), "{line}\nexpected {expected}");
            }
        }
        let (ended, lines) = said(&dir, std::slice::from_ref(&dir), true);
        assert!(ended.is_err());
        let value: Value = serde_json::from_str(&lines.concat()).unwrap();
        assert_eq!(value.as_array().unwrap().len(), 5);
        assert_eq!(value[1]["diagnostics"][0]["line"], json!(3));
    }

    #[test]
    fn warnings_are_no_errors_and_files_and_folders_go_together() {
        let weak = GOOD.replace("//! Good.", "");
        let (_outer, dir) = folder(&[("good.rhai", GOOD), ("weak.rhai", &weak)]);
        let (ended, lines) = said(&dir, &[dir.clone(), dir.join("good.rhai")], false);
        assert_eq!(ended, Ok(0), "{lines:?}");
        assert_eq!(lines.len(), 3, "{lines:?}");
        let (ended, lines) = said(&dir, &[], false);
        assert_eq!(ended, Ok(0), "{lines:?}");
        assert!(lines[0].ends_with("good: good"), "{lines:?}");
    }

    #[test]
    fn what_keeps_a_service_from_starting_is_told_line_by_line() {
        let bad = GOOD.replace("case.id", "p.x + case.idd");
        let weak = GOOD.replace("//! Good.", "");
        let (_outer, dir) =
            folder(&[("bad.rhai", &bad), ("good.rhai", GOOD), ("weak.rhai", &weak)]);
        let (mut human, out, _) = screen(false);
        let error = loadable(&mut human, &dir).unwrap_err();
        assert_eq!((error.code, error.detail.as_str()), (Code::RUNBOOKS_LOAD, "2 errors"));
        let words = out.text();
        assert_eq!(words.matches("bad.rhai:3:").count(), 2, "{words}");
        assert_eq!(words.lines().count(), 2, "{words}");
        let (mut program, out, _) = screen(true);
        assert!(loadable(&mut program, &dir).is_err());
        assert_eq!(
            (&out.value()["valid"], &out.value()["runbooks"][0]["diagnostics"][1]["line"]),
            (&json!(false), &json!(3))
        );
        std::fs::remove_file(dir.join("bad.rhai")).unwrap();
        let (mut human, out, _) = screen(false);
        assert_eq!((loadable(&mut human, &dir), out.text().as_str()), (Ok(()), ""));
    }

    #[test]
    fn a_file_is_checked_with_its_name() {
        let (_outer, dir) = folder(&[("Ill.rhai", GOOD), ("Ill.draft", GOOD)]);
        let (ended, lines) = said(&dir, &[dir.join("Ill.rhai")], false);
        assert_eq!(ended.unwrap_err().detail, "1 error");
        assert!(lines[0].starts_with("Ill.rhai: error E0004: "), "{lines:?}");
        assert_eq!(said(&dir, &[dir.join("Ill.draft")], false).0, Ok(0));
    }

    #[test]
    fn a_channel_that_is_not_configured_is_warned_of_where_others_are() {
        let source = GOOD.replace("case.id", "notify(\"oncal\", case.id)");
        let (_outer, dir) = folder(&[("good.rhai", &source)]);
        assert!(said(&dir, &[], false).1[0].ends_with("good: good"));
        let config = dir.parent().unwrap().join("tourniquet.toml");
        let mut text = std::fs::read_to_string(&config).unwrap();
        text.push_str("[notify.oncall]\nwebhook = \"https://chat.example\"\n");
        std::fs::write(&config, text).unwrap();
        let (ended, lines) = said(&dir, &[], false);
        assert_eq!(ended, Ok(0));
        let expected = "good:3:26: warning E0308: no channel of the configuration is called `oncal`: this is logged, \
            and not sent ([notify] has oncall)";
        assert_eq!(lines, [expected]);
    }

    #[test]
    fn a_folder_without_scripts_is_told_with_what_to_do() {
        let (_outer, dir) = folder(&[("notes.txt", "no script")]);
        let (ended, lines) = said(&dir, std::slice::from_ref(&dir), false);
        let error = ended.unwrap_err();
        assert_eq!(error.code, Code::RUNBOOKS_LOAD);
        assert!(error.detail.ends_with("books: there is no *.rhai file in it"), "{error}");
        assert!(error.remedy().contains("NAME.rhai"), "{}", error.remedy());
        assert!(lines.is_empty(), "{lines:?}");
    }
}
