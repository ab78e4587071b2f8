//! Lets nobody assume a role any more: a deny of everybody stands in front of its trust policy.
//!
//! A verb of its own, beside `contain::revoke_role_sessions`: that one ends what was issued and leaves the
//! role usable, this one stops what comes and leaves what was issued alive. To stop a fleet from renewing
//! its credentials is decided on its own, by runbook or by person.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::reads::{Read, any, permissions_for, permissions_to};
use super::shared_role::{UNSEEN, change, users};
use super::untouchable::untouchable;
use super::{
    Action, Applied, Context, LookError, ParamKind, ParamSpec, Params, Settings, Shape, Verdict,
    gone_from_account,
};
use crate::change::{Change, Document, Kind, Permission, TrustChange, Urgency};
use crate::cloud::Role;
use crate::id::{InstanceId, Place, RoleName};

/// Lets nobody assume a role any more, the services that use it included.
pub struct DenyRoleAssumption;

const PARAMS: &[ParamSpec] =
    &[ParamSpec { name: "role", kind: ParamKind::RoleName, required: true, doc: "The role." }];

/// Characters of a trust policy, without white space (IAM quotas: 2,048 unless more was asked for).
const TRUST_MAX: usize = 2_048;

#[async_trait]
impl Action for DenyRoleAssumption {
    fn name(&self) -> &'static str {
        "contain::deny_role_assumption"
    }

    fn summary(&self) -> &'static str {
        "Lets nobody assume a role any more, the services that use it included."
    }

    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("role", Shape::Text),
            ("already", Shape::Any),
            ("services", Shape::List(&Shape::Text)),
            ("shared_by", Shape::List(&Shape::Text)),
            ("used_by", Shape::Any),
            ("warnings", Shape::List(&Shape::Text)),
        ])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Containment
    }

    fn spreads(&self) -> bool {
        true
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!("role/{}", params.id::<RoleName>("role")?))
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let mut needed = permissions_for(&[Read::Role, Read::Carriers], at);
        let change = TrustChange { role: any(""), before: Document::Null, after: Document::Null };
        needed.extend(permissions_to(vec![Kind::Trust(change)], at));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let name: RoleName = params.id("role")?;
        let Some(role) = context.session.role(context.at, &name).await? else {
            return Ok(gone_from_account(&format!("role {name}"), &context.at.account));
        };
        if let Some(reason) = untouchable(&role, context.settings) {
            return Ok(Verdict::Refuse(reason));
        }
        let users = users(context, &role).await?;
        if statements(&role.trust).contains(&deny()) {
            return Ok(Verdict::Done(report(context.applied, &role, users)));
        }
        let after = denying(&role.trust);
        let kind = Kind::Trust(TrustChange { role: name, before: role.trust, after });
        Ok(change(Change { at: context.at.clone(), kind }, users))
    }
}

/// Each way to assume a role by name: a trust policy takes no other actions, and no `sts:*` (STS, actions
/// of trust policies). `*` is everybody, services included.
fn deny() -> Document {
    json!({
        "Sid": "TourniquetDenyAssumption",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"],
    })
}

/// The document with the deny in front. Where IAM would not take it back like that, the deny alone: it has
/// the same effect, and what was there is kept as `before`.
fn denying(found: &Document) -> Document {
    let mut whole = match found {
        Document::Object(fields) => fields.clone(),
        _ => serde_json::Map::new(),
    };
    whole.entry("Version").or_insert_with(|| json!("2012-10-17"));
    let mut all = vec![deny()];
    all.extend(statements(found));
    let accepted = !all.iter().any(names_the_deleted);
    whole.insert("Statement".to_owned(), Document::Array(all));
    let whole = Document::Object(whole);
    let size = whole.to_string().chars().filter(|c| !c.is_whitespace()).count();
    if accepted && size <= TRUST_MAX {
        return whole;
    }
    json!({"Version": "2012-10-17", "Statement": [deny()]})
}

/// Whether a statement names a principal that was deleted. IAM shows its unique id then, and takes no
/// policy with one (IAM User Guide, principals).
fn names_the_deleted(statement: &Document) -> bool {
    let gone = |text: &str| text.starts_with("AIDA") || text.starts_with("AROA");
    texts(&statement["Principal"]["AWS"]).into_iter().any(gone)
}

fn statements(document: &Document) -> Vec<Document> {
    match &document["Statement"] {
        Document::Array(list) => list.clone(),
        one @ Document::Object(_) => vec![one.clone()],
        _ => Vec::new(),
    }
}

fn texts(value: &Document) -> Vec<&str> {
    match value {
        Document::String(text) => vec![text],
        Document::Array(list) => list.iter().filter_map(Document::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The services that the role was made for, by what its trust policy allows.
fn services(trust: &Document) -> BTreeSet<String> {
    let allows = statements(trust).into_iter().filter(|one| one["Effect"] == "Allow");
    allows
        .flat_map(|one| {
            let named = texts(&one["Principal"]["Service"]);
            named.into_iter().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

fn report(applied: &[Applied], role: &Role, users: Option<BTreeSet<InstanceId>>) -> Value {
    let first = applied.iter().find_map(|applied| match &applied.change.kind {
        Kind::Trust(TrustChange { before, .. }) => Some(before),
        _ => None,
    });
    let services = services(first.unwrap_or(&role.trust));
    let mut warnings = vec![
        "Sessions that were issued before go on until they expire: contain::revoke_role_sessions ends them."
            .to_owned(),
    ];
    if !services.is_empty() {
        let list = services.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        warnings.push(format!(
            "{list} can't renew credentials of the role any more: the instances, functions or tasks that use \
             it lose its permissions when those that they have expire."
        ));
    }
    if users.is_none() {
        warnings.push(UNSEEN.to_owned());
    }
    json!({
        "role": role.name,
        "already": applied.is_empty(),
        "services": services,
        "shared_by": role.instance_profiles,
        "used_by": users,
        "warnings": warnings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deny_stands_in_front_and_alone_where_iam_would_not_take_the_rest() {
        let allow = json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole"});
        let deleted = json!({"Effect": "Allow", "Principal": {"AWS": ["AIDAEXAMPLE00000000001"]},
            "Action": "sts:AssumeRole"});
        let long = json!({"Effect": "Allow", "Principal": {"AWS": "x".repeat(2_000)},
            "Action": "sts:AssumeRole"});
        let (alone, before) = (json!([deny()]), json!([deny(), allow]));
        for (found, expected) in [
            (json!({"Version": "2008-10-17", "Id": "a", "Statement": [allow]}), &before),
            (json!({"Statement": allow}), &before),
            (json!({"Version": "2012-10-17", "Statement": [allow, deleted]}), &alone),
            (json!({"Version": "2012-10-17", "Statement": [allow, long]}), &alone),
            (json!("a text that no entry may hold otherwise"), &alone),
        ] {
            let made = denying(&found);
            assert_eq!(&made["Statement"], expected, "{found}");
            assert!(statements(&made).contains(&deny()), "it is recognised: {made}");
        }
        let kept = denying(&json!({"Version": "2008-10-17", "Id": "a", "Statement": [allow]}));
        assert_eq!((&kept["Version"], &kept["Id"]), (&json!("2008-10-17"), &json!("a")));
    }
}
