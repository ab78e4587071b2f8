//! Who may assume a role: the change of its trust policy.

use aws_sdk_iam::Client;

use super::ec2_apply::confirmed;
use crate::change::{TrustChange, policy_text};
use crate::cloud::{Receipt, Result};

pub(super) async fn apply(client: &Client, change: &TrustChange) -> Result<Receipt> {
    let TrustChange { role, after, .. } = change;
    let call = client.update_assume_role_policy().role_name(role.as_str());
    confirmed(TrustChange::OPERATION, call.policy_document(policy_text(after)).send().await)
}
