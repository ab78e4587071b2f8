//! As much of IAM's policy language as containment uses: is a document well formed, and does it
//! deny a caller everything.
//!
//! Only inline denies of everything count. A deny with a condition that is not understood here is
//! taken not to deny: the attacker's view must never be rosier than the world.

use jiff::Timestamp;
use serde_json::Value;

use crate::change::Document;

/// Checks the form of an identity policy (IAM User Guide, grammar of the policy language).
///
/// # Errors
/// What is wrong, in words.
pub fn check(document: &Document) -> Result<(), String> {
    let Some(fields) = document.as_object() else {
        return Err("Syntax errors in policy.".to_owned());
    };
    if let Some(unknown) =
        fields.keys().find(|key| !matches!(key.as_str(), "Version" | "Id" | "Statement"))
    {
        return Err(format!("Syntax errors in policy: unknown element {unknown:?}"));
    }
    if !matches!(
        fields.get("Version").map(Value::as_str),
        None | Some(Some("2012-10-17" | "2008-10-17"))
    ) {
        return Err("The policy must contain a valid version string".to_owned());
    }
    let statements = statements(document);
    if statements.is_empty() {
        return Err("Syntax errors in policy: no statement".to_owned());
    }
    statements.into_iter().try_for_each(check_statement)
}

fn check_statement(statement: &Value) -> Result<(), String> {
    let Some(fields) = statement.as_object() else {
        return Err("Syntax errors in policy.".to_owned());
    };
    let known = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    if let Some(unknown) = fields.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("Policy document should not specify {unknown:?}."));
    }
    if !matches!(fields.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
        return Err("Syntax errors in policy: Effect must be Allow or Deny".to_owned());
    }
    for (one, other) in [("Action", "NotAction"), ("Resource", "NotResource")] {
        let given: Vec<&Value> = [one, other].iter().filter_map(|key| fields.get(*key)).collect();
        let [value] = given.as_slice() else {
            return Err(format!("Policy statement must contain one of {one} and {other}."));
        };
        if texts(value).is_empty() {
            return Err(format!("Syntax errors in policy: {one} must be text or a list of text"));
        }
    }
    match fields.get("Condition") {
        Some(condition) if !condition.is_object() => {
            Err("Syntax errors in policy: Condition".to_owned())
        }
        _ => Ok(()),
    }
}

/// Its size as IAM counts it: characters without white space.
#[must_use]
pub fn size(document: &Document) -> usize {
    document.to_string().chars().filter(|c| !c.is_whitespace()).count()
}

/// Why a document denies a caller everything; `None` when it does not. `issued_at` is the
/// `aws:TokenIssueTime` of a session; a long-term key has none.
#[must_use]
pub fn denies_all(document: &Document, issued_at: Option<Timestamp>) -> Option<String> {
    statements(document).into_iter().find_map(|statement| {
        let is =
            |key: &str, all: &[&str]| texts(&statement[key]).iter().any(|text| all.contains(text));
        let everything =
            statement["Effect"] == "Deny" && is("Action", &["*", "*:*"]) && is("Resource", &["*"]);
        if everything { applies(&statement["Condition"], issued_at) } else { None }
    })
}

/// Why a condition is met; `None` when it is not, or is not understood.
fn applies(condition: &Value, issued_at: Option<Timestamp>) -> Option<String> {
    let Some(operators) = condition.as_object().filter(|operators| !operators.is_empty()) else {
        return condition.is_null().then(|| "an unconditional deny".to_owned());
    };
    let mut reasons = Vec::new();
    for (operator, keys) in operators {
        for (key, value) in keys.as_object()? {
            // Condition keys are compared without case.
            if !key.eq_ignore_ascii_case("aws:TokenIssueTime") {
                return None;
            }
            let cut_off: Timestamp = texts(value).first()?.parse().ok()?;
            let met = match (operator.as_str(), issued_at) {
                ("DateLessThan" | "DateLessThanIfExists", Some(issued)) => issued < cut_off,
                ("DateLessThanEquals" | "DateLessThanEqualsIfExists", Some(issued)) => {
                    issued <= cut_off
                }
                // A key that is absent meets a condition only with IfExists.
                (operator, None) => {
                    operator.starts_with("DateLessThan") && operator.ends_with("IfExists")
                }
                _ => false,
            };
            if !met {
                return None;
            }
            reasons.push(format!("a deny of sessions issued before {cut_off}"));
        }
    }
    reasons.pop()
}

/// Its statements, of which one alone may stand without a list.
pub fn statements(document: &Document) -> Vec<&Value> {
    match &document["Statement"] {
        Value::Array(list) => list.iter().collect(),
        one @ Value::Object(_) => vec![one],
        _ => Vec::new(),
    }
}

/// What may be one text or a list of them.
pub fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
