//! Marks in a document that take trust away: samples, and templates that nobody filled in.
//!
//! Only values that AWS assigns are looked at. A user agent, a tag or a session's title can be
//! chosen by an attacker, who could otherwise switch the response off by writing `${x}` there.

use serde_json::Value;

use super::field::{at, either_case, flag};
use super::json::parse_strict;

/// The instance of GuardDuty's sample findings.
const SAMPLE_INSTANCE: &str = "i-99999999";

/// How the key and principal ids of sample findings start.
const SAMPLE_PREFIX: &str = "GeneratedFinding";

/// Whether GuardDuty made the finding up: `additionalInfo.sample` (EventBridge and exports), the
/// same inside of the text `additionalInfo.value` (API), or ids that only samples have.
pub fn is_sample(document: &Value) -> bool {
    let marked = |info: &Value| {
        info.as_object().and_then(|info| either_case(info, "sample")).and_then(flag) == Some(true)
    };
    let info = at(document, "/service/additionalInfo");
    let inner = info
        .and_then(|info| at(info, "/value"))
        .and_then(Value::as_str)
        .and_then(|text| parse_strict(text.as_bytes()).ok());
    let text = |pointer| at(document, pointer).and_then(Value::as_str);
    info.is_some_and(marked)
        || inner.as_ref().is_some_and(marked)
        || text("/resource/instanceDetails/instanceId") == Some(SAMPLE_INSTANCE)
        || ["/resource/accessKeyDetails/accessKeyId", "/resource/accessKeyDetails/principalId"]
            .into_iter()
            .any(|pointer| text(pointer).is_some_and(|id| id.starts_with(SAMPLE_PREFIX)))
}

/// The identifiers that containment rests on. `*` stands for each item of a list.
const IDENTIFIERS: &[&str] = &[
    "id",
    "accountId",
    "arn",
    "region",
    "type",
    "resource/resourceType",
    "resource/accessKeyDetails/accessKeyId",
    "resource/accessKeyDetails/principalId",
    "resource/accessKeyDetails/userName",
    "resource/accessKeyDetails/userType",
    "resource/instanceDetails/instanceId",
    "resource/instanceDetails/iamInstanceProfile/arn",
    "resource/instanceDetails/networkInterfaces/*/networkInterfaceId",
    "resource/instanceDetails/networkInterfaces/*/subnetId",
    "resource/instanceDetails/networkInterfaces/*/vpcId",
    "resource/instanceDetails/networkInterfaces/*/securityGroups/*/groupId",
    "resource/s3BucketDetails/*/arn",
    "resource/s3BucketDetails/*/name",
    "resource/lambdaDetails/functionArn",
    "resource/lambdaDetails/functionName",
    "resource/lambdaDetails/role",
    "service/resourceRole",
];

/// The identifiers in which a template's placeholder was left: `${x}`, `{{x}}`, `<<X>>`, `<x>`.
/// None of these characters is allowed in any of them.
pub fn placeholders(document: &Value) -> Vec<&'static str> {
    IDENTIFIERS
        .iter()
        .filter(|path| {
            let parts: Vec<&str> = path.split('/').collect();
            any(document, &parts, &|text| {
                text.contains("${")
                    || text.contains("{{")
                    || (text.contains('<') && text.contains('>'))
            })
        })
        .copied()
        .collect()
}

fn any(value: &Value, path: &[&str], test: &dyn Fn(&str) -> bool) -> bool {
    match (path, value) {
        ([], Value::String(text)) => test(text),
        (["*", rest @ ..], Value::Array(items)) => items.iter().any(|item| any(item, rest, test)),
        ([key, rest @ ..], Value::Object(map)) => {
            map.get(*key).is_some_and(|inner| any(inner, rest, test))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn samples_are_seen_in_both_places_and_by_their_ids() {
        for (document, sample) in [
            (json!({"service": {"additionalInfo": {"sample": true}}}), true),
            (json!({"service": {"additionalInfo": {"sample": "true"}}}), true),
            (json!({"service": {"additionalInfo": {"sample": false}}}), false),
            (json!({"service": {"additionalInfo": {"value": "{\"sample\":true}"}}}), true),
            (json!({"service": {"additionalInfo": {"value": "{\"sample\":false}"}}}), false),
            (json!({"service": {"additionalInfo": {"value": "sample"}}}), false),
            (json!({"service": {"additionalInfo": {"value": {"sample": true}}}}), false),
            (json!({"resource": {"instanceDetails": {"instanceId": "i-99999999"}}}), true),
            (
                json!({"resource": {"accessKeyDetails": {"accessKeyId": "GeneratedFindingAccessKeyId"}}}),
                true,
            ),
            // An attacker can name a user, so a name proves nothing.
            (
                json!({"resource": {"accessKeyDetails": {"userName": "GeneratedFindingUserName"}}}),
                false,
            ),
            (json!({"title": "[SAMPLE] something"}), false),
            (json!([]), false),
        ] {
            assert_eq!(is_sample(&document), sample, "{document}");
        }
    }

    #[test]
    fn placeholders_count_in_identifiers_only() {
        let instance = |details: Value| json!({"resource": {"instanceDetails": details}});
        for (document, found) in [
            (
                instance(json!({"instanceId": "${instance_id}"})),
                vec!["resource/instanceDetails/instanceId"],
            ),
            (
                instance(
                    json!({"networkInterfaces": [{}, {"securityGroups": [{"groupId": "{{sg}}"}]}]}),
                ),
                vec!["resource/instanceDetails/networkInterfaces/*/securityGroups/*/groupId"],
            ),
            (json!({"accountId": "<account>", "region": "<<EXPR>>"}), vec!["accountId", "region"]),
            (instance(json!({"tags": [{"key": "a", "value": "${jndi:ldap://x}"}]})), vec![]),
            (json!({"description": "<b>${x}</b>", "id": "a<b"}), vec![]),
        ] {
            assert_eq!(placeholders(&document), found, "{document}");
        }
    }
}
