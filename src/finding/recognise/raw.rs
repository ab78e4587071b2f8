//! A finding without a wrapper, in lower camel case (the wire, exports) or PascalCase (the CLI).

use serde_json::Value;

use super::super::build::Candidate;
use super::super::field::either_case;
use super::super::model::Format;
use super::super::rejection::Rejection;
use super::{Members, Row, Unwrapped, later};
use crate::error::Code;

pub(super) const ROW: Row = Row {
    name: "raw-camel",
    detects,
    unwrap: |members| Unwrapped::Candidates(vec![candidate(members)]),
};

/// Something of a finding, such as its `Resource` alone: test data, or a broken transformer.
pub(super) const FRAGMENT: Row =
    Row { name: FRAGMENT_NAME, detects: is_fragment, unwrap: |_| Unwrapped::Rejected(fragment()) };

const FRAGMENT_NAME: &str = "api-pascal-fragment";

fn has(members: &Members, key: &str) -> bool {
    either_case(members, key).is_some()
}

/// An id or a type, and something that only findings have beside them.
pub(super) fn detects(members: &Members) -> bool {
    (has(members, "id") || has(members, "type"))
        && (has(members, "resource")
            || has(members, "service")
            || (has(members, "accountId") && has(members, "severity")))
}

fn is_fragment(members: &Members) -> bool {
    has(members, "resource") || has(members, "service")
}

fn fragment() -> Rejection {
    let reason = "it has neither id nor type, so it is at most a part of a finding";
    Rejection::of(FRAGMENT_NAME, Code::NOT_A_FINDING, reason)
}

/// The finding in `members`, which stand alone or in an answer of the API.
pub(super) fn candidate(members: Members) -> Result<Candidate, Rejection> {
    if let Some(rejection) = later::of_another_product(&members) {
        return Err(rejection);
    }
    if !detects(&members) {
        return Err(fragment());
    }
    let pascal = members.contains_key("Id") || members.contains_key("Type");
    Ok(Candidate {
        document: Value::Object(members),
        format: if pascal { Format::ApiPascal } else { Format::RawCamel },
        envelope_region: None,
        degraded: Vec::new(),
    })
}
