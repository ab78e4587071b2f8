//! Takes the inbound rules off a security group that let everybody reach one port, for instances whose open
//! port is probed or whose password is being guessed. They are victims: nothing is isolated here.
//!
//! Only what is open to the world goes, each rule whole, and an undo gives it back with its description. Rules
//! for named ranges and groups stay. A security group is shared: its other users lose the same way in, so the
//! output says who they are. Quarantine and transition groups are left to the isolation, which keeps their
//! rules as they have to be; they are known by their name, which nobody can give to a group later.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::look::group::{USERS, group_users, shown_users};
use super::reads::{Read, any, permissions_for, permissions_to};
use super::{
    Action, Context, LookError, ParamKind, ParamSpec, Params, Settings, Shape, Verdict, gone,
};
use crate::change::{
    Change, Direction, GROUP_NAME_PREFIX, GroupOwner, Kind, Permission, Rule, RuleEffect, Urgency,
};
use crate::cloud::SecurityGroup;
use crate::id::{GroupId, Place};

/// Closes one port of a security group to the world.
pub struct TightenSecurityGroup;

const PARAMS: &[ParamSpec] = &[
    ParamSpec { name: "group", kind: ParamKind::GroupId, required: true, doc: "The group." },
    ParamSpec {
        name: "port",
        kind: ParamKind::Port,
        required: true,
        doc: "The port that everybody reaches and shall not.",
    },
];

/// Rules of one change: with descriptions of 255 characters an entry of the timeline holds more than a
/// hundred. What is left is found by the next look.
const RULES_MAX: usize = 100;

/// Rules that the output names of those that still reach the port. The timeline has all that went.
const RULES_SHOWN: usize = 20;

/// What taking rules away does not stop (EC2 User Guide, "Security group connection tracking").
const NOT_STOPPED: &str = "Connections that are open already go on: a security group asks only about new ones. \
    Where somebody may be in, isolate the instance.";

/// What may still lead to the port.
const OTHER_WAYS: &str = "Another group of the same interface, a load balancer or a proxy before the instance \
    may still let everybody in.";

/// What others lose.
const SHARED: &str = "Everything behind the group has lost this way in, not only what was attacked: see \
    `users`.";

/// What one rule can let in.
const MORE_PORTS: &str = "A rule that went let in more than this port: what was served to everybody there is \
    not reached any more. Add a rule for what has to be.";

#[async_trait]
impl Action for TightenSecurityGroup {
    fn name(&self) -> &'static str {
        "contain::tighten_security_group"
    }

    fn summary(&self) -> &'static str {
        "Takes the inbound rules off a security group that let everybody reach a port."
    }

    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("group", Shape::Text),
            ("name", Shape::Text),
            ("port", Shape::Any),
            ("before", Shape::Any),
            ("left", Shape::List(&Shape::Text)),
            ("interfaces", Shape::Any),
            ("users", USERS),
            ("already", Shape::Any),
            ("notes", Shape::List(&Shape::Text)),
        ])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Containment
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!("security-group/{}", params.id::<GroupId>("group")?))
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let mut needed = permissions_for(&[Read::Groups, Read::GroupUsers], at);
        needed.extend(permissions_to(vec![revoke(any("sg-"), Vec::new())], at));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let (group, port): (GroupId, u16) = (params.id("group")?, params.port("port")?);
        let found = context.session.groups(context.at, std::slice::from_ref(&group)).await?;
        let Some(now) = found.into_iter().next() else {
            return Ok(gone(&format!("security group {group}"), context.at));
        };
        let open: Vec<Rule> = now
            .ingress
            .iter()
            .filter(|rule| rule.is_of_the_world() && rule.reaches(port))
            .take(RULES_MAX)
            .cloned()
            .collect();
        if open.is_empty() {
            return Ok(Verdict::Done(report(context, now, port).await?));
        }
        if now.name.starts_with(GROUP_NAME_PREFIX) {
            return Ok(Verdict::Refuse(format!(
                "{group} is called {}, as quarantine and transition groups are: contain::isolate_instance keeps \
                 their rules as they have to be",
                now.name
            )));
        }
        let kind = revoke(group, open);
        Ok(Verdict::Change(vec![vec![Change { at: context.at.clone(), kind }]]))
    }
}

fn revoke(group: GroupId, rules: Vec<Rule>) -> Kind {
    Kind::GroupRules {
        group,
        direction: Direction::Ingress,
        effect: RuleEffect::Revoke,
        rules,
        owner: GroupOwner::Account,
    }
}

async fn report(context: &Context<'_>, now: SecurityGroup, port: u16) -> Result<Value, LookError> {
    let users = group_users(context.session, context.at, &now.id).await?;
    let applied = context.applied.iter().flat_map(|applied| match &applied.change.kind {
        Kind::GroupRules { rules, .. } => rules.as_slice(),
        _ => &[],
    });
    let mut went: Vec<&Rule> = Vec::new();
    for rule in applied {
        // What came back in between, or was asked for again after a crash, is told once.
        if !went.iter().any(|told| told.same(rule)) {
            went.push(rule);
        }
    }
    let wide = went.iter().any(|rule| rule.from_port.is_none() || rule.from_port != rule.to_port);
    let left = now.ingress.iter().filter(|rule| rule.reaches(port)).map(Rule::words);
    let mut notes = vec![NOT_STOPPED, OTHER_WAYS];
    notes.extend((users.len() > 1 && !went.is_empty()).then_some(SHARED));
    notes.extend(wide.then_some(MORE_PORTS));
    Ok(json!({
        "group": now.id,
        "name": now.name,
        "port": port,
        "before": went.iter().take(RULES_MAX).collect::<Vec<_>>(),
        "left": left.take(RULES_SHOWN).collect::<Vec<_>>(),
        "interfaces": users.len(),
        "users": shown_users(&users),
        "already": context.applied.is_empty(),
        "notes": notes,
    }))
}
