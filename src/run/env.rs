//! What every run needs, in one place: the seams and the deployment's limits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::outbox::Pace;
use crate::action::Settings;
use crate::clock::Clock;
use crate::cloud::Cloud;
use crate::id::{AccountId, Digest, Ids, Region, RunbookName};
use crate::notify::Notifier;
use crate::routing::Mode;
use crate::runbook::{Evaluator, Library, Runbook, compile_pinned};
use crate::store::Store;

/// Compiled scripts that are kept: more than a deployment has runbooks, and about 100 KB each.
const COMPILED_MAX: usize = 64;

/// The seams and settings of a process.
pub struct Env {
    /// The store.
    pub store: Store,
    /// AWS, or its twin.
    pub cloud: Arc<dyn Cloud>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<Ids>,
    /// The script threads.
    pub evaluator: Evaluator,
    /// The runbooks of this process; runs use their pinned source.
    pub library: Arc<Library>,
    /// Where messages go.
    pub notifier: Arc<dyn Notifier>,
    /// Wakes who sends them.
    pub tell: Notify,
    /// How many messages were sent lately that nobody but the sender of a finding makes necessary.
    pub pace: Mutex<Pace>,
    /// What actions need to know.
    pub settings: Settings,
    /// What runs may do.
    pub limits: Limits,
    /// Who this process is: the owner of leases. New at every start.
    pub owner: String,
    /// Drives that rest with something in the open: they wait beside those that are at work.
    pub resting: AtomicUsize,
    /// Compiled scripts by hash.
    pub compiled: Mutex<BTreeMap<Digest, Arc<Runbook>>>,
}

/// What runs may do, whatever scripts ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Accounts in which anything may be changed.
    pub allowed_accounts: BTreeSet<AccountId>,
    /// The freest mode in each account that has one.
    pub account_modes: BTreeMap<AccountId, Mode>,
    /// Regions beyond those that this version knows, in which a person may start runs.
    pub further_regions: BTreeSet<Region>,
    /// Distinct targets that one run may change.
    pub targets_per_run: u32,
    /// A tag (`key`, or `key=value`) that protects its resource.
    pub protected_tag: String,
    /// Whether a finding is fetched from GuardDuty before a run acts on it.
    pub confirm_findings: bool,
    /// Whether people are asked before a role is contained that more than the target lives on.
    pub confirm_shared_roles: bool,
}

impl Limits {
    /// What people read of an account that is not on the allow list; `None`: it is. Whatever else is to be
    /// said of a run there comes after this: without a role of ours nothing is seen there, either.
    #[must_use]
    pub fn off_list(&self, account: &AccountId) -> Option<String> {
        let listed = self.allowed_accounts.contains(account);
        (!listed).then(|| {
            format!(
                "account {account} is not on the allow list: look there yourself, or add the account to the \
                 configuration"
            )
        })
    }

    /// The freest mode that runs may have in an account: where it is not on the allow list, they only
    /// observe.
    #[must_use]
    pub fn mode(&self, account: &AccountId) -> Mode {
        if !self.allowed_accounts.contains(account) {
            return Mode::Observe;
        }
        self.account_modes.get(account).copied().unwrap_or(Mode::Contain)
    }
}

impl Env {
    /// The runbook whose source has this digest, where this process has compiled it.
    #[must_use]
    pub fn compiled_before(&self, hash: &Digest) -> Option<Arc<Runbook>> {
        let cache = self.compiled.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        cache.get(hash).map(Arc::clone)
    }

    /// The runbook with exactly this source, compiled once.
    ///
    /// # Errors
    /// The first diagnostic, in words: a pinned source compiled before, so this is a newer engine.
    pub fn compiled(
        &self,
        name: &RunbookName,
        hash: &Digest,
        source: &str,
    ) -> Result<Arc<Runbook>, String> {
        if let Some(runbook) = self.compiled_before(hash) {
            return Ok(runbook);
        }
        let compiled = compile_pinned(self.evaluator.engine(), name.clone(), source);
        let runbook = compiled.map(Arc::new).map_err(|diagnostics| {
            diagnostics
                .first()
                .map_or_else(|| "it does not compile".to_owned(), ToString::to_string)
        })?;
        let mut cache = self.compiled.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if cache.len() >= COMPILED_MAX {
            cache.pop_first();
        }
        cache.insert(hash.clone(), Arc::clone(&runbook));
        Ok(runbook)
    }
}
