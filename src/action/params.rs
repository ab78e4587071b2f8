//! The parameters of actions and runbooks: one set of kinds, one check.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::LookError;
use crate::id;

/// The form of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParamKind {
    /// `i-…`.
    InstanceId,
    /// An IAM role's name.
    RoleName,
    /// An IAM user's name.
    UserName,
    /// `AKIA…` or `ASIA…`.
    AccessKeyId,
    /// An S3 bucket's name.
    BucketName,
    /// `sg-…`.
    GroupId,
    /// A GuardDuty finding's id.
    FindingId,
    /// A port of TCP or UDP, 0 to 65,535: as a number, or as text that `--param` gives.
    Port,
    /// A DB instance's identifier.
    DatabaseId,
    /// An ECS cluster's name.
    ClusterName,
    /// An ECS task's id: the last part of its ARN.
    TaskId,
    /// A Lambda function's name.
    FunctionName,
    /// An ARN.
    Arn,
    /// 12 digits.
    AccountId,
    /// A Region.
    Region,
    /// Any text, at most 1,024 characters.
    Text,
    /// A map of text to text.
    Tags,
    /// A list of text.
    TextList,
}

/// Characters in a text parameter: enough for a message, too few to bloat an entry.
pub const TEXT_MAX: usize = 1024;

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamSpec {
    /// Its name.
    pub name: &'static str,
    /// Its form.
    pub kind: ParamKind,
    /// Whether it must be given.
    pub required: bool,
    /// What it is, for the reference page.
    pub doc: &'static str,
}

/// What verbs about one instance take.
pub const INSTANCE: &[ParamSpec] = &[ParamSpec {
    name: "instance",
    kind: ParamKind::InstanceId,
    required: true,
    doc: "The instance.",
}];

/// What verbs about one finding take.
pub const FINDING: &[ParamSpec] = &[ParamSpec {
    name: "finding",
    kind: ParamKind::FindingId,
    required: true,
    doc: "The finding.",
}];

/// What verbs about one task take.
pub const TASK: &[ParamSpec] = &[
    ParamSpec {
        name: "cluster",
        kind: ParamKind::ClusterName,
        required: true,
        doc: "The ECS cluster.",
    },
    ParamSpec {
        name: "task",
        kind: ParamKind::TaskId,
        required: true,
        doc: "The task's id: the last part of its ARN.",
    },
];

/// What verbs about one function take.
pub const FUNCTION: &[ParamSpec] = &[ParamSpec {
    name: "function",
    kind: ParamKind::FunctionName,
    required: true,
    doc: "The Lambda function.",
}];

impl ParamKind {
    /// Every kind.
    pub const ALL: [Self; 18] = [
        Self::InstanceId,
        Self::RoleName,
        Self::UserName,
        Self::AccessKeyId,
        Self::BucketName,
        Self::GroupId,
        Self::FindingId,
        Self::Port,
        Self::DatabaseId,
        Self::ClusterName,
        Self::TaskId,
        Self::FunctionName,
        Self::Arn,
        Self::AccountId,
        Self::Region,
        Self::Text,
        Self::Tags,
        Self::TextList,
    ];

    /// The label in headers and JSON.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::InstanceId => "instance-id",
            Self::RoleName => "role-name",
            Self::UserName => "user-name",
            Self::AccessKeyId => "access-key-id",
            Self::BucketName => "bucket-name",
            Self::GroupId => "security-group-id",
            Self::FindingId => "finding-id",
            Self::Port => "port",
            Self::DatabaseId => "database-id",
            Self::ClusterName => "cluster-name",
            Self::TaskId => "task-id",
            Self::FunctionName => "function-name",
            Self::Arn => "arn",
            Self::AccountId => "account-id",
            Self::Region => "region",
            Self::Text => "text",
            Self::Tags => "tags",
            Self::TextList => "text-list",
        }
    }

    /// The kind with this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }

    /// Checks a value against the form.
    ///
    /// # Errors
    /// What is wrong with it and what is expected, in words.
    pub fn check(self, value: &Value) -> Result<(), String> {
        fn text<T: std::str::FromStr<Err = id::IdError>>(value: &Value) -> Result<(), String> {
            match value.as_str() {
                Some(text) => text.parse::<T>().map(drop).map_err(|error| error.to_string()),
                None => Err("expected a text".to_owned()),
            }
        }
        match self {
            Self::InstanceId => text::<id::InstanceId>(value),
            Self::RoleName => text::<id::RoleName>(value),
            Self::UserName => text::<id::UserName>(value),
            Self::AccessKeyId => text::<id::AccessKeyId>(value),
            Self::BucketName => text::<id::BucketName>(value),
            Self::GroupId => text::<id::GroupId>(value),
            Self::FindingId => text::<id::FindingId>(value),
            Self::Port => match port(value) {
                Some(_) => Ok(()),
                None => Err("expected a port, 0 to 65535".to_owned()),
            },
            Self::DatabaseId => text::<id::DatabaseId>(value),
            Self::ClusterName => text::<id::ClusterName>(value),
            Self::TaskId => text::<id::TaskId>(value),
            Self::FunctionName => text::<id::FunctionName>(value),
            Self::Arn => text::<id::Arn>(value),
            Self::AccountId => text::<id::AccountId>(value),
            Self::Region => text::<id::Region>(value),
            Self::Text => match value.as_str() {
                Some(text) if text.chars().count() <= TEXT_MAX => Ok(()),
                Some(_) => Err(format!("longer than {TEXT_MAX} characters")),
                None => Err("expected a text".to_owned()),
            },
            Self::Tags => match value.as_object() {
                Some(map) if map.values().all(Value::is_string) => Ok(()),
                _ => Err("expected a map of text to text".to_owned()),
            },
            Self::TextList => match value.as_array() {
                Some(list) if list.iter().all(Value::is_string) => Ok(()),
                _ => Err("expected a list of text".to_owned()),
            },
        }
    }
}

/// Checked arguments of one call, by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Params(Map<String, Value>);

impl Params {
    /// Checks `given` against `specs`: nothing missing, nothing unknown, everything in form. An empty
    /// text never passes for an id, so an empty selector selects nothing.
    ///
    /// # Errors
    /// The first parameter that does not pass.
    pub fn check(specs: &[ParamSpec], given: Map<String, Value>) -> Result<Self, LookError> {
        for name in given.keys() {
            if !specs.iter().any(|spec| spec.name == name) {
                let known: Vec<_> = specs.iter().map(|spec| spec.name).collect();
                return Err(LookError::Param {
                    name: name.clone(),
                    reason: format!("unknown; known are {}", known.join(", ")),
                });
            }
        }
        for spec in specs {
            match given.get(spec.name) {
                None | Some(Value::Null) if spec.required => {
                    return Err(LookError::Param {
                        name: spec.name.to_owned(),
                        reason: format!("missing; expected {}", spec.kind.label()),
                    });
                }
                None | Some(Value::Null) => {}
                Some(value) => spec
                    .kind
                    .check(value)
                    .map_err(|reason| LookError::Param { name: spec.name.to_owned(), reason })?,
            }
        }
        Ok(Self(given.into_iter().filter(|(_, value)| !value.is_null()).collect()))
    }

    /// The parameter as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// The parameter as it was given.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The parameter as a port.
    ///
    /// # Errors
    /// When it is missing or is none.
    pub fn port(&self, name: &str) -> Result<u16, LookError> {
        self.value(name).and_then(port).ok_or_else(|| LookError::Param {
            name: name.to_owned(),
            reason: "expected a port, 0 to 65535".to_owned(),
        })
    }

    /// The parameter as an id.
    ///
    /// # Errors
    /// When it is missing or has the wrong form.
    pub fn id<T: std::str::FromStr<Err = id::IdError>>(&self, name: &str) -> Result<T, LookError> {
        self.text(name)
            .ok_or_else(|| LookError::Param {
                name: name.to_owned(),
                reason: "missing".to_owned(),
            })?
            .parse()
            .map_err(|error: id::IdError| LookError::Param {
                name: name.to_owned(),
                reason: error.to_string(),
            })
    }
}

fn port(value: &Value) -> Option<u16> {
    match value {
        Value::Number(number) => number.as_u64()?.try_into().ok(),
        // No sign and no blank, which Rust's reader would take.
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_port_is_a_number_of_sixteen_bits_however_it_is_given() {
        for (given, expected) in [
            (json!(22), Some(22)),
            (json!("22"), Some(22)),
            (json!(0), Some(0)),
            (json!(65535), Some(65535)),
            (json!(65536), None),
            (json!(-1), None),
            (json!(22.5), None),
            (json!("+22"), None),
            (json!(" 22"), None),
            (json!(""), None),
            (json!("22 OR 1"), None),
            (json!([22]), None),
        ] {
            assert_eq!(port(&given), expected, "{given}");
            assert_eq!(ParamKind::Port.check(&given).is_ok(), expected.is_some(), "{given}");
        }
    }
}
