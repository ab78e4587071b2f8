//! A whole deployment inside a test: a real store in a temporary folder, the sandbox or any other
//! cloud, a clock of its own. Only tests use it; what is finished here has every chain verified.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::action::{Forensics, Settings};
use crate::clock::{Clock, ManualClock};
use crate::cloud::Cloud;
use crate::id::{AccountId, CaseId, Ids, RunId};
use crate::intake::{self, Intake, IntakeError, Refused};
use crate::notify::{Delivery, Message, Notifier, NotifyError};
use crate::routing::Policy;
use crate::run::{Desk, DeskError, Env, Limits, TakeBack, run_until_idle, send_due};
use crate::runbook::{Evaluator, Library};
use crate::store::{CaseFilter, RunRow, Store};
use crate::timeline::{Entry, verify};

/// Where databases of labs lie when the machine has it: memory, so that a lab's fsyncs cost nothing.
/// What survives a crash of the machine is tested elsewhere, on a disk.
const MEMORY: &str = "/dev/shm";

/// One engine for all labs: building it and compiling the runbooks cost more than most runs.
static EVALUATOR: LazyLock<Evaluator> = LazyLock::new(|| Evaluator::new(2).unwrap());
static LIBRARY: LazyLock<Arc<Library>> = LazyLock::new(|| Arc::new(Library::embedded().unwrap()));

/// What differs between labs.
pub struct LabSettings {
    pub allowed: BTreeSet<AccountId>,
    pub forensics: Option<AccountId>,
    pub confirm_findings: bool,
    pub confirm_shared_roles: bool,
    pub protected_tag: String,
    pub targets_per_run: u32,
    pub library: Arc<Library>,
    /// The channels that there are; empty: any.
    pub channels: BTreeSet<String>,
    /// How what arrives is told.
    pub delivery: Delivery,
}

impl Default for LabSettings {
    fn default() -> Self {
        Self {
            allowed: BTreeSet::new(),
            forensics: None,
            confirm_findings: false,
            confirm_shared_roles: true,
            protected_tag: "tourniquet:protected".to_owned(),
            targets_per_run: 20,
            library: Arc::clone(&LIBRARY),
            channels: BTreeSet::new(),
            delivery: Delivery::Posted,
        }
    }
}

/// Keeps what people are told.
struct Told {
    messages: Mutex<Vec<Message>>,
    /// Whether nobody answers.
    down: AtomicBool,
    /// The channels that there are; empty: any.
    channels: BTreeSet<String>,
    delivery: Delivery,
}

#[async_trait]
impl Notifier for Told {
    async fn send(&self, channel: &str, message: &Message) -> Result<Delivery, NotifyError> {
        if let Some(error) = self.unknown(channel) {
            return Err(error);
        }
        if self.down.load(Ordering::Relaxed) {
            let reason = "error sending request (os error 111)".to_owned();
            return Err(NotifyError::NoAnswer { channel: channel.to_owned(), reason });
        }
        self.messages.lock().unwrap().push(message.clone());
        Ok(self.delivery)
    }

    fn unknown(&self, channel: &str) -> Option<NotifyError> {
        let known = self.channels.is_empty() || self.channels.contains(channel);
        let names = || self.channels.iter().cloned().collect::<Vec<_>>().join(", ");
        (!known).then(|| NotifyError::NoChannel { channel: channel.to_owned(), known: names() })
    }
}

/// A deployment.
pub struct Lab {
    pub env: Arc<Env>,
    pub desk: Desk,
    pub clock: ManualClock,
    told: Arc<Told>,
    intake: Intake,
    _folder: tempfile::TempDir,
}

impl Lab {
    pub async fn new(cloud: Arc<dyn Cloud>, clock: ManualClock, settings: LabSettings) -> Self {
        let folder = match Path::new(MEMORY).is_dir() {
            true => tempfile::tempdir_in(MEMORY).unwrap(),
            false => tempfile::tempdir().unwrap(),
        };
        let url = format!("sqlite://{}", folder.path().join("lab.db").display());
        let store = Store::open(&url).await.unwrap();
        let library = settings.library;
        let ids = Arc::new(Ids::counted());
        let forensics = settings.forensics.map(|account| Forensics {
            account,
            kms_key: "alias/tourniquet-forensics".to_owned(),
            transfer_kms_key: "alias/tourniquet-transfer".to_owned(),
        });
        let told = Arc::new(Told {
            messages: Mutex::default(),
            down: AtomicBool::new(false),
            channels: settings.channels,
            delivery: settings.delivery,
        });
        let env = Arc::new(Env {
            store: store.clone(),
            cloud,
            clock: Arc::new(clock.clone()),
            ids: Arc::clone(&ids),
            evaluator: EVALUATOR.clone(),
            library: Arc::clone(&library),
            notifier: Arc::clone(&told) as Arc<dyn Notifier>,
            tell: Notify::new(),
            pace: Mutex::default(),
            settings: Settings {
                forensics,
                protected_roles: BTreeSet::from(["responder".to_owned()]),
                lock: None,
            },
            limits: Limits {
                allowed_accounts: settings.allowed.clone(),
                account_modes: BTreeMap::new(),
                further_regions: BTreeSet::new(),
                targets_per_run: settings.targets_per_run,
                protected_tag: settings.protected_tag,
                confirm_findings: settings.confirm_findings,
                confirm_shared_roles: settings.confirm_shared_roles,
            },
            owner: "lab".to_owned(),
            resting: Default::default(),
            compiled: Mutex::new(BTreeMap::new()),
        });
        let desk = Desk::new(Arc::clone(&env), Arc::new(Notify::new()));
        let policy = Policy {
            allowed_accounts: settings.allowed,
            account_modes: BTreeMap::new(),
            fallback: Some("observe".parse().unwrap()),
        };
        let intake =
            Intake::new(store, library, policy, Arc::new(clock.clone()), ids, desk.clone());
        Self { env, desk, clock, told, intake, _folder: folder }
    }

    /// Goes on with other limits, as after a restart with another configuration.
    pub fn limit(&mut self, change: impl FnOnce(&mut Limits)) {
        let old = &self.env;
        let mut limits = old.limits.clone();
        change(&mut limits);
        self.env = Arc::new(Env {
            store: old.store.clone(),
            cloud: Arc::clone(&old.cloud),
            clock: Arc::clone(&old.clock),
            ids: Arc::clone(&old.ids),
            evaluator: old.evaluator.clone(),
            library: Arc::clone(&old.library),
            notifier: Arc::clone(&old.notifier),
            tell: Notify::new(),
            pace: Mutex::default(),
            settings: old.settings.clone(),
            limits,
            owner: old.owner.clone(),
            resting: Default::default(),
            compiled: Mutex::new(BTreeMap::new()),
        });
        self.desk = Desk::new(Arc::clone(&self.env), Arc::new(Notify::new()));
    }

    /// What people were told, in order.
    pub fn told(&self) -> Vec<String> {
        self.messages().into_iter().map(|message| message.text).collect()
    }

    /// The messages that arrived, in order.
    pub fn messages(&self) -> Vec<Message> {
        self.told.messages.lock().unwrap().clone()
    }

    /// From now on no message arrives.
    pub fn cut_off(&self) {
        self.told.down.store(true, Ordering::Relaxed);
    }

    /// Messages arrive again.
    pub fn reconnect(&self) {
        self.told.down.store(false, Ordering::Relaxed);
    }

    /// Lets time pass, and sends what is due then.
    pub async fn wait(&self, time: Duration) {
        self.clock.advance(time);
        send_due(&self.env).await.unwrap();
    }

    /// Delivers a finding and returns its case.
    pub async fn deliver(&self, finding: &str) -> CaseId {
        let answer =
            intake::accept(&self.intake, finding.as_bytes().to_vec(), "lab").await.unwrap();
        answer.findings.first().expect("a finding").case.clone()
    }

    /// Delivers what is no finding, and returns how it was refused.
    pub async fn refuse(&self, document: &str) -> Refused {
        match intake::accept(&self.intake, document.as_bytes().to_vec(), "lab").await {
            Err(IntakeError::Refused(refused)) => refused,
            other => panic!("{other:?}"),
        }
    }

    /// Drives all runs until only people are waited for.
    pub async fn settle(&self) {
        let clock = self.clock.clone();
        let skip = |at| {
            let wait = clock.now().duration_until(at);
            clock.advance(wait.try_into().unwrap_or_default());
        };
        run_until_idle(&self.env, skip).await.unwrap();
    }

    /// Every case, newest first.
    pub async fn cases(&self) -> Vec<CaseId> {
        let page = self.env.store.cases(CaseFilter::default(), None, 1_000).await.unwrap();
        page.items.into_iter().map(|case| case.id).collect()
    }

    /// A case's entries.
    pub async fn entries(&self, case: &CaseId) -> Vec<Entry> {
        let stored = self.env.store.entries(case, 0, 100_000).await.unwrap();
        stored.iter().map(|stored| Entry::parse(&stored.bytes).unwrap()).collect()
    }

    /// Verifies every chain and closes the store.
    pub async fn finish(self) {
        for case in self.cases().await {
            let stored = self.env.store.entries(&case, 0, 100_000).await.unwrap();
            let head = self.env.store.head(&case).await.unwrap();
            let entries = stored.iter().map(|stored| (stored.bytes.as_slice(), Some(&stored.hash)));
            let report = verify(&case, entries, head.as_ref());
            assert!(report.is_valid(), "{case}: {:?}", report.faults);
        }
        self.env.store.close().await;
    }
}

impl Desk {
    /// Takes a run back for a reason that does not matter.
    pub async fn undo(&self, run: &RunId, by: String, revive: bool) -> Result<RunRow, DeskError> {
        let (run, reason) = (run.clone(), Some("a test of ours".to_owned()));
        self.take_back(TakeBack { run, by, revive, reason }).await
    }
}
