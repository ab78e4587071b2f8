//! What must be so after a run, each by calls of the test's own or from the timeline.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{SecurityGroup, Snapshot, SnapshotState};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::account::{Account, Instance};
use super::service::{Service, of_kind, sessions};
use crate::support::pause;

/// STS: characters of an inline session policy.
const SESSION_POLICY_MAX: usize = 2048;

/// The policy by which a role's sessions are revoked.
pub const REVOKED: &str = "AWSRevokeOlderSessions";

/// Every interface is in exactly one group, which is marked as quarantine and lets nothing through.
pub fn isolated(account: &Account, instance: &Instance) {
    let groups = account.groups_in(&instance.vpc);
    let now = account.groups_of(instance);
    assert_eq!(now.len(), instance.interfaces.len());
    for (interface, ids) in now {
        assert_eq!(ids.len(), 1, "{interface} is in {ids:?}");
        let group = groups.iter().find(|group| ids.contains(group.group_id().unwrap())).unwrap();
        let purpose = group.tags().iter().find(|tag| tag.key() == Some("tourniquet:purpose"));
        assert_eq!(purpose.and_then(|tag| tag.value()), Some("quarantine"), "{group:?}");
        // A permission holds the ranges of IPv4 and IPv6 alike.
        assert!(
            group.ip_permissions().is_empty() && group.ip_permissions_egress().is_empty(),
            "{group:?}"
        );
    }
}

/// Follows the run until it is over and says which snapshots it ever found shared with the vault.
pub fn watch_sharing(
    service: &Service,
    case: &str,
    account: &Account,
    vault: &Account,
) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    loop {
        let timeline = service.timeline(case);
        for entry in of_kind(&timeline, "change.intent") {
            let change = &entry["body"]["change"];
            let Some(snapshot) = change["snapshot"].as_str().filter(|id| !seen.contains(*id))
            else {
                continue;
            };
            let shared = account.shared_with(snapshot);
            assert!(
                shared.iter().all(|with| with == vault.id),
                "{snapshot} is shared with {shared:?}"
            );
            if !shared.is_empty() {
                seen.insert(snapshot.to_owned());
            }
        }
        if !of_kind(&timeline, "run.finished").is_empty() {
            return seen;
        }
        for _ in 0..10 {
            pause();
        }
    }
}

/// Each volume has its source snapshot and a copy in the vault under the vault's key, and nothing is
/// shared any more. Returns the snapshots that the copies were made of.
pub fn preserved(
    account: &Account,
    vault: &Account,
    instance: &Instance,
    case: &str,
    run: &str,
    key: &str,
) -> BTreeSet<String> {
    let here = account.snapshots(case);
    let there = vault.snapshots(case);
    let stage = |wanted: &'static str, from: &[Snapshot]| -> Vec<Snapshot> {
        from.iter()
            .filter(|snapshot| tag(snapshot, "tourniquet:stage") == wanted)
            .cloned()
            .collect()
    };
    for snapshot in here.iter().chain(&there) {
        assert!(tag(snapshot, "tourniquet:step").starts_with(&format!("{run}/")), "{snapshot:?}");
    }
    for snapshot in &here {
        let id = snapshot.snapshot_id().unwrap();
        assert_eq!(account.shared_with(id), BTreeSet::new(), "{id} is private again");
    }
    let sources = stage("source", &here);
    let volumes: BTreeSet<_> =
        sources.iter().map(|source| source.volume_id().unwrap().to_owned()).collect();
    assert_eq!((sources.len(), &volumes), (instance.volumes.len(), &instance.volumes));
    let transfers = stage("transfer", &here);
    let copies = stage("forensics", &there);
    assert_eq!((transfers.len(), copies.len()), (2, instance.volumes.len()), "{here:?} {there:?}");
    for transfer in &transfers {
        assert_eq!(transfer.encrypted(), Some(true), "nothing leaves in the clear: {transfer:?}");
    }
    for copy in &copies {
        assert_eq!(copy.state(), Some(&SnapshotState::Completed), "{copy:?}");
        assert_eq!((copy.encrypted(), copy.kms_key_id()), (Some(true), Some(key)), "{copy:?}");
        assert_eq!(copy.owner_id(), Some(vault.id));
    }
    // Every copy goes back to another volume.
    let source_of: BTreeMap<_, _> = transfers
        .iter()
        .map(|one| (one.snapshot_id().unwrap(), tag(one, "tourniquet:source")))
        .collect();
    let carriers: BTreeSet<_> =
        copies.iter().map(|copy| tag(copy, "tourniquet:source").to_owned()).collect();
    let origins: BTreeSet<_> = carriers
        .iter()
        .map(|carrier| source_of.get(carrier.as_str()).copied().unwrap_or(carrier))
        .collect();
    let ids: BTreeSet<_> = sources.iter().map(|source| source.snapshot_id().unwrap()).collect();
    assert_eq!(origins, ids);
    carriers
}

fn tag<'a>(snapshot: &'a Snapshot, key: &str) -> &'a str {
    snapshot
        .tags()
        .iter()
        .find(|tag| tag.key() == Some(key))
        .and_then(|tag| tag.value())
        .unwrap_or_default()
}

/// The snapshots that the timeline says were shared with `vault`, and then with nobody.
pub fn shared_and_unshared(timeline: &[Value], vault: &str) -> BTreeSet<String> {
    let mut steps: BTreeMap<String, Vec<(Value, Value)>> = BTreeMap::new();
    for entry in of_kind(timeline, "change.intent") {
        let change = &entry["body"]["change"];
        if change["change"] == "snapshot_sharing" {
            let snapshot = change["snapshot"].as_str().unwrap().to_owned();
            steps
                .entry(snapshot)
                .or_default()
                .push((change["before"].clone(), change["after"].clone()));
        }
    }
    for (snapshot, steps) in &steps {
        let expected = [(json!([]), json!([vault])), (json!([vault]), json!([]))];
        assert_eq!(steps, &expected, "{snapshot}");
    }
    steps.into_keys().collect()
}

/// The role denies everything to sessions older than 30 s after the step was asked for.
pub fn revoked(account: &Account, timeline: &[Value], posted: Timestamp) {
    let policy = &account.role_policies("web-server")[REVOKED];
    let statement = &policy["Statement"][0];
    assert_eq!(
        (&statement["Effect"], &statement["Action"]),
        (&json!("Deny"), &json!(["*"])),
        "{policy}"
    );
    let cut_off: Timestamp = statement["Condition"]["DateLessThan"]["aws:TokenIssueTime"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let asked = of_kind(timeline, "step.requested");
    let asked = asked
        .iter()
        .find(|entry| entry["body"]["name"] == "contain::revoke_role_sessions")
        .unwrap();
    let asked: Timestamp = asked["at"].as_str().unwrap().parse().unwrap();
    let ahead = cut_off.duration_since(asked);
    assert!(asked >= posted);
    assert!(
        (SignedDuration::from_secs(30)..SignedDuration::from_secs(32)).contains(&ahead),
        "{asked} {cut_off}"
    );
}

/// Every change has an outcome, and AWS's request id stands in it.
pub fn told_with_request_ids(timeline: &[Value]) {
    let outcomes = of_kind(timeline, "change.outcome");
    assert_eq!(outcomes.len(), of_kind(timeline, "change.intent").len());
    assert!(!outcomes.is_empty());
    for outcome in outcomes {
        let body = &outcome["body"];
        assert_eq!(body["result"], "ok", "{body}");
        assert!(body["receipt"]["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{body}");
    }
}

/// Every session of the service in this account says for which case and run it is, is short, and has
/// a policy that STS would take.
pub fn carries_the_case(account: &Account, case: &str, run: &str) {
    let sessions = sessions(account);
    assert!(!sessions.is_empty());
    for session in sessions {
        assert_eq!(session["SourceIdentity"], case, "{session}");
        assert!(
            session["RoleSessionName"].as_str().unwrap().starts_with(&format!("{run}-")),
            "{session}"
        );
        assert_eq!(session["DurationSeconds"].to_string().trim_matches('"'), "900", "{session}");
        let policy = session["Policy"].as_str().unwrap();
        assert!(policy.len() <= SESSION_POLICY_MAX, "{} characters: {policy}", policy.len());
        assert!(policy.contains("\"Allow\""), "{policy}");
    }
}

/// Nothing was changed, and nothing was tried.
pub fn untouched(
    account: &Account,
    instance: &Instance,
    before: &BTreeMap<String, BTreeSet<String>>,
    timeline: &[Value],
) {
    assert_eq!(account.groups_of(instance), *before);
    let case = timeline[0]["case"].as_str().unwrap();
    assert_eq!(account.snapshots(case), vec![]);
    assert_eq!(account.role_policies("web-server"), BTreeMap::new());
    let named = |group: &&SecurityGroup| group.group_name().unwrap().contains("tourniquet");
    assert_eq!(account.groups_in(&instance.vpc).iter().find(named), None);
    assert_eq!(of_kind(timeline, "change.intent").len(), 0);
}
