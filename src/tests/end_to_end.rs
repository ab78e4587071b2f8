//! A finding posted to the real program with the `aws` adapter, on a real moto server, and what the
//! test then finds there with clients of its own.
//!
//! Snapshots take the service several looks, 15 s apart, so the first test takes about a minute; the
//! others run beside it. Each has accounts of its own.

mod account;
mod service;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Snapshot, SnapshotState};
use aws_sdk_iam::types::StatusType;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::account::{Account, Disk, Instance, wait};
use self::service::{Service, access, crypto_mining, known, leaked_key, of_kind, sessions};
use crate::support::pause;

const EXTERNAL_ID: &str = "end-to-end";

/// STS: characters of an inline session policy.
const SESSION_POLICY_MAX: usize = 2048;

/// The policy by which a role's sessions are revoked.
const REVOKED: &str = "AWSRevokeOlderSessions";

#[test]
fn a_finding_becomes_a_contained_case() {
    let account = Account::new("111122223333", EXTERNAL_ID);
    let vault = Account::new("999988887777", "vault");
    account.profile("web-server");
    account.key(Some("alias/tourniquet-transfer"));
    let kept_under = vault.key(Some("alias/tourniquet-forensics"));
    let own_key = account.key(None);
    let instance = account.instance(
        "web-server",
        &[Disk::Plain, Disk::DefaultKey, Disk::Key(&own_key)],
    );
    let finding = crypto_mining(&account, &instance);
    known(&account, &finding);
    let forensics = format!(
        "[forensics]\naccount = \"{}\"\n{}",
        vault.id,
        access(&vault, "vault")
    );
    let mut service = Service::start(&account, EXTERNAL_ID, &forensics);

    let posted = Timestamp::now();
    let (case, run) = service.post(&finding);
    let seen_shared = watch_sharing(&service, &case, &account, &vault);
    let told = service.over(&case);
    assert_eq!(
        told["status"],
        "contained",
        "{told}\n{}",
        service.server.log()
    );
    let timeline = service.timeline(&case);

    isolated(&account, &instance);
    let carriers = preserved(&account, &vault, &instance, &case, &run, &kept_under);
    assert_eq!(
        seen_shared, carriers,
        "what was shared meanwhile is what the vault copied"
    );
    assert_eq!(shared_and_unshared(&timeline, vault.id), carriers);
    revoked(&account, &timeline, posted);
    assert_eq!(
        account.tags(&instance.id).get("tourniquet:case"),
        Some(&case)
    );

    assert_eq!(
        of_kind(&timeline, "run.started")[0]["body"]["finding"],
        "confirmed by GuardDuty"
    );
    told_with_request_ids(&timeline);
    assert!(service.verifies(&case));
    for account in [&account, &vault] {
        carries_the_case(account, &case, &run);
    }
}

#[test]
fn an_undo_gives_every_interface_its_groups_back() {
    let account = Account::new("222233334444", EXTERNAL_ID);
    account.profile("web-server");
    let instance = account.instance("web-server", &[Disk::Plain]);
    let before = account.groups_of(&instance);
    let finding = crypto_mining(&account, &instance);
    known(&account, &finding);
    let mut service = Service::start(&account, EXTERNAL_ID, "");
    let (case, run) = service.post(&finding);
    assert_eq!(
        service.over(&case)["status"],
        "contained",
        "{}",
        service.server.log()
    );
    isolated(&account, &instance);

    let (success, undo) = service.client(&["undo", &run]);
    assert!(success, "{undo}");
    let told = service.over(&case);
    assert_eq!(
        told["status"],
        "released",
        "{told}\n{}",
        service.server.log()
    );
    assert_eq!(account.groups_of(&instance), before);
    // Each interface went straight back: never through the open group again.
    let undo = undo["id"].as_str().unwrap();
    let timeline = service.timeline(&case);
    let intents = of_kind(&timeline, "change.intent");
    let swaps = intents.iter().filter(|entry| entry["body"]["run"] == undo);
    let swaps = swaps.filter(|entry| entry["body"]["change"]["change"] == "interface_groups");
    assert_eq!(swaps.count(), instance.interfaces.len());
    // Stolen sessions stay dead, and the evidence stays where it is, unless a person asks for more.
    assert!(account.role_policies("web-server").contains_key(REVOKED));
    assert_eq!(account.snapshots(&case).len(), instance.volumes.len());
    assert!(!account.tags(&instance.id).contains_key("tourniquet:case"));
    told_with_request_ids(&timeline);
    assert!(service.verifies(&case));
}

#[test]
fn a_wrong_external_id_is_told_and_changes_nothing() {
    let account = Account::new("333344445555", EXTERNAL_ID);
    account.profile("web-server");
    let instance = account.instance("web-server", &[Disk::Plain]);
    let before = account.groups_of(&instance);
    let finding = crypto_mining(&account, &instance);
    known(&account, &finding);
    let mut service = Service::start(&account, "a guess", "");

    let (case, _) = service.post(&finding);
    let told = service.over(&case);
    assert_eq!(
        (&told["status"], &told["runs"][0]["state"]),
        (&json!("attention"), &json!("halted")),
        "{told}"
    );
    let summary = told["runs"][0]["summary"].as_str().unwrap();
    assert!(
        summary.starts_with("E0504: ") && summary.contains("sts:AssumeRole: AccessDenied"),
        "{summary}"
    );
    untouched(&account, &instance, &before, &service.timeline(&case));

    // A run that a person starts gets past the confirmation, and no further.
    let instance_id = format!("instance={}", instance.id);
    let by_hand = [
        "run",
        "compromised-instance",
        "--mode",
        "contain",
        "--case",
        &case,
        "--param",
        &instance_id,
    ];
    let (success, run) = service.client(&by_hand);
    assert!(success, "{run}");
    let told = service.over(&case);
    let same = |shown: &&Value| shown["id"] == run["id"];
    let run = told["runs"].as_array().unwrap().iter().find(same).unwrap();
    let summary = run["summary"].as_str().unwrap();
    assert_eq!(
        (&told["status"], &run["contained"]),
        (&json!("attention"), &json!(false)),
        "{told}"
    );
    assert!(
        summary.starts_with("E0505: ") && summary.contains("sts:AssumeRole: AccessDenied"),
        "{summary}"
    );
    untouched(&account, &instance, &before, &service.timeline(&case));
    assert!(service.verifies(&case));
}

#[test]
fn a_forged_finding_is_held_for_a_person() {
    let account = Account::new("444455556666", EXTERNAL_ID);
    account.profile("web-server");
    let [miner, first, second] = [(); 3].map(|()| account.instance("web-server", &[Disk::Plain]));
    let mut service = Service::start(&account, EXTERNAL_ID, "");
    known(&account, &crypto_mining(&account, &miner));
    // One that GuardDuty never told, and a true one that was turned against another instance.
    let mut invented = crypto_mining(&account, &first);
    invented["detail"]["id"] = json!("c0ffee0123456789c0ffee01234567ff");
    let turned = crypto_mining(&account, &second);
    for (forged, victim, reason) in [
        (
            invented,
            first,
            "GuardDuty does not know this finding: it may be forged",
        ),
        (
            turned,
            second,
            "GuardDuty tells it otherwise: resource.instanceDetails.instanceId differs",
        ),
    ] {
        let before = account.groups_of(&victim);
        let (case, _) = service.post(&forged);
        let told = service.over(&case);
        let run = &told["runs"][0];
        assert_eq!(
            (&told["status"], &run["state"]),
            (&json!("attention"), &json!("halted")),
            "{told}"
        );
        assert_eq!(run["summary"], format!("E0504: {reason}"));
        untouched(&account, &victim, &before, &service.timeline(&case));
        assert!(service.verifies(&case));
    }
}

#[test]
fn a_leaked_key_costs_its_user_everything() {
    let account = Account::new("555566667777", EXTERNAL_ID);
    let user = "deploy-bot";
    let key = wait(async {
        account
            .iam
            .create_user()
            .user_name(user)
            .send()
            .await
            .unwrap();
        account
            .iam
            .create_login_profile()
            .user_name(user)
            .password("correct horse 9")
            .send()
            .await
            .unwrap();
        account
            .iam
            .create_access_key()
            .user_name(user)
            .send()
            .await
            .unwrap();
        let made = account
            .iam
            .create_access_key()
            .user_name(user)
            .send()
            .await
            .unwrap();
        made.access_key.unwrap().access_key_id
    });
    let finding = leaked_key(&account, user, &key);
    known(&account, &finding);
    let mut service = Service::start(&account, EXTERNAL_ID, "");

    let (case, run) = service.post(&finding);
    let told = service.over(&case);
    assert_eq!(
        told["status"],
        "contained",
        "{told}\n{}",
        service.server.log()
    );

    let deny = &account.user_policies(user)["TourniquetDenyAll"]["Statement"][0];
    assert_eq!(
        (
            &deny["Effect"],
            &deny["Action"],
            &deny["Resource"],
            &deny["Condition"]
        ),
        (&json!("Deny"), &json!("*"), &json!("*"), &Value::Null)
    );
    wait(async {
        let keys = account
            .iam
            .list_access_keys()
            .user_name(user)
            .send()
            .await
            .unwrap();
        let states: Vec<_> = keys
            .access_key_metadata()
            .iter()
            .map(|key| key.status().unwrap().clone())
            .collect();
        assert_eq!(states, [StatusType::Inactive, StatusType::Inactive]);
        let console = account
            .iam
            .get_login_profile()
            .user_name(user)
            .send()
            .await
            .unwrap_err();
        assert!(console.into_service_error().is_no_such_entity_exception());
    });
    let timeline = service.timeline(&case);
    // The deny comes first: a user who still has a key could make another one.
    assert_eq!(
        of_kind(&timeline, "change.intent")[0]["body"]["operation"],
        "iam:PutUserPolicy"
    );
    told_with_request_ids(&timeline);
    assert!(service.verifies(&case));
    carries_the_case(&account, &case, &run);
}

/// Every interface is in exactly one group, which is marked as quarantine and lets nothing through.
fn isolated(account: &Account, instance: &Instance) {
    let groups = account.groups_in(&instance.vpc);
    let now = account.groups_of(instance);
    assert_eq!(now.len(), instance.interfaces.len());
    for (interface, ids) in now {
        assert_eq!(ids.len(), 1, "{interface} is in {ids:?}");
        let group = groups
            .iter()
            .find(|group| ids.contains(group.group_id().unwrap()))
            .unwrap();
        let purpose = group
            .tags()
            .iter()
            .find(|tag| tag.key() == Some("tourniquet:purpose"));
        assert_eq!(
            purpose.and_then(|tag| tag.value()),
            Some("quarantine"),
            "{group:?}"
        );
        // A permission holds the ranges of IPv4 and IPv6 alike.
        assert!(
            group.ip_permissions().is_empty() && group.ip_permissions_egress().is_empty(),
            "{group:?}"
        );
    }
}

/// Follows the run until it is over and says which snapshots it ever found shared with the vault.
fn watch_sharing(
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
fn preserved(
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
        assert!(
            tag(snapshot, "tourniquet:step").starts_with(&format!("{run}/")),
            "{snapshot:?}"
        );
    }
    for snapshot in &here {
        let id = snapshot.snapshot_id().unwrap();
        assert_eq!(
            account.shared_with(id),
            BTreeSet::new(),
            "{id} is private again"
        );
    }
    let sources = stage("source", &here);
    let volumes: BTreeSet<_> = sources
        .iter()
        .map(|source| source.volume_id().unwrap().to_owned())
        .collect();
    assert_eq!(
        (sources.len(), &volumes),
        (instance.volumes.len(), &instance.volumes)
    );
    let transfers = stage("transfer", &here);
    let copies = stage("forensics", &there);
    assert_eq!(
        (transfers.len(), copies.len()),
        (2, instance.volumes.len()),
        "{here:?} {there:?}"
    );
    for transfer in &transfers {
        assert_eq!(
            transfer.encrypted(),
            Some(true),
            "nothing leaves in the clear: {transfer:?}"
        );
    }
    for copy in &copies {
        assert_eq!(copy.state(), Some(&SnapshotState::Completed), "{copy:?}");
        assert_eq!(
            (copy.encrypted(), copy.kms_key_id()),
            (Some(true), Some(key)),
            "{copy:?}"
        );
        assert_eq!(copy.owner_id(), Some(vault.id));
    }
    // Every copy goes back to another volume.
    let source_of: BTreeMap<_, _> = transfers
        .iter()
        .map(|one| (one.snapshot_id().unwrap(), tag(one, "tourniquet:source")))
        .collect();
    let carriers: BTreeSet<_> = copies
        .iter()
        .map(|copy| tag(copy, "tourniquet:source").to_owned())
        .collect();
    let origins: BTreeSet<_> = carriers
        .iter()
        .map(|carrier| source_of.get(carrier.as_str()).copied().unwrap_or(carrier))
        .collect();
    let ids: BTreeSet<_> = sources
        .iter()
        .map(|source| source.snapshot_id().unwrap())
        .collect();
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
fn shared_and_unshared(timeline: &[Value], vault: &str) -> BTreeSet<String> {
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
fn revoked(account: &Account, timeline: &[Value], posted: Timestamp) {
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
fn told_with_request_ids(timeline: &[Value]) {
    let outcomes = of_kind(timeline, "change.outcome");
    assert_eq!(outcomes.len(), of_kind(timeline, "change.intent").len());
    assert!(!outcomes.is_empty());
    for outcome in outcomes {
        let body = &outcome["body"];
        assert_eq!(body["result"], "ok", "{body}");
        assert!(
            body["receipt"]["request_id"]
                .as_str()
                .is_some_and(|id| !id.is_empty()),
            "{body}"
        );
    }
}

/// Every session of the service in this account says for which case and run it is, is short, and has
/// a policy that STS would take.
fn carries_the_case(account: &Account, case: &str, run: &str) {
    let sessions = sessions(account);
    assert!(!sessions.is_empty());
    for session in sessions {
        assert_eq!(session["SourceIdentity"], case, "{session}");
        assert!(
            session["RoleSessionName"]
                .as_str()
                .unwrap()
                .starts_with(&format!("{run}-")),
            "{session}"
        );
        assert_eq!(
            session["DurationSeconds"].to_string().trim_matches('"'),
            "900",
            "{session}"
        );
        let policy = session["Policy"].as_str().unwrap();
        assert!(
            policy.len() <= SESSION_POLICY_MAX,
            "{} characters: {policy}",
            policy.len()
        );
        assert!(policy.contains("\"Allow\""), "{policy}");
    }
}

/// Nothing was changed, and nothing was tried.
fn untouched(
    account: &Account,
    instance: &Instance,
    before: &BTreeMap<String, BTreeSet<String>>,
    timeline: &[Value],
) {
    assert_eq!(account.groups_of(instance), *before);
    let case = timeline[0]["case"].as_str().unwrap();
    assert_eq!(account.snapshots(case), vec![]);
    assert_eq!(account.role_policies("web-server"), BTreeMap::new());
    let named = |group: &&aws_sdk_ec2::types::SecurityGroup| {
        group.group_name().unwrap().contains("tourniquet")
    };
    assert_eq!(account.groups_in(&instance.vpc).iter().find(named), None);
    assert_eq!(of_kind(timeline, "change.intent").len(), 0);
}
