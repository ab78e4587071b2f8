//! The whole service in one process: store, driver and API, started together and stopped in order.
//! `serve` and `demo` both start this one thing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;
use tokio::sync::Notify;

use super::auth::Doorkeeper;
use super::routes::router;
use super::server::{ListenError, Server};
use super::{App, Inner};
use crate::action::{Forensics, Settings};
use crate::clock::Clock;
use crate::cloud::Cloud;
use crate::config::{CloudConfig, Config};
use crate::error::Code;
use crate::id::Ids;
use crate::intake::Intake;
use crate::notify::{Channels, NotifyError};
use crate::routing::{Mode, Policy};
use crate::run::{Desk, Driver, DriverHandle, Env, Limits};
use crate::runbook::{Evaluator, Library, LoadError};
use crate::store::{ServingLock, Store, StoreError};

/// What a service is made of.
pub struct Setup {
    /// The configuration, checked.
    pub config: Config,
    /// AWS, or its twin.
    pub cloud: Arc<dyn Cloud>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<Ids>,
    /// Threads that evaluate scripts.
    pub script_threads: usize,
}

/// A service that did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address can't be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The database can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The runbooks can't be loaded.
    #[error(transparent)]
    Runbooks(#[from] LoadError),
    /// The fallback is no runbook.
    #[error(
        "fallback: there is no runbook `{0}`: a folder in `runbooks` replaces the shipped ones, so copy {0}.rhai into it or set TOURNIQUET_FALLBACK to one of its own"
    )]
    Fallback(String),
    /// A channel can't be used.
    #[error(transparent)]
    Notify(#[from] NotifyError),
    /// The operating system refused something.
    #[error("the operating system: {0}")]
    System(#[from] std::io::Error),
}

impl StartError {
    /// The number that an operator sees.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Listen(_) => Code::LISTEN,
            Self::Store(StoreError::Unavailable(_)) => Code::DATABASE_OPEN,
            Self::Store(error) => error.code(),
            Self::Runbooks(_) => Code::RUNBOOKS_LOAD,
            Self::Fallback(_) | Self::Notify(_) => Code::CONFIG,
            Self::System(_) => Code::INTERNAL,
        }
    }
}

/// A running service.
pub struct Service {
    server: Server,
    driver: Shared,
    store: Store,
    /// Given back last: by then nothing of this process writes any more.
    _serving: ServingLock,
}

/// The driver, until it is told to stop: `/readyz` asks whether it still lives.
type Shared = Arc<Mutex<Option<DriverHandle>>>;

impl Service {
    /// Starts everything; when this returns, the API answers.
    ///
    /// # Errors
    /// What can't be started; whatever was started before is stopped again.
    pub async fn start(setup: Setup) -> Result<Self, StartError> {
        let Setup { config, cloud, clock, ids, script_threads } = setup;
        let listener = Server::bind(config.listen).await?;
        let library = library(&config)?;
        let store = Store::open(&config.database).await?;
        // Before the driver starts, because that takes over the runs of a process it thinks dead.
        let serving = store.lock_for_serving()?;
        let hint = Arc::new(Notify::new());
        let cloud_name = cloud.name();
        let env = Arc::new(Env {
            store: store.clone(),
            cloud,
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
            evaluator: Evaluator::new(script_threads)?,
            library: Arc::clone(&library),
            notifier: Channels::new(&config.notify)?,
            tell: Notify::new(),
            pace: Mutex::default(),
            settings: settings(&config),
            limits: limits(&config),
            owner: ids.run(clock.as_ref()).to_string().replacen("run-", "process-", 1),
            resting: Default::default(),
            compiled: Mutex::new(BTreeMap::new()),
        });
        let desk = Desk::new(Arc::clone(&env), Arc::clone(&hint));
        let driver: Shared = Arc::new(Mutex::new(Some(Driver::spawn(env, hint).await?)));
        let intake = Intake::new(
            store.clone(),
            Arc::clone(&library),
            policy(&config),
            Arc::clone(&clock),
            ids,
            desk.clone(),
        );
        let watched = Arc::clone(&driver);
        let app = App::new(Inner {
            store: store.clone(),
            desk,
            intake,
            library,
            clock: Arc::clone(&clock),
            doorkeeper: Doorkeeper::new(config.intake.rate_per_second),
            cloud: cloud_name,
            body_max: config.intake.body_max,
            driver_alive: Box::new(move || {
                let driver = watched.lock().unwrap_or_else(PoisonError::into_inner);
                driver.as_ref().is_some_and(DriverHandle::is_alive)
            }),
        });
        let server = Server::start(listener, router(app), clock)?;
        Ok(Self { server, driver, store, _serving: serving })
    }

    /// Where the API listens.
    #[must_use]
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Stops in order: no new requests, runs given back, the last writes on disk.
    pub async fn stop(self) {
        let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner).take();
        let drain = async {
            if let Some(driver) = driver {
                driver.drain().await;
            }
        };
        // A client that is slow must not keep runs from being given back in order.
        tokio::join!(drain, self.server.stop());
        self.store.close().await;
    }
}

/// The runbooks of a configuration.
///
/// # Errors
/// When one has an error, or the fallback is not among them.
pub fn library(config: &Config) -> Result<Arc<Library>, StartError> {
    let library = match &config.runbooks {
        Some(folder) => Library::load(folder)?,
        None => Library::embedded()?,
    };
    let known = config.fallback.parse().ok().filter(|name| library.get(name).is_some());
    match known {
        Some(_) => Ok(Arc::new(library)),
        None => Err(StartError::Fallback(config.fallback.clone())),
    }
}

fn settings(config: &Config) -> Settings {
    let forensics = config.forensics.as_ref().map(|forensics| Forensics {
        account: forensics.account.clone(),
        kms_key: forensics.kms_key.clone(),
        transfer_kms_key: forensics.transfer_kms_key.clone(),
    });
    // The roles that we assume are ours: containing one would lock us out in mid-incident.
    let ours = config
        .accounts
        .values()
        .filter_map(|account| account.role_arn.as_deref())
        .filter_map(|arn| arn.rsplit('/').next())
        .map(str::to_owned);
    let protected_roles = config.guards.protected_roles.iter().cloned().chain(ours).collect();
    Settings { forensics, protected_roles, lock: crate::action::lock_of(&config.evidence) }
}

fn limits(config: &Config) -> Limits {
    Limits {
        allowed_accounts: config.accounts.keys().cloned().collect(),
        account_modes: policy(config).account_modes,
        further_regions: config.further_regions.clone(),
        targets_per_run: config.guards.targets_per_run,
        protected_tag: config.guards.protected_tag.clone(),
        confirm_shared_roles: config.guards.confirm_shared_roles,
        confirm_findings: config
            .guards
            .confirm_findings
            .unwrap_or(matches!(config.cloud, CloudConfig::Aws { .. })),
    }
}

fn policy(config: &Config) -> Policy {
    let mode = |label: &str| Mode::from_label(label).unwrap_or(Mode::Observe);
    Policy {
        allowed_accounts: config.accounts.keys().cloned().collect(),
        account_modes: config
            .accounts
            .iter()
            .map(|(id, account)| (id.clone(), mode(account.mode())))
            .collect(),
        fallback: config.fallback.parse().ok(),
    }
}
