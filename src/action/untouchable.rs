//! Roles that no verb changes: ours, those that are listed, and those that belong to AWS.

use super::Settings;
use crate::cloud::Role;

/// Why a role's policies are not changed, with what to do instead.
pub(super) fn untouchable(role: &Role, settings: &Settings) -> Option<String> {
    let name = &role.name;
    if settings.protected_roles.contains(name.as_str()) {
        return Some(format!(
            "role {name} is protected (our own role, or listed under guards.protected_roles): \
             contain it by hand, or take it off the list"
        ));
    }
    if role.path.starts_with("/aws-service-role/") {
        return Some(format!(
            "role {name} is service-linked and IAM refuses to change its policies: contain the \
             resource that uses it in its service, or delete that resource"
        ));
    }
    if role.path.starts_with("/aws-reserved/") || name.as_str().starts_with("AWSReservedSSO_") {
        return Some(format!(
            "role {name} belongs to IAM Identity Center and can't be changed in IAM: disable the \
             person there, delete their sessions and take the permission set away"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn roles_that_iam_or_we_protect_are_refused_with_what_to_do_instead() {
        let settings = Settings {
            forensics: None,
            protected_roles: BTreeSet::from(["TourniquetResponder".to_owned()]),
            lock: None,
        };
        for (name, path, expected) in [
            ("web", "/", None),
            ("web", "/teams/web/", None),
            ("TourniquetResponder", "/", Some("protected")),
            (
                "AWSServiceRoleForECS",
                "/aws-service-role/ecs.amazonaws.com/",
                Some("service-linked"),
            ),
            (
                "AWSReservedSSO_Admin_0a1b",
                "/aws-reserved/sso.amazonaws.com/",
                Some("Identity Center"),
            ),
            ("AWSReservedSSO_Admin_0a1b", "/", Some("Identity Center")),
        ] {
            let role = Role {
                name: name.parse().unwrap(),
                arn: format!("arn:aws:iam::111122223333:role{path}{name}"),
                path: path.to_owned(),
                unique_id: "AROA".to_owned(),
                trust: crate::change::Document::Null,
                instance_profiles: BTreeSet::new(),
                tags: crate::change::Tags::new(),
            };
            let reason = untouchable(&role, &settings);
            match expected {
                None => assert_eq!(reason, None, "{path}{name}"),
                Some(part) => assert!(reason.is_some_and(|r| r.contains(part)), "{path}{name}"),
            }
        }
    }
}
