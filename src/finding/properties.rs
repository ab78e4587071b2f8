//! Whatever comes in, recognising it never panics, and what it says about it holds.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;

/// Keys that recognition looks at, in both spellings, and some that it does not.
const KEYS: &[&str] = &[
    "id",
    "Id",
    "type",
    "Type",
    "accountId",
    "AccountId",
    "region",
    "severity",
    "Severity",
    "resource",
    "Resource",
    "service",
    "Service",
    "detail",
    "detail-type",
    "source",
    "Findings",
    "findings",
    "Records",
    "Messages",
    "Body",
    "resourceType",
    "instanceDetails",
    "instanceId",
    "s3BucketDetails",
    "name",
    "accessKeyDetails",
    "userName",
    "additionalInfo",
    "value",
    "sample",
    "detection",
    "sequence",
    "uid",
    "updatedAt",
    "count",
    "archived",
    "rdsDbInstanceDetails",
    "tags",
    "anomaly",
    "profiles",
    "unusual",
    "behavior",
    "",
    "AWS::S3::Bucket",
    "ünd",
];

/// Texts that mean something.
const TEXTS: &[&str] = &[
    "aws.guardduty",
    "GuardDuty Finding",
    "111122223333",
    "eu-west-1",
    "Instance",
    "S3Bucket",
    "AccessKey",
    "AttackSequence",
    "Backdoor:EC2/C&CActivity.B",
    "i-0a1b2c3d4e5f60718",
    "true",
    "{\"sample\":true}",
    "2026-01-01T00:00:00Z",
    "2026-01-01 00:00:00.000",
    "${x}",
    "",
];

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(TEXTS).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(KEYS), inner), 0..8).prop_map(|members| {
                let members = members.into_iter().map(|(key, value)| (key.to_owned(), value));
                Value::Object(members.collect::<Map<_, _>>())
            }),
        ]
    })
}

/// What holds for everything that is recognised.
fn check(bytes: &[u8]) {
    let recognised = recognise(bytes);
    assert_eq!(recognised, recognise(bytes), "the same bytes, the same answer");
    let Recognised::Findings(findings) = recognised else {
        return;
    };
    assert!(!findings.is_empty());
    for finding in findings.into_iter().flatten() {
        let complete = finding.account.is_some() && finding.region.is_some() && finding.id_given;
        assert!(complete || !finding.degraded.is_empty(), "{finding:?}");
        assert!(finding.severity.is_some() || !finding.degraded.is_empty());
        assert!(!finding.finding_type.0.is_empty());
        let _ = (finding.resource(), finding.correlation());
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        check(&bytes);
    }

    #[test]
    fn any_json(value in json()) {
        check(value.to_string().as_bytes());
    }

    #[test]
    fn a_finding_with_any_field_replaced(
        fixture in prop::sample::select(fixtures::ALL),
        place in any::<prop::sample::Index>(),
        value in json(),
    ) {
        if let Ok(mut document) = serde_json::from_str::<Value>(fixture.1) {
            let place = place.index(places(&document));
            replace(&mut document, &mut { place }, value);
            check(document.to_string().as_bytes());
        }
    }

    #[test]
    fn our_documents_with_one_byte_changed(
        fixture in prop::sample::select(fixtures::ALL),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = fixture.1.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        check(&bytes);
    }

    #[test]
    fn our_documents_cut_anywhere(
        fixture in prop::sample::select(fixtures::ALL),
        at in any::<prop::sample::Index>(),
    ) {
        check(&fixture.1.as_bytes()[..at.index(fixture.1.len())]);
    }
}

/// How many values there are in `value`, itself included.
fn places(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(places).sum(),
        Value::Object(members) => members.values().map(places).sum(),
        _ => 0,
    }
}

/// Puts `new` in the place of the value that comes after `left` others.
fn replace(value: &mut Value, left: &mut usize, new: Value) -> Option<Value> {
    if *left == 0 {
        *value = new;
        return None;
    }
    *left -= 1;
    let inner: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(members) => members.values_mut().collect(),
        _ => Vec::new(),
    };
    let mut new = Some(new);
    for item in inner {
        new = replace(item, left, new?);
    }
    new
}

#[test]
fn replacing_reaches_every_place() {
    let document = serde_json::json!({"a": [1, {"b": 2}], "c": 3});
    let mut seen = std::collections::BTreeSet::new();
    for place in 0..places(&document) {
        let mut changed = document.clone();
        assert_eq!(replace(&mut changed, &mut { place }, Value::Null), None);
        seen.insert(changed.to_string());
    }
    assert_eq!(seen.len(), 6);
}
