//! A real moto server with our overlay: AWS over the wire, for tests.
//!
//! One server serves a test binary; tests keep apart by accounts and resources of their own. How it is
//! installed and started stands in `emulator`.
//!
//! This file uses nothing of the crate, so that an integration test can include it by its path.

use std::sync::OnceLock;

use super::emulator::{Answer, Emulator, Recipe, form_encoded};

/// The version that the overlay patches; another one may have other insides.
const MOTO: Recipe = Recipe {
    name: "moto",
    requirement: "moto[server]==5.2.5",
    overlay: include_str!("moto_overlay.py"),
};

/// A running server.
pub struct Moto {
    server: Emulator,
}

impl Moto {
    /// The server of this test binary, started at the first call.
    ///
    /// # Panics
    /// As [`Emulator::start`].
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Moto> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server of one's own, for tests that stop it.
    ///
    /// # Panics
    /// As [`Emulator::start`].
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// As [`Moto::start`], with variables that the overlay reads.
    ///
    /// # Panics
    /// As [`Emulator::start`].
    pub fn with(environment: &[(&str, &str)]) -> Self {
        // Without these, every account has 1,300 images and none of AWS's own policies.
        let ours =
            [("MOTO_EC2_LOAD_DEFAULT_AMIS", "false"), ("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")];
        let server = Emulator::start(&MOTO, &[&ours, environment].concat());
        let ready = server.request("GET", "/moto-api/", &[], "");
        assert_eq!(ready.status, 200, "moto is not ready: {}", ready.body);
        Self { server }
    }

    /// Where it listens: what goes into `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Makes the responder role of `account`, which demands `external_id`, and returns its ARN.
    ///
    /// # Panics
    /// When moto refuses.
    pub fn responder_role(&self, account: &str, external_id: &str) -> String {
        let trust = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"*"}},"Action":["sts:AssumeRole","sts:SetSourceIdentity"],"Condition":{{"StringEquals":{{"sts:ExternalId":"{external_id}"}}}}}}]}}"#
        );
        let body = format!(
            "Action=CreateRole&Version=2010-05-08&RoleName=tourniquet-responder&AssumeRolePolicyDocument={}",
            form_encoded(&trust)
        );
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = self.call("iam", "us-east-1", account, &form, &body);
        assert_eq!(answer.status, 200, "the role was not made: {}", answer.body);
        format!("arn:aws:iam::{account}:role/tourniquet-responder")
    }

    /// Puts a finding (lower-camel JSON with `id`) into GuardDuty, which has a detector from then on.
    ///
    /// # Panics
    /// When the overlay refuses.
    pub fn inject_finding(&self, account: &str, region: &str, finding: &str) {
        let path = format!("/moto-api/tourniquet/findings?account={account}&region={region}");
        let answer =
            self.server.request("POST", &path, &[("Content-Type", "application/json")], finding);
        assert_eq!(answer.status, 200, "the finding was not taken: {}", answer.body);
    }

    /// Puts an event (as CloudTrail writes it) into its history, as of now.
    ///
    /// # Panics
    /// When the overlay refuses.
    #[allow(
        dead_code,
        reason = "only the adapter's contract suite puts events there, and not each binary that includes this file"
    )]
    pub fn inject_event(&self, account: &str, region: &str, event: &str) {
        let path = format!("/moto-api/tourniquet/events?account={account}&region={region}");
        let answer =
            self.server.request("POST", &path, &[("Content-Type", "application/json")], event);
        assert_eq!(answer.status, 200, "the event was not taken: {}", answer.body);
    }

    /// All AssumeRole calls that succeeded, as a JSON list of their parameters.
    pub fn assumed_roles(&self) -> String {
        self.server.request("GET", "/moto-api/tourniquet/assumed-roles", &[], "").body
    }

    /// A POST to a service in any account, past credentials and SDKs.
    pub fn call(
        &self,
        service: &str,
        region: &str,
        account: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=none"
        );
        let mut all = vec![("Authorization", credential.as_str()), ("x-moto-account-id", account)];
        all.extend_from_slice(headers);
        self.server.request("POST", "/", &all, body)
    }
}
