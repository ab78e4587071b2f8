//! Formats that are known and not read yet: named in the rejection, so that nobody wonders why a
//! document is in quarantine. A format that gets read moves into a file of its own.

use serde_json::Value;

use super::super::field::{either_case, either_case_text};
use super::super::rejection::Rejection;
use super::{Members, Row, Unwrapped};
use crate::error::Code;

/// What ReceiveMessage gives, or what SQS hands to Lambda.
pub(super) const SQS: Row = Row {
    name: "sqs",
    detects: |members| {
        any_of(members, "messages", |item| either_case(item, "body").is_some())
            || any_of(members, "records", |item| {
                either_case_text(item, "eventSource") == Some("aws:sqs")
            })
    },
    unwrap: |_| unsupported("sqs", "SQS messages"),
};

/// What SNS posts over HTTP or puts into a queue, or what it hands to Lambda.
pub(super) const SNS: Row = Row {
    name: "sns",
    detects: |members| {
        let known = matches!(
            either_case_text(members, "type"),
            Some("Notification" | "SubscriptionConfirmation" | "UnsubscribeConfirmation")
        );
        let is_message =
            known && members.contains_key("TopicArn") && members.contains_key("MessageId");
        is_message
            || any_of(members, "records", |item| {
                either_case_text(item, "eventSource") == Some("aws:sns")
            })
    },
    unwrap: |_| unsupported("sns", "an SNS message"),
};

/// An event of Security Hub, with findings of many products in ASFF or OCSF.
pub(super) const SECURITY_HUB: Row = Row {
    name: "security-hub",
    detects: |members| {
        either_case_text(members, "source") == Some("aws.securityhub")
            && matches!(
                either_case(members, "detail"),
                Some(Value::Object(detail)) if either_case(detail, "findings").is_some()
            )
    },
    unwrap: |_| unsupported("security-hub", "an event of Security Hub"),
};

/// The AWS Security Finding Format, Security Hub's own.
pub(super) const ASFF: Row = Row {
    name: "asff",
    detects: |members| {
        either_case(members, "productArn").is_some()
            || either_case_text(members, "schemaVersion") == Some("2018-10-08")
    },
    unwrap: |_| unsupported("asff", "a finding in ASFF"),
};

/// The Open Cybersecurity Schema Framework, of Security Lake and the newer Security Hub.
pub(super) const OCSF: Row = Row {
    name: "ocsf",
    detects: |members| members.contains_key("class_uid") || members.contains_key("finding_info"),
    unwrap: |_| unsupported("ocsf", "a finding in OCSF"),
};

/// The rejection of a member of a list or a detail that is a finding, but not GuardDuty's own form.
pub(super) fn of_another_product(members: &Members) -> Option<Rejection> {
    [(ASFF, "a finding in ASFF"), (OCSF, "a finding in OCSF")]
        .into_iter()
        .find(|(row, _)| (row.detects)(members))
        .map(|(row, what)| rejection(row.name, what))
}

/// The rejection of a format that is known and not read.
pub(super) fn rejection(name: &'static str, what: &str) -> Rejection {
    let reason = format!(
        "the document is {what} ({name}); this door reads EventBridge events, raw findings and \
         answers of GetFindings"
    );
    Rejection::of(name, Code::FORMAT_UNSUPPORTED, reason)
}

fn unsupported(name: &'static str, what: &str) -> Unwrapped {
    Unwrapped::Rejected(rejection(name, what))
}

fn any_of(members: &Members, list: &str, test: fn(&Members) -> bool) -> bool {
    matches!(either_case(members, list), Some(Value::Array(items))
        if items.iter().filter_map(Value::as_object).any(test))
}
