//! The template for CloudFormation, as JSON: what is right for a stack set that is deployed to every
//! account and Region.

use serde_json::{Map, Value, json};

use super::{
    CASE, DEAD_LETTERS, FORENSICS, HUB, KEEP_SECONDS, NEVER, NEVER_ON_OURS, RATE_PER_SECOND,
    RESPONDER, RETRIES, RETRY_SECONDS, RULE, Roles, SESSION_SECONDS_MAX, Setup, arn,
};
use crate::action::{DENY_POLICY, DENY_PROFILE, deny_everything};
use crate::change::Statement;
use crate::id::AccountId;
use crate::runbook::Runbook;

/// The default of the token: an empty one is none that a connection could be made with.
const NO_TOKEN: &str = "none";

/// The whole template.
#[must_use]
pub fn cloudformation<'a>(runbooks: impl IntoIterator<Item = &'a Runbook>, setup: &Setup) -> Value {
    let roles = Roles::of(runbooks, setup);
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Tourniquet: hub, responder and forensics roles, and the way of GuardDuty findings to the service. Needs CAPABILITY_NAMED_IAM.",
        "Parameters": parameters(setup),
        "Rules": rules(),
        "Conditions": conditions(),
        "Resources": resources(&roles, setup),
        "Outputs": {
            "HubRole": output("IsHub", "HubRole"),
            "ResponderRole": output("IsResponder", "ResponderRole"),
            "ForensicsRole": output("IsForensics", "ForensicsRole"),
        },
    })
}

fn parameters(setup: &Setup) -> Value {
    let text = |description: &str, pattern: &str, default: Option<&str>| {
        let mut fields = Map::from_iter([
            ("Type".to_owned(), json!("String")),
            ("Description".to_owned(), json!(description)),
            ("AllowedPattern".to_owned(), json!(pattern)),
        ]);
        fields.extend(default.map(|default| ("Default".to_owned(), json!(default))));
        Value::Object(fields)
    };
    let role = "^[A-Za-z0-9_+=,.@-]{1,64}$";
    let mut token = text(
        "A token of role intake: tourniquet token create --role intake.",
        "^(tq_.+|none)$",
        Some(NO_TOKEN),
    );
    token["NoEcho"] = json!(true);
    let forensics = setup.forensics.as_ref().map_or("", |forensics| forensics.account.as_str());
    json!({
        "HubAccount": text("The account in which the service runs.", "^[0-9]{12}$", setup.hub.as_ref().map(AccountId::as_str)),
        "HubService": text("What the service runs on, as it assumes its role.", r"^[a-z0-9-]+\.amazonaws\.com$", Some("ec2.amazonaws.com")),
        "ForensicsAccount": text("The account that keeps evidence; empty: there is none.", "^([0-9]{12})?$", Some(forensics)),
        "ExternalId": text("What a session must give as ExternalId: a random value of this account alone, the same as in tourniquet.toml.", "^[A-Za-z0-9_+=,.@:/-]{2,1224}$", setup.external_id.as_deref()),
        "HomeRegion": text("The Region whose stack makes the roles, which are global; empty: every stack.", "^([a-z0-9-]+)?$", Some("")),
        "HubRoleName": text("The hub role's name.", role, Some(HUB)),
        "ResponderRoleName": text("The responder role's name.", role, Some(RESPONDER)),
        "ForensicsRoleName": text("The forensics role's name.", role, Some(FORENSICS)),
        "FindingsUrl": text("Where findings are posted, such as https://HOST/v1/findings; empty: nothing is sent from here.", r"^(https://[^\s]+)?$", Some("")),
        "IntakeToken": token,
    })
}

fn rules() -> Value {
    json!({"TokenWithUrl": {
        "RuleCondition": not(equals(reference("FindingsUrl"), "")),
        "Assertions": [{
            "Assert": not(equals(reference("IntakeToken"), NO_TOKEN)),
            "AssertDescription": "FindingsUrl needs IntakeToken",
        }],
    }})
}

fn conditions() -> Value {
    let here = || json!({"Condition": "IsHome"});
    json!({
        "IsHome": {"Fn::Or": [
            equals(reference("HomeRegion"), ""),
            {"Fn::Equals": [reference("HomeRegion"), reference("AWS::Region")]},
        ]},
        "HasForensics": not(equals(reference("ForensicsAccount"), "")),
        "IsHub": {"Fn::And": [here(), is_account("HubAccount")]},
        "IsForensics": {"Fn::And": [here(), is_account("ForensicsAccount")]},
        // Evidence is never kept where something may be contained.
        "IsResponder": {"Fn::And": [here(), not(is_account("ForensicsAccount"))]},
        "SendsFindings": not(equals(reference("FindingsUrl"), "")),
    })
}

fn resources(roles: &Roles, setup: &Setup) -> Value {
    let hub = json!({"Service": reference("HubService")});
    let hub_trust = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "TheServiceItself", "Effect": "Allow", "Principal": hub, "Action": "sts:AssumeRole"},
    ]});
    json!({
        "HubRole": role("IsHub", "HubRoleName", &hub_trust, &hub_policy(setup)),
        "HubProfile": {
            "Type": "AWS::IAM::InstanceProfile",
            "Condition": "IsHub",
            "Properties": {"InstanceProfileName": reference("HubRoleName"), "Roles": [reference("HubRole")]},
        },
        "ResponderRole": role("IsResponder", "ResponderRoleName", &trust(), &but_ours(policy(&roles.responder))),
        "DenyAllRole": {
            "Type": "AWS::IAM::Role",
            "Condition": "IsResponder",
            "Properties": {
                "RoleName": DENY_PROFILE,
                "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
                    "Sid": "InstancesInQuarantine",
                    "Effect": "Allow",
                    "Principal": {"Service": "ec2.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }]},
                "Policies": [{"PolicyName": DENY_POLICY, "PolicyDocument": deny_everything()}],
            },
        },
        "DenyAllProfile": {
            "Type": "AWS::IAM::InstanceProfile",
            "Condition": "IsResponder",
            "Properties": {"InstanceProfileName": DENY_PROFILE, "Roles": [reference("DenyAllRole")]},
        },
        "ForensicsRole": role("IsForensics", "ForensicsRoleName", &trust(), &policy(&roles.forensics)),
        "FindingsConnection": sends("AWS::Events::Connection", json!({
            "AuthorizationType": "API_KEY",
            "AuthParameters": {"ApiKeyAuthParameters": {
                "ApiKeyName": "x-api-key",
                "ApiKeyValue": reference("IntakeToken"),
            }},
        })),
        "FindingsDestination": sends("AWS::Events::ApiDestination", json!({
            "ConnectionArn": attribute("FindingsConnection", "Arn"),
            "HttpMethod": "POST",
            "InvocationEndpoint": reference("FindingsUrl"),
            "InvocationRateLimitPerSecond": RATE_PER_SECOND,
        })),
        "FindingsRule": sends("AWS::Events::Rule", json!({
            "Name": RULE,
            "Description": "GuardDuty findings, whole and untransformed, to Tourniquet.",
            "State": "ENABLED",
            "EventPattern": {"source": ["aws.guardduty"], "detail-type": ["GuardDuty Finding"]},
            "Targets": [{
                "Id": "tourniquet",
                "Arn": attribute("FindingsDestination", "Arn"),
                "RoleArn": attribute("FindingsRole", "Arn"),
                "DeadLetterConfig": {"Arn": attribute("UndeliveredFindings", "Arn")},
                "RetryPolicy": {"MaximumEventAgeInSeconds": RETRY_SECONDS, "MaximumRetryAttempts": RETRIES},
            }],
        })),
        "FindingsRole": sends("AWS::IAM::Role", json!({
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Sid": "EventBridge",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }]},
            "Policies": [{"PolicyName": "send-findings", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Sid": "SendFindings",
                "Effect": "Allow",
                "Action": "events:InvokeApiDestination",
                "Resource": attribute("FindingsDestination", "Arn"),
            }]}}],
        })),
        "UndeliveredFindings": sends("AWS::SQS::Queue", json!({
            "QueueName": DEAD_LETTERS,
            "MessageRetentionPeriod": KEEP_SECONDS,
            "SqsManagedSseEnabled": true,
        })),
        "UndeliveredFindingsPolicy": sends("AWS::SQS::QueuePolicy", json!({
            "Queues": [reference("UndeliveredFindings")],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Sid": "TheRuleAlone",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": attribute("UndeliveredFindings", "Arn"),
                "Condition": {"ArnEquals": {"aws:SourceArn": attribute("FindingsRule", "Arn")}},
            }]},
        })),
    })
}

/// Who may assume a role of ours: the hub role, with the ExternalId, on behalf of a case.
fn trust() -> Value {
    // The account with a condition, and not the role: IAM refuses to name a role that is not there
    // yet, and stacks are made in any order.
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "TheHubForACase",
        "Effect": "Allow",
        "Principal": {"AWS": sub("arn:${AWS::Partition}:iam::${HubAccount}:root")},
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
        "Condition": {
            "ArnEquals": {"aws:PrincipalArn": sub("arn:${AWS::Partition}:iam::${HubAccount}:role/${HubRoleName}")},
            "StringEquals": {"sts:ExternalId": reference("ExternalId")},
            "StringLike": {"sts:SourceIdentity": CASE},
        },
    }]})
}

/// What the hub may: assume the roles of the other accounts, and nothing else.
fn hub_policy(setup: &Setup) -> Value {
    let responder =
        |id: &str| sub(&format!("arn:${{AWS::Partition}}:iam::{id}:role/${{ResponderRoleName}}"));
    let mut roles: Vec<Value> = setup.accounts.iter().map(|id| responder(id.as_str())).collect();
    if roles.is_empty() {
        roles.push(responder("*"));
    }
    let forensics = "arn:${AWS::Partition}:iam::${ForensicsAccount}:role/${ForensicsRoleName}";
    roles.push(json!({"Fn::If": ["HasForensics", sub(forensics), reference("AWS::NoValue")]}));
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "AssumeOurRoles",
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
        "Resource": roles,
    }]})
}

fn policy(statements: &[Statement]) -> Value {
    let all: Vec<Value> = statements
        .iter()
        .map(|Statement { sid, actions, resource }| {
            let resource = sub(&arn(resource, "${AWS::Partition}", "${AWS::AccountId}"));
            json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource})
        })
        .collect();
    json!({"Version": "2012-10-17", "Statement": all})
}

/// The same policy without our own roles.
fn but_ours(mut policy: Value) -> Value {
    let ours = ["HubRoleName", "ResponderRoleName", "ForensicsRoleName"].map(|name| {
        sub(&format!("arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/${{{name}}}"))
    });
    if let Some(all) = policy["Statement"].as_array_mut() {
        all.push(
            json!({"Sid": NEVER, "Effect": "Deny", "Action": NEVER_ON_OURS, "Resource": ours}),
        );
    }
    policy
}

fn role(condition: &str, name: &str, trust: &Value, policy: &Value) -> Value {
    json!({
        "Type": "AWS::IAM::Role",
        "Condition": condition,
        "Properties": {
            "RoleName": reference(name),
            "AssumeRolePolicyDocument": trust,
            "MaxSessionDuration": SESSION_SECONDS_MAX,
            "Policies": [{"PolicyName": "tourniquet", "PolicyDocument": policy}],
        },
    })
}

fn sends(kind: &str, properties: Value) -> Value {
    json!({"Type": kind, "Condition": "SendsFindings", "Properties": properties})
}

fn output(condition: &str, role: &str) -> Value {
    json!({"Condition": condition, "Description": "For role_arn in tourniquet.toml.", "Value": attribute(role, "Arn")})
}

fn reference(name: &str) -> Value {
    json!({"Ref": name})
}

fn attribute(resource: &str, name: &str) -> Value {
    json!({"Fn::GetAtt": [resource, name]})
}

/// Text with `${…}` in it; plain text stays plain.
fn sub(text: &str) -> Value {
    if text.contains("${") { json!({"Fn::Sub": text}) } else { json!(text) }
}

fn equals(value: Value, text: &str) -> Value {
    json!({"Fn::Equals": [value, text]})
}

fn is_account(parameter: &str) -> Value {
    json!({"Fn::Equals": [reference("AWS::AccountId"), reference(parameter)]})
}

fn not(condition: Value) -> Value {
    json!({"Fn::Not": [condition]})
}
