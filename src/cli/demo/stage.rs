//! The demo's deployment: built like any other, with the sandbox as AWS.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::findings::Delivery;
use crate::case::RunState;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::clock::{Clock, SystemClock};
use crate::cloud::sandbox::Sandbox;
use crate::config::{CloudConfig, Config, ForensicsConfig};
use crate::error::Code;
use crate::id::Ids;
use crate::store::{Holder, NewToken, Role};
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
                holder: Holder::Same,
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

    /// Waits until every run is over, and until then approves whatever is asked, as the incident
    /// commander: a run may ask again when its plan has changed. `tell` hears question and name.
    ///
    /// # Errors
    /// When a run is not over within [`PATIENCE`]: which, and how it stands.
    pub async fn see_through(
        &self,
        mut tell: impl FnMut(&str, &str) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let deadline = self.clock.monotonic() + PATIENCE;
        loop {
            // Cases first: a question that comes after this look belongs to a case that is busy.
            let cases: Value = self.person.get(&["v1", "cases"], &[]).await?;
            self.approve_pending(&mut tell).await?;
            let busy =
                |case: &&Value| matches!(case["status"].as_str(), Some("active" | "waiting"));
            let busy: Vec<&Value> =
                cases["items"].as_array().into_iter().flatten().filter(busy).collect();
            if busy.is_empty() {
                return Ok(());
            }
            if self.clock.monotonic() > deadline {
                let mut open = Vec::new();
                for case in busy {
                    let path = ["v1", "cases", case["id"].as_str().unwrap_or_default()];
                    open.extend(unfinished(&self.person.get(&path, &[]).await?));
                }
                return Err(late(&open));
            }
            self.clock.sleep(LOOK).await;
        }
    }

    async fn approve_pending(
        &self,
        tell: &mut impl FnMut(&str, &str) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let pending: Value = self.commander.get(&["v1", "approvals"], &[]).await?;
        for item in pending["items"].as_array().into_iter().flatten() {
            let path = ["v1", "approvals", item["id"].as_str().unwrap_or_default()];
            let decision = json!({"decision": "approve", "hash": item["hash"], "reason": "seen in CloudTrail, too"});
            match self.commander.post::<Value>(&path, &decision).await {
                Ok(_) => {
                    tell(item["question"].as_str().unwrap_or_default(), "incident-commander")?;
                }
                // Another question has taken its place: the next look finds it.
                Err(error) if error.code == Code::CONFLICT => {}
                Err(error) => return Err(error),
            }
        }
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

/// The runs of a case that are not over, a sentence each.
fn unfinished(case: &Value) -> Vec<String> {
    let over = |run: &Value| {
        run["state"].as_str().and_then(RunState::from_label).is_some_and(RunState::is_over)
    };
    let runs = case["runs"].as_array().into_iter().flatten().filter(|run| !over(run));
    let open: Vec<String> = runs
        .map(|run| {
            let text = |key: &str| run[key].as_str().unwrap_or("-");
            let summary = run["summary"].as_str().unwrap_or("no summary yet");
            let (id, runbook, state) = (text("id"), text("runbook"), text("state"));
            format!("{id} of {runbook} is {state} ({summary})")
        })
        .collect();
    match (open.is_empty(), case["id"].as_str(), case["status"].as_str()) {
        (true, Some(id), Some(status)) => vec![format!("{id} is {status}, and its runs are over")],
        _ => open,
    }
}

/// The failure of a demo whose runs take too long. There is no log to look into: the service is in
/// this process, and what it knows is said here.
fn late(open: &[String]) -> CliError {
    let seconds = PATIENCE.as_secs();
    let open = open.join("; ");
    CliError::new(Code::ACTION_FAILED, format!("not over within {seconds} s: {open}")).with_remedy(
        "Run the demo again: a very busy machine can be too slow for it. If the same run stands still again, report this message.",
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::findings;
    use crate::cloud::sandbox::World;
    use crate::id::InstanceId;

    /// Guards the instance that the attack sequence names, or lifts its guards.
    fn protect(stage: &Stage, on: bool) {
        let instance: InstanceId = "i-0c3d4e5f607182930".parse().unwrap();
        let edit = |world: &mut World| {
            let regions = world.accounts.values_mut().flat_map(|own| own.regions.values_mut());
            for machine in regions.filter_map(|region| region.instances.get_mut(&instance)) {
                let volumes = machine.instance.volumes.iter().filter(|_| on);
                machine.ending.kept = volumes.map(|(_, volume)| volume.clone()).collect();
                machine.ending.protected = on;
            }
        };
        stage.sandbox.edit(edit).unwrap();
    }

    #[tokio::test]
    async fn a_run_that_asks_a_second_time_is_answered_a_second_time() {
        let stage = Stage::open().await.unwrap();
        protect(&stage, true);
        let deliveries = findings::all().unwrap();
        stage
            .send(deliveries.iter().find(|one| one.name == "an attack sequence").unwrap())
            .await
            .unwrap();
        loop {
            let asked: Value = stage.commander.get(&["v1", "approvals"], &[]).await.unwrap();
            if !asked["items"].as_array().unwrap().is_empty() {
                break;
            }
            stage.clock.sleep(LOOK).await;
        }
        // What was asked about does not hold any more: the plan now goes further.
        protect(&stage, false);
        let mut questions = 0;
        let count = |_: &str, _: &str| {
            questions += 1;
            Ok(())
        };
        stage.see_through(count).await.unwrap();
        assert_eq!(questions, 2);
        let cases: Value = stage.person.get(&["v1", "cases"], &[]).await.unwrap();
        assert_eq!(cases["items"][0]["status"], "contained");
        stage.close().await;
    }

    #[test]
    fn a_run_that_does_not_end_is_named_with_its_state_and_summary() {
        let case = json!({"id": "case-0001", "status": "waiting", "runs": [
            {"id": "run-0001", "runbook": "observe", "state": "succeeded", "summary": "observed"},
            {"id": "run-0002", "runbook": "attack-sequence", "state": "parked", "summary": null},
            {"id": "run-0003", "runbook": "attack-sequence", "state": "queued", "summary": "waits for run-0002"},
        ]});
        let error = late(&unfinished(&case));
        assert_eq!(
            error.detail,
            "not over within 120 s: run-0002 of attack-sequence is parked (no summary yet); \
             run-0003 of attack-sequence is queued (waits for run-0002)"
        );
        assert!(!format!("{error}{}", error.remedy()).contains("log"));
        assert_eq!(
            unfinished(&json!({"id": "case-0002", "status": "active", "runs": []})),
            ["case-0002 is active, and its runs are over"]
        );
    }
}
