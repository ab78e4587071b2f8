//! The typed finding.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::field::{at, name};
use super::when::when;
use crate::case::Version;
use crate::id::{AccountId, FindingId, Region};

/// The form in which a finding arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One finding in lower camel case: GetFindings on the wire, or an S3 export line.
    RawCamel,
    /// What boto3 and the AWS CLI print: PascalCase, one finding or `Findings[]`.
    ApiPascal,
    /// An EventBridge event with `detail`.
    EventBridge,
}

impl Format {
    /// The stored label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::RawCamel => "raw-camel",
            Self::ApiPascal => "api-pascal",
            Self::EventBridge => "eventbridge",
        }
    }
}

/// `ThreatPurpose:Resource/Family.Mechanism!Artifact`, as it came; every value is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FindingType(pub String);

impl fmt::Display for FindingType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Severity in tenths: `8.7` is 87. GuardDuty's scale is 1.0 to 10.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Severity(pub u16);

impl Severity {
    /// A number as GuardDuty gives it; `None`: it is not on the scale of 0 to 10.
    #[must_use]
    pub fn of(number: f64) -> Option<Self> {
        let tenths = (0.0..=10.0).contains(&number).then(|| (number * 10.0).round())?;
        #[expect(clippy::cast_possible_truncation, reason = "0 to 100")]
        #[expect(clippy::cast_sign_loss, reason = "0 to 100")]
        Some(Self(tenths as u16))
    }

    /// `Low` below 4, `Medium` below 7, `High` below 9, `Critical` (GuardDuty User Guide).
    #[must_use]
    pub fn band(self) -> Band {
        match self.0 {
            0..=39 => Band::Low,
            40..=69 => Band::Medium,
            70..=89 => Band::High,
            _ => Band::Critical,
        }
    }
}

/// A text that is no severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a severity from 0 to 10, such as 7 or 8.5")]
pub struct NoSeverity;

impl FromStr for Severity {
    type Err = NoSeverity;

    fn from_str(text: &str) -> Result<Self, NoSeverity> {
        let number: f64 = text.parse().map_err(|_| NoSeverity)?;
        Self::of(number).ok_or(NoSeverity)
    }
}

/// A band of severity, ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    /// Below 4.
    Low,
    /// Below 7.
    Medium,
    /// Below 9.
    High,
    /// From 9.
    Critical,
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
        })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

/// Something that is missing or was changed by another product on the way: no automatic action
/// rests on it. In words.
pub type Degraded = String;

/// One version of one finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// How it arrived.
    pub format: Format,
    /// `accountId`, where it is 12 digits. Never the envelope's account.
    pub account: Option<AccountId>,
    /// `region`, or the envelope's.
    pub region: Option<Region>,
    /// `id`, or `hash-` and the first 32 hex digits of the canonical document's SHA-256.
    pub id: FindingId,
    /// Whether `id` came with the document.
    pub id_given: bool,
    /// Which version of it.
    pub version: Version,
    /// Its type.
    pub finding_type: FindingType,
    /// Its severity; `None`: missing.
    pub severity: Option<Severity>,
    /// Its title; may be empty.
    pub title: String,
    /// `resource.resourceType`.
    pub resource_type: Option<String>,
    /// `service.resourceRole`, upper case.
    pub resource_role: Option<String>,
    /// `resource.instanceDetails`, only when `resourceType` is `Instance`: samples carry unrelated blocks.
    pub instance: Option<InstanceDetails>,
    /// `resource.accessKeyDetails`: the principal, also in S3 findings.
    pub access_key: Option<AccessKey>,
    /// `resource.s3BucketDetails`, only when `resourceType` is `S3Bucket`.
    pub buckets: Vec<Bucket>,
    /// `resource.lambdaDetails.functionName`, only when `resourceType` is `Lambda`; it may be no valid name.
    pub function: Option<String>,
    /// The attack sequence's uid, for an attack-sequence finding.
    pub sequence: Option<String>,
    /// Whether GuardDuty marked it as a sample.
    pub sample: bool,
    /// What is missing or suspect; empty for a complete finding.
    pub degraded: Vec<Degraded>,
    /// The whole document, lower camel case, unknown keys kept.
    pub document: Value,
}

/// The instance a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceDetails {
    /// `instanceId` as it came; it may be no valid id.
    pub id: String,
    /// The ARN of its instance profile.
    pub profile_arn: Option<String>,
}

/// The principal a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// `accessKeyId`.
    pub id: Option<String>,
    /// `principalId`: `AIDA…`, or `AROA…:session`.
    pub principal_id: Option<String>,
    /// `userName`: a user's name, or a role's for `AssumedRole`.
    pub user_name: Option<String>,
    /// `userType`: `IAMUser`, `AssumedRole`, `Root`, `FederatedUser`, `AWSAccount`, …
    pub user_type: Option<String>,
}

/// A bucket a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
}

impl Finding {
    /// When GuardDuty saw last what it tells of; its last update where it does not say.
    #[must_use]
    pub fn seen_at(&self) -> Option<Timestamp> {
        let said = at(&self.document, "/service/eventLastSeen").and_then(when);
        said.map(|seen| seen.at).or(self.version.updated_at)
    }

    /// `resource.rdsDbInstanceDetails.dbInstanceIdentifier` as it came.
    fn database(&self) -> Option<String> {
        name(&self.document, "/resource/rdsDbInstanceDetails/dbInstanceIdentifier")
    }

    /// `cluster/id` of the task in `resource.ecsClusterDetails`, as they came.
    fn task(&self) -> Option<String> {
        let cluster = name(&self.document, "/resource/ecsClusterDetails/name")?;
        let arn = name(&self.document, "/resource/ecsClusterDetails/taskDetails/arn")?;
        Some(format!("{cluster}/{}", arn.rsplit('/').next()?))
    }

    /// The primary resource as `type/id`, by `resourceType`, never by which block is present.
    #[must_use]
    pub fn resource(&self) -> Option<String> {
        if let Some(sequence) = &self.sequence {
            return Some(format!("attack-sequence/{sequence}"));
        }
        match self.resource_type.as_deref() {
            Some("Instance") => {
                self.instance.as_ref().map(|instance| format!("instance/{}", instance.id))
            }
            Some("AccessKey") => self.access_key.as_ref().and_then(|key| {
                let kind = match key.user_type.as_deref() {
                    Some("AssumedRole" | "Role") => "role",
                    _ => "user",
                };
                match (&key.user_name, &key.id) {
                    (Some(name), _) => Some(format!("{kind}/{name}")),
                    (None, Some(id)) => Some(format!("access-key/{id}")),
                    (None, None) => None,
                }
            }),
            Some("S3Bucket") => {
                self.buckets.first().map(|bucket| format!("bucket/{}", bucket.name))
            }
            Some("RDSDBInstance") => Some(match self.database() {
                Some(id) => format!("database/{id}"),
                None => "RDSDBInstance/unknown".to_owned(),
            }),
            Some("ECSCluster") => Some(match self.task() {
                Some(task) => format!("ecs-task/{task}"),
                None => "ECSCluster/unknown".to_owned(),
            }),
            Some("Lambda") => self.function.as_ref().map(|name| format!("function/{name}")),
            Some(other) => Some(format!("{other}/unknown")),
            None => None,
        }
    }

    /// What further findings join its case by: account, Region and primary resource; the finding
    /// itself where there is none. The Region does not count for an IAM principal: there is one of it.
    #[must_use]
    pub fn correlation(&self) -> String {
        let account = self.account.as_ref().map_or("unknown", AccountId::as_str);
        // IAM is global: the same user seen from two Regions is one incident.
        let global = matches!(self.resource_type.as_deref(), Some("AccessKey"));
        let region =
            if global { "global" } else { self.region.as_ref().map_or("unknown", Region::as_str) };
        match self.resource() {
            Some(resource) if !resource.ends_with("/unknown") => {
                format!("{account}/{region}/{resource}")
            }
            _ => format!("{account}/{region}/finding/{}", self.id),
        }
    }
}
