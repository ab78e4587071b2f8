//! The test bed: a store on a file, the things to put into it, and the check at the end.

use jiff::Timestamp;
use std::collections::BTreeSet;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::case::Version;
use crate::id::{CaseId, Digest, RunId};
use crate::routing::Mode;
use crate::store::{
    Acceptance, CaseFilter, Commit, Effect, Fence, NewRun, RunKind, Store, StoreError, StoredEntry,
};
use crate::timeline::{Actor, Draft, Kind, verify};

/// A store on a file of its own.
pub struct Bed {
    folder: TempDir,
    /// The store.
    pub store: Store,
}

/// Runs `test` on an empty store, then verifies every chain.
pub async fn on_bed(test: impl AsyncFnOnce(&mut Bed)) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&url(&folder)).await.unwrap();
    let mut bed = Bed { folder, store };
    test(&mut bed).await;
    bed.verify().await;
    bed.store.close().await;
}

fn url(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("test.db").display())
}

impl Bed {
    /// The database's file.
    pub fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("test.db")
    }

    /// The database's URL.
    pub fn url(&self) -> String {
        url(&self.folder)
    }

    /// Opens the file again, without closing the store that had it: as after a crash.
    pub async fn reopen(&mut self) {
        self.store = Store::open(&self.url()).await.unwrap();
    }

    /// Verifies every chain and that each projection agrees with it.
    pub async fn verify(&self) {
        let mut cursor = None;
        loop {
            let page =
                self.store.cases(CaseFilter::default(), cursor.as_deref(), 100).await.unwrap();
            for case in &page.items {
                let head = self.store.head(&case.id).await.unwrap().unwrap();
                assert_eq!((head.length, &head.hash), (case.length, &case.head));
                let entries = self.store.entries(&case.id, 0, u32::MAX).await.unwrap();
                let links = entries.iter().map(|entry| (entry.bytes.as_slice(), Some(&entry.hash)));
                let report = verify(&case.id, links, Some(&head));
                assert!(report.is_valid(), "{}: {:?}", case.id, report.faults);
                let status =
                    entries.iter().map(value).rfind(|e| e["kind"] == "case.status_changed");
                let status = status
                    .map_or("open".to_owned(), |e| e["body"]["to"].as_str().unwrap().to_owned());
                assert_eq!(
                    case.status.label(),
                    status,
                    "the status is the last one that the chain names"
                );
            }
            cursor = page.next;
            if cursor.is_none() {
                return;
            }
        }
    }

    /// The kinds of a case's entries, in order.
    pub async fn kinds(&self, case: &CaseId) -> Vec<String> {
        let entries = self.store.entries(case, 0, u32::MAX).await.unwrap();
        entries.iter().map(|entry| value(entry)["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// The bodies of a case's entries of one kind.
    pub async fn bodies(&self, case: &CaseId, kind: Kind) -> Vec<Value> {
        let entries = self.store.entries(case, 0, u32::MAX).await.unwrap();
        let of_kind = entries.iter().map(value).filter(|entry| entry["kind"] == kind.label());
        of_kind.map(|entry| entry["body"].clone()).collect()
    }

    /// Opens `case-<name>` with a run `run-<name>`, and claims it.
    pub async fn running(&self, name: &str) -> (CaseId, Fence) {
        let accepted = self.store.accept(finding(name).with_run(name)).await.unwrap();
        let run = accepted.run.unwrap();
        let (row, fence) = self.store.claim("owner", at(0)).await.unwrap().unwrap();
        assert_eq!(row.id, run, "another run was waiting");
        (accepted.case, fence)
    }

    /// Commits one note with `effects`, under `fence`.
    pub async fn apply(
        &self,
        case: &CaseId,
        fence: Option<&Fence>,
        effects: Vec<Effect>,
    ) -> Result<(), StoreError> {
        let entries = vec![note("with effects")];
        let commit = Commit { case: case.clone(), fence: fence.cloned(), entries, effects };
        self.store.commit(commit).await.map(drop)
    }
}

/// An entry as JSON.
pub fn value(entry: &StoredEntry) -> Value {
    serde_json::from_slice(&entry.bytes).unwrap()
}

/// The time of most tests, and `seconds` after it.
pub fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-01-03T10:00:00Z".parse().unwrap();
    start + jiff::SignedDuration::from_secs(seconds)
}

/// `case-<name>`.
pub fn case_id(name: &str) -> CaseId {
    format!("case-{name}").parse().unwrap()
}

/// `run-<name>`.
pub fn run_id(name: &str) -> RunId {
    format!("run-{name}").parse().unwrap()
}

/// A person's note.
pub fn note(text: &str) -> Draft {
    Draft::new(at(0), Actor::Person("ada".into()), Kind::NoteAdded, json!({"text": text}))
}

/// A commit of entries only.
pub fn commit(case: &CaseId, entries: Vec<Draft>) -> Commit {
    Commit { case: case.clone(), fence: None, entries, effects: Vec::new() }
}

/// The first version of a finding on its own resource, that opens `case-<name>` and starts nothing.
pub fn finding(name: &str) -> Acceptance {
    let document = json!({"id": name, "version": 1, "severity": 7.5});
    Acceptance {
        case: case_id(name),
        now: at(0),
        source: "api".into(),
        raw: document.to_string().into_bytes(),
        account: Some("111122223333".parse().unwrap()),
        region: Some("eu-west-1".parse().unwrap()),
        finding_id: name.parse().unwrap(),
        version: Version {
            updated_at: Some(at(0)),
            count: 1,
            archived: false,
            content: Digest::of(document.to_string().as_bytes()),
        },
        seen_at: None,
        document,
        title: "Someone mines coins".into(),
        finding_type: "CryptoCurrency:EC2/BitcoinTool.B".into(),
        severity: Some(75),
        resource: Some(format!("instance/{name}")),
        correlation: format!("111122223333/instance/{name}"),
        reasons: json!({"runbook": null, "reasons": ["no runbook matches"]}),
        run: None,
    }
}

/// Changes to a finding that tests make.
impl Acceptance {
    /// Another version of the same finding: later by `minutes`.
    pub fn version(mut self, minutes: i64) -> Self {
        self.now = at(minutes * 60);
        self.document["version"] = json!(minutes);
        self.raw = self.document.to_string().into_bytes();
        self.version.updated_at = Some(at(minutes * 60));
        self.version.content = Digest::of(&self.raw);
        self
    }

    /// It starts `run-<name>` in mode `contain`, on the target `<name>`, for what the finding is about.
    pub fn with_run(mut self, name: &str) -> Self {
        let params = json!({"instance": self.finding_id});
        self.run = Some(NewRun { params, ..run(name) });
        self
    }
}

/// `run-<name>`, in mode `contain`, on the target `<name>`.
pub fn run(name: &str) -> NewRun {
    let source = "fn run(case, p) {}".to_owned();
    NewRun {
        id: run_id(name),
        kind: RunKind::Runbook,
        runbook: "isolate".parse().unwrap(),
        hash: Digest::of(source.as_bytes()),
        source,
        host_api: 1,
        mode: Mode::Contain,
        params: json!({"instance": name}),
        account: "111122223333".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
        target: Some(name.to_owned()),
        requested_by: "service".into(),
        document: None,
        named: BTreeSet::new(),
        unanswered: None,
        confirmed: true,
    }
}
