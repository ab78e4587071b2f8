//! The real program before moto: its configuration, the documents that are posted to it, and what it
//! says afterwards.

use serde_json::{Value, json};

use super::account::{Account, Instance, REGION};
use crate::moto::Moto;
use crate::support::{Deployment, Server, text};

const CRYPTO_MINING: &str = include_str!("../../finding/fixtures/crypto-mining-instance.json");
const LEAKED_KEY: &str = include_str!("../../finding/fixtures/leaked-user-key.json");

/// A running service with an intake token beside the tester's.
pub struct Service {
    pub deployment: Deployment,
    pub server: Server,
    intake: String,
}

/// What is configured for one account, or for the forensics account.
pub fn access(account: &Account, external_id: &str) -> String {
    format!("role_arn = \"{}\"\nexternal_id = \"{external_id}\"\n", account.role_arn)
}

impl Service {
    /// Starts it for one workload account; `more` is the rest of the configuration.
    pub fn start(account: &Account, external_id: &str, more: &str) -> Self {
        let config = format!(
            "[cloud]\nkind = \"aws\"\nregion = \"{REGION}\"\n\n[accounts.{}]\n{}\n{more}",
            account.id,
            access(account, external_id)
        );
        let mut deployment = Deployment::new(&config);
        deployment.environment = [
            ("AWS_ENDPOINT_URL", Moto::shared().url().as_str()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", REGION),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let intake = deployment.make_token("intake");
        let server = deployment.serve("");
        Self { deployment, server, intake }
    }

    /// Posts a document as EventBridge does; returns the case and the run that it led to.
    pub fn post(&self, document: &Value) -> (String, String) {
        let reply = self
            .server
            .post("/v1/findings", &self.intake, document.to_string().as_bytes())
            .unwrap();
        assert_eq!(reply.status, 202, "{reply:?}");
        let answer = reply.body;
        let finding = &answer["findings"][0];
        assert_eq!(finding["disposition"], "new", "{answer}");
        let id = |value: &Value| value.as_str().unwrap().to_owned();
        (id(&answer["case"]), id(&finding["run"]))
    }

    /// Waits until no run of the case is under way.
    pub fn over(&mut self, case: &str) -> Value {
        self.server.wait_for_runs(&self.deployment.token, case).expect("the service lives")
    }

    /// The entries of a case's timeline.
    pub fn timeline(&self, case: &str) -> Vec<Value> {
        self.server.timeline(&self.deployment.token, case)
    }

    /// Runs a client command: whether it succeeded, and its `--json`.
    pub fn client(&self, arguments: &[&str]) -> (bool, Value) {
        let output = self.deployment.client(&self.server, &[arguments, &["--json"]].concat());
        let told = serde_json::from_slice(&output.stdout);
        (
            output.status.success(),
            told.unwrap_or_else(|_| panic!("{arguments:?}: {}", text(&output.stderr))),
        )
    }

    /// Whether the service's own client says that the chain verifies.
    pub fn verifies(&self, case: &str) -> bool {
        let (success, told) = self.client(&["case", "verify", case]);
        success && told["valid"] == true
    }
}

/// The entries of one kind.
pub fn of_kind<'a>(timeline: &'a [Value], kind: &str) -> Vec<&'a Value> {
    timeline.iter().filter(|entry| entry["kind"] == kind).collect()
}

/// The crypto-mining finding, about this instance.
pub fn crypto_mining(account: &Account, instance: &Instance) -> Value {
    let mut document = of_account(CRYPTO_MINING, account);
    let details = &mut document["detail"]["resource"]["instanceDetails"];
    details["instanceId"] = json!(instance.id);
    details["iamInstanceProfile"]["arn"] =
        json!(format!("arn:aws:iam::{}:instance-profile/web-server", account.id));
    let shown = details["networkInterfaces"].as_array_mut().unwrap();
    for (shown, (id, subnet, groups)) in shown.iter_mut().zip(&instance.interfaces) {
        shown["networkInterfaceId"] = json!(id);
        shown["subnetId"] = json!(subnet);
        shown["vpcId"] = json!(instance.vpc);
        shown["securityGroups"] =
            groups.iter().map(|id| json!({"groupId": id, "groupName": "web"})).collect();
    }
    document
}

/// The leaked-key finding, about this key.
pub fn leaked_key(account: &Account, user: &str, key: &str) -> Value {
    let mut document = of_account(LEAKED_KEY, account);
    let details = &mut document["detail"]["resource"]["accessKeyDetails"];
    details["userName"] = json!(user);
    details["accessKeyId"] = json!(key);
    document
}

fn of_account(document: &str, account: &Account) -> Value {
    serde_json::from_str(&document.replace("111122223333", account.id)).unwrap()
}

/// Makes GuardDuty know a document's finding.
pub fn known(account: &Account, document: &Value) {
    Moto::shared().inject_finding(account.id, REGION, &document["detail"].to_string());
}

/// The AssumeRole calls of the service in an account: those that name a source identity.
pub fn sessions(account: &Account) -> Vec<Value> {
    let calls: Vec<Value> = serde_json::from_str(&Moto::shared().assumed_roles()).unwrap();
    let ours =
        |call: &Value| call["RoleArn"] == account.role_arn && !call["SourceIdentity"].is_null();
    calls.into_iter().filter(ours).collect()
}
