//! Sets tags on a resource, so that people who look at it in the console see the case.
//!
//! A description: when it fails, nothing else stops. Tags by which we find our own things again are
//! not to be set here.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::reads::{any, permissions_to, tag_reads};
use super::{
    Action, Context, LookError, ParamKind, ParamSpec, Params, Settings, Shape, Verdict, gone,
    gone_from_account,
};
use crate::change::{
    Change, DatabaseRef, EcsRef, Kind, Permission, TAG_PURPOSE, TAG_STEP, Taggable, Tags, Urgency,
};
use crate::id::{AccountId, IdError, Place};

/// Sets tags on a resource. Never stops containment.
pub struct TagResource;

const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "resource",
        kind: ParamKind::Text,
        required: true,
        doc: "`type/id`: instance, volume, snapshot, security-group, role, user, bucket, function, database, \
              database-cluster, ecs-task or ecs-service; of the last two `type/cluster/id`.",
    },
    ParamSpec { name: "tags", kind: ParamKind::Tags, required: true, doc: "The tags." },
];

/// Tags of one call: a resource has at most 50, and other people need some.
const TAGS_MAX: usize = 20;
/// Characters of a key (AWS, "Tag naming limits").
const KEY_MAX: usize = 128;
/// Characters of a value (AWS, "Tag naming limits").
const VALUE_MAX: usize = 256;

/// What can be tagged.
const KINDS: &[&str] = &[
    "instance",
    "volume",
    "snapshot",
    "security-group",
    "role",
    "user",
    "bucket",
    "function",
    "database",
    "database-cluster",
    "ecs-task",
    "ecs-service",
];

/// What tagging any resource of a kind needs; nothing for a kind that is none.
fn permissions_on(kind: &str, at: &Place) -> BTreeSet<Permission> {
    let resource = match kind {
        "instance" => Taggable::Instance(any("i-")),
        "volume" => Taggable::Volume(any("vol-")),
        "snapshot" => Taggable::Snapshot(any("snap-")),
        "role" => Taggable::Role(any("")),
        "user" => Taggable::User(any("")),
        "bucket" => Taggable::Bucket(any("")),
        "security-group" => Taggable::SecurityGroup(any("sg-")),
        "database" => Taggable::Database(DatabaseRef::Instance(any(""))),
        "database-cluster" => Taggable::Database(DatabaseRef::Cluster(any(""))),
        "ecs-task" => Taggable::Ecs(EcsRef::Task { cluster: any(""), task: any("") }),
        "ecs-service" => Taggable::Ecs(EcsRef::Service { cluster: any(""), service: any("") }),
        "function" => Taggable::Function(any("")),
        _ => return BTreeSet::new(),
    };
    let tags = Kind::Tags {
        resource,
        before: Tags::new(),
        after: [("key".to_owned(), String::new())].into(),
    };
    let mut needed = permissions_to(vec![tags], at);
    needed.extend(tag_reads(kind, at));
    needed
}

#[async_trait]
impl Action for TagResource {
    fn name(&self) -> &'static str {
        "act::tag_resource"
    }

    fn summary(&self) -> &'static str {
        "Sets tags on a resource. Never stops containment."
    }

    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[("resource", Shape::Text), ("tags", Shape::Tags), ("already", Shape::Any)])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Description
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(resource(params)?.path())
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        KINDS.iter().flat_map(|kind| permissions_on(kind, at)).collect()
    }

    fn permissions_of_call(
        &self,
        at: &Place,
        settings: &Settings,
        starts: &[Option<String>],
    ) -> BTreeMap<AccountId, BTreeSet<Permission>> {
        let start = starts.first().and_then(Option::as_deref).and_then(|text| text.split_once('/'));
        let needed = match start {
            Some((kind, _)) => permissions_on(kind, at),
            None => self.permissions(at, settings),
        };
        [(at.account.clone(), needed)].into()
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let resource = resource(params)?;
        let wanted = tags(params)?;
        let Some(found) = context.session.tags(context.at, &resource).await? else {
            return Ok(match &resource {
                Taggable::Role(_) | Taggable::User(_) => {
                    gone_from_account(&resource.path(), &context.at.account)
                }
                _ => gone(&resource.path(), context.at),
            });
        };
        let (mut new, mut before, mut after) = (Tags::new(), Tags::new(), Tags::new());
        for (key, value) in &wanted {
            match found.get(key) {
                None => {
                    new.insert(key.clone(), value.clone());
                }
                Some(old) if old == value => {}
                Some(old) => {
                    before.insert(key.clone(), old.clone());
                    after.insert(key.clone(), value.clone());
                }
            }
        }
        // New keys are removed to take them back and overwritten ones are set, so each is a change
        // of its own. A bucket's tags are read and written as a whole, so never both at once.
        let stages: Vec<Vec<Change>> = [(Tags::new(), new), (before, after)]
            .into_iter()
            .filter(|(_, after)| !after.is_empty())
            .map(|(before, after)| {
                let kind = Kind::Tags { resource: resource.clone(), before, after };
                vec![Change { at: context.at.clone(), kind }]
            })
            .collect();
        Ok(match stages.is_empty() {
            false => Verdict::Change(stages),
            true => Verdict::Done(json!({
                "resource": resource.path(),
                "tags": wanted,
                "already": context.applied.is_empty(),
            })),
        })
    }
}

fn resource(params: &Params) -> Result<Taggable, LookError> {
    let wrong = |reason: String| LookError::Param { name: "resource".to_owned(), reason };
    let given = params.text("resource").unwrap_or_default();
    let Some((kind, id)) = given.split_once('/') else {
        return Err(wrong("expected type/id, such as instance/i-0a1b2c3d".to_owned()));
    };
    let form = |error: IdError| wrong(error.to_string());
    match kind {
        "instance" => id.parse().map(Taggable::Instance).map_err(form),
        "volume" => id.parse().map(Taggable::Volume).map_err(form),
        "snapshot" => id.parse().map(Taggable::Snapshot).map_err(form),
        "role" => id.parse().map(Taggable::Role).map_err(form),
        "user" => id.parse().map(Taggable::User).map_err(form),
        "bucket" => id.parse().map(Taggable::Bucket).map_err(form),
        "function" => id.parse().map(Taggable::Function).map_err(form),
        "security-group" => id.parse().map(Taggable::SecurityGroup).map_err(form),
        "database" => {
            id.parse().map(|id| Taggable::Database(DatabaseRef::Instance(id))).map_err(form)
        }
        "database-cluster" => {
            id.parse().map(|id| Taggable::Database(DatabaseRef::Cluster(id))).map_err(form)
        }
        "ecs-task" | "ecs-service" => {
            let expected = || wrong(format!("expected {kind}/cluster/id"));
            EcsRef::from_path(kind, id).map(Taggable::Ecs).ok_or_else(expected)
        }
        _ => Err(wrong(format!("known types are {}", KINDS.join(", ")))),
    }
}

fn tags(params: &Params) -> Result<Tags, LookError> {
    let wrong = |reason: String| LookError::Param { name: "tags".to_owned(), reason };
    let given = params.value("tags").and_then(Value::as_object);
    let tags: Tags = given
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    if tags.is_empty() || tags.len() > TAGS_MAX {
        return Err(wrong(format!("{} tags; expected 1 to {TAGS_MAX}", tags.len())));
    }
    // IAM's pattern, the strictest of the three services.
    let allowed = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    for (key, value) in &tags {
        let length = key.chars().count();
        let problem = if length == 0 || length > KEY_MAX {
            Some(format!("a key has 1 to {KEY_MAX} characters, this one {length}"))
        } else if value.chars().count() > VALUE_MAX {
            Some(format!(
                "a value has at most {VALUE_MAX} characters, this one {}",
                value.chars().count()
            ))
        } else if !key.chars().chain(value.chars()).all(allowed) {
            Some("only letters, digits, spaces and _.:/=+-@ are allowed".to_owned())
        } else if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            Some("keys that start with aws: belong to AWS".to_owned())
        } else if [TAG_PURPOSE, TAG_STEP].contains(&key.as_str()) {
            Some("this key marks what Tourniquet creates".to_owned())
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(wrong(problem));
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(resource: &str, tags: Value) -> Params {
        let map = json!({"resource": resource, "tags": tags});
        Params::check(PARAMS, map.as_object().cloned().unwrap_or_default()).unwrap()
    }

    #[test]
    fn resources_are_read_or_refused() {
        for (text, good) in [
            ("instance/i-0a1b2c3d", true),
            ("volume/vol-0a1b2c3d", true),
            ("snapshot/snap-0a1b2c3d", true),
            ("role/web", true),
            ("user/ann@example.com", true),
            ("bucket/my.bucket-1", true),
            ("function/billing-export_2", true),
            ("function/billing:prod", false),
            ("bucket/My", false),
            ("bucket/a..b", false),
            ("bucket/-ab", false),
            ("bucket/a/b", false),
            ("database/shop-1", true),
            ("database-cluster/shop", true),
            ("ecs-task/prod/0a1b2c3d4e5f60718293a4b5c6d7e8f9", true),
            ("ecs-service/prod/front", true),
            ("ecs-task/0a1b2c3d4e5f60718293a4b5c6d7e8f9", false),
            ("ecs-task/prod/../x", false),
            ("database/Shop", false),
            ("database/shop--1", false),
            ("database/1-shop", false),
            ("instance/vol-0a1b2c3d", false),
            ("instance/", false),
            ("role/a/b", false),
            ("group/x", false),
            ("", false),
        ] {
            let read = resource(&given(text, json!({})));
            assert_eq!(read.is_ok(), good, "{text}");
            if let Ok(read) = read {
                assert_eq!(read.path(), text);
            }
        }
    }

    #[test]
    fn tags_that_aws_or_we_would_not_take_are_refused() {
        let many = |n: usize| -> Value {
            (0..n).map(|i| (format!("k{i}"), json!("v"))).collect::<serde_json::Map<_, _>>().into()
        };
        for (value, good) in [
            (json!({"case": "case-1"}), true),
            (json!({"tourniquet:case": "case-1"}), true),
            (json!({"k": ""}), true),
            (json!({"k".repeat(128): "v".repeat(256)}), true),
            (many(20), true),
            (many(21), false),
            (json!({}), false),
            (json!({"": "v"}), false),
            (json!({"k".repeat(129): "v"}), false),
            (json!({"k": "v".repeat(257)}), false),
            (json!({"aws:x": "v"}), false),
            (json!({"AWS:x": "v"}), false),
            (json!({"tourniquet:purpose": "quarantine"}), false),
            (json!({"tourniquet:step": "run-0001/1"}), false),
            (json!({"k": "<script>"}), false),
            (json!({"k": "a\nb"}), false),
        ] {
            assert_eq!(tags(&given("role/web", value.clone())).is_ok(), good, "{value}");
        }
    }
}
