//! The session policy of a step, as STS takes it: for one account, and never left out.
//!
//! STS gives a session no more than the role *and* this policy allow. Where the exact resources do
//! not fit, those of one kind become `*` (in the same account and Region) and the actions stay
//! exact; where that does not fit either, there is no session.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::Permission;
use super::document::minimal;
use crate::error::Code;
use crate::id::AccountId;

/// STS allows 2,048 characters of inline session policy in plain text (STS API, AssumeRole).
const SESSION_POLICY_MAX: usize = 2048;

impl Permission {
    /// The policy that allows just `permissions`, as far as they are for `account`. A session without
    /// permissions is denied everything: a missing policy would give it all that the role may do.
    ///
    /// # Errors
    /// When it is too long for STS: with the number of the error, and what to do.
    pub fn session_policy(
        permissions: &BTreeSet<Self>,
        account: &AccountId,
    ) -> Result<String, String> {
        let own = permissions.iter().filter(|one| concerns(one, account)).cloned().collect();
        let exact = minimal(&own);
        if exact.is_empty() {
            return Ok(json!({
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}],
            })
            .to_string());
        }
        let wide = minimal(&exact.iter().map(of_its_kind).collect());
        let mut length = 0;
        for candidate in [exact, wide] {
            let text = short(&candidate);
            length = text.chars().count();
            if length <= SESSION_POLICY_MAX {
                return Ok(text);
            }
        }
        let Code { remedy, .. } = Code::SESSION_POLICY;
        Err(format!(
            "{}: {length} characters, and STS takes {SESSION_POLICY_MAX}. {remedy}",
            Code::SESSION_POLICY
        ))
    }
}

/// Whether a session in `account` can use a permission. Of other accounts' resources it reaches keys
/// alone: a snapshot that was shared is decrypted under a key of its owner.
fn concerns(permission: &Permission, account: &AccountId) -> bool {
    match permission.part(4) {
        None | Some("") => true,
        Some(owner) => owner == account.as_str() || permission.part(2) == Some("kms"),
    }
}

/// The same action on every resource of the same kind, account and Region.
fn of_its_kind(permission: &Permission) -> Permission {
    match permission.resource.split_once('/') {
        Some((kind, _)) => Permission::new(&permission.action, format!("{kind}/*")),
        None => permission.clone(),
    }
}

/// The shortest document: what allows the same actions stands in one statement, and none has a name.
fn short(permissions: &BTreeSet<Permission>) -> String {
    let mut by_resource: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for permission in permissions {
        by_resource.entry(&permission.resource).or_default().insert(&permission.action);
    }
    let mut by_actions: BTreeMap<BTreeSet<&str>, BTreeSet<&str>> = BTreeMap::new();
    for (resource, actions) in by_resource {
        by_actions.entry(actions).or_default().insert(resource);
    }
    let statements: Vec<_> = by_actions
        .iter()
        .map(|(actions, resources)| {
            json!({"Effect": "Allow", "Action": actions, "Resource": resources})
        })
        .collect();
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const HERE: &str = "arn:aws:ec2:eu-west-1:111122223333";

    fn here() -> AccountId {
        "111122223333".parse().unwrap()
    }

    fn policy(permissions: impl IntoIterator<Item = Permission>) -> Result<String, String> {
        Permission::session_policy(&permissions.into_iter().collect(), &here())
    }

    /// `(action, resource)` for all that a policy allows.
    fn allowed(text: &str) -> BTreeSet<(String, String)> {
        let policy: Value = serde_json::from_str(text).unwrap();
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
        };
        let mut pairs = BTreeSet::new();
        for statement in policy["Statement"].as_array().unwrap() {
            assert_eq!(statement["Effect"], "Allow");
            for action in texts(&statement["Action"]) {
                let resources = texts(&statement["Resource"]);
                pairs.extend(resources.into_iter().map(|resource| (action.clone(), resource)));
            }
        }
        pairs
    }

    fn pair(action: &str, resource: &str) -> (String, String) {
        (action.to_owned(), resource.to_owned())
    }

    #[test]
    fn a_policy_that_fits_is_exact() {
        let one = Permission::new("ec2:CreateTags", format!("{HERE}:instance/i-1"));
        let text = policy([one, Permission::new("ec2:DescribeTags", "*")]).unwrap();
        let expected = [
            pair("ec2:CreateTags", &format!("{HERE}:instance/i-1")),
            pair("ec2:DescribeTags", "*"),
        ];
        assert_eq!(allowed(&text), expected.into());
    }

    #[test]
    fn resources_that_do_not_fit_become_those_of_their_kind_and_actions_stay_exact() {
        let many = (0..60).flat_map(|n| {
            ["network-interface/eni", "security-group/sg"].map(|kind| {
                Permission::new(
                    "ec2:ModifyNetworkInterfaceAttribute",
                    format!("{HERE}:{kind}-{n:017}"),
                )
            })
        });
        let role = Permission::new("iam:PutRolePolicy", "arn:aws:iam::111122223333:role/*web");
        let text = policy(many.chain([role])).unwrap();
        assert!(text.len() <= SESSION_POLICY_MAX);
        let modify = "ec2:ModifyNetworkInterfaceAttribute";
        let expected = [
            pair(modify, &format!("{HERE}:network-interface/*")),
            pair(modify, &format!("{HERE}:security-group/*")),
            pair("iam:PutRolePolicy", "arn:aws:iam::111122223333:role/*"),
        ];
        assert_eq!(allowed(&text), expected.into(), "no bare star, no other account");
    }

    #[test]
    fn what_does_not_fit_at_all_gets_no_session_and_says_what_to_do() {
        let many = (0..100).map(|n| Permission::new(&format!("ec2:DescribeSomething{n}"), "*"));
        let error = policy(many).unwrap_err();
        assert!(error.starts_with("E0511: ") && error.contains("fewer targets"), "{error}");
    }

    #[test]
    fn another_account_s_resources_are_left_out_and_its_keys_are_not() {
        let text = policy([
            Permission::new("ec2:CreateTags", "arn:aws:ec2:eu-west-1:999988887777:instance/*"),
            Permission::new("kms:Decrypt", "arn:aws:kms:eu-west-1:999988887777:key/*"),
            Permission::new("ec2:CopySnapshot", "arn:aws:ec2:eu-west-1::snapshot/*"),
        ]);
        let expected = [
            pair("kms:Decrypt", "arn:aws:kms:eu-west-1:999988887777:key/*"),
            pair("ec2:CopySnapshot", "arn:aws:ec2:eu-west-1::snapshot/*"),
        ];
        assert_eq!(allowed(&text.unwrap()), expected.into());
    }

    #[test]
    fn a_session_without_permissions_is_denied_everything() {
        let elsewhere =
            Permission::new("ec2:CreateTags", "arn:aws:ec2:eu-west-1:999988887777:instance/*");
        for permissions in [vec![], vec![elsewhere]] {
            let denied: Value = serde_json::from_str(&policy(permissions).unwrap()).unwrap();
            assert_eq!(denied["Statement"][0]["Effect"], "Deny");
            assert_eq!(denied["Statement"][0]["Action"], "*");
        }
    }
}
