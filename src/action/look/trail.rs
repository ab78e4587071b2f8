//! `look::assumed_roles(user, key)`: which roles somebody assumed, and which new ways in they made, as far
//! as CloudTrail tells.
//!
//! Disabling a key ends nothing that was made with it: each of these roles has sessions that live on.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::action::reads::{Read, permissions_for};
use crate::action::{LookError, ParamKind, ParamSpec, Params, Query, Shape};
use crate::change::Permission;
use crate::cloud::{ASSUMES, Deed, Doer, GLOBAL_REGION, Session};
use crate::id::{AccessKeyId, Place, RoleName, UserName};

/// Pages of one Region, of 50 events each, at two a second: ten seconds. Who did more than this in a day
/// and a half is told to be looked at by people.
const PAGES_MAX: usize = 20;

/// Roles that are told: half of the targets that a run may change by default. More is for people.
const ROLES_MAX: usize = 10;

/// New principals that are told: the rest stands in CloudTrail.
const MADE_MAX: usize = 20;

/// The roles that a user or a key assumed, and what it made.
pub(super) struct LookAssumedRoles;

#[async_trait]
impl Query for LookAssumedRoles {
    fn name(&self) -> &'static str {
        "look::assumed_roles"
    }

    fn summary(&self) -> &'static str {
        "The roles that a user, or a key, assumed within 36 h, and the users, roles and keys that it made, as CloudTrail tells."
    }

    fn params(&self) -> &'static [ParamSpec] {
        &[
            ParamSpec {
                name: "user",
                kind: ParamKind::UserName,
                required: false,
                doc: "The user, with all of its keys and sessions; () when only a key is known.",
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
            ("roles", Shape::List(&Shape::Text)),
            ("foreign", Shape::List(&Shape::Text)),
            ("made", Shape::List(&Shape::Text)),
            ("complete", Shape::Any),
            ("regions", Shape::List(&Shape::Text)),
        ])
    }

    fn permissions(&self, at: &Place) -> BTreeSet<Permission> {
        permissions_for(&[Read::Trail], at)
    }

    async fn read(
        &self,
        session: &dyn Session,
        at: &Place,
        params: &Params,
    ) -> Result<Value, LookError> {
        let by = match params.text("user") {
            Some(_) => Doer::User(params.id::<UserName>("user")?),
            None => Doer::Key(params.id::<AccessKeyId>("key")?),
        };
        let mut places = vec![at.clone()];
        if let Ok(region) = GLOBAL_REGION.parse()
            && region != at.region
        {
            places.push(Place { account: at.account.clone(), region });
        }
        let (mut deeds, mut complete) = (Vec::new(), true);
        for place in &places {
            complete &= follow(session, place, &by, &mut deeds).await?;
        }
        deeds.sort();
        let regions: Vec<_> = places.into_iter().map(|place| place.region).collect();
        Ok(told(at, &deeds, complete, &json!(regions)))
    }
}

/// Adds what is told of one Region; false: there is more.
async fn follow(
    session: &dyn Session,
    at: &Place,
    by: &Doer,
    deeds: &mut Vec<Deed>,
) -> Result<bool, LookError> {
    let mut after = None;
    for _ in 0..PAGES_MAX {
        let page = session.trail(at, by, after.as_deref()).await?;
        deeds.extend(page.deeds);
        after = page.next;
        if after.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn told(at: &Place, deeds: &[Deed], complete: bool, regions: &Value) -> Value {
    let (mut roles, mut foreign) = (BTreeSet::new(), BTreeSet::new());
    for deed in deeds.iter().filter(|deed| deed.event == ASSUMES) {
        match own_role(at, &deed.about) {
            Some(role) => {
                roles.insert(role);
            }
            None => {
                foreign.insert(deed.about.as_str());
            }
        }
    }
    let made: Vec<String> = deeds
        .iter()
        .filter(|deed| deed.event != ASSUMES)
        .map(|deed| format!("{} {} at {}", deed.event, deed.about, deed.at))
        .collect();
    let fits = roles.len() <= ROLES_MAX && foreign.len() <= ROLES_MAX && made.len() <= MADE_MAX;
    json!({
        "roles": roles.into_iter().take(ROLES_MAX).collect::<Vec<_>>(),
        "foreign": foreign.into_iter().take(ROLES_MAX).collect::<Vec<_>>(),
        "made": made.into_iter().take(MADE_MAX).collect::<Vec<_>>(),
        "complete": complete && fits,
        "regions": regions,
    })
}

/// The name in the ARN of a role of this account. What is in an event was chosen by whoever called.
fn own_role(at: &Place, arn: &str) -> Option<RoleName> {
    let rest = arn.strip_prefix("arn:")?.split_once(":iam::")?.1;
    let path = rest.strip_prefix(at.account.as_str())?.strip_prefix(":role/")?;
    path.rsplit('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_of_this_account_are_told_apart_and_nothing_is_told_without_an_end() {
        let at = Place {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let deed = |event: &str, about: &str| Deed {
            at: "2025-03-01T10:00:00Z".to_owned(),
            event: event.to_owned(),
            about: about.to_owned(),
        };
        let deeds = [
            deed(ASSUMES, "arn:aws:iam::111122223333:role/jobs/batch"),
            deed(ASSUMES, "arn:aws:iam::111122223333:role/web"),
            deed(ASSUMES, "arn:aws:iam::111122223333:role/web"),
            deed(ASSUMES, "arn:aws:iam::444455556666:role/web"),
            deed(ASSUMES, "hostile\u{1b}[2J"),
            deed("CreateUser", "eve"),
        ];
        let value = told(&at, &deeds, true, &json!(["eu-west-1"]));
        assert_eq!(
            value,
            json!({
                "roles": ["batch", "web"],
                "foreign": ["arn:aws:iam::444455556666:role/web", "hostile\u{1b}[2J"],
                "made": ["CreateUser eve at 2025-03-01T10:00:00Z"],
                "complete": true,
                "regions": ["eu-west-1"],
            })
        );
        let many: Vec<Deed> = (0..11)
            .map(|n| deed(ASSUMES, &format!("arn:aws:iam::111122223333:role/r{n}")))
            .collect();
        let value = told(&at, &many, true, &json!([]));
        assert_eq!(value["complete"], json!(false));
        assert_eq!(value["roles"].as_array().unwrap().len(), ROLES_MAX);
    }
}
