//! Who may assume a role, as IAM and STS treat it: as much of a trust policy as containment uses.

use jiff::Timestamp;
use serde_json::Value;

use super::identity::{editable, role_mut};
use super::policy::{statements, texts};
use super::refusal::Refused;
use super::world::{RoleState, World};
use crate::change::{Document, TrustChange, policy_text};
use crate::id::AccountId;

/// Characters of a trust policy, without white space (IAM quotas: role trust policy length).
const TRUST_MAX: usize = 2_048;

/// Actions that a trust policy may speak of (service authorization reference, STS).
const ACTIONS: [&str; 5] = [
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:SetSourceIdentity",
    "sts:TagSession",
];

/// `iam:UpdateAssumeRolePolicy`.
pub fn apply(
    world: &mut World,
    account: &AccountId,
    change: &TrustChange,
    now: Timestamp,
) -> Result<(), Refused> {
    let TrustChange { role: name, after, .. } = change;
    let delay = world.iam_delay();
    let role = role_mut(world, account, name)?;
    editable(role, name)?;
    let malformed = |why: String| Refused::new("MalformedPolicyDocument", why);
    let text = policy_text(after);
    let document: Document = serde_json::from_str(&text)
        .map_err(|_| malformed(format!("The trust policy of {name} is not JSON")))?;
    check(&document).map_err(malformed)?;
    if super::policy::size(&document) > TRUST_MAX {
        return Err(Refused::new(
            "LimitExceeded",
            format!("Cannot exceed quota for ACLSizePerRole: {TRUST_MAX}"),
        ));
    }
    let was = felt(role, now, delay).clone();
    role.trust_was = Some((was, now));
    role.trust = document;
    Ok(())
}

/// The trust policy that is enforced at `now`, with changes felt after `delay`.
pub fn felt(role: &RoleState, now: Timestamp, delay: std::time::Duration) -> &Document {
    match &role.trust_was {
        Some((was, since)) if now < since.checked_add(delay).unwrap_or(Timestamp::MAX) => was,
        _ => &role.trust,
    }
}

/// Whether a trust policy lets nobody assume the role: an explicit deny of everybody wins over what
/// allows, and without a statement that allows nobody is let in.
pub fn lets_nobody_in(trust: &Document) -> bool {
    let all = statements(trust);
    let denied = |statement: &&Value| {
        let whom = &statement["Principal"];
        statement["Effect"] == "Deny"
            && (*whom == "*" || whom["AWS"] == "*")
            && statement.get("Condition").is_none()
            && texts(&statement["Action"]).contains(&"sts:AssumeRole")
    };
    all.iter().any(denied) || !all.iter().any(|statement| statement["Effect"] == "Allow")
}

fn check(document: &Document) -> Result<(), String> {
    for statement in statements(document) {
        let known = ["Sid", "Effect", "Principal", "Action", "Condition"];
        let fields = statement.as_object().ok_or("Syntax errors in policy.")?;
        if let Some(unknown) = fields.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("Has prohibited field {unknown}."));
        }
        let actions = texts(&statement["Action"]);
        if actions.is_empty() || actions.iter().any(|action| !ACTIONS.contains(action)) {
            return Err("AssumeRole policy may only specify STS AssumeRole actions.".to_owned());
        }
        // Who was deleted is shown by a unique id, and is not taken back in a policy (IAM User Guide,
        // principals: "Invalid principal in policy").
        let principals =
            statement["Principal"].as_object().into_iter().flat_map(|map| map.values());
        let gone = |text: &&str| text.starts_with("AIDA") || text.starts_with("AROA");
        if let Some(gone) = principals.flat_map(texts).find(gone) {
            return Err(format!("Invalid principal in policy: \"AWS\":\"{gone}\""));
        }
    }
    Ok(())
}
