//! One spelling for every document: lower-camel keys, as GuardDuty's API has them on the wire.
//!
//! What the AWS CLI prints (PascalCase) and what EventBridge carries become the same document, so
//! that a runbook's path works on both. Values are left as they came, and keys of maps (resource
//! types, tags, profiles) are data and are never folded. No judgement about the content.

use serde_json::{Map, Value};

use super::field::cut;
use super::model::Degraded;

/// Characters of a key that a note shows.
const KEY_SHOWN_MAX: usize = 64;

/// Names that differ by more than their first letter (GuardDuty API model): the object they stand
/// in, or none for any; the spelling with a small first letter; the name on the wire.
const IRREGULAR: &[(Option<&str>, &str, &str)] = &[
    (None, "sourceIps", "sourceIPs"),
    (None, "kubernetesResourcesTypes", "type"),
    (Some("productCodes"), "code", "productCodeId"),
    (Some("productCodes"), "productType", "productCodeType"),
    (Some("taskDetails"), "taskCreatedAt", "createdAt"),
    (Some("location"), "latitude", "lat"),
    (Some("location"), "longitude", "lon"),
    (Some("geoLocation"), "latitude", "lat"),
    (Some("geoLocation"), "longitude", "lon"),
    (Some("account"), "name", "account"),
];

/// The document in lower camel case; `degraded` gains what was ambiguous.
pub fn normalise(document: Value, degraded: &mut Vec<Degraded>) -> Value {
    let mut clashes = Clashes::default();
    let mut document = walk(document, "", Keys::Fold, &mut clashes);
    if let Some(first) = &clashes.first {
        let count = clashes.count;
        degraded
            .push(format!("{count} key(s), such as {first:?}, stand in two spellings that differ"));
    }
    // Some products pass the one database on as a list of one.
    if let Some(slot) = document.pointer_mut("/resource/rdsDbInstanceDetails")
        && let Value::Array(items) = slot
        && items.len() == 1
    {
        *slot = items.remove(0);
        degraded.push("resource.rdsDbInstanceDetails is a list".to_owned());
    }
    document
}

/// Keys that stand twice, in two spellings with different values. One note tells of all, so that a
/// document can't fill a timeline entry with them.
#[derive(Default)]
struct Clashes {
    first: Option<String>,
    count: usize,
}

/// What the keys of an object are.
#[derive(Clone, Copy)]
enum Keys {
    /// Names of fields.
    Fold,
    /// Data, for this many levels of objects; names of fields below.
    Data(usize),
    /// `service.additionalInfo`: data, except that the API calls its two members Value and Type.
    AdditionalInfo,
}

/// More levels than a document can have.
const ALL: usize = usize::MAX;

impl Keys {
    /// What the keys of the object called `key` inside of `parent` are.
    fn of(parent: &str, key: &str, value: &Value) -> Self {
        match (parent, key) {
            ("service", "additionalInfo") => Self::AdditionalInfo,
            (_, "affectedResources") => Self::Data(ALL),
            // GuardDuty's tags are a list of pairs; other products make a map of them.
            (_, "tags") if value.is_object() => Self::Data(ALL),
            // Both map a feature to a map by rarity, with structures below.
            ("anomaly", "profiles") | ("unusual", "behavior") => Self::Data(2),
            _ => Self::Fold,
        }
    }
}

/// Rewrites the keys of `value`, which stands under the key `parent`. Its depth is that of a parsed
/// document, so the recursion is bounded by `DEPTH_MAX`.
fn walk(value: Value, parent: &str, keys: Keys, clashes: &mut Clashes) -> Value {
    match (value, keys) {
        (Value::Array(items), keys) => {
            Value::Array(items.into_iter().map(|item| walk(item, parent, keys, clashes)).collect())
        }
        (Value::Object(map), Keys::Fold) => Value::Object(fold(map, parent, clashes)),
        (Value::Object(map), Keys::Data(ALL)) => Value::Object(map),
        (Value::Object(map), Keys::Data(levels)) => {
            let below = if levels > 1 { Keys::Data(levels - 1) } else { Keys::Fold };
            Value::Object(
                map.into_iter().map(|(key, item)| (key, walk(item, "", below, clashes))).collect(),
            )
        }
        (Value::Object(mut map), Keys::AdditionalInfo) => {
            for (from, to) in [("Value", "value"), ("Type", "type")] {
                if !map.contains_key(to)
                    && let Some(item) = map.remove(from)
                {
                    map.insert(to.to_owned(), item);
                }
            }
            Value::Object(map)
        }
        (other, _) => other,
    }
}

fn fold(map: Map<String, Value>, parent: &str, clashes: &mut Clashes) -> Map<String, Value> {
    let mut folded = Map::new();
    let mut respelt = Vec::new();
    // The wire's own spelling goes first, so that it wins against another one of the same name.
    for (key, value) in map {
        let name = wire_name(parent, &key);
        if name == key {
            let below = Keys::of(parent, &name, &value);
            let value = walk(value, &name, below, clashes);
            folded.insert(name, value);
        } else {
            respelt.push((key, name, value));
        }
    }
    for (key, name, value) in respelt {
        let below = Keys::of(parent, &name, &value);
        let value = walk(value, &name, below, clashes);
        match folded.get(&name) {
            None => {
                folded.insert(name, value);
            }
            Some(present) if *present == value => {}
            Some(_) => {
                clashes.count += 1;
                clashes.first.get_or_insert_with(|| cut(&key, KEY_SHOWN_MAX));
                folded.insert(key, value);
            }
        }
    }
    folded
}

/// The name on the wire of `key` inside of `parent`.
fn wire_name(parent: &str, key: &str) -> String {
    // A key such as AWS::S3::Bucket is no field's name, wherever it stands.
    let is_name = key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut lower = key.to_owned();
    if is_name && let Some(first) = lower.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    IRREGULAR
        .iter()
        .find(|(inside, from, _)| *from == lower && inside.is_none_or(|inside| inside == parent))
        .map_or(lower, |(_, _, to)| (*to).to_owned())
}

/// The document's bytes with sorted keys at every level: equal documents have equal bytes, whatever
/// the order in which their keys came.
pub fn canonical(document: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(document, &mut bytes);
    bytes
}

fn write(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            let mut members: Vec<(&String, &Value)> = map.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            bytes.push(b'{');
            for (index, (key, item)) in members.into_iter().enumerate() {
                if index > 0 {
                    bytes.push(b',');
                }
                bytes.extend_from_slice(Value::from(key.as_str()).to_string().as_bytes());
                bytes.push(b':');
                write(item, bytes);
            }
            bytes.push(b'}');
        }
        Value::Array(items) => {
            bytes.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    bytes.push(b',');
                }
                write(item, bytes);
            }
            bytes.push(b']');
        }
        other => bytes.extend_from_slice(other.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pascal_case_becomes_the_name_on_the_wire() {
        for (given, expected) in [
            (
                json!({"Id": 1, "S3BucketDetails": [{"Name": 2}]}),
                json!({"id": 1, "s3BucketDetails": [{"name": 2}]}),
            ),
            (json!({"SourceIps": ["x"]}), json!({"sourceIPs": ["x"]})),
            (json!({"sourceIps": ["x"]}), json!({"sourceIPs": ["x"]})),
            (json!({"SourceIPs": ["x"]}), json!({"sourceIPs": ["x"]})),
            (
                json!({"ProductCodes": [{"Code": 1, "ProductType": 2}]}),
                json!({"productCodes": [{"productCodeId": 1, "productCodeType": 2}]}),
            ),
            (json!({"code": 1}), json!({"code": 1})),
            (
                json!({"TaskDetails": {"TaskCreatedAt": 1}}),
                json!({"taskDetails": {"createdAt": 1}}),
            ),
            (
                json!({"Location": {"Latitude": 1, "Longitude": 2}, "Account": {"Uid": 1, "Name": 2}}),
                json!({"location": {"lat": 1, "lon": 2}, "account": {"uid": 1, "account": 2}}),
            ),
            (
                json!({"LoginAttributes": [], "IamInstanceProfile": {}}),
                json!({"loginAttributes": [], "iamInstanceProfile": {}}),
            ),
            (
                json!({"KubernetesWorkload": {"KubernetesResourcesTypes": "PODS"}}),
                json!({"kubernetesWorkload": {"type": "PODS"}}),
            ),
            (
                json!({"AffectedResources": {"AWS::S3::Bucket": {"Name": 1}}, "Tags": {"Owner": 1}}),
                json!({"affectedResources": {"AWS::S3::Bucket": {"Name": 1}}, "tags": {"Owner": 1}}),
            ),
            (json!({"Tags": [{"Key": "Owner"}]}), json!({"tags": [{"key": "Owner"}]})),
            (
                json!({"Service": {"AdditionalInfo": {"Value": "{}", "Type": "t", "Unusual": {"Isps": 1}}}}),
                json!({"service": {"additionalInfo": {"value": "{}", "type": "t", "Unusual": {"Isps": 1}}}}),
            ),
            (
                json!({"ItemDetails": {"AdditionalInfo": {"VersionId": 1}}}),
                json!({"itemDetails": {"additionalInfo": {"versionId": 1}}}),
            ),
            (
                json!({"Anomaly": {"Profiles": {"Api": {"Rare": [{"ProfileType": 1}]}}, "Unusual": {"Behavior": {"User": {"Asn": {"ProfileType": 1}}}}}}),
                json!({"anomaly": {"profiles": {"Api": {"Rare": [{"profileType": 1}]}}, "unusual": {"behavior": {"User": {"Asn": {"profileType": 1}}}}}}),
            ),
            (json!({"Id": 1, "id": 1}), json!({"id": 1})),
            (json!({"": 1, "Ärger": 2, "X-Y": 3}), json!({"": 1, "Ärger": 2, "X-Y": 3})),
            (json!([{"Id": 1}, 2, null]), json!([{"id": 1}, 2, null])),
        ] {
            let mut degraded = Vec::new();
            assert_eq!(normalise(given.clone(), &mut degraded), expected, "{given}");
            assert!(degraded.is_empty(), "{degraded:?}");
            assert_eq!(normalise(expected.clone(), &mut degraded), expected, "twice is once");
        }
    }

    #[test]
    fn two_spellings_that_differ_are_kept_and_noted() {
        let mut degraded = Vec::new();
        let document = normalise(json!({"Id": "b", "id": "a", "Arn": 1, "arn": 2}), &mut degraded);
        assert_eq!(document, json!({"id": "a", "Id": "b", "arn": 2, "Arn": 1}));
        assert_eq!(degraded, [r#"2 key(s), such as "Arn", stand in two spellings that differ"#]);
    }

    #[test]
    fn a_list_of_one_database_is_the_database() {
        let mut degraded = Vec::new();
        let given = json!({"Resource": {"RdsDbInstanceDetails": [{"Engine": "x"}]}});
        let document = normalise(given, &mut degraded);
        assert_eq!(document, json!({"resource": {"rdsDbInstanceDetails": {"engine": "x"}}}));
        assert_eq!(degraded.len(), 1);
    }

    #[test]
    fn canonical_bytes_have_sorted_keys() {
        let document = json!({"b": [{"d": 1.5, "c": "\"ü"}], "a": null});
        assert_eq!(canonical(&document), r#"{"a":null,"b":[{"c":"\"ü","d":1.5}]}"#.as_bytes());
    }
}
