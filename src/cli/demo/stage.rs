//! The demo's deployment: built like any other, with the sandbox as AWS.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::findings::Delivery;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::clock::{Clock, SystemClock};
use crate::cloud::sandbox::Sandbox;
use crate::config::{CloudConfig, Config, ForensicsConfig};
use crate::error::Code;
use crate::id::Ids;
use crate::store::{NewToken, Role};
use crate::web::{Secret, Service, Setup};

/// How long runs may take before the demo gives up; they take seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// The time between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// The deployment.
pub struct Stage {
    /// Where it listens.
    pub url: String,
    /// A token that may do everything, for `--serve`.
    pub token: String,
    /// A second person's token: nobody approves what they asked for themselves.
    pub approver: String,
    /// The accounts.
    pub sandbox: Sandbox,
    service: Service,
    intake: Client,
    /// The API, as a person sees it.
    pub person: Client,
    commander: Client,
    clock: Arc<dyn Clock>,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// Starts it.
    ///
    /// # Errors
    /// What could not be started.
    pub async fn open() -> Result<Self, CliError> {
        let broken =
            |what: &str, error: String| CliError::new(Code::INTERNAL, format!("{what}: {error}"));
        let folder = tempfile::tempdir()
            .map_err(|error| broken("no temporary folder", error.to_string()))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let sandbox = Sandbox::from_scenario(include_str!("scenario.toml"), Arc::clone(&clock))
            .map_err(|error| broken("the scenario", error))?;
        let config = config(&folder.path().join("demo.db").display().to_string())?;
        let ids = Arc::new(Ids::random());
        let setup = Setup {
            config,
            cloud: Arc::new(sandbox.clone()),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
            script_threads: 2,
        };
        let service = Service::start(setup)
            .await
            .map_err(|error| CliError::new(error.code(), error.to_string()))?;
        let url = format!("http://{}", service.address());
        let mut tokens = Vec::new();
        for (name, role) in [
            ("eventbridge", Role::Intake),
            ("responder", Role::Admin),
            ("incident-commander", Role::Approver),
        ] {
            let secret = Secret::random();
            let token = NewToken {
                id: ids.token(clock.as_ref()),
                name: name.to_owned(),
                role,
                hash: secret.hash(),
                created_at: clock.now(),
                expires_at: None,
            };
            service
                .store()
                .create_token(token)
                .await
                .map_err(|error| CliError::new(error.code(), error.to_string()))?;
            tokens.push(secret.reveal().to_owned());
        }
        let client = |n: usize| Client::new(&url, tokens.get(n).map(String::as_str));
        let (intake, person, commander) = (client(0)?, client(1)?, client(2)?);
        let (approver, token) = (tokens.swap_remove(2), tokens.swap_remove(1));
        Ok(Self {
            url,
            token,
            approver,
            sandbox,
            service,
            intake,
            person,
            commander,
            clock,
            _folder: folder,
        })
    }

    /// Posts a finding, as EventBridge would.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn send(&self, delivery: &Delivery) -> Result<Value, CliError> {
        self.intake.send(&["v1", "findings"], delivery.body.clone().into_bytes()).await
    }

    /// Approves what is asked, as the incident commander: question and name.
    ///
    /// # Errors
    /// When nobody asks within [`PATIENCE`].
    pub async fn approve_all(&self) -> Result<Vec<(String, &'static str)>, CliError> {
        let deadline = self.clock.monotonic() + PATIENCE;
        loop {
            let pending: Value = self.commander.get(&["v1", "approvals"], &[]).await?;
            let items = pending["items"].as_array().cloned().unwrap_or_default();
            let mut approved = Vec::new();
            for item in &items {
                let path = ["v1", "approvals", item["id"].as_str().unwrap_or_default()];
                let decision = json!({"decision": "approve", "hash": item["hash"], "reason": "seen in CloudTrail, too"});
                let _: Value = self.commander.post(&path, &decision).await?;
                approved.push((
                    item["question"].as_str().unwrap_or_default().to_owned(),
                    "incident-commander",
                ));
            }
            if !approved.is_empty() {
                return Ok(approved);
            }
            self.pause(deadline, "nobody was asked").await?;
        }
    }

    /// Waits until every run is over.
    ///
    /// # Errors
    /// When one is not within [`PATIENCE`].
    pub async fn wait_for_runs(&self) -> Result<(), CliError> {
        let deadline = self.clock.monotonic() + PATIENCE;
        loop {
            let cases: Value = self.person.get(&["v1", "cases"], &[]).await?;
            let items = cases["items"].as_array().cloned().unwrap_or_default();
            let busy = |case: &Value| matches!(case["status"].as_str(), Some("active" | "waiting"));
            if !items.iter().any(busy) {
                return Ok(());
            }
            self.pause(deadline, "a run did not end").await?;
        }
    }

    async fn pause(&self, deadline: Duration, what: &str) -> Result<(), CliError> {
        if self.clock.monotonic() > deadline {
            return Err(CliError::new(
                Code::INTERNAL,
                format!("{what} within {} s", PATIENCE.as_secs()),
            ));
        }
        self.clock.sleep(LOOK).await;
        Ok(())
    }

    /// Waits for Ctrl-C.
    ///
    /// # Errors
    /// When signals can't be heard.
    pub async fn until_interrupted(&self) -> Result<(), CliError> {
        tokio::signal::ctrl_c()
            .await
            .map_err(|error| CliError::new(Code::INTERNAL, error.to_string()))
    }

    /// Stops the service; the folder goes with it.
    pub async fn close(self) {
        self.service.stop().await;
    }
}

fn config(database: &str) -> Result<Config, CliError> {
    let bad = |error: crate::id::IdError| CliError::new(Code::INTERNAL, error.to_string());
    let account = "111122223333".parse().map_err(bad)?;
    let forensics = "999988887777".parse().map_err(bad)?;
    let mut config = Config {
        listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
        database: format!("sqlite://{database}"),
        cloud: CloudConfig::Sandbox { scenario: None, world: None },
        ..Config::default()
    };
    config.accounts.insert(account, crate::config::AccountConfig::contain());
    config.forensics = Some(ForensicsConfig::in_account(forensics));
    Ok(config)
}
