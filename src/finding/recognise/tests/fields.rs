//! What is read from a finding, whatever its format.

use super::*;

#[test]
fn what_is_missing_degrades_and_what_has_the_wrong_type_is_rejected() {
    let raw = complete;
    for (document, expected) in [
        (raw(), "raw-camel 0"),
        (without(raw(), "/schemaVersion"), "raw-camel 0"),
        (without(raw(), "/arn"), "raw-camel 0"),
        (without(raw(), "/id"), "raw-camel 1"),
        (without(raw(), "/type"), "raw-camel 1"),
        (without(without(raw(), "/id"), "/type"), "E0102 api-pascal-fragment"),
        (with(with(raw(), "/id", json!("")), "/type", json!("")), "E0102 raw-camel"),
        (without(raw(), "/severity"), "raw-camel 1"),
        (with(raw(), "/severity", json!(null)), "raw-camel 1"),
        (with(raw(), "/severity", json!(10.1)), "raw-camel 1"),
        (with(raw(), "/severity", json!("5.0")), "E0103 raw-camel"),
        (without(raw(), "/resource"), "raw-camel 1"),
        (with(raw(), "/resource", json!([])), "E0103 raw-camel"),
        (without(raw(), "/service"), "raw-camel 1"),
        (with(raw(), "/service", json!("x")), "E0103 raw-camel"),
        (without(raw(), "/updatedAt"), "raw-camel 1"),
        (with(raw(), "/updatedAt", json!(1.7e9)), "raw-camel 1"),
        (with(raw(), "/updatedAt", json!({})), "raw-camel 1"),
        (with(raw(), "/accountId", json!(111122223333_u64)), "E0103 raw-camel"),
        (with(raw(), "/accountId", json!("1234567890123")), "raw-camel 1"),
        (with(raw(), "/accountId", json!("١٢٣٤٥٦٧٨٩٠١٢")), "raw-camel 1"),
        (with(raw(), "/region", json!("global")), "raw-camel 1"),
        (with(raw(), "/id", json!("../../etc")), "raw-camel 1"),
        (with(raw(), "/id", json!(5)), "E0103 raw-camel"),
        (with(raw(), "/type", json!("Recon:EC2 PortProbe")), "raw-camel 1"),
        (with(raw(), "/type", json!("Canary:EC2/Stateless.IntegTest")), "raw-camel 0"),
        (with(raw(), "/type", json!("x".repeat(101))), "E0103 raw-camel"),
        (with(raw(), "/service/archived", json!("false")), "raw-camel 0"),
        (with(raw(), "/service/archived", json!("perhaps")), "raw-camel 1"),
        (with(raw(), "/service/count", json!("3")), "raw-camel 0"),
        (with(raw(), "/service/count", json!(-3)), "raw-camel 1"),
        (without(raw(), "/service/count"), "raw-camel 0"),
        (with(raw(), "/resource/resourceType", json!("Instance")), "raw-camel 1"),
        (with(raw(), "/resource/resourceType", json!("Whatever")), "raw-camel 0"),
        (with(raw(), "/resource/resourceType", json!("AttackSequence")), "raw-camel 1"),
        (with(raw(), "/resource/rdsDbInstanceDetails", json!([{}])), "raw-camel 1"),
        (with(raw(), "/schemaVersion", json!("3.0")), "raw-camel 1"),
    ] {
        assert_eq!(outcome(&document), expected, "{}", cut(&document.to_string(), 120));
    }
}

#[test]
fn a_finding_is_about_what_its_resource_type_says() {
    for (text, resource, correlation) in [
        (
            fixtures::CRYPTO_MINING_INSTANCE,
            "instance/i-0a1b2c3d4e5f60718",
            "111122223333/eu-west-1/instance/i-0a1b2c3d4e5f60718",
        ),
        (
            fixtures::INSTANCE_CREDENTIAL_EXFILTRATION,
            "role/batch-worker",
            "111122223333/global/role/batch-worker",
        ),
        (fixtures::LEAKED_USER_KEY, "user/deploy-bot", "111122223333/global/user/deploy-bot"),
        (
            fixtures::ATTACK_SEQUENCE_INSTANCE_GROUP,
            "attack-sequence/seq-7d1f4c0a",
            "111122223333/eu-west-1/attack-sequence/seq-7d1f4c0a",
        ),
        (
            fixtures::API_PORT_PROBE,
            "instance/i-0c3d4e5f607182930",
            "444455556666/eu-central-1/instance/i-0c3d4e5f607182930",
        ),
        (
            fixtures::RAW_S3_ANOMALOUS_BEHAVIOR,
            "bucket/example-payroll-exports",
            "444455556666/eu-central-1/bucket/example-payroll-exports",
        ),
    ] {
        let finding = only(text.as_bytes());
        assert_eq!(finding.resource().as_deref(), Some(resource));
        assert_eq!(finding.correlation(), correlation);
    }
    let exfiltration = only(fixtures::INSTANCE_CREDENTIAL_EXFILTRATION.as_bytes());
    assert_eq!(
        exfiltration.instance, None,
        "instanceDetails beside an access key is not the subject"
    );
    assert_eq!(exfiltration.account.unwrap().as_str(), "111122223333", "never the envelope's");
}

#[test]
fn fields_are_typed() {
    let finding = only(fixtures::CRYPTO_MINING_INSTANCE.as_bytes());
    assert_eq!(finding.severity.unwrap().0, 80);
    assert_eq!(finding.region.unwrap().as_str(), "eu-west-1");
    assert_eq!(finding.resource_role.as_deref(), Some("ACTOR"));
    assert_eq!(finding.version.updated_at.unwrap().to_string(), "2026-03-14T09:26:53.589Z");
    assert_eq!((finding.version.count, finding.version.archived), (1, false));
    let profile = finding.instance.unwrap().profile_arn;
    assert_eq!(profile.as_deref(), Some("arn:aws:iam::111122223333:instance-profile/web-server"));
    assert!(only(fixtures::SAMPLE_SSH_BRUTE_FORCE.as_bytes()).sample);
    assert!(only(fixtures::CRYPTO_MINING_INSTANCE_ARCHIVED.as_bytes()).version.archived);
    let moved = only(fixtures::DEGRADED_REEXPORTED.as_bytes());
    assert_eq!(moved.region.unwrap().as_str(), "eu-west-1", "the envelope's, and noted");
    assert_eq!((moved.version.count, moved.version.archived), (2, false));
    assert_eq!(only(fixtures::DEGRADED_MASKED_ACCOUNT.as_bytes()).account, None);
}

#[test]
fn hoisted_service_fields_are_a_fallback() {
    let hoisted = with(with(complete(), "/archived", json!("true")), "/count", json!(9));
    let finding = only(hoisted.to_string().as_bytes());
    assert_eq!((finding.version.count, finding.version.archived), (1, false), "service wins");
    let hoisted = without(without(hoisted, "/service/archived"), "/service/count");
    let finding = only(hoisted.to_string().as_bytes());
    assert_eq!((finding.version.count, finding.version.archived), (9, true));
}

#[test]
fn the_content_is_the_same_whatever_the_wrapper_or_the_order_of_keys() {
    let event = fixture(fixtures::LEAKED_USER_KEY);
    let first = only(event.to_string().as_bytes());
    let admin = with(with(event.clone(), "/account", json!("999988887777")), "/id", json!("other"));
    let turned = format!(
        "{{\"severity\": 5, {}",
        without(event["detail"].clone(), "/severity").to_string().strip_prefix('{').unwrap()
    );
    for same in [admin.to_string(), event["detail"].to_string(), turned] {
        assert_eq!(only(same.as_bytes()).version, first.version);
        assert_eq!(only(same.as_bytes()).id, first.id);
    }
    let changed = with(event, "/detail/service/archived", json!(true));
    assert_ne!(only(changed.to_string().as_bytes()).version.content, first.version.content);
}

#[test]
fn a_document_without_an_id_gets_one_from_its_content() {
    let document = without(complete(), "/id");
    let (first, again) =
        (only(document.to_string().as_bytes()), only(document.to_string().as_bytes()));
    assert_eq!(first.id, again.id);
    assert!(!first.id_given);
    assert_eq!(first.id.as_str(), format!("hash-{}", &first.version.content.as_str()[..32]));
    assert_eq!(first.degraded, ["id is missing"]);
}
