//! The answer of GetFindings: `{"Findings": […]}`, as the AWS CLI and boto3 print it, or
//! `{"findings": […]}` as it is on the wire.

use serde_json::Value;

use super::super::build::in_words;
use super::super::field::either_case;
use super::super::rejection::Rejection;
use super::{Members, Row, Unwrapped, raw};
use crate::error::Code;

pub(super) const ROW: Row = Row { name: NAME, detects, unwrap };

const NAME: &str = "api-pascal";

/// Findings of one answer (GuardDuty API: GetFindings takes at most 50 ids).
const FINDINGS_MAX: usize = 50;

fn detects(members: &Members) -> bool {
    matches!(either_case(members, "findings"), Some(Value::Array(_)))
}

fn unwrap(mut members: Members) -> Unwrapped {
    let findings = members.remove("findings").or_else(|| members.remove("Findings"));
    let Some(Value::Array(items)) = findings else {
        return Unwrapped::Candidates(Vec::new());
    };
    if items.len() > FINDINGS_MAX {
        let reason = format!(
            "{} findings in one answer; GetFindings gives at most {FINDINGS_MAX}",
            items.len()
        );
        return Unwrapped::Rejected(Rejection::of(NAME, Code::NOT_A_FINDING, reason));
    }
    Unwrapped::Candidates(
        items
            .into_iter()
            .map(|item| match item {
                Value::Object(item) => raw::candidate(item),
                other => Err(Rejection::of(
                    NAME,
                    Code::NOT_A_FINDING,
                    format!("an item of the answer is {}, not an object", in_words(&other)),
                )),
            })
            .collect(),
    )
}
