//! A finding that was delivered, compared with GuardDuty's own: whoever has an intake token can forge
//! one.
//!
//! What routing goes by and what the shipped runbooks act on must be what GuardDuty says. A delivery is
//! compared in one direction only where a finding grows: GuardDuty's own may be a later version, that is
//! more severe or names more. Both are normalised first, because what the API answers and what a
//! delivery was made of differ in spelling. What a runbook takes by its parameters is compared by its
//! header.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::document::normalise;
use super::field::{at, flag};
use super::marks::is_sample;

/// What is compared word for word; missing and `null` are the same.
const WORDS: &[&str] = &[
    "/type",
    "/accountId",
    "/service/resourceRole",
    "/service/detection/sequence/uid",
    "/resource/resourceType",
    "/resource/instanceDetails/instanceId",
    "/resource/accessKeyDetails/userName",
    "/resource/accessKeyDetails/userType",
    "/resource/accessKeyDetails/accessKeyId",
];

/// What the items of an attack sequence are contained by: what they are, and which. A profile in
/// GuardDuty's own spelling is there only beside another one, and then the runbook takes it first.
const ITEMS: &[(&str, &[&str])] = &[
    (
        "resources",
        &[
            "/uid",
            "/resourceType",
            "/data/ec2Instance/iamInstanceProfile/arn",
            "/data/ec2Instance/IamInstanceProfile/arn",
        ],
    ),
    ("actors", &["/user/name", "/user/type"]),
];

/// GuardDuty's own copy of a finding.
pub struct Told(Value);

impl Told {
    /// The document as GuardDuty's API gives it.
    #[must_use]
    pub fn new(document: Value) -> Self {
        Self(normalise(document, &mut Vec::new()))
    }

    /// The document, in the spelling of a delivered one.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.0
    }

    /// Whether GuardDuty tells of less time than `delivered` does: an earlier version, or an invention.
    #[must_use]
    pub fn is_earlier(&self, delivered: &Value) -> bool {
        let seen = |document| -> Option<Timestamp> {
            at(document, "/service/eventLastSeen")?.as_str()?.parse().ok()
        };
        seen(&self.0).is_some_and(|theirs| seen(delivered) > Some(theirs))
    }

    /// What keeps `delivered`, a normalised document, from being acted on, in words; `None`: GuardDuty
    /// says the same.
    #[must_use]
    pub fn difference(&self, delivered: &Value) -> Option<String> {
        let theirs = &self.0;
        if at(theirs, "/service/archived").and_then(flag) == Some(true) {
            return Some("the finding is archived".to_owned());
        }
        if is_sample(theirs) {
            return Some("the finding is a sample".to_owned());
        }
        let differs =
            |path: &str| format!("{} differs", path.trim_start_matches('/').replace('/', "."));
        let word = |document, path| at(document, path).and_then(Value::as_str).unwrap_or_default();
        if let Some(path) = WORDS.iter().find(|path| word(delivered, path) != word(theirs, path)) {
            return Some(differs(path));
        }
        if tenths(delivered) > tenths(theirs) {
            return Some("the severity is lower".to_owned());
        }
        // What was seen after a containment is contained again: nobody may invent that.
        if self.is_earlier(delivered) {
            return Some("it was last seen earlier".to_owned());
        }
        let lists = ITEMS.iter().map(|(list, parts)| {
            let path = format!("/service/detection/sequence/{list}");
            let known = items(delivered, &path, parts).is_subset(&items(theirs, &path, parts));
            (path, known)
        });
        lists.into_iter().find(|(_, known)| !known).map(|(path, _)| differs(&path))
    }
}

/// The severity in tenths. Scripts and entries know no fractions, so that a pinned document has it as
/// text.
fn tenths(document: &Value) -> Option<i64> {
    let number = match at(document, "/severity")? {
        Value::String(text) => text.parse().ok()?,
        other => other.as_f64()?,
    };
    #[expect(clippy::cast_possible_truncation, reason = "a severity is at most 10")]
    Some((number * 10.0_f64).round() as i64)
}

fn items<'a>(document: &'a Value, list: &str, parts: &[&str]) -> BTreeSet<Vec<&'a str>> {
    let items = at(document, list).and_then(Value::as_array).into_iter().flatten();
    let word = |item: &'a Value, part: &str| at(item, part).and_then(Value::as_str);
    items
        .map(|item| parts.iter().map(|part| word(item, part).unwrap_or_default()).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn difference(ours: &Value, theirs: &Value) -> Option<String> {
        Told::new(theirs.clone()).difference(ours)
    }

    #[test]
    fn nobody_invents_that_it_goes_on() {
        let at = |time: &str| json!({"service": {"eventLastSeen": time}});
        let (early, late) = (at("2026-03-14T09:24:47.000Z"), at("2026-03-14T10:24:47Z"));
        assert_eq!(difference(&early, &late), None);
        assert_eq!(difference(&late, &late), None);
        assert_eq!(difference(&late, &early).unwrap(), "it was last seen earlier");
        assert_eq!(difference(&late, &json!({"service": {}})), None, "GuardDuty does not say");
    }

    fn sequence(resources: Value, actors: Value) -> Value {
        json!({"service": {"resourceRole": "ACTOR", "detection": {"sequence":
            {"uid": "s", "resources": resources, "actors": actors}}}})
    }

    #[test]
    fn a_payload_that_guardduty_tells_otherwise_is_not_acted_on() {
        let ours = json!({"type": "T", "accountId": "111122223333", "severity": "8.0",
            "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": "i-1"}}});
        let with = |path: &str, value: Value| {
            let mut theirs = ours.clone();
            theirs["severity"] = json!(8.0);
            theirs["service"] = json!({});
            if let Some((above, key)) = path.rsplit_once('/') {
                theirs.pointer_mut(above).unwrap()[key] = value;
            }
            theirs
        };
        for (theirs, told) in [
            (with("", json!(null)), None),
            (with("/severity", json!(8)), None),
            (with("/severity", json!(8.5)), None),
            (with("/service/resourceRole", json!(null)), None),
            (with("/service/archived", json!(false)), None),
            (with("/severity", json!(7.9)), Some("the severity is lower")),
            (with("/severity", json!(null)), Some("the severity is lower")),
            (with("/service/archived", json!(true)), Some("the finding is archived")),
            (with("/service/resourceRole", json!("TARGET")), Some("service.resourceRole differs")),
            (
                with("/resource/instanceDetails", json!({"instanceId": "i-2"})),
                Some("resource.instanceDetails.instanceId differs"),
            ),
        ] {
            assert_eq!(difference(&ours, &theirs).as_deref(), told, "{theirs}");
        }
    }

    #[test]
    fn a_sample_is_not_acted_on_wherever_it_is_marked() {
        for info in [
            json!({"sample": true}),
            json!({"Sample": "true"}),
            json!({"value": "{\"sample\":true}", "type": "default"}),
            json!({"Value": "{\"sample\":true}", "Type": "default"}),
        ] {
            let theirs = json!({"service": {"additionalInfo": info}});
            let told = difference(&json!({"service": {}}), &theirs);
            assert_eq!(told.as_deref(), Some("the finding is a sample"), "{theirs}");
        }
    }

    #[test]
    fn what_a_sequence_names_is_among_what_guardduty_names() {
        let machine = |uid: &str, kind: &str, key: &str, profile: &str| json!({"uid": uid, "resourceType": kind, "data": {"ec2Instance": {key: {"arn": profile}}}});
        let user = |name: &str, kind: &str| json!({"user": {"name": name, "type": kind}});
        let mut two = machine("i-1", "EC2_INSTANCE", "iamInstanceProfile", "web");
        two["data"]["ec2Instance"]["IamInstanceProfile"] = json!({"arn": "db"});
        let one = || machine("i-1", "EC2_INSTANCE", "iamInstanceProfile", "web");
        let ours = sequence(json!([one()]), json!([user("ada", "IAMUser"), {"process": {}}]));
        // The API's own spelling, and a version that names more.
        let theirs = sequence(
            json!([
                machine("i-2", "EC2_INSTANCE", "IamInstanceProfile", "db"),
                machine("i-1", "EC2_INSTANCE", "IamInstanceProfile", "web"),
            ]),
            json!([user("ada", "IAMUser"), {"process": {"name": "sh"}}, user("eve", "IAMUser")]),
        );
        assert_eq!(difference(&ours, &theirs), None);
        let resources = Some("service.detection.sequence.resources differs");
        let actors = Some("service.detection.sequence.actors differs");
        let of = |resource: Value, actor: Value| sequence(json!([resource]), json!([actor]));
        let ada = || user("ada", "IAMUser");
        for (forged, told) in [
            (of(machine("i-3", "EC2_INSTANCE", "iamInstanceProfile", "web"), ada()), resources),
            (of(machine("i-1", "EC2_OTHER", "iamInstanceProfile", "web"), ada()), resources),
            (of(machine("i-1", "EC2_INSTANCE", "iamInstanceProfile", "db"), ada()), resources),
            (of(two, ada()), resources),
            (of(one(), user("mallory", "IAMUser")), actors),
            (of(one(), user("ada", "AssumedRole")), actors),
        ] {
            assert_eq!(difference(&forged, &theirs).as_deref(), told, "{forged}");
        }
    }
}
