//! The templates: what they allow, what they refer to, and what never stands in them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::change::lines;
use crate::runbook::Library;

fn setup() -> Setup {
    Setup {
        hub: Some("123456789012".parse().unwrap()),
        forensics: Some(Forensics {
            account: "999988887777".parse().unwrap(),
            kms_key: "alias/tourniquet-forensics".to_owned(),
            transfer_kms_key: "alias/tourniquet-transfer".to_owned(),
        }),
        accounts: vec!["111122223333".parse().unwrap()],
        external_id: None,
        lock: None,
        confirm_findings: true,
    }
}

fn in_cloudformation(setup: &Setup) -> Value {
    let library = Library::embedded().unwrap();
    cloudformation(library.iter().map(|runbook| &**runbook), setup)
}

fn in_terraform(setup: &Setup) -> Value {
    let library = Library::embedded().unwrap();
    terraform(library.iter().map(|runbook| &**runbook), setup)
}

/// Every text in a value, keys left out.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, found)),
        _ => {}
    }
}

fn all_texts(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    texts(value, &mut found);
    found
}

/// Every value of a key, however deep.
fn under<'a>(key: &str, value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| under(key, item, found)),
        Value::Object(fields) => {
            for (name, field) in fields {
                if name == key {
                    found.push(field);
                }
                under(key, field, found);
            }
        }
        _ => {}
    }
}

/// What stands between `${` and `}`.
fn expressions(text: &str) -> Vec<&str> {
    text.split("${").skip(1).filter_map(|rest| rest.split('}').next()).collect()
}

#[test]
fn a_role_of_ours_is_assumed_by_the_hub_with_the_external_id_for_a_case() {
    let template = in_cloudformation(&setup());
    let properties = &template["Resources"]["ResponderRole"]["Properties"];
    let trust = &properties["AssumeRolePolicyDocument"]["Statement"];
    insta::assert_snapshot!(trust.to_string(), @r#"[{"Action":["sts:AssumeRole","sts:SetSourceIdentity"],"Condition":{"ArnEquals":{"aws:PrincipalArn":{"Fn::Sub":"arn:${AWS::Partition}:iam::${HubAccount}:role/${HubRoleName}"}},"StringEquals":{"sts:ExternalId":{"Ref":"ExternalId"}},"StringLike":{"sts:SourceIdentity":"case-*"}},"Effect":"Allow","Principal":{"AWS":{"Fn::Sub":"arn:${AWS::Partition}:iam::${HubAccount}:root"}},"Sid":"TheHubForACase"}]"#);
    assert_eq!(properties["MaxSessionDuration"], 3600);
    let forensics = &template["Resources"]["ForensicsRole"]["Properties"];
    assert_eq!(forensics["AssumeRolePolicyDocument"], properties["AssumeRolePolicyDocument"]);
    let hub = &template["Resources"]["HubRole"]["Properties"]["Policies"][0]["PolicyDocument"];
    insta::assert_snapshot!(hub["Statement"][0]["Resource"].to_string(), @r#"[{"Fn::Sub":"arn:${AWS::Partition}:iam::111122223333:role/${ResponderRoleName}"},{"Fn::If":["HasForensics",{"Fn::Sub":"arn:${AWS::Partition}:iam::${ForensicsAccount}:role/${ForensicsRoleName}"},{"Ref":"AWS::NoValue"}]}]"#);
}

#[test]
fn the_forensics_role_can_take_evidence_in_and_nothing_else() {
    let template = in_cloudformation(&setup());
    let policies = &template["Resources"]["ForensicsRole"]["Properties"]["Policies"];
    insta::assert_snapshot!(lines(&policies[0]["PolicyDocument"]), @r#"
    "AnyResource" ["ec2:DescribeSnapshots"] "*"
    "Ec2Snapshot" ["ec2:CopySnapshot","ec2:CreateTags"] {"Fn::Sub":"arn:${AWS::Partition}:ec2:*::snapshot/*"}
    "KmsKey" ["kms:CreateGrant","kms:Decrypt","kms:DescribeKey","kms:ReEncryptFrom"] {"Fn::Sub":"arn:${AWS::Partition}:kms:*:*:key/*"}
    "KmsKey2" ["kms:CreateGrant","kms:Decrypt","kms:DescribeKey","kms:GenerateDataKeyWithoutPlaintext","kms:ReEncryptFrom","kms:ReEncryptTo"] {"Fn::Sub":"arn:${AWS::Partition}:kms:*:${AWS::AccountId}:key/*"}
    "#);
}

fn in_words_of_terraform(resource: &Value) -> String {
    let plain = resource.as_str().or(resource["Fn::Sub"].as_str());
    let mut text = plain.unwrap().to_owned();
    for (ours, theirs) in [
        ("AWS::Partition", "data.aws_partition.current.partition"),
        ("AWS::AccountId", "data.aws_caller_identity.current.account_id"),
        ("HubRoleName", "var.hub_role_name"),
        ("ResponderRoleName", "var.responder_role_name"),
        ("ForensicsRoleName", "var.forensics_role_name"),
    ] {
        text = text.replace(&format!("${{{ours}}}"), &format!("${{{theirs}}}"));
    }
    text
}

#[test]
fn the_responder_can_not_change_a_role_of_ours() {
    let template = in_cloudformation(&setup());
    let policies = &template["Resources"]["ResponderRole"]["Properties"]["Policies"];
    let last = policies[0]["PolicyDocument"]["Statement"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["Sid"], &last["Effect"]), (&json!("NeverOurOwnRoles"), &json!("Deny")));
    assert_eq!(last["Resource"].as_array().unwrap().len(), 3);
    // Nor give one of them to an instance, nor let anybody else assume it, whatever a runbook may.
    for action in ["iam:PassRole", "iam:UpdateAssumeRolePolicy"] {
        assert!(last["Action"].as_array().unwrap().contains(&json!(action)), "{last}");
    }
    // Whatever of IAM is allowed on roles besides changes no policy.
    let all = policies[0]["PolicyDocument"]["Statement"].to_string();
    assert!(!all.contains("iam:AttachRolePolicy"));
}

#[test]
fn both_templates_allow_the_same_and_iam_takes_it() {
    for setup in [setup(), Setup::default()] {
        let (first, second) = (in_cloudformation(&setup), in_terraform(&setup));
        for (resource, data) in [("ResponderRole", "responder"), ("ForensicsRole", "forensics")] {
            let policy =
                &first["Resources"][resource]["Properties"]["Policies"][0]["PolicyDocument"];
            // IAM counts characters without white space: 10,240 for all inline policies of a role.
            assert!(policy.to_string().len() < 10_240, "{resource}: {}", policy.to_string().len());
            let mine = policy["Statement"].as_array().unwrap();
            let other =
                second["data"]["aws_iam_policy_document"][data]["statement"].as_array().unwrap();
            assert!(!mine.is_empty() && mine.len() == other.len(), "{resource}");
            let mut sids = BTreeSet::new();
            for (mine, other) in mine.iter().zip(other) {
                assert_eq!((&mine["Sid"], &mine["Action"]), (&other["sid"], &other["actions"]));
                let sid = mine["Sid"].as_str().unwrap();
                assert!(
                    sids.insert(sid) && sid.chars().all(|c| c.is_ascii_alphanumeric()),
                    "{sid}"
                );
                let mine = match &mine["Resource"] {
                    Value::Array(all) => all.iter().map(in_words_of_terraform).collect(),
                    one => vec![in_words_of_terraform(one)],
                };
                assert_eq!(json!(mine), other["resources"]);
            }
        }
    }
}

#[test]
fn every_name_that_cloudformation_is_given_is_there() {
    let template = in_cloudformation(&setup());
    let known = |section: &str| -> BTreeSet<String> {
        template[section].as_object().unwrap().keys().cloned().collect()
    };
    let (parameters, resources, conditions) =
        (known("Parameters"), known("Resources"), known("Conditions"));
    let there = |name: &str| {
        name.starts_with("AWS::") || parameters.contains(name) || resources.contains(name)
    };
    let mut found = Vec::new();
    under("Ref", &template, &mut found);
    assert!(found.iter().all(|name| there(name.as_str().unwrap())), "{found:?}");
    found.clear();
    under("Fn::GetAtt", &template, &mut found);
    assert!(found.iter().all(|pair| resources.contains(pair[0].as_str().unwrap())), "{found:?}");
    found.clear();
    under("Fn::Sub", &template, &mut found);
    for text in found {
        let text = text.as_str().unwrap();
        assert!(expressions(text).into_iter().all(there), "{text}");
    }
    // In IAM the key `Condition` holds an object.
    let mut found = Vec::new();
    under("Condition", &template, &mut found);
    let named = found.iter().filter_map(|value| value.as_str());
    assert!(named.into_iter().all(|name| conditions.contains(name)), "{found:?}");
}

#[test]
fn every_name_that_terraform_is_given_is_there() {
    let module = in_terraform(&setup());
    let mut checked = 0;
    for text in all_texts(&module) {
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || "._".contains(c))) {
            let path: Vec<&str> = word.split('.').collect();
            let place = match path.as_slice() {
                ["var", name, ..] => &module["variable"][name],
                ["local", name, ..] => &module["locals"][name],
                ["data", kind, name, ..] => &module["data"][kind][name],
                [kind, name, ..] if kind.starts_with("aws_") => &module["resource"][kind][name],
                _ => continue,
            };
            assert!(!place.is_null(), "{word} in {text}");
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn findings_are_sent_whole_and_what_can_not_be_delivered_is_kept() {
    let template = in_cloudformation(&setup());
    let rule = &template["Resources"]["FindingsRule"]["Properties"];
    insta::assert_snapshot!(rule["EventPattern"].to_string(), @r#"{"detail-type":["GuardDuty Finding"],"source":["aws.guardduty"]}"#);
    insta::assert_snapshot!(rule["Targets"].to_string(), @r#"[{"Arn":{"Fn::GetAtt":["FindingsDestination","Arn"]},"DeadLetterConfig":{"Arn":{"Fn::GetAtt":["UndeliveredFindings","Arn"]}},"Id":"tourniquet","RetryPolicy":{"MaximumEventAgeInSeconds":86400,"MaximumRetryAttempts":185},"RoleArn":{"Fn::GetAtt":["FindingsRole","Arn"]}}]"#);
    for template in [template, in_terraform(&setup())] {
        let text = template.to_string().to_lowercase();
        assert!(!text.contains("inputtransformer") && !text.contains("input_transformer"));
        assert!(!text.contains("input_path") && !text.contains("inputpath"));
        assert!(text.contains("guardduty finding"), "the pattern is there");
    }
}

#[test]
fn secrets_are_parameters_and_never_literals() {
    let (first, second) = (in_cloudformation(&setup()), in_terraform(&setup()));
    let token = &first["Parameters"]["IntakeToken"];
    assert_eq!((&token["NoEcho"], &token["Default"]), (&json!(true), &json!("none")));
    let token = &second["variable"]["intake_token"];
    assert_eq!((&token["sensitive"], &token["default"]), (&json!(true), &json!("")));
    assert!(first["Parameters"]["ExternalId"]["Default"].is_null(), "nobody gave one");
    assert!(second["variable"]["external_id"]["default"].is_null());
    let given = Setup { external_id: Some("of-this-account".to_owned()), ..setup() };
    for template in [in_cloudformation(&given), in_terraform(&given)] {
        let times =
            all_texts(&template).iter().filter(|text| text.contains("of-this-account")).count();
        assert_eq!(times, 1, "the default of the parameter, and nowhere else");
    }
}

#[test]
fn an_external_id_holds_nothing_that_means_something_in_a_template() {
    for (text, good) in [
        ("ab", true),
        ("A-Z_a+z=0,9.@:/-", true),
        ("a", false),
        ("${var.x}", false),
        ("a\"b", false),
        ("a b", false),
        ("%{if}", false),
    ] {
        assert_eq!(external_id(text).is_ok(), good, "{text}");
    }
}
