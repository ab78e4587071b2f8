//! What an attack sequence names: it has no resource of its own, but a list of those that were attacked
//! and of who acted.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Finding;

impl Finding {
    /// The resources with their instance profiles and the actors that an attack sequence names, as `uid`,
    /// ARN and `type/name`; empty for every other finding.
    #[must_use]
    pub fn named(&self) -> BTreeSet<String> {
        let sequence = |list: &str| {
            let list = self.document.pointer(&format!("/service/detection/sequence/{list}"));
            list.and_then(Value::as_array).into_iter().flatten()
        };
        let text = |item: &Value, path: &str| item.pointer(path)?.as_str().map(str::to_owned);
        let resources = sequence("resources").filter_map(|item| text(item, "/uid"));
        let profiles = sequence("resources").filter_map(|item| {
            let profile = |name| text(item, &format!("/data/ec2Instance/{name}/arn"));
            profile("IamInstanceProfile").or_else(|| profile("iamInstanceProfile"))
        });
        let actors = sequence("actors").filter_map(|item| {
            let kind = text(item, "/user/type").unwrap_or_default();
            Some(format!("{kind}/{}", text(item, "/user/name")?))
        });
        resources.chain(profiles).chain(actors).collect()
    }
}

/// What of `named` can be acted on, as `type/id`: instances, users and roles. Which role an instance
/// profile has is not said.
pub fn resources(named: &BTreeSet<String>) -> impl Iterator<Item = String> {
    named.iter().filter_map(|named| resource(named))
}

fn resource(named: &str) -> Option<String> {
    let (before, last) = named.rsplit_once('/').unwrap_or(("", named));
    // `IAMUser/name` of an actor, `arn:aws:iam::111122223333:user/path/name` of a resource.
    let iam = before.split_once(":iam:").and_then(|(_, rest)| rest.rsplit(':').next());
    let kind = match iam.unwrap_or(before).split('/').next()? {
        "IAMUser" | "user" => "user",
        "AssumedRole" | "Role" | "role" => "role",
        // Whoever acted may be called like an instance.
        "" if last.starts_with("i-") => "instance",
        arn if arn.ends_with(":instance") => "instance",
        _ => return None,
    };
    Some(format!("{kind}/{last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_acted_on_is_known_by_its_type_and_id() {
        for (named, expected) in [
            ("arn:aws:ec2:eu-west-1:111122223333:instance/i-0a1b", Some("instance/i-0a1b")),
            ("i-0a1b", Some("instance/i-0a1b")),
            ("IAMUser/deploy-bot", Some("user/deploy-bot")),
            ("IAMUser/i-robot", Some("user/i-robot")),
            ("AssumedRole/i-web", Some("role/i-web")),
            ("arn:aws:iam::111122223333:user/team/i-robot", Some("user/i-robot")),
            ("arn:aws:iam::111122223333:role/i-web", Some("role/i-web")),
            ("arn:aws:iam::111122223333:instance-profile/i-web", None),
            ("FederatedUser/i-robot", None),
            ("AssumedRole/web", Some("role/web")),
            ("arn:aws:iam::111122223333:user/team/ada", Some("user/ada")),
            ("arn:aws-cn:iam::111122223333:role/web", Some("role/web")),
            ("arn:aws:iam::111122223333:instance-profile/web", None),
            ("Root/ada", None),
            ("eni-0aaaaaaaaaaaaaaa1", None),
            ("arn:aws:s3:::user/ada", None),
            ("", None),
        ] {
            let found: Vec<String> = resources(&[named.to_owned()].into()).collect();
            assert_eq!(found.first().map(String::as_str), expected, "{named}");
        }
    }
}
