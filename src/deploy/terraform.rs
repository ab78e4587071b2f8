//! The module for Terraform, in its JSON syntax (`main.tf.json`): apply it once in each account and
//! Region, with the provider of that account.
//!
//! Policies are data sources with blocks, not text with JSON in it: no value can break out of one.

use serde_json::{Map, Value, json};

use super::{
    CASE, DEAD_LETTERS, FORENSICS, HUB, KEEP_SECONDS, NEVER, NEVER_ON_OURS, RATE_PER_SECOND,
    RESPONDER, RETRIES, RETRY_SECONDS, RULE, Roles, SESSION_SECONDS_MAX, Setup, arn,
};
use crate::action::{DENY_POLICY, DENY_PROFILE, deny_everything};
use crate::change::Statement;
use crate::id::AccountId;
use crate::runbook::Runbook;

const PARTITION: &str = "${data.aws_partition.current.partition}";
const ACCOUNT: &str = "${data.aws_caller_identity.current.account_id}";

/// The whole module.
#[must_use]
pub fn terraform<'a>(runbooks: impl IntoIterator<Item = &'a Runbook>, setup: &Setup) -> Value {
    let roles = Roles::of(runbooks, setup);
    json!({
        "terraform": {
            "required_version": ">= 1.3",
            "required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 5.0"}},
        },
        "variable": variables(setup),
        "locals": locals(setup),
        "data": {
            "aws_caller_identity": {"current": {}},
            "aws_partition": {"current": {}},
            "aws_iam_policy_document": documents(&roles),
        },
        "resource": resources(),
        "output": {
            "hub_role_arn": {"value": "${one(aws_iam_role.hub[*].arn)}"},
            "responder_role_arn": {"value": "${one(aws_iam_role.responder[*].arn)}"},
            "forensics_role_arn": {"value": "${one(aws_iam_role.forensics[*].arn)}"},
        },
    })
}

fn variables(setup: &Setup) -> Value {
    let text = |description: &str, default: Option<&str>| {
        let mut fields = Map::from_iter([
            ("type".to_owned(), json!("string")),
            ("description".to_owned(), json!(description)),
        ]);
        fields.extend(default.map(|default| ("default".to_owned(), json!(default))));
        Value::Object(fields)
    };
    let mut token =
        text("A token of role intake: tourniquet token create --role intake.", Some(""));
    token["sensitive"] = json!(true);
    let forensics = setup.forensics.as_ref().map_or("", |forensics| forensics.account.as_str());
    json!({
        "hub_account": text("The account in which the service runs.", setup.hub.as_ref().map(AccountId::as_str)),
        "hub_service": text("What the service runs on, as it assumes its role.", Some("ec2.amazonaws.com")),
        "forensics_account": text("The account that keeps evidence; empty: there is none.", Some(forensics)),
        "external_id": text("What a session must give as ExternalId: a random value of this account alone, the same as in tourniquet.toml.", setup.external_id.as_deref()),
        "make_roles": {"type": "bool", "default": true, "description": "Roles are global: make them in one Region of an account."},
        "hub_role_name": text("The hub role's name.", Some(HUB)),
        "responder_role_name": text("The responder role's name.", Some(RESPONDER)),
        "forensics_role_name": text("The forensics role's name.", Some(FORENSICS)),
        "findings_url": text("Where findings are posted, such as https://HOST/v1/findings; empty: nothing is sent from here.", Some("")),
        "intake_token": token,
    })
}

fn locals(setup: &Setup) -> Value {
    let responder =
        |id: &str| format!("arn:{PARTITION}:iam::{id}:role/${{var.responder_role_name}}");
    let mut responders: Vec<String> =
        setup.accounts.iter().map(|id| responder(id.as_str())).collect();
    if responders.is_empty() {
        responders.push(responder("*"));
    }
    json!({
        "is_hub": format!("${{var.make_roles && {} == var.hub_account}}", bare(ACCOUNT)),
        "is_forensics": format!("${{var.make_roles && {} == var.forensics_account}}", bare(ACCOUNT)),
        // Evidence is never kept where something may be contained.
        "is_responder": format!("${{var.make_roles && {} != var.forensics_account}}", bare(ACCOUNT)),
        "sends_findings": "${var.findings_url != \"\"}",
        "hub_role_arn": format!("arn:{PARTITION}:iam::${{var.hub_account}}:role/${{var.hub_role_name}}"),
        "responder_role_arns": responders,
        "forensics_role_arn": format!("arn:{PARTITION}:iam::${{var.forensics_account}}:role/${{var.forensics_role_name}}"),
        "assumed_role_arns": "${var.forensics_account == \"\" ? local.responder_role_arns : concat(local.responder_role_arns, [local.forensics_role_arn])}",
    })
}

/// An expression without its `${…}`.
fn bare(expression: &str) -> &str {
    expression.trim_start_matches("${").trim_end_matches('}')
}

fn documents(roles: &Roles) -> Value {
    json!({
        "hub_trust": {"statement": [{
            "sid": "TheServiceItself",
            "principals": [{"type": "Service", "identifiers": ["${var.hub_service}"]}],
            "actions": ["sts:AssumeRole"],
        }]},
        "hub": {"statement": [{
            "sid": "AssumeOurRoles",
            "actions": ["sts:AssumeRole", "sts:SetSourceIdentity"],
            "resources": "${local.assumed_role_arns}",
        }]},
        // The account with a condition, and not the role: IAM refuses to name a role that is not
        // there yet, and accounts are set up in any order.
        "trust": {"statement": [{
            "sid": "TheHubForACase",
            "principals": [{"type": "AWS", "identifiers": [format!("arn:{PARTITION}:iam::${{var.hub_account}}:root")]}],
            "actions": ["sts:AssumeRole", "sts:SetSourceIdentity"],
            "condition": [
                {"test": "ArnEquals", "variable": "aws:PrincipalArn", "values": ["${local.hub_role_arn}"]},
                {"test": "StringEquals", "variable": "sts:ExternalId", "values": ["${var.external_id}"]},
                {"test": "StringLike", "variable": "sts:SourceIdentity", "values": [CASE]},
            ],
        }]},
        "responder": {"statement": but_ours(statements(&roles.responder))},
        "forensics": {"statement": statements(&roles.forensics)},
        "deny_trust": {"statement": [{
            "sid": "InstancesInQuarantine",
            "principals": [{"type": "Service", "identifiers": ["ec2.amazonaws.com"]}],
            "actions": ["sts:AssumeRole"],
        }]},
        "events_trust": {"statement": [{
            "sid": "EventBridge",
            "principals": [{"type": "Service", "identifiers": ["events.amazonaws.com"]}],
            "actions": ["sts:AssumeRole"],
        }]},
        "send_findings": {"count": count("sends_findings"), "statement": [{
            "sid": "SendFindings",
            "actions": ["events:InvokeApiDestination"],
            "resources": ["${aws_cloudwatch_event_api_destination.findings[0].arn}"],
        }]},
        "undelivered": {"count": count("sends_findings"), "statement": [{
            "sid": "TheRuleAlone",
            "principals": [{"type": "Service", "identifiers": ["events.amazonaws.com"]}],
            "actions": ["sqs:SendMessage"],
            "resources": ["${aws_sqs_queue.undelivered[0].arn}"],
            "condition": [{
                "test": "ArnEquals",
                "variable": "aws:SourceArn",
                "values": ["${aws_cloudwatch_event_rule.findings[0].arn}"],
            }],
        }]},
    })
}

fn statements(statements: &[Statement]) -> Vec<Value> {
    let block = |Statement { sid, actions, resource }: &Statement| json!({"sid": sid, "actions": actions, "resources": [arn(resource, PARTITION, ACCOUNT)]});
    statements.iter().map(block).collect()
}

/// The same statements without our own roles.
fn but_ours(mut statements: Vec<Value>) -> Vec<Value> {
    let ours = ["hub", "responder", "forensics"]
        .map(|name| format!("arn:{PARTITION}:iam::{ACCOUNT}:role/${{var.{name}_role_name}}"));
    statements
        .push(json!({"sid": NEVER, "effect": "Deny", "actions": NEVER_ON_OURS, "resources": ours}));
    statements
}

fn resources() -> Value {
    let role = |name: &str, trust: &str| {
        json!({
            "count": count(&format!("is_{name}")),
            "name": format!("${{var.{name}_role_name}}"),
            "assume_role_policy": document(trust),
            "max_session_duration": SESSION_SECONDS_MAX,
        })
    };
    let policy = |name: &str| {
        json!({
            "count": count(&format!("is_{name}")),
            "name": "tourniquet",
            "role": format!("${{aws_iam_role.{name}[0].id}}"),
            "policy": document(name),
        })
    };
    let sends = count("sends_findings");
    json!({
        "aws_iam_role": {
            "hub": role("hub", "hub_trust"),
            "responder": role("responder", "trust"),
            "forensics": role("forensics", "trust"),
            "deny_all": {"count": count("is_responder"), "name": DENY_PROFILE, "assume_role_policy": document("deny_trust")},
            "findings": {"count": sends, "name_prefix": "tourniquet-findings-", "assume_role_policy": document("events_trust")},
        },
        "aws_iam_role_policy": {
            "hub": policy("hub"),
            "responder": policy("responder"),
            "forensics": policy("forensics"),
            "deny_all": {
                "count": count("is_responder"),
                "name": DENY_POLICY,
                "role": "${aws_iam_role.deny_all[0].id}",
                // As it is looked for: a data source may write it in another way.
                "policy": deny_everything().to_string(),
            },
            "findings": {
                "count": sends,
                "name": "send-findings",
                "role": "${aws_iam_role.findings[0].id}",
                "policy": "${data.aws_iam_policy_document.send_findings[0].json}",
            },
        },
        "aws_iam_instance_profile": {
            "hub": {
                "count": count("is_hub"),
                "name": "${var.hub_role_name}",
                "role": "${aws_iam_role.hub[0].name}",
            },
            "deny_all": {
                "count": count("is_responder"),
                "name": DENY_PROFILE,
                "role": "${aws_iam_role.deny_all[0].name}",
            },
        },
        "aws_cloudwatch_event_connection": {"findings": {
            "count": sends,
            "name": RULE,
            "authorization_type": "API_KEY",
            "auth_parameters": {"api_key": {"key": "x-api-key", "value": "${var.intake_token}"}},
        }},
        "aws_cloudwatch_event_api_destination": {"findings": {
            "count": sends,
            "name": RULE,
            "connection_arn": "${aws_cloudwatch_event_connection.findings[0].arn}",
            "http_method": "POST",
            "invocation_endpoint": "${var.findings_url}",
            "invocation_rate_limit_per_second": RATE_PER_SECOND,
        }},
        "aws_cloudwatch_event_rule": {"findings": {
            "count": sends,
            "name": RULE,
            "description": "GuardDuty findings, whole and untransformed, to Tourniquet.",
            "event_pattern": json!({"source": ["aws.guardduty"], "detail-type": ["GuardDuty Finding"]}).to_string(),
        }},
        "aws_cloudwatch_event_target": {"findings": {
            "count": sends,
            "rule": "${aws_cloudwatch_event_rule.findings[0].name}",
            "target_id": "tourniquet",
            "arn": "${aws_cloudwatch_event_api_destination.findings[0].arn}",
            "role_arn": "${aws_iam_role.findings[0].arn}",
            "dead_letter_config": {"arn": "${aws_sqs_queue.undelivered[0].arn}"},
            "retry_policy": {"maximum_event_age_in_seconds": RETRY_SECONDS, "maximum_retry_attempts": RETRIES},
        }},
        "aws_sqs_queue": {"undelivered": {
            "count": sends,
            "name": DEAD_LETTERS,
            "message_retention_seconds": KEEP_SECONDS,
            "sqs_managed_sse_enabled": true,
        }},
        "aws_sqs_queue_policy": {"undelivered": {
            "count": sends,
            "queue_url": "${aws_sqs_queue.undelivered[0].id}",
            "policy": "${data.aws_iam_policy_document.undelivered[0].json}",
        }},
    })
}

fn count(local: &str) -> String {
    format!("${{local.{local} ? 1 : 0}}")
}

fn document(name: &str) -> String {
    format!("${{data.aws_iam_policy_document.{name}.json}}")
}
