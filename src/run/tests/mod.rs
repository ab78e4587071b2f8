//! Runs in a whole deployment, with the sandbox as AWS.

mod adversary;
mod again;
mod approvals;
mod attacks;
mod copying;
mod early;
mod elsewhere;
mod faults;
mod gathered;
mod guards;
mod honest;
mod later;
mod lifecycle;
mod notify;
mod open_group;
mod outbox;
mod outlived;
mod pacing;
mod plans;
mod shared;
mod siege;
mod silence;
mod turns;
mod undo;
mod unreadable;

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::StartRun;
use super::drive::{Driven, drive};
use super::lease::Lease;
use crate::clock::{Clock as _, ManualClock};
use crate::cloud::sandbox::Sandbox;
use crate::finding::fixtures;
use crate::id::{CaseId, RunId};
use crate::lab::{Lab, LabSettings};
use crate::routing::Mode;
use crate::store::{Decide, RunRow, StoreError};
use crate::timeline::Entry;

/// The world of the crash tests, too.
const SCENARIO: &str = include_str!("../../tests/incident.toml");

fn clock() -> ManualClock {
    ManualClock::self_advancing("2026-03-14T09:27:12Z".parse().unwrap())
}

fn settings() -> LabSettings {
    LabSettings {
        allowed: ["111122223333".parse().unwrap()].into(),
        forensics: Some("999988887777".parse().unwrap()),
        ..LabSettings::default()
    }
}

async fn lab_with(settings: LabSettings) -> (Lab, Sandbox) {
    let clock = clock();
    let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap();
    (Lab::new(Arc::new(sandbox.clone()), clock, settings).await, sandbox)
}

async fn lab() -> (Lab, Sandbox) {
    lab_with(settings()).await
}

/// Tags every instance as protected.
fn protect(sandbox: &Sandbox) {
    sandbox
        .edit(|world| {
            for account in world.accounts.values_mut() {
                for region in account.regions.values_mut() {
                    for machine in region.instances.values_mut() {
                        let tag = ("tourniquet:protected".to_owned(), "yes".to_owned());
                        machine.instance.tags.extend([tag]);
                    }
                }
            }
        })
        .unwrap();
}

fn mining() -> &'static str {
    fixtures::ALL
        .iter()
        .find(|(name, _)| *name == "crypto-mining-instance")
        .map(|(_, text)| *text)
        .unwrap()
}

async fn only_run(lab: &Lab, case: &CaseId) -> RunRow {
    let runs = lab.env.store.runs_of(case).await.unwrap();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs.into_iter().next().unwrap()
}

async fn run(lab: &Lab, id: &RunId) -> RunRow {
    lab.env.store.run(id).await.unwrap().unwrap()
}

fn by_hand(runbook: &str, params: Value, mode: Mode) -> StartRun {
    let params: Map<String, Value> = params.as_object().cloned().unwrap();
    StartRun {
        case: None,
        runbook: runbook.parse().unwrap(),
        params,
        mode,
        account: Some("111122223333".parse().unwrap()),
        region: Some("eu-west-1".parse().unwrap()),
        by: "ada".to_owned(),
        reason: None,
    }
}

async fn decide(lab: &Lab, by: &str, grant: bool) -> Result<(), super::DeskError> {
    let asked = lab.env.store.approvals_pending().await.unwrap().remove(0);
    let (approval, hash) = (asked.id, asked.hash);
    let at = "2026-03-14T09:27:12Z".parse().unwrap();
    let decide = Decide { approval, by: by.to_owned(), grant, reason: "seen".to_owned(), hash, at };
    lab.desk.decide(decide).await.map(drop)
}

/// One drive of the run that is next, as the driver makes it; `None`: none can go on.
async fn drive_once(lab: &Lab, stopping: &CancellationToken) -> Option<Result<Driven, StoreError>> {
    let (run, fence) = lab.env.store.claim("lab", lab.clock.now()).await.unwrap()?;
    let lease = Lease::new(fence, lab.clock.monotonic());
    Some(Box::pin(drive(&lab.env, &run, &lease, stopping)).await)
}

/// The same in a process that a panic kills: whether one did; `None`: none can go on.
async fn drive_killed(lab: &Lab) -> Option<bool> {
    let (run, fence) = lab.env.store.claim("lab", lab.clock.now()).await.unwrap()?;
    let (lease, env) = (Lease::new(fence, lab.clock.monotonic()), lab.env.clone());
    let drives = tokio::spawn(async move {
        Box::pin(drive(&env, &run, &lease, &CancellationToken::new())).await.map(drop)
    });
    Some(drives.await.is_err())
}

/// The case of the mining finding, whose containment was taken back.
async fn lifted_case(lab: &Lab) -> CaseId {
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    let first = only_run(lab, &case).await;
    lab.desk.undo(&first.id, "ada".to_owned(), false).await.unwrap();
    lab.settle().await;
    case
}

/// The same, closed after that.
async fn closed_case(lab: &Lab) -> CaseId {
    let case = lifted_case(lab).await;
    lab.desk.close_case(&case, "ada".to_owned(), "a test of ours").await.unwrap();
    case
}

fn count(entries: &[Entry], kind: &str) -> usize {
    entries.iter().filter(|entry| entry.kind == kind).count()
}

/// A library with the shipped runbooks and this one.
fn library_with(name: &str, source: &str) -> Arc<crate::runbook::Library> {
    let folder = tempfile::tempdir().unwrap();
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    for file in std::fs::read_dir(shipped).unwrap().map(|entry| entry.unwrap().path()) {
        std::fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
    }
    std::fs::write(folder.path().join(format!("{name}.rhai")), source).unwrap();
    Arc::new(crate::runbook::Library::load(folder.path()).unwrap_or_else(|error| panic!("{error}")))
}
