//! Containment before an AWS that enforces: the real program, real signatures, sessions and policies.
//!
//! `thief` holds what is left to somebody with stolen credentials; `lacking` holds each shipped runbook, but for
//! those that [`UNPROVEN`] names, under exactly the policy that is derived for it, and under that policy
//! without any one of its actions.
//! Without a forensics account: what brings evidence there is not proven here, because neither emulator
//! asks a KMS key's policy; `end_to_end` shows it, without enforcement.

mod account;
mod incident;
mod lacking;
mod principal;
mod service;
mod thief;

use std::collections::BTreeSet;

use serde_json::Value;

use self::lacking::Proof;
use crate::support::Deployment;

const KEY_OWNER: (&str, &str) = (
    "iam:GetAccessKeyLastUsed",
    "the runbook names the user; the action asks whose a key is only where a key alone is given",
);
const OPENED: (&str, &str) = (
    "ec2:RevokeSecurityGroupIngress",
    "a quarantine group is made without such rules; only one that somebody has opened has them",
);

const SHARED: (&str, &str) = (
    "ec2:DescribeIamInstanceProfileAssociations",
    "who else uses a role is asked so that a person may mind; without it nobody is asked",
);
const NO_ROLE: &str = "the user has assumed no role, as far as its trail tells";

const PROOFS: &[Proof] = &[
    Proof {
        runbook: "stolen-role-credentials",
        accounts: "71",
        incident: incident::stolen_role,
        status: "contained",
        unused: &[SHARED],
        like: None,
    },
    Proof {
        runbook: "leaked-access-key",
        accounts: "72",
        incident: incident::leaked_key,
        status: "contained",
        unused: &[
            KEY_OWNER,
            SHARED,
            ("iam:DeleteRolePolicy", NO_ROLE),
            ("iam:GetRole", NO_ROLE),
            ("iam:GetRolePolicy", NO_ROLE),
            ("iam:ListInstanceProfilesForRole", NO_ROLE),
            ("iam:ListRoleTags", NO_ROLE),
            ("iam:PutRolePolicy", NO_ROLE),
        ],
        like: None,
    },
    Proof {
        runbook: "public-bucket",
        accounts: "73",
        incident: incident::public_bucket,
        status: "contained",
        unused: &[],
        like: None,
    },
    Proof {
        runbook: "observe",
        accounts: "74",
        incident: incident::unheard_of,
        status: "open",
        unused: &[],
        like: None,
    },
    Proof {
        runbook: "compromised-instance",
        accounts: "75",
        incident: incident::miner,
        status: "contained",
        unused: &[OPENED],
        like: None,
    },
    Proof {
        runbook: "suspected-instance",
        accounts: "76",
        incident: incident::suspect,
        status: "contained",
        unused: &[],
        like: Some("compromised-instance"),
    },
    Proof {
        runbook: "attack-sequence",
        accounts: "77",
        incident: incident::sequence,
        status: "contained",
        unused: &[KEY_OWNER, OPENED],
        like: None,
    },
];

/// Runbooks that nobody has proven here, and why. The sandbox tries each of their verbs without any one of
/// its actions; only here a real signature and a real policy would be behind it.
const UNPROVEN: &[(&str, &str)] = &[
    ("compromised-function", "the door knows no resources of Lambda's requests"),
    ("compromised-task", "the door knows no resources of ECS's requests"),
    ("database-login", "the door knows no resources of RDS's requests"),
    ("exposed-port", "no incident with an open port is made here"),
    ("federated-user", "it acts on nothing, and asks for what `observe` asks for"),
    ("root-user", "it acts on nothing, and asks for what `observe` asks for"),
];

#[test]
fn every_proven_runbook_does_all_with_exactly_its_policy_and_says_what_is_missing() {
    // Beside each other: each waits a minute until what it contained in IAM is known everywhere.
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let proofs: Vec<_> = PROOFS.iter().map(|proof| scope.spawn(|| proof.hold())).collect();
        proofs.into_iter().flat_map(|proof| proof.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_shipped_runbook_is_left_out() {
    let told = Deployment::bare("").run(&["runbook", "list", "--json"]);
    let listed: Value = serde_json::from_slice(&told.stdout).unwrap();
    let listed = listed.as_array().unwrap().iter();
    let names: BTreeSet<&str> = listed.map(|runbook| runbook["name"].as_str().unwrap()).collect();
    let proven = PROOFS.iter().map(|proof| proof.runbook);
    let told: Vec<&str> = proven.chain(UNPROVEN.iter().map(|(runbook, _)| *runbook)).collect();
    assert_eq!(told.iter().copied().collect::<BTreeSet<_>>(), names);
    assert_eq!(told.len(), names.len(), "none is both");
}
