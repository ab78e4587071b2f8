//! Accounts behind the door with the roles that `deploy roles` makes: the hub's, and in each account a
//! responder role whose policy a test chooses.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::principal::{GivenSession, Principal, Saying};
use crate::end_to_end::account::wait;
use crate::support::{Deployment, text};

/// The account in which the service runs.
pub const HUB: &str = "123456789012";

/// What every responder role here demands.
pub const EXTERNAL_ID: &str = "of-the-proof";

const RESPONDER: &str = "tourniquet-responder";

/// An account with a responder role.
pub struct Account {
    pub id: String,
    pub root: Principal,
    /// The action that its responder role lacks.
    pub lacking: Option<String>,
}

/// Trust and rights of a role, as `deploy roles` prints them for an account.
fn deployed(role: &str, account: &str) -> (Value, Value) {
    let properties = properties(role, account);
    let policy = properties["Policies"][0]["PolicyDocument"].clone();
    (properties["AssumeRolePolicyDocument"].clone(), policy)
}

fn properties(role: &str, account: &str) -> Value {
    static TEMPLATE: OnceLock<Value> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| {
        let deployment = Deployment::bare("[cloud]\nkind = \"aws\"\n");
        let told = deployment.run(&[
            "deploy",
            "roles",
            "--format",
            "cloudformation",
            "--hub-account",
            HUB,
        ]);
        assert!(told.status.success(), "{}", text(&told.stderr));
        serde_json::from_slice(&told.stdout).unwrap()
    });
    resolved(&template["Resources"][role]["Properties"], account)
}

/// A piece of the template with its functions carried out, as CloudFormation does where there is no
/// forensics account.
fn resolved(piece: &Value, account: &str) -> Value {
    let function = piece.as_object().and_then(|fields| fields.iter().next());
    match (function, piece) {
        (Some((name, Value::String(word))), _) if name == "Ref" => parameter(word, account),
        (Some((name, Value::String(pattern))), _) if name == "Fn::Sub" => {
            let mut parts = pattern.split("${");
            let mut text = parts.next().unwrap().to_owned();
            for part in parts {
                let (word, rest) = part.split_once('}').unwrap();
                text = text + parameter(word, account).as_str().unwrap() + rest;
            }
            json!(text)
        }
        (Some((name, Value::Array(branches))), _) if name == "Fn::If" => {
            resolved(&branches[2], account)
        }
        (_, Value::Object(fields)) => {
            fields.iter().map(|(key, value)| (key.clone(), resolved(value, account))).collect()
        }
        (_, Value::Array(items)) => {
            let items = items.iter().map(|item| resolved(item, account));
            items.filter(|item| !item.is_null()).collect()
        }
        _ => piece.clone(),
    }
}

fn parameter(name: &str, account: &str) -> Value {
    match name {
        "AWS::NoValue" => Value::Null,
        "AWS::Partition" => json!("aws"),
        "AWS::AccountId" => json!(account),
        "ExternalId" => json!(EXTERNAL_ID),
        "HubAccount" => json!(HUB),
        "HubRoleName" => json!("tourniquet-hub"),
        "HubService" => json!("ec2.amazonaws.com"),
        "ForensicsRoleName" => json!("tourniquet-forensics"),
        "ResponderRoleName" => json!(RESPONDER),
        other => panic!("the template names {other}, of which the test does not know"),
    }
}

impl Account {
    /// The account, with a responder role that is trusted as `deploy roles` says and may do what
    /// `policy` says.
    pub fn new(id: &str, policy: &Value) -> Self {
        let (trust, _) = deployed("ResponderRole", id);
        let account = Self::bare(id);
        account.role(RESPONDER, &trust, policy);
        account
    }

    /// The account with nothing in it.
    pub fn bare(id: &str) -> Self {
        Self { id: id.to_owned(), root: Principal::root(id), lacking: None }
    }

    /// The role that denies everything, and its instance profile, as `deploy roles` makes them.
    pub fn deny_profile(&self) {
        const NAME: &str = "tourniquet-deny-all";
        let properties = properties("DenyAllRole", &self.id);
        assert_eq!(properties["RoleName"], NAME);
        let iam = self.root.iam();
        let trust = properties["AssumeRolePolicyDocument"].to_string();
        wait(iam.create_role().role_name(NAME).assume_role_policy_document(trust).send()).unwrap();
        let policy = &properties["Policies"][0];
        let call = iam.put_role_policy().role_name(NAME);
        let call = call.policy_name(policy["PolicyName"].as_str().unwrap());
        wait(call.policy_document(policy["PolicyDocument"].to_string()).send()).unwrap();
        self.profile(NAME);
    }

    /// An instance profile of a role of its name.
    pub fn profile(&self, name: &str) {
        let iam = self.root.iam();
        wait(iam.create_instance_profile().instance_profile_name(name).send()).unwrap();
        let call = iam.add_role_to_instance_profile().instance_profile_name(name).role_name(name);
        wait(call.send()).unwrap();
    }

    /// The ARN of the responder role.
    pub fn responder(&self) -> String {
        format!("arn:aws:iam::{}:role/{RESPONDER}", self.id)
    }

    /// A role with this trust and these rights.
    pub fn role(&self, name: &str, trust: &Value, policy: &Value) {
        let iam = self.root.iam();
        let call = iam.create_role().role_name(name).assume_role_policy_document(trust.to_string());
        wait(call.send()).unwrap();
        let call = iam.put_role_policy().role_name(name).policy_name("rights");
        wait(call.policy_document(policy.to_string()).send()).unwrap();
    }

    /// A user with these rights and an access key.
    pub fn user(&self, name: &str, policy: &Value) -> aws_sdk_iam::types::AccessKey {
        let iam = self.root.iam();
        wait(iam.create_user().user_name(name).send()).unwrap();
        let call = iam.put_user_policy().user_name(name).policy_name("rights");
        wait(call.policy_document(policy.to_string()).send()).unwrap();
        self.key(name)
    }

    /// One more access key of a user.
    pub fn key(&self, user: &str) -> aws_sdk_iam::types::AccessKey {
        let call = self.root.iam().create_access_key().user_name(user);
        wait(call.send()).unwrap().access_key.unwrap()
    }
}

/// A session of the hub's role, as whom the service runs. The one who starts it, EC2 in truth, is a user
/// here, because nobody but AWS can be a service.
pub fn hub() -> &'static GivenSession {
    static SESSION: OnceLock<GivenSession> = OnceLock::new();
    SESSION.get_or_init(|| {
        let account = Account::bare(HUB);
        let (_, policy) = deployed("HubRole", HUB);
        let starter = format!("arn:aws:iam::{HUB}:user/starter");
        account.role("tourniquet-hub", &allowing("sts:AssumeRole", Some(&starter)), &policy);
        let key = account.user("starter", &allowing("sts:AssumeRole", None));
        let role = format!("arn:aws:iam::{HUB}:role/tourniquet-hub");
        Principal::user(&key).assume(&role, &Saying::default()).unwrap()
    })
}

/// A policy of one action: of a role, whom it trusts; or what one may do.
pub fn allowing(action: &str, trusted: Option<&str>) -> Value {
    let mut statement = json!({"Effect": "Allow", "Action": action});
    match trusted {
        Some(arn) => statement["Principal"] = json!({"AWS": arn}),
        None => statement["Resource"] = json!("*"),
    }
    json!({"Version": "2012-10-17", "Statement": [statement]})
}
