//! Policies as IAM takes them and people read them: one statement for each resource, sorted, nothing
//! twice.
//!
//! A statement for `*` holds the actions that know no resource type, or are asked before one is known
//! (IAM service authorization reference).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::Permission;
use crate::change::Document;

/// One statement: what is allowed on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its name, unique in its document: letters and digits (IAM User Guide, Sid).
    pub sid: String,
    /// The actions.
    pub actions: BTreeSet<String>,
    /// An ARN, a pattern of one, or `*`.
    pub resource: String,
}

/// What is left when all that another permission allows anyway is left out.
#[must_use]
pub fn minimal(permissions: &BTreeSet<Permission>) -> BTreeSet<Permission> {
    let wider =
        |one: &Permission| permissions.iter().any(|other| other != one && other.covers(one));
    permissions.iter().filter(|one| !wider(one)).cloned().collect()
}

/// The statements for `permissions`, in the order of their resources, each named after its resource.
#[must_use]
pub fn statements(prefix: &str, permissions: &BTreeSet<Permission>) -> Vec<Statement> {
    let mut by_resource: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Permission { action, resource } in minimal(permissions) {
        by_resource.entry(resource).or_default().insert(action);
    }
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    by_resource
        .into_iter()
        .map(|(resource, actions)| {
            let name = format!("{prefix}{}", name(&resource));
            let count = names.entry(name.clone()).or_default();
            *count += 1;
            let sid = if *count == 1 { name } else { format!("{name}{count}") };
            Statement { sid, actions, resource }
        })
        .collect()
}

/// `Ec2SecurityGroup` for `arn:aws:ec2:…:security-group/…`.
fn name(resource: &str) -> String {
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    let [_, _, service, _, _, rest] = parts.as_slice() else {
        return "AnyResource".to_owned();
    };
    let kind = match rest.split_once(['/', ':']) {
        Some((kind, _)) => kind,
        None if *service == "s3" => "bucket",
        None => "resource",
    };
    let words = service.split('-').chain(kind.split('-'));
    words
        .flat_map(|word| {
            let mut letters = word.chars().filter(char::is_ascii_alphanumeric);
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
        })
        .collect()
}

/// The policy document of statements.
#[must_use]
pub fn document(statements: &[Statement]) -> Document {
    let all: Vec<Document> = statements
        .iter()
        .map(|Statement { sid, actions, resource }| {
            json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource})
        })
        .collect();
    json!({"Version": "2012-10-17", "Statement": all})
}

/// A document for the eyes of a test: a line for each statement.
#[cfg(test)]
pub fn lines(document: &serde_json::Value) -> String {
    let statements = document["Statement"].as_array().unwrap().iter();
    let line =
        |one: &serde_json::Value| format!("{} {} {}\n", one["Sid"], one["Action"], one["Resource"]);
    statements.map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> BTreeSet<Permission> {
        pairs.iter().map(|(action, resource)| Permission::new(action, *resource)).collect()
    }

    #[test]
    fn a_document_says_each_thing_once_by_resource_and_in_order() {
        let permissions = set(&[
            ("ec2:DescribeTags", "*"),
            ("ec2:CreateTags", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1"),
            ("ec2:CreateTags", "arn:aws:ec2:eu-west-1:111122223333:instance/*"),
            ("kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/*"),
            ("kms:Decrypt", "arn:aws:kms:eu-west-1:444455556666:key/*"),
            ("kms:CreateGrant", "arn:aws:kms:eu-west-1:444455556666:key/*"),
            ("s3:GetBucketTagging", "arn:aws:s3:::logs"),
        ]);
        let document = document(&statements("", &permissions));
        insta::assert_snapshot!(lines(&document), @r#"
        "AnyResource" ["ec2:DescribeTags"] "*"
        "Ec2Instance" ["ec2:CreateTags"] "arn:aws:ec2:eu-west-1:111122223333:instance/*"
        "KmsKey" ["kms:Decrypt"] "arn:aws:kms:eu-west-1:111122223333:key/*"
        "KmsKey2" ["kms:CreateGrant","kms:Decrypt"] "arn:aws:kms:eu-west-1:444455556666:key/*"
        "S3Bucket" ["s3:GetBucketTagging"] "arn:aws:s3:::logs"
        "#);
    }

    #[test]
    fn a_permission_covers_what_its_pattern_fits_and_no_other_action() {
        for (wide, narrow, covers) in [
            (("iam:GetRole", "*"), ("iam:GetRole", "arn:aws:iam::1:role/web"), true),
            (
                ("iam:GetRole", "arn:aws:iam::1:role/*"),
                ("iam:GetRole", "arn:aws:iam::1:role/*web"),
                true,
            ),
            (
                ("iam:GetRole", "arn:aws:iam::1:role/web"),
                ("iam:GetRole", "arn:aws:iam::1:role/*"),
                false,
            ),
            (
                ("iam:GetRole", "arn:aws:iam::1:role/*"),
                ("iam:GetRole", "arn:aws:iam::2:role/web"),
                false,
            ),
            (("iam:GetUser", "*"), ("iam:GetRole", "*"), false),
        ] {
            let of = |(action, resource): (&str, &str)| Permission::new(action, resource);
            assert_eq!(of(wide).covers(&of(narrow)), covers, "{wide:?} {narrow:?}");
        }
    }
}
