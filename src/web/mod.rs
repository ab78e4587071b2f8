//! The HTTP edge: the `/v1` JSON API, health, and the server that carries them.
//!
//! Every route stands in one table with the roles that may use it ([`routes`]); what is not there
//! does not exist. Handlers turn requests into calls of `intake`, `run::Desk` and the store's reads,
//! and their results into JSON. Nothing is decided here, and no SQL and no AWS call is made here.
//!
//! ```text
//!  connection ─► server ─► log ─► panic ─► time limit ─► route ─► token & role ─► handler
//! ```

mod about;
mod api;
mod auth;
mod body;
mod handle;
mod health;
mod limit;
mod log;
mod places;
mod problem;
mod routes;
mod secret;
mod server;
mod service;
#[cfg(test)]
pub mod tests;
mod view;

use std::sync::Arc;

pub use secret::Secret;
pub use service::{Service, Setup, StartError, library};
pub use view::runbook as runbook_view;

use crate::clock::Clock;
use crate::intake::Intake;
use crate::run::Desk;
use crate::runbook::Library;
use crate::store::Store;
use auth::Doorkeeper;

/// What handlers reach: cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

/// The parts of [`App`].
pub struct Inner {
    /// The store, for reads.
    pub store: Store,
    /// What people may ask of runs.
    pub desk: Desk,
    /// The one way in for findings.
    pub intake: Intake,
    /// The runbooks.
    pub library: Arc<Library>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who may come in.
    pub doorkeeper: Doorkeeper,
    /// What the cloud is called.
    pub cloud: &'static str,
    /// Bytes of a finding's body.
    pub body_max: usize,
    /// Whether runs are being driven; false makes `/readyz` say so.
    pub driver_alive: Box<dyn Fn() -> bool + Send + Sync>,
}

impl App {
    /// An app of these parts.
    #[must_use]
    pub fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}
