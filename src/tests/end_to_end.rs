//! A finding posted to the real program with the `aws` adapter, on a real moto server, and what the
//! test then finds there with clients of its own.
//!
//! Snapshots take the service several looks, 15 s apart, so the first test takes about a minute; the
//! others run beside it. Each has accounts of its own.

pub mod account;
mod check;
mod seen;
mod service;

use aws_sdk_iam::types::StatusType;
use jiff::Timestamp;
use serde_json::{Value, json};

use self::account::{Account, Disk, wait};
use self::check::{
    REVOKED, carries_the_case, isolated, preserved, revoked, shared_and_unshared,
    told_with_request_ids, untouched, watch_sharing,
};
use self::service::{Service, access, crypto_mining, known, leaked_key, of_kind};

const EXTERNAL_ID: &str = "end-to-end";

#[test]
fn a_finding_becomes_a_contained_case() {
    let account = Account::new("111122223333", EXTERNAL_ID);
    let vault = Account::new("999988887777", "vault");
    account.profile("web-server");
    account.key(Some("alias/tourniquet-transfer"));
    let kept_under = vault.key(Some("alias/tourniquet-forensics"));
    let own_key = account.key(None);
    let instance =
        account.instance("web-server", &[Disk::Plain, Disk::DefaultKey, Disk::Key(&own_key)]);
    let finding = crypto_mining(&account, &instance);
    known(&account, &finding);
    let forensics = format!("[forensics]\naccount = \"{}\"\n{}", vault.id, access(&vault, "vault"));
    let mut service = Service::start(&account, EXTERNAL_ID, &forensics);

    let posted = Timestamp::now();
    let (case, run) = service.post(&finding);
    let seen_shared = watch_sharing(&service, &case, &account, &vault);
    let told = service.over(&case);
    assert_eq!(told["status"], "contained", "{told}\n{}", service.server.log());
    let timeline = service.timeline(&case);

    isolated(&account, &instance);
    let carriers = preserved(&account, &vault, &instance, &case, &run, &kept_under);
    assert_eq!(seen_shared, carriers, "what was shared meanwhile is what the vault copied");
    assert_eq!(shared_and_unshared(&timeline, vault.id), carriers);
    revoked(&account, &timeline, posted);
    assert_eq!(account.tags(&instance.id).get("tourniquet:case"), Some(&case));

    assert_eq!(of_kind(&timeline, "run.started")[0]["body"]["finding"], "confirmed by GuardDuty");
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
    assert_eq!(service.over(&case)["status"], "contained", "{}", service.server.log());
    isolated(&account, &instance);

    let (success, undo) = service.client(&["undo", &run]);
    assert!(success, "{undo}");
    let told = service.over(&case);
    assert_eq!(told["status"], "released", "{told}\n{}", service.server.log());
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
        (invented, first, "GuardDuty does not know this finding: it may be forged"),
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
        assert_eq!(run["summary"], format!("E0512: {reason}"));
        untouched(&account, &victim, &before, &service.timeline(&case));
        assert!(service.verifies(&case));
    }
}

#[test]
fn a_leaked_key_costs_its_user_everything() {
    let account = Account::new("555566667777", EXTERNAL_ID);
    let user = "deploy-bot";
    let key = wait(async {
        account.iam.create_user().user_name(user).send().await.unwrap();
        account
            .iam
            .create_login_profile()
            .user_name(user)
            .password("correct horse 9")
            .send()
            .await
            .unwrap();
        account.iam.create_access_key().user_name(user).send().await.unwrap();
        let made = account.iam.create_access_key().user_name(user).send().await.unwrap();
        made.access_key.unwrap().access_key_id
    });
    let finding = leaked_key(&account, user, &key);
    known(&account, &finding);
    let mut service = Service::start(&account, EXTERNAL_ID, "");

    let (case, run) = service.post(&finding);
    let told = service.over(&case);
    assert_eq!(told["status"], "contained", "{told}\n{}", service.server.log());

    let deny = &account.user_policies(user)["TourniquetDenyAll"]["Statement"][0];
    assert_eq!(
        (&deny["Effect"], &deny["Action"], &deny["Resource"], &deny["Condition"]),
        (&json!("Deny"), &json!("*"), &json!("*"), &Value::Null)
    );
    wait(async {
        let keys = account.iam.list_access_keys().user_name(user).send().await.unwrap();
        let states: Vec<_> =
            keys.access_key_metadata().iter().map(|key| key.status().unwrap().clone()).collect();
        assert_eq!(states, [StatusType::Inactive, StatusType::Inactive]);
        let console = account.iam.get_login_profile().user_name(user).send().await.unwrap_err();
        assert!(console.into_service_error().is_no_such_entity_exception());
    });
    let timeline = service.timeline(&case);
    // The deny comes first: a user who still has a key could make another one.
    assert_eq!(of_kind(&timeline, "change.intent")[0]["body"]["operation"], "iam:PutUserPolicy");
    told_with_request_ids(&timeline);
    assert!(service.verifies(&case));
    carries_the_case(&account, &case, &run);
}
