//! The session policy of a step: what its permissions look like to STS. No call is made here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::change::Permission;

/// STS allows 2,048 characters of inline session policy in plain text.
const SESSION_POLICY_MAX: usize = 2048;

/// A policy that allows just `permissions`. Where the exact resources do not fit into
/// [`SESSION_POLICY_MAX`] characters, the actions stay exact and the resources become `*`.
pub(super) fn session_policy(permissions: &BTreeSet<Permission>) -> serde_json::Value {
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
        .map(|(actions, resources)| json!({"Effect": "Allow", "Action": actions, "Resource": resources}))
        .collect();
    let exact = json!({"Version": "2012-10-17", "Statement": statements});
    if exact.to_string().len() <= SESSION_POLICY_MAX {
        return exact;
    }
    let actions: BTreeSet<&str> = permissions.iter().map(|p| p.action.as_str()).collect();
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})
}
