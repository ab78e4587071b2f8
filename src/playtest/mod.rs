//! Runbook tests as data: a scenario, a finding, people's decisions; and what must come of it.
//!
//! Each file under `playbooks-tests/<runbook>/` is one case. It goes the whole real way: intake,
//! routing, store, driver, actions; only AWS is the sandbox and time is the test's own. Expected
//! timelines stand in the files; `TOURNIQUET_UPDATE=1 cargo test playtest` writes them anew. No SQL
//! and no AWS calls here.

mod file;
mod play;
mod render;

use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks-tests")
}

/// Every case, `runbook/name.toml`, sorted.
fn cases() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for runbook in std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()) {
        if runbook.is_dir() {
            let files = std::fs::read_dir(runbook).unwrap().map(|entry| entry.unwrap().path());
            found.extend(files.filter(|path| path.extension().is_some_and(|kind| kind == "toml")));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn every_case_ends_as_its_file_says() {
    let update = std::env::var_os("TOURNIQUET_UPDATE").is_some();
    let mut wrong = Vec::new();
    for path in cases() {
        let name = path.strip_prefix(folder()).unwrap().display().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        let case = file::CaseFile::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let played = play::play(&case).await;
        if update {
            std::fs::write(&path, file::with_timeline(&text, &played.timeline)).unwrap();
        }
        let differences = play::differences(&case, &played, !update);
        wrong.extend(differences.into_iter().map(|difference| format!("{name}: {difference}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_shipped_runbook_has_a_case() {
    let library = crate::runbook::Library::embedded().unwrap();
    let tested: Vec<String> = cases()
        .iter()
        .map(|path| {
            file::CaseFile::parse(&std::fs::read_to_string(path).unwrap()).unwrap().expect.runbook
        })
        .collect();
    for runbook in library.iter() {
        assert!(
            tested.iter().any(|name| name == runbook.name.as_str()),
            "no case for {}",
            runbook.name
        );
    }
}
