//! A service of its own for each test, with a token for each role.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::clock::{Clock, ManualClock};
use crate::cloud::sandbox::Sandbox;
use crate::config::Config;
use crate::id::Ids;
use crate::notify::install_tls;
use crate::store::{Holder, NewToken, Role};
use crate::web::{Secret, Service, Setup};

/// A running service.
pub struct Harness {
    /// The service.
    pub service: Service,
    /// Its clock, which stands still.
    pub clock: ManualClock,
    /// A secret for each role, by label.
    pub secrets: BTreeMap<&'static str, String>,
    /// Its files.
    pub folder: tempfile::TempDir,
    http: reqwest::Client,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: reqwest::header::HeaderMap,
    /// Its body; null when it is no JSON.
    pub body: Value,
}

impl Answer {
    /// The error's number.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// The account that the findings are about: it has one role and nothing else.
const SCENARIO: &str = "[[account]]\nid = \"111122223333\"\nregion = \"eu-west-1\"\n\
    [[account.role]]\nname = \"worker\"\n";

/// When every test starts.
pub fn start() -> Timestamp {
    "2026-01-03T10:00:00Z".parse().unwrap()
}

/// A configuration for a service in `folder`.
pub fn config(folder: &std::path::Path) -> Config {
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        database: format!("sqlite://{}", folder.join("test.db").display()),
        ..Config::default()
    }
}

/// What a service with this configuration is made of.
pub fn setup(config: Config, clock: &ManualClock) -> Setup {
    let sandbox = Sandbox::from_scenario(SCENARIO, Arc::new(clock.clone())).unwrap();
    Setup {
        config,
        cloud: Arc::new(sandbox),
        clock: Arc::new(clock.clone()),
        ids: Arc::new(Ids::counted()),
        script_threads: 1,
    }
}

impl Harness {
    /// A service on the defaults: no account is on the allow list.
    pub async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// A service whose configuration `change` has changed.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        install_tls();
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(start());
        let mut config = config(folder.path());
        change(&mut config);
        let service = Service::start(setup(config, &clock)).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut harness = Self { service, clock, secrets: BTreeMap::new(), folder, http };
        for (n, role) in Role::ALL.into_iter().enumerate() {
            let secret = harness.token(&format!("tok-role-{n}"), role, None).await;
            harness.secrets.insert(role.label(), secret);
        }
        harness
    }

    /// A new token; its secret.
    pub async fn token(&self, id: &str, role: Role, expires_at: Option<Timestamp>) -> String {
        let secret = Secret::random();
        let token = NewToken {
            id: id.parse().unwrap(),
            // A name has one live token, and a role several here.
            name: format!("{}-person-{id}", role.label()),
            holder: Holder::New,
            role,
            hash: secret.hash(),
            created_at: self.clock.now(),
            expires_at,
        };
        self.service.store().create_token(token).await.unwrap();
        secret.reveal().to_owned()
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.service.address())
    }

    /// A request without a token.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, format!("{}{path}", self.url()))
    }

    /// A request with a role's token.
    pub fn as_role(&self, role: &str, method: &str, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(&self.secrets[role])
    }

    /// `GET` as an admin.
    pub async fn get(&self, path: &str) -> Answer {
        answer(self.as_role("admin", "GET", path)).await
    }

    /// `POST` of JSON as a role.
    pub async fn post(&self, role: &str, path: &str, body: &Value) -> Answer {
        answer(self.as_role(role, "POST", path).json(body)).await
    }

    /// Asks until a case's runs are over.
    pub async fn settled(&self, case: &str) -> Value {
        for _ in 0..5_000 {
            let shown = self.get(&format!("/v1/cases/{case}")).await.body;
            let runs = shown["runs"].as_array().unwrap();
            if runs.iter().all(|run| {
                ["succeeded", "failed", "halted"].contains(&run["state"].as_str().unwrap())
            }) {
                return shown;
            }
        }
        panic!("the runs of {case} do not end");
    }
}

/// Sends a request.
pub async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
}

/// A finding on an instance, as EventBridge delivers it.
pub fn finding(id: &str, instance: &str) -> Value {
    json!({
        "version": "0", "id": "11111111-2222-3333-4444-555555555555", "detail-type": "GuardDuty Finding",
        "source": "aws.guardduty", "account": "111122223333", "time": "2026-01-03T09:59:30Z",
        "region": "eu-west-1", "resources": [],
        "detail": {
            "schemaVersion": "2.0", "accountId": "111122223333", "region": "eu-west-1", "partition": "aws",
            "id": id, "arn": format!("arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/{id}"),
            "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS", "severity": 8,
            "createdAt": "2026-01-03T09:58:00.000Z", "updatedAt": "2026-01-03T09:59:00.000Z",
            "title": "The instance is querying a domain of Bitcoin miners.", "description": "…",
            "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": instance}},
            "service": {"serviceName": "guardduty", "resourceRole": "TARGET", "count": 1, "archived": false,
                "action": {"actionType": "DNS_REQUEST"}},
        },
    })
}
