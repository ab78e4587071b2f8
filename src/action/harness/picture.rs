//! What an undo has to bring back, as one value to compare.

use serde_json::{Value, json};

use crate::change::GROUP_NAME_PREFIX;
use crate::cloud::sandbox::World;
use crate::cloud::{Address, SecurityGroup, settled_groups};

/// All that an undo has to bring back.
pub fn picture(world: &World) -> Value {
    let (mut groups, mut policies, mut keys, mut tags) =
        (json!({}), json!({}), json!({}), json!({}));
    let (mut addresses, mut endings, mut blocks) = (json!({}), json!({}), json!({}));
    let (mut scaling, mut balancing, mut profiles, mut databases) =
        (json!({}), json!({}), json!({}), json!({}));
    let (mut rules, mut findings, mut trust, mut functions) =
        (json!({}), json!({}), json!({}), json!({}));
    for (id, account) in &world.accounts {
        for region in account.regions.values() {
            for (instance, machine) in &region.instances {
                tags[format!("instance/{instance}")] = json!(machine.instance.tags);
                endings[instance.as_str()] = json!(machine.ending);
                profiles[instance.as_str()] = json!(machine.instance.profile_arn);
                for interface in &machine.instance.interfaces {
                    groups[interface.id.as_str()] = json!(interface.groups);
                    // An association that is made anew has another id.
                    let address = |a: &Address| json!([a.public_ip, a.private_ip]);
                    let mut all: Vec<Value> = interface.addresses.iter().map(address).collect();
                    all.sort_by_key(Value::to_string);
                    addresses[interface.id.as_str()] = json!(all);
                }
            }
            for (arn, group) in &region.target_groups {
                balancing[arn.as_str()] = json!(group.targets);
            }
            for (name, instances) in &region.classic_balancers {
                balancing[name.as_str()] = json!(instances);
            }
            for (name, group) in &region.scaling_groups {
                scaling[name.as_str()] = json!(group);
            }
            // Those of ours stay as they are.
            for (id, found) in &region.findings {
                findings[id.as_str()] = found["service"]["archived"].clone();
            }
            for (id, group) in region.groups.iter().filter(|(_, group)| !ours(group)) {
                let mut ingress: Vec<Value> =
                    group.ingress.iter().map(|rule| json!(rule)).collect();
                // What comes back comes last.
                ingress.sort_by_key(Value::to_string);
                rules[id.as_str()] = json!([ingress, group.egress]);
                tags[format!("security-group/{id}")] = json!(group.tags);
            }
            for (path, task) in &region.tasks {
                tags[path.as_str()] = json!(task.tags);
                for interface in &task.interfaces {
                    groups[interface.id.as_str()] = json!(interface.groups);
                }
            }
            for (path, service) in &region.services {
                tags[path.as_str()] = json!(service.tags);
                scaling[path.as_str()] = json!(service.desired);
            }
            for (database, found) in &region.databases {
                let public = found.becomes_public.unwrap_or(found.public);
                databases[database.as_str()] = json!([settled_groups(&found.groups), public]);
                tags[format!("database/{database}")] = json!(found.tags);
            }
            for (cluster, found) in &region.database_clusters {
                databases[format!("cluster/{cluster}")] = json!(settled_groups(&found.groups));
                tags[format!("database-cluster/{cluster}")] = json!(found.tags);
            }
            for (function, found) in &region.functions {
                tags[format!("function/{function}")] = json!(found.tags);
                let sources = found.sources.iter().map(|source| json!([source.id, source.polling]));
                let sources: Vec<Value> = sources.collect();
                functions[function.as_str()] = json!([found.concurrency, sources]);
            }
            for (volume, found) in &region.volumes {
                tags[format!("volume/{volume}")] = json!(found.tags);
            }
        }
        for (role, found) in &account.roles {
            tags[format!("role/{role}")] = json!(found.tags);
            trust[format!("{id}/{role}")] = found.trust.clone();
            for (name, document) in &found.policies {
                if let Some(document) = &document.value {
                    policies[format!("{id}/role/{role}/{name}")] = document.clone();
                }
            }
        }
        for (user, found) in &account.users {
            tags[format!("user/{user}")] = json!(found.tags);
            for (name, document) in &found.policies {
                if let Some(document) = &document.value {
                    policies[format!("{id}/user/{user}/{name}")] = document.clone();
                }
            }
            for (key, status) in &found.keys {
                keys[key.as_str()] = json!(status.value.label());
            }
            for (credential, found) in &found.credentials {
                keys[credential.as_str()] = json!(found.status.value.label());
            }
        }
        for (bucket, found) in &account.buckets {
            tags[format!("bucket/{bucket}")] = json!(found.tags);
            blocks[bucket.as_str()] = json!(found.block);
        }
    }
    json!({"groups": groups, "addresses": addresses, "endings": endings, "policies": policies, "keys": keys, "tags": tags, "blocks": blocks, "scaling": scaling, "balancing": balancing, "profiles": profiles, "rules": rules, "findings": findings, "databases": databases, "trust": trust, "functions": functions})
}

fn ours(group: &SecurityGroup) -> bool {
    group.name.starts_with(GROUP_NAME_PREFIX)
}
