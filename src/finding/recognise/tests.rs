//! Which format is recognised, and what becomes of it: tables over whole documents.

mod fields;

use serde_json::{Value, json};

use super::super::fixtures;
use super::*;

/// The outcome in one word, with what matters of it.
fn outcome(document: &Value) -> String {
    words(&recognise(document.to_string().as_bytes()))
}

fn words(recognised: &Recognised) -> String {
    match recognised {
        Recognised::Findings(findings) => {
            let one = |finding: &Result<Finding, Rejection>| match finding {
                Ok(finding) => format!("{} {}", finding.format.label(), finding.degraded.len()),
                Err(rejection) => rejected(rejection),
            };
            findings.iter().map(one).collect::<Vec<_>>().join(", ")
        }
        Recognised::Ignored { .. } => "ignored".to_owned(),
        Recognised::Rejected(rejection) => rejected(rejection),
    }
}

fn rejected(rejection: &Rejection) -> String {
    format!("{} {}", rejection.code.number, rejection.format.unwrap_or("none"))
}

fn only(bytes: &[u8]) -> Finding {
    match recognise(bytes) {
        Recognised::Findings(mut findings) if findings.len() == 1 => {
            findings.remove(0).expect("a good finding")
        }
        other => panic!("one finding expected: {other:?}"),
    }
}

fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A complete finding without a wrapper.
fn complete() -> Value {
    fixture(fixtures::RAW_S3_ANOMALOUS_BEHAVIOR)
}

fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[key] = value;
    document
}

fn without(mut document: Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
    document
}

#[test]
fn our_own_documents_lead_to_what_their_names_say() {
    for (name, text) in fixtures::ALL {
        let found = words(&recognise(text.as_bytes()));
        let expected = match *name {
            "api-port-probe" => "api-pascal 0",
            "api-get-findings" => "api-pascal 0, api-pascal 0",
            "raw-s3-anomalous-behavior" => "raw-camel 0",
            "degraded-reexported" => "eventbridge 5",
            "degraded-template" => "eventbridge 2",
            "degraded-masked-account" => "raw-camel 1",
            "malformed-types" => "E0103 raw-camel",
            "malformed-fragment" => "E0102 api-pascal-fragment",
            "malformed-cut-off" | "malformed-duplicate-key" => "E0101 none",
            "not-a-finding-runtime-unhealthy" => "ignored",
            "unsupported-sns-notification" => "E0104 sns",
            _ => "eventbridge 0",
        };
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn envelopes_are_judged_by_source_type_and_detail() {
    let event = fixture(fixtures::LEAKED_USER_KEY);
    for (document, expected) in [
        (event.clone(), "eventbridge 0"),
        (json!({"detail": event["detail"]}), "eventbridge 2"),
        (json!({"Detail": event["detail"], "Detail-type": "GuardDuty Finding"}), "eventbridge 1"),
        (without(event.clone(), "/source"), "eventbridge 1"),
        (with(event.clone(), "/source", json!("my.app")), "E0102 eventbridge"),
        (with(event.clone(), "/source", json!(7)), "E0102 eventbridge"),
        (with(event.clone(), "/detail", json!([])), "E0102 eventbridge"),
        (with(event.clone(), "/detail", json!("{}")), "E0102 eventbridge"),
        (with(event.clone(), "/detail", json!({})), "E0102 eventbridge"),
        (without(event.clone(), "/detail"), "E0102 eventbridge"),
        (with(event.clone(), "/detail-type", json!("AWS API Call via CloudTrail")), "ignored"),
        (json!({"detail-type": "Something Else", "detail": {}}), "E0102 eventbridge"),
        (
            json!({"source": "aws.securityhub", "detail-type": "Security Hub Findings - Imported", "detail": {"findings": []}}),
            "E0104 security-hub",
        ),
        (with(event, "/detail/ProductArn", json!("arn:x")), "E0104 asff"),
    ] {
        assert_eq!(outcome(&document), expected, "{}", cut(&document.to_string(), 200));
    }
}

#[test]
fn other_formats_are_named() {
    let line = complete().to_string();
    for (document, expected) in [
        (json!({"Messages": [{"Body": "{}"}]}), "E0104 sqs"),
        (json!({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}), "E0104 sqs"),
        (json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "{}"}}]}), "E0104 sns"),
        (json!({"SchemaVersion": "2018-10-08", "Id": "x", "Types": []}), "E0104 asff"),
        (json!({"class_uid": 2004, "finding_info": {}}), "E0104 ocsf"),
        (
            json!({"Findings": [{"ProductArn": "x", "Id": "y"}, complete()]}),
            "E0104 asff, raw-camel 0",
        ),
        (json!({"Findings": [7]}), "E0102 api-pascal"),
        (json!({"Findings": []}), "ignored"),
        (json!({"findings": vec![complete(); 51]}), "E0102 api-pascal"),
        (json!({}), "E0102 none"),
        (json!({"id": "x", "type": "y"}), "E0102 none"),
        (json!([complete()]), "E0102 none"),
        (json!(null), "E0102 none"),
    ] {
        assert_eq!(outcome(&document), expected, "{}", cut(&document.to_string(), 200));
    }
    for (bytes, expected) in [
        (b"\x1f\x8b\x08\x00".to_vec(), "E0104 s3-export"),
        (format!("{line}\r\n\r\n{line}").into_bytes(), "E0104 s3-export"),
        (format!("{line}\n{{\"broken").into_bytes(), "E0104 s3-export"),
        (format!("\n{line}\r\n").into_bytes(), "raw-camel 0"),
        (b"{}\n{}".to_vec(), "E0101 none"),
        (b"".to_vec(), "E0101 none"),
    ] {
        assert_eq!(words(&recognise(&bytes)), expected);
    }
}

#[test]
fn every_row_has_its_own_name() {
    let mut names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ROWS.len());
}
