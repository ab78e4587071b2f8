//! The real program before the door, with the credentials of the hub's role: configured for many
//! accounts, given findings, asked for undos, and what it says in the end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::account::{Account, EXTERNAL_ID, hub};
use crate::door::Door;
use crate::end_to_end::account::REGION;
use crate::support::{Deployment, Server, pause};

/// How long all runs of one service may take: they share two emulators, each of which does one thing at
/// a time, with those of other tests.
const PATIENCE: Duration = Duration::from_secs(400);

/// A running service.
pub struct Service {
    deployment: Deployment,
    pub server: Server,
}

/// A run that was begun.
#[derive(Debug, Clone)]
pub struct Begun {
    pub case: String,
    pub run: String,
}

impl Service {
    /// Starts it with these accounts on its allow list.
    pub fn start<'a>(accounts: impl IntoIterator<Item = &'a Account>) -> Self {
        let mut config = format!("[cloud]\nkind = \"aws\"\nregion = \"{REGION}\"\n");
        for account in accounts {
            let (id, role) = (&account.id, account.responder());
            config.push_str(&format!(
                "\n[accounts.{id}]\nrole_arn = \"{role}\"\nexternal_id = \"{EXTERNAL_ID}\"\n"
            ));
        }
        let mut deployment = Deployment::new(&config);
        let (url, hub) = (Door::shared().url(), hub());
        deployment.environment = [
            ("AWS_ENDPOINT_URL", url.as_str()),
            ("AWS_ACCESS_KEY_ID", hub.access_key_id()),
            ("AWS_SECRET_ACCESS_KEY", hub.secret_access_key()),
            ("AWS_SESSION_TOKEN", hub.session_token()),
            ("AWS_REGION", REGION),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let server = deployment.serve("");
        Self { deployment, server }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let reply = self.server.post(path, &self.deployment.token, body.as_bytes()).unwrap();
        assert!((200..300).contains(&reply.status), "{path}: {reply:?}");
        reply.body
    }

    /// GuardDuty comes to know a finding, and sends it.
    pub fn send(&self, account: &Account, event: &Value) -> Begun {
        let detail = event["detail"].to_string();
        Door::shared().behind().inject_finding(&account.id, REGION, &detail);
        let answer = self.post("/v1/findings", event);
        let id = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        Begun { case: id(&answer["case"]), run: id(&answer["findings"][0]["run"]) }
    }

    /// Asks for a run to be taken back with all that it did.
    pub fn undo(&self, begun: &Begun) -> Begun {
        let path = format!("/v1/runs/{}/undo", begun.run);
        let undo = self.post(&path, &json!({"revive": true, "reason": "the proof is made"}));
        Begun { case: begun.case.clone(), run: undo["id"].as_str().unwrap().to_owned() }
    }

    /// Waits until all of these runs are over, and says yes to every question meanwhile. Returns each
    /// run as it ended.
    pub fn over(&mut self, begun: &[&Begun]) -> Vec<Value> {
        let started = Instant::now();
        let mut ended: Vec<Option<Value>> = vec![None; begun.len()];
        while ended.iter().any(Option::is_none) {
            assert!(!self.server.is_dead(), "{}", self.server.log());
            assert!(started.elapsed() < PATIENCE, "the runs did not end:\n{}", self.server.log());
            self.say_yes();
            for (begun, ended) in begun.iter().zip(&mut ended).filter(|(_, ended)| ended.is_none())
            {
                let run = self.get(&format!("/v1/runs/{}", begun.run));
                let over = matches!(run["state"].as_str(), Some("succeeded" | "failed" | "halted"));
                *ended = over.then_some(run);
            }
            for _ in 0..20 {
                pause();
            }
        }
        ended.into_iter().flatten().collect()
    }

    fn say_yes(&self) {
        for question in self.get("/v1/approvals")["items"].as_array().unwrap() {
            let path = format!("/v1/approvals/{}", question["id"].as_str().unwrap());
            let yes =
                json!({"decision": "approve", "reason": "the proof", "hash": question["hash"]});
            self.post(&path, &yes);
        }
    }

    fn get(&self, path: &str) -> Value {
        let reply = self.server.get(path, &self.deployment.token).unwrap();
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        reply.body
    }

    /// A case, as it is now.
    pub fn case(&self, begun: &Begun) -> Value {
        self.get(&format!("/v1/cases/{}", begun.case))
    }

    /// The entries of a run, in order.
    pub fn timeline(&self, begun: &Begun) -> Vec<Value> {
        let mut entries = self.server.timeline(&self.deployment.token, &begun.case);
        entries.retain(|entry| entry["body"]["run"] == begun.run.as_str());
        entries
    }
}
