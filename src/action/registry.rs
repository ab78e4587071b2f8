//! Every verb, one line each. A new action is its file, its line here, a row in `harness/case.rs` (a
//! test demands it), and one in the tables of verbs of the README and of `docs/runbooks.md`. What its
//! `urgency` and `spreads` decide, and where new reads and changes are named, the README says under "How it
//! is built".

use super::Action;
use super::archive_finding::ArchiveFinding;
use super::block_public_bucket::BlockPublicBucket;
use super::deny_role_assumption::DenyRoleAssumption;
use super::disable_access_keys::DisableAccessKeys;
use super::enter_standby::EnterStandby;
use super::guard_instance::GuardInstance;
use super::isolate_ecs_task::IsolateEcsTask;
use super::isolate_instance::IsolateInstance;
use super::leave_load_balancers::LeaveLoadBalancers;
use super::replace_instance_profile::ReplaceInstanceProfile;
use super::restrict_database::RestrictDatabase;
use super::revoke_role_sessions::RevokeRoleSessions;
use super::send_feedback::SendFeedback;
use super::snapshot_volumes::SnapshotVolumes;
use super::stop_ecs_task::StopEcsTask;
use super::tag_resource::TagResource;
use super::throttle_function::ThrottleFunction;
use super::tighten_security_group::TightenSecurityGroup;

/// Every action.
#[must_use]
pub fn registry() -> &'static [&'static dyn Action] {
    &[
        &IsolateInstance,
        &SnapshotVolumes,
        &RevokeRoleSessions,
        &ReplaceInstanceProfile,
        &DenyRoleAssumption,
        &DisableAccessKeys,
        &BlockPublicBucket,
        &TightenSecurityGroup,
        &RestrictDatabase,
        &IsolateEcsTask,
        &StopEcsTask,
        &ThrottleFunction,
        &TagResource,
        &GuardInstance,
        &EnterStandby,
        &LeaveLoadBalancers,
        &ArchiveFinding,
        &SendFeedback,
    ]
}

/// The action with this name, namespace included.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Action> {
    registry().iter().copied().find(|action| action.name() == name)
}
