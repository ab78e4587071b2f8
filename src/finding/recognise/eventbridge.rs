//! An EventBridge event: `{"source": "aws.guardduty", "detail-type": "GuardDuty Finding", "detail": {…}}`.
//!
//! The envelope's account is never used: with a delegated administrator it is the administrator's.

use serde_json::Value;

use super::super::build::{Candidate, in_words};
use super::super::field::{cut, either_case, either_case_text};
use super::super::model::Format;
use super::super::rejection::Rejection;
use super::{Members, Row, Unwrapped, later};
use crate::error::Code;

pub(super) const ROW: Row = Row { name: NAME, detects, unwrap };

const NAME: &str = "eventbridge";
const SOURCE: &str = "aws.guardduty";
const DETAIL_TYPE: &str = "GuardDuty Finding";

/// Characters of a value that a reason repeats.
const SHOWN_MAX: usize = 80;

fn detects(members: &Members) -> bool {
    either_case(members, "detail-type").is_some() || members.contains_key("detail")
}

fn unwrap(mut members: Members) -> Unwrapped {
    let reject =
        |reason: String| Unwrapped::Rejected(Rejection::of(NAME, Code::NOT_A_FINDING, reason));
    let source = either_case(&members, "source");
    let detail_type = either_case(&members, "detail-type");
    let mut degraded = Vec::new();
    match source {
        None => degraded.push("the event's source is missing".to_owned()),
        Some(Value::String(source)) if source == SOURCE => {}
        Some(Value::String(source)) => {
            let shown = cut(source, SHOWN_MAX);
            return reject(format!("the event's source is {shown:?}, not {SOURCE:?}"));
        }
        Some(other) => return reject(format!("the event's source is {}", in_words(other))),
    }
    match detail_type {
        None => degraded.push("the event's detail-type is missing".to_owned()),
        Some(Value::String(kind)) if kind == DETAIL_TYPE => {}
        Some(Value::String(kind)) => {
            let shown = cut(kind, SHOWN_MAX);
            return if source.is_some() {
                Unwrapped::Ignored(format!("GuardDuty's event {shown:?} is not a finding"))
            } else {
                reject(format!("the event's detail-type is {shown:?}, and it names no source"))
            };
        }
        Some(other) => return reject(format!("the event's detail-type is {}", in_words(other))),
    }
    let envelope_region = either_case_text(&members, "region").map(str::to_owned);
    let detail = members.remove("detail").or_else(|| members.remove("Detail"));
    let detail = match detail {
        Some(Value::Object(detail)) => detail,
        Some(other) => {
            return reject(format!("the event's detail is {}, not an object", in_words(&other)));
        }
        None => return reject("the event has no detail".to_owned()),
    };
    let candidate = match later::of_another_product(&detail) {
        Some(rejection) => Err(rejection),
        None => Ok(Candidate {
            document: Value::Object(detail),
            format: Format::EventBridge,
            envelope_region,
            degraded,
        }),
    };
    Unwrapped::Candidates(vec![candidate])
}
