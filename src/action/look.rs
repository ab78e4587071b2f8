//! Reads that a runbook may ask for: `look::instance(id)` and its kin. One table, no changes.

mod function;
pub(super) mod group;
mod task;
mod trail;

use std::collections::BTreeSet;

use async_trait::async_trait;
use function::LookFunction;
use group::LookSecurityGroup;
use serde_json::{Value, json};
use task::LookTask;
use trail::LookAssumedRoles;

use super::params::INSTANCE;
pub use super::query::Query;
use super::reads::{Read, permissions_for};
use super::replace_instance_profile::denies;
use super::{LookError, ParamKind, ParamSpec, Params, Shape};
use crate::change::Permission;
use crate::cloud::Session;
use crate::id::{AccessKeyId, Arn, InstanceId, Place, RoleName, UserName};

/// Every query, by name.
#[must_use]
pub fn queries() -> &'static [&'static dyn Query] {
    &[
        &LookInstance,
        &LookProfile,
        &LookRole,
        &LookUser,
        &LookSecurityGroup,
        &LookTask,
        &LookAssumedRoles,
        &LookFunction,
    ]
}

/// The query with this name.
#[must_use]
pub fn find_query(name: &str) -> Option<&'static dyn Query> {
    queries().iter().copied().find(|query| query.name() == name)
}

/// `role` is the name of the profile's role; `()` where there is none, or one that may do nothing.
struct LookInstance;

/// `InstanceState.name` (EC2 API Reference, "InstanceState").
pub(super) const INSTANCE_STATES: &[&str] =
    &["pending", "running", "shutting-down", "terminated", "stopping", "stopped"];

/// The labels of [`crate::change::KeyStatus`].
const KEY_STATUSES: &[&str] = &["Active", "Inactive"];

/// As [`crate::cloud::Interface`] is serialised.
const INTERFACE: Shape = Shape::Fields(&[
    ("id", Shape::Text),
    ("vpc", Shape::Text),
    ("groups", Shape::List(&Shape::Text)),
    ("requester_managed", Shape::Any),
    ("ips", Shape::List(&Shape::Text)),
    ("addresses", Shape::List(&ADDRESS)),
]);

/// As [`crate::cloud::Address`] is serialised.
const ADDRESS: Shape = Shape::Fields(&[
    ("allocation", Shape::Text),
    ("association", Shape::Text),
    ("public_ip", Shape::Text),
    ("private_ip", Shape::Text),
]);

#[async_trait]
impl Query for LookInstance {
    fn name(&self) -> &'static str {
        "look::instance"
    }

    fn summary(&self) -> &'static str {
        "An instance as it is now, with the name of the role that it gets credentials of; () when it does not exist."
    }

    fn params(&self) -> &'static [ParamSpec] {
        INSTANCE
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("id", Shape::Text),
            ("state", Shape::OneOf(INSTANCE_STATES)),
            ("vpc", Shape::Text),
            ("interfaces", Shape::List(&INTERFACE)),
            (
                "volumes",
                Shape::List(&Shape::Fields(&[("device", Shape::Text), ("id", Shape::Text)])),
            ),
            ("tags", Shape::Tags),
            ("profile", Shape::Text),
            ("role", Shape::Text),
        ])
    }

    fn permissions(&self, at: &Place) -> BTreeSet<Permission> {
        permissions_for(&[Read::Instance, Read::ProfileRole], at)
    }

    async fn read(
        &self,
        session: &dyn Session,
        at: &Place,
        params: &Params,
    ) -> Result<Value, LookError> {
        let id: InstanceId = params.id("instance")?;
        let Some(instance) = session.instance(at, &id).await? else {
            return Ok(Value::Null);
        };
        let role = match &instance.profile_arn {
            // Its role may do nothing, and nobody's sessions of it are to be revoked.
            Some(arn) if denies(arn) => None,
            Some(arn) => session.profile_role(at, arn).await?,
            None => None,
        };
        let volumes: Vec<Value> = instance
            .volumes
            .iter()
            .map(|(device, volume)| json!({"device": device, "id": volume}))
            .collect();
        Ok(json!({
            "id": instance.id,
            "state": instance.state,
            "vpc": instance.vpc,
            "interfaces": instance.interfaces,
            "volumes": volumes,
            "tags": instance.tags,
            "profile": instance.profile_arn,
            "role": role,
        }))
    }
}

/// One of another account is none of ours, even where a profile here has its name.
struct LookProfile;

#[async_trait]
impl Query for LookProfile {
    fn name(&self) -> &'static str {
        "look::profile"
    }

    fn summary(&self) -> &'static str {
        "The role that an instance profile of this account holds now; () when there is none."
    }

    fn params(&self) -> &'static [ParamSpec] {
        &[ParamSpec {
            name: "profile",
            kind: ParamKind::Arn,
            required: true,
            doc: "The instance profile.",
        }]
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[("arn", Shape::Text), ("role", Shape::Text)])
    }

    fn permissions(&self, at: &Place) -> BTreeSet<Permission> {
        permissions_for(&[Read::ProfileRole], at)
    }

    async fn read(
        &self,
        session: &dyn Session,
        at: &Place,
        params: &Params,
    ) -> Result<Value, LookError> {
        let arn: Arn = params.id("profile")?;
        let ours = format!("arn:aws:iam::{}:instance-profile/", at.account);
        if !arn.as_str().starts_with(&ours) {
            return Ok(Value::Null);
        }
        let role = session.profile_role(at, arn.as_str()).await?;
        Ok(role.map_or(Value::Null, |role| json!({"arn": arn, "role": role})))
    }
}

/// An IAM role.
struct LookRole;

#[async_trait]
impl Query for LookRole {
    fn name(&self) -> &'static str {
        "look::role"
    }

    fn summary(&self) -> &'static str {
        "An IAM role as it is now, with the instance profiles that use it; () when it does not exist."
    }

    fn params(&self) -> &'static [ParamSpec] {
        &[ParamSpec { name: "role", kind: ParamKind::RoleName, required: true, doc: "The role." }]
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("name", Shape::Text),
            ("arn", Shape::Text),
            ("path", Shape::Text),
            ("id", Shape::Text),
            ("instance_profiles", Shape::List(&Shape::Text)),
            ("tags", Shape::Tags),
        ])
    }

    fn permissions(&self, at: &Place) -> BTreeSet<Permission> {
        permissions_for(&[Read::Role], at)
    }

    async fn read(
        &self,
        session: &dyn Session,
        at: &Place,
        params: &Params,
    ) -> Result<Value, LookError> {
        let name: RoleName = params.id("role")?;
        Ok(session.role(at, &name).await?.map_or(Value::Null, |role| {
            json!({
                "name": role.name,
                "arn": role.arn,
                "path": role.path,
                "id": role.unique_id,
                "instance_profiles": role.instance_profiles,
                "tags": role.tags,
            })
        }))
    }
}

/// `console`: whether it has a password.
struct LookUser;

#[async_trait]
impl Query for LookUser {
    fn name(&self) -> &'static str {
        "look::user"
    }

    fn summary(&self) -> &'static str {
        "An IAM user as it is now, by name or by one of its access keys; () when it does not exist."
    }

    fn params(&self) -> &'static [ParamSpec] {
        &[
            ParamSpec {
                name: "user",
                kind: ParamKind::UserName,
                required: false,
                doc: "The user; () when only a key is known.",
            },
            ParamSpec {
                name: "key",
                kind: ParamKind::AccessKeyId,
                required: false,
                doc: "An access key, used when no user is given.",
            },
        ]
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("name", Shape::Text),
            ("arn", Shape::Text),
            ("id", Shape::Text),
            (
                "keys",
                Shape::List(&Shape::Fields(&[
                    ("id", Shape::Text),
                    ("status", Shape::OneOf(KEY_STATUSES)),
                ])),
            ),
            ("console", Shape::Any),
            ("tags", Shape::Tags),
        ])
    }

    fn permissions(&self, at: &Place) -> BTreeSet<Permission> {
        permissions_for(&[Read::KeyOwner, Read::User], at)
    }

    async fn read(
        &self,
        session: &dyn Session,
        at: &Place,
        params: &Params,
    ) -> Result<Value, LookError> {
        let name: Option<UserName> = match params.text("user") {
            Some(_) => Some(params.id("user")?),
            None => {
                let key: AccessKeyId = params.id("key")?;
                session.key_owner(at, &key).await?
            }
        };
        let Some(name) = name else {
            return Ok(Value::Null);
        };
        Ok(session.user(at, &name).await?.map_or(Value::Null, |user| {
            let keys: Vec<Value> = user
                .keys
                .iter()
                .map(|key| json!({"id": key.id, "status": key.status.label()}))
                .collect();
            json!({
                "name": user.name,
                "arn": user.arn,
                "id": user.unique_id,
                "keys": keys,
                "console": user.login_profile.is_some(),
                "tags": user.tags,
            })
        }))
    }
}
