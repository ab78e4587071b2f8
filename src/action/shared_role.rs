//! Who lives on a role: the instances that carry one of its instance profiles.
//!
//! Functions and tasks are not among them: their services name the role, IAM does not know them.

use std::collections::BTreeSet;

use super::{Context, LookError, Verdict};
use crate::change::Change;
use crate::cloud::{ErrorClass, Role};
use crate::id::InstanceId;

/// What a warning says where our role may not see who uses a role: containment does not wait for that.
pub(super) const UNSEEN: &str = "Who else uses the role can't be seen: allow \
    ec2:DescribeIamInstanceProfileAssociations to our role.";

/// The instances that use `role` where the look is made; `None`: we may not see that.
///
/// # Errors
/// When the read fails for any other reason.
pub(super) async fn users(
    context: &Context<'_>,
    role: &Role,
) -> Result<Option<BTreeSet<InstanceId>>, LookError> {
    if role.instance_profiles.is_empty() {
        return Ok(Some(BTreeSet::new()));
    }
    match context.session.carriers(context.at, &role.instance_profiles).await {
        Ok(users) => Ok(Some(users)),
        Err(error) if error.class == ErrorClass::Denied => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The change of a role that these use.
pub(super) fn change(change: Change, users: Option<BTreeSet<InstanceId>>) -> Verdict {
    let stages = vec![vec![change]];
    match users {
        Some(users) if !users.is_empty() => Verdict::Shared { stages, users },
        _ => Verdict::Change(stages),
    }
}
