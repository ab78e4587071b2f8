//! The table: every action with its parameters in a world, and how the world must be afterwards.

use serde_json::{Value, json};

use super::afterwards::*;
use super::{Bench, edge_task};
use crate::cloud::sandbox::World;

/// Everything that the table needs: containers of several kinds, keys that can and can't be shared,
/// things that others left behind.
pub const WORLD: &str = include_str!("world.toml");

/// What a second, later step for the same target does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Nothing: it is so already.
    Nothing,
    /// The same once more: a later cut-off, a later snapshot.
    TheSame,
}

/// One line of the table.
pub struct Case {
    pub name: &'static str,
    pub action: &'static str,
    pub params: fn() -> Value,
    pub forensics: bool,
    /// Whether what is kept is locked.
    pub locks: bool,
    pub again: Again,
    /// What is otherwise in the world before it begins.
    pub prepare: fn(&mut World),
    /// Asserts that the world is as the action promises, given the world before and the output.
    pub check: fn(&Bench, &World, &Value),
}

const ISOLATE: &str = "contain::isolate_instance";
const SNAPSHOT: &str = "evidence::snapshot_volumes";
const REVOKE: &str = "contain::revoke_role_sessions";
const ASSUME: &str = "contain::deny_role_assumption";
const DISABLE: &str = "contain::disable_access_keys";
const TAG: &str = "act::tag_resource";
const RESTRICT: &str = "contain::restrict_database";
const ISOLATE_TASK: &str = "contain::isolate_ecs_task";
const STOP_TASK: &str = "contain::stop_ecs_task";
const BLOCK: &str = "contain::block_public_bucket";
const TIGHTEN: &str = "contain::tighten_security_group";
const ARCHIVE: &str = "act::archive_finding";
const FEEDBACK: &str = "act::send_feedback";
const THROTTLE: &str = "contain::throttle_function";
const STANDBY: &str = "act::enter_standby";
const LEAVE: &str = "act::leave_load_balancers";
const PROFILE: &str = "contain::replace_instance_profile";
const GUARD: &str = "act::guard_instance";

impl Case {
    /// The same with a lock on what is kept.
    const fn locked(mut self) -> Self {
        self.locks = true;
        self
    }
}

macro_rules! case {
    ($name:literal, $action:expr, $params:tt, $forensics:expr, $again:expr, $check:expr) => {
        case!($name, $action, $params, $forensics, $again, $check, |_| ())
    };
    ($name:literal, $action:expr, $params:tt, $forensics:expr, $again:expr, $check:expr, $prepare:expr) => {
        Case {
            name: $name,
            action: $action,
            params: || json!($params),
            forensics: $forensics,
            locks: false,
            again: $again,
            prepare: $prepare,
            check: $check,
        }
    };
}

pub const CASES: &[Case] = &[
    case!("one interface, no group yet", ISOLATE, {"instance": "i-000000000000000a1"}, false, Again::Nothing, isolated),
    case!("three interfaces in two VPCs", ISOLATE, {"instance": "i-000000000000000a2"}, false, Again::Nothing, isolated),
    case!("stopped", ISOLATE, {"instance": "i-000000000000000a3"}, false, Again::Nothing, isolated),
    case!("on a quarantine group that was tampered with", ISOLATE, {"instance": "i-000000000000000a5"}, false, Again::Nothing, isolated),
    case!("in a group at its least size", STANDBY, {"instance": "i-000000000000000a2"}, false, Again::Nothing, stands_by),
    case!("in a group with room", STANDBY, {"instance": "i-000000000000000a3"}, false, Again::Nothing, stands_by),
    case!("in no group", STANDBY, {"instance": "i-000000000000000a1"}, false, Again::Nothing, stands_by),
    case!("a profile, and one that denies everything", PROFILE, {"instance": "i-000000000000000a1"}, false, Again::Nothing, without_credentials),
    case!("a profile, and none that denies everything", PROFILE, {"instance": "i-000000000000000a1"}, false, Again::Nothing, without_credentials, no_deny_profile),
    case!("a profile, and one that only says that it denies everything", PROFILE, {"instance": "i-000000000000000a1"}, false, Again::Nothing, without_credentials, false_deny_profile),
    case!("no profile", PROFILE, {"instance": "i-000000000000000a4"}, false, Again::Nothing, without_credentials),
    case!("a target by its id and by two addresses, and classic", LEAVE, {"instance": "i-000000000000000a2"}, false, Again::Nothing, left),
    case!("a target on two ports", LEAVE, {"instance": "i-000000000000000a1"}, false, Again::Nothing, left),
    case!("behind no load balancer", LEAVE, {"instance": "i-000000000000000a5"}, false, Again::Nothing, left),
    case!("three disks, stops when it shuts down", GUARD, {"instance": "i-000000000000000a2"}, false, Again::Nothing, guarded),
    case!("terminates itself, half guarded", GUARD, {"instance": "i-000000000000000a3"}, false, Again::Nothing, guarded),
    case!("a Spot Instance", GUARD, {"instance": "i-000000000000000a5"}, false, Again::Nothing, guarded),
    case!("an instance store", GUARD, {"instance": "i-000000000000000a4"}, false, Again::Nothing, guarded),
    case!("three kinds of keys", SNAPSHOT, {"instance": "i-000000000000000a2"}, true, Again::TheSame, preserved),
    case!("a key that refuses the forensics account", SNAPSHOT, {"instance": "i-000000000000000a3"}, true, Again::TheSame, preserved),
    case!("no forensics account", SNAPSHOT, {"instance": "i-000000000000000a2"}, false, Again::TheSame, preserved),
    case!("three kinds of keys, locked", SNAPSHOT, {"instance": "i-000000000000000a2"}, true, Again::TheSame, preserved).locked(),
    case!("no forensics account, locked", SNAPSHOT, {"instance": "i-000000000000000a2"}, false, Again::TheSame, preserved).locked(),
    case!("no EBS volume", SNAPSHOT, {"instance": "i-000000000000000a4"}, true, Again::Nothing, nothing_to_preserve),
    case!("a role without our policy", REVOKE, {"role": "web"}, false, Again::TheSame, revoked),
    case!("a role with a policy of that name", REVOKE, {"role": "batch"}, false, Again::TheSame, revoked),
    case!("a role that EC2 assumes", ASSUME, {"role": "web"}, false, Again::Nothing, not_assumed),
    case!("a role that another account assumes", ASSUME, {"role": "batch"}, false, Again::Nothing, not_assumed),
    case!("a user by name", DISABLE, {"user": "deploy"}, false, Again::Nothing, disabled),
    case!("a user by key", DISABLE, {"key": "AKIAAAAAAAAAAAAAAAA1"}, false, Again::Nothing, disabled),
    case!("a user with a policy of that name", DISABLE, {"user": "legacy"}, false, Again::Nothing, disabled),
    case!("a bucket that everybody may read", BLOCK, {"bucket": "public-site"}, false, Again::Nothing, blocked),
    case!("a bucket whose block is half on", BLOCK, {"bucket": "half-open"}, false, Again::Nothing, blocked),
    case!("a group with rules of all sorts", TIGHTEN, {"group": "sg-000000000000000f1", "port": 22}, false, Again::Nothing, tightened),
    case!("a group that lets everything in", TIGHTEN, {"group": "sg-000000000000000f2", "port": "3389"}, false, Again::Nothing, tightened),
    case!("a port that nobody is let in to", TIGHTEN, {"group": "sg-000000000000000f1", "port": 8080}, false, Again::Nothing, tightened),
    case!("a security group without tags", TAG, {"resource": "security-group/sg-000000000000000f2", "tags": {"state": "contained"}}, false, Again::Nothing, tagged),
    case!("a security group", TAG, {"resource": "security-group/sg-000000000000000f1", "tags": {"state": "contained", "owner": "sec"}}, false, Again::Nothing, tagged),
    case!("a current finding", ARCHIVE, {"finding": "c0ffee0123456789c0ffee0123456786"}, false, Again::Nothing, archived),
    case!("one that is archived", ARCHIVE, {"finding": "c0ffee0123456789c0ffee0123456787"}, false, Again::Nothing, archived),
    case!("one of which nothing was said", FEEDBACK, {"finding": "c0ffee0123456789c0ffee0123456786", "feedback": "not_useful"}, false, Again::Nothing, rated),
    case!("one of which the other was said", FEEDBACK, {"finding": "c0ffee0123456789c0ffee0123456787", "feedback": "useful"}, false, Again::Nothing, rated),
    case!("a database with a public address", RESTRICT, {"database": "orders"}, false, Again::Nothing, restricted),
    case!("a member of a cluster", RESTRICT, {"database": "shop-1"}, false, Again::Nothing, restricted),
    case!("a database behind a group that was tampered with", RESTRICT, {"database": "ledger"}, false, Again::Nothing, restricted),
    case!("a database with a public address", RESTRICT, {"database": "orders"}, false, Again::Nothing, restricted),
    case!("a member of a cluster", RESTRICT, {"database": "shop-1"}, false, Again::Nothing, restricted),
    case!("a database behind a group that was tampered with", RESTRICT, {"database": "ledger"}, false, Again::Nothing, restricted),
    case!("a task with an interface of its own", ISOLATE_TASK, {"cluster": "prod", "task": "000000000000000000000000000000a1"}, false, Again::Nothing, edge_task::isolated),
    case!("a task behind a group that was tampered with", ISOLATE_TASK, {"cluster": "prod", "task": "000000000000000000000000000000a2"}, false, Again::Nothing, edge_task::isolated),
    case!("a task of a service", STOP_TASK, {"cluster": "prod", "task": "000000000000000000000000000000b1"}, false, Again::Nothing, edge_task::stopped),
    case!("a task of no service", STOP_TASK, {"cluster": "prod", "task": "000000000000000000000000000000b3"}, false, Again::Nothing, edge_task::stopped),
    case!("a task", TAG, {"resource": "ecs-task/prod/000000000000000000000000000000a1", "tags": {"state": "contained", "team": "sec"}}, false, Again::Nothing, tagged),
    case!("a service", TAG, {"resource": "ecs-service/prod/front", "tags": {"state": "contained"}}, false, Again::Nothing, tagged),
    case!("a database", TAG, {"resource": "database/orders", "tags": {"state": "contained", "team": "sec"}}, false, Again::Nothing, tagged),
    case!("a database cluster", TAG, {"resource": "database-cluster/shop", "tags": {"state": "contained"}}, false, Again::Nothing, tagged),
    case!("a function without a reservation, one event source off", THROTTLE, {"function": "export"}, false, Again::Nothing, super::edge_function::throttled),
    case!("a function with a reservation", THROTTLE, {"function": "resize_images"}, false, Again::Nothing, super::edge_function::throttled),
    case!("a function that is throttled already", THROTTLE, {"function": "retired"}, false, Again::Nothing, super::edge_function::throttled),
    case!("an instance, one tag new and one overwritten", TAG, {"resource": "instance/i-000000000000000a1", "tags": {"state": "contained", "team": "sec"}}, false, Again::Nothing, tagged),
    case!("an instance without tags", TAG, {"resource": "instance/i-000000000000000a2", "tags": {"state": "contained"}}, false, Again::Nothing, tagged),
    case!("a volume without tags", TAG, {"resource": "volume/vol-000000000000000b2", "tags": {"state": "evidence"}}, false, Again::Nothing, tagged),
    case!("a volume", TAG, {"resource": "volume/vol-000000000000000b1", "tags": {"state": "evidence"}}, false, Again::Nothing, tagged),
    case!("a role", TAG, {"resource": "role/web", "tags": {"state": "contained", "team": "sec"}}, false, Again::Nothing, tagged),
    case!("a user", TAG, {"resource": "user/deploy", "tags": {"state": "contained"}}, false, Again::Nothing, tagged),
    case!("a function", TAG, {"resource": "function/export", "tags": {"state": "contained", "team": "sec"}}, false, Again::Nothing, tagged),
    case!("a bucket", TAG, {"resource": "bucket/our-logs", "tags": {"state": "contained", "team": "sec"}}, false, Again::Nothing, tagged),
];
