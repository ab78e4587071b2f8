//! The twin against the AWS documentation, as tables: a scenario, a change, AWS's answer.

mod attack;
mod contract;
mod keep;
mod permit;
mod refuse;
mod refuse_iam;
mod scene;
mod snapshots;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::change::{Change, Kind, Permission, Tags, Urgency};
use crate::clock::ManualClock;
use crate::cloud::{Cloud, CloudError, Receipt, Scope, Session};
use crate::id::Place;

use super::Sandbox;

const NOW: &str = "2026-01-02T03:04:05Z";
const HOME: &str = "111122223333";
const FORENSICS: &str = "444455556666";

/// One instance with two interfaces, one of them AWS's, a role, a user, keys in two accounts.
const SCENE: &str = r#"
    [snapshots]
    looks = 0

    [[account]]
    id = "111122223333"

    [[account.vpc]]
    id = "vpc-00000000000000001"
    [[account.vpc]]
    id = "vpc-00000000000000002"
    ipv6 = true

    [[account.group]]
    id = "sg-00000000000000001"
    name = "web"
    [[account.group]]
    id = "sg-00000000000000002"
    vpc = "vpc-00000000000000002"
    [[account.group]]
    id = "sg-00000000000000003"
    ingress = []
    egress = []

    [[account.instance]]
    id = "i-00000000000000001"
    profile = "web-server"
    interfaces = [
        { id = "eni-00000000000000001", groups = ["sg-00000000000000001"] },
        { id = "eni-00000000000000002", groups = ["sg-00000000000000001"], requester_managed = true },
    ]
    volumes = [
        { id = "vol-00000000000000001" },
        { id = "vol-00000000000000002", encrypted = true },
        { id = "vol-00000000000000003", key = "alias/transfer" },
        { id = "vol-00000000000000004", key = "alias/private" },
        { id = "vol-00000000000000005", snapshots_fail = "Client.InternalError" },
    ]
    [[account.instance]]
    id = "i-00000000000000002"
    volumes = []
    [[account.instance]]
    id = "i-00000000000000003"
    state = "terminated"

    [[account.role]]
    name = "web-server"
    profiles = ["web-server"]
    sessions = ["ASIA0000000000000001"]
    [[account.role]]
    name = "AWSServiceRoleForAmazonGuardDuty"
    path = "/aws-service-role/guardduty.amazonaws.com/"
    [[account.role]]
    name = "AWSReservedSSO_Admin_0123456789abcdef"
    path = "/aws-reserved/sso.amazonaws.com/eu-west-1/"

    [[account.user]]
    name = "deploy"
    keys = ["AKIA0000000000000001"]
    inactive_keys = ["AKIA0000000000000002"]
    sessions = ["ASIA0000000000000002"]
    console = true
    [[account.user]]
    name = "no-console"

    [[account.key]]
    alias = "alias/transfer"
    [[account.key]]
    alias = "alias/private"
    usable_by = []

    [[account]]
    id = "444455556666"
    [[account.key]]
    alias = "alias/evidence"
"#;

struct Stage {
    sandbox: Sandbox,
    clock: ManualClock,
    session: Arc<dyn Session>,
}

fn stage(text: &str) -> Stage {
    let clock = ManualClock::at(NOW.parse().unwrap());
    let sandbox = Sandbox::from_scenario(text, Arc::new(clock.clone())).unwrap();
    let session = sandbox.open(scope([Permission::new("*", "*")]));
    Stage { sandbox, clock, session }
}

fn scope(permissions: impl IntoIterator<Item = Permission>) -> Scope {
    Scope {
        case: "case-0001".parse().unwrap(),
        run: Some("run-0001".parse().unwrap()),
        step: "1".to_owned(),
        permissions: permissions.into_iter().collect::<BTreeSet<_>>(),
        urgency: Urgency::Containment,
    }
}

fn place(account: &str) -> Place {
    Place { account: account.parse().unwrap(), region: "eu-west-1".parse().unwrap() }
}

fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

/// A change at home, from JSON in the stored form without `at`.
fn change(json: serde_json::Value) -> Change {
    Change { at: place(HOME), kind: serde_json::from_value::<Kind>(json).unwrap() }
}

impl Stage {
    async fn apply(&self, json: serde_json::Value) -> Result<Receipt, CloudError> {
        self.session.apply(&change(json)).await
    }
}
