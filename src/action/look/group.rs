//! A security group and whom it concerns: a group is shared, so whoever changes it asks first.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::action::query::Query;
use crate::action::reads::{Read, permissions_for};
use crate::action::{LookError, ParamKind, ParamSpec, Params, Shape};
use crate::change::Permission;
use crate::cloud::{GroupUser, Session};
use crate::id::{GroupId, Place};

/// `interfaces`: how many it is on; `users` names the first of them.
pub(super) struct LookSecurityGroup;

/// Users that an output names: enough to know whom it concerns, few enough for an entry.
const USERS_SHOWN: usize = 50;

/// As [`GroupUser`] is serialised.
pub(in crate::action) const USERS: Shape =
    Shape::List(&Shape::Fields(&[("interface", Shape::Text), ("instance", Shape::Text)]));

#[async_trait]
impl Query for LookSecurityGroup {
    fn name(&self) -> &'static str {
        "look::security_group"
    }

    fn summary(&self) -> &'static str {
        "A security group as it is now, with the interfaces that it is on; () when it does not exist."
    }

    fn params(&self) -> &'static [ParamSpec] {
        &[ParamSpec { name: "group", kind: ParamKind::GroupId, required: true, doc: "The group." }]
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("id", Shape::Text),
            ("name", Shape::Text),
            ("vpc", Shape::Text),
            ("tags", Shape::Tags),
            ("interfaces", Shape::Any),
            ("users", USERS),
        ])
    }

    fn permissions(&self, at: &Place) -> BTreeSet<Permission> {
        permissions_for(&[Read::Groups, Read::GroupUsers], at)
    }

    async fn read(
        &self,
        session: &dyn Session,
        at: &Place,
        params: &Params,
    ) -> Result<Value, LookError> {
        let id: GroupId = params.id("group")?;
        let found = session.groups(at, std::slice::from_ref(&id)).await?;
        let Some(group) = found.into_iter().next() else {
            return Ok(Value::Null);
        };
        let users = group_users(session, at, &id).await?;
        Ok(json!({
            "id": group.id,
            "name": group.name,
            "vpc": group.vpc,
            "tags": group.tags,
            "interfaces": users.len(),
            "users": shown_users(&users),
        }))
    }
}

/// Whom a group concerns, sorted. One read that shows nobody is not believed, two are: it may be older than
/// the group's first interface.
pub(in crate::action) async fn group_users(
    session: &dyn Session,
    at: &Place,
    group: &GroupId,
) -> Result<Vec<GroupUser>, LookError> {
    let mut users = session.group_users(at, group).await?;
    if users.is_empty() {
        users = session.group_users(at, group).await?;
    }
    users.sort();
    Ok(users)
}

/// The first of them, for an output.
pub(in crate::action) fn shown_users(users: &[GroupUser]) -> &[GroupUser] {
    users.get(..USERS_SHOWN).unwrap_or(users)
}
