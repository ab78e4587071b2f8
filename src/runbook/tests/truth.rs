//! What lint believes about values that come from a whole run, held against a run in the sandbox: the
//! case, and what an action gives in place of its output.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::clock::ManualClock;
use crate::cloud::sandbox::Sandbox;
use crate::lab::{Lab, LabSettings};
use crate::run::StartRun;
use crate::runbook::lint::{PLANNED, SPARED};
use crate::runbook::step::CASE;

/// The keys of a map that a script sees in a run of this mode.
async fn keys(of: &str, mode: Mode) -> BTreeSet<String> {
    let source = format!(
        "//! Tells keys.\nconst RUNBOOK = #{{ on: [\"Never:X/*\"], mode: \"contain\" }};\n\
         fn run(case, p) {{ let keys = \"\"; for key in {of}.keys() {{ keys += key + \" \"; }} notify(\"oncall\", keys); }}"
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keys.rhai"), source).unwrap();
    let library = Library::load(folder.path()).unwrap_or_else(|error| panic!("{error}"));
    let clock = ManualClock::self_advancing("2026-03-14T09:27:12Z".parse().unwrap());
    let scenario = include_str!("../../tests/incident.toml");
    let sandbox = Sandbox::from_scenario(scenario, Arc::new(clock.clone())).unwrap();
    let settings = LabSettings {
        allowed: ["111122223333".parse().unwrap()].into(),
        library: Arc::new(library),
        ..LabSettings::default()
    };
    let lab = Lab::new(Arc::new(sandbox), clock, settings).await;
    let start = StartRun {
        case: None,
        runbook: "keys".parse().unwrap(),
        params: serde_json::Map::new(),
        mode,
        account: Some("111122223333".parse().unwrap()),
        region: Some("eu-west-1".parse().unwrap()),
        by: "ada".to_owned(),
        reason: None,
    };
    let started = lab.desk.start(start).await.unwrap();
    lab.settle().await;
    let entries = lab.entries(&started.case).await;
    let told = entries.iter().find_map(|entry| entry.body.get("args")?.get("message")?.as_str());
    let told = told.expect("a message").split_whitespace().map(str::to_owned).collect();
    lab.finish().await;
    told
}

fn set(names: impl IntoIterator<Item = &'static str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_case_has_the_fields_that_lint_knows() {
    assert_eq!(keys("case", Mode::Contain).await, set(CASE.names()));
}

#[tokio::test]
async fn an_action_that_is_planned_or_spared_gives_the_fields_that_lint_knows() {
    let isolate = "contain::isolate_instance(\"i-0a1b2c3d4e5f60718\")";
    assert_eq!(keys(isolate, Mode::Observe).await, set(PLANNED.iter().copied()));
    let absent = "act::guard_instance(\"i-0a1b2c3d4e5f60000\")";
    assert_eq!(keys(absent, Mode::Contain).await, set(SPARED.iter().copied()));
}

#[test]
fn the_reference_names_every_field_that_lint_knows() {
    let reference = include_str!("../../../docs/runbooks.md");
    let row = |start: &str| {
        let found = reference.lines().find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("no row {start}"))
    };
    for query in queries() {
        let row = row(&format!("| `{}(", query.name()));
        for name in query.output().names() {
            assert!(row.contains(&format!("`{name}`")), "{}: {name}", query.name());
        }
    }
    let (_, fields) = reference.split_once("| Field | Meaning |").unwrap();
    let (fields, _) = fields.split_once("\n\n").unwrap();
    for name in CASE.names() {
        assert!(fields.contains(&format!("`{name}`")), "case: {name}");
    }
}
