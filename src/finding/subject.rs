//! What a finding is about: the instance, the principal, the buckets, the function or the attack sequence.
//!
//! Names are taken as they came; whether they are valid ids is checked where they are used.

use serde_json::Value;

use super::field::{at, name};
use super::model::{AccessKey, Bucket, Degraded, FindingType, InstanceDetails};

/// What the finding is about.
pub struct Subject {
    /// `resource.resourceType`.
    pub kind: Option<String>,
    /// The instance, of a finding about one.
    pub instance: Option<InstanceDetails>,
    /// The principal, of any finding that names one.
    pub access_key: Option<AccessKey>,
    /// The buckets, of a finding about buckets.
    pub buckets: Vec<Bucket>,
    /// The name of the Lambda function, of a finding about one.
    pub function: Option<String>,
    /// The attack sequence's uid.
    pub sequence: Option<String>,
}

impl Subject {
    /// Reads by `resourceType`, never by which block is present: samples carry unrelated ones.
    pub fn read(document: &Value, finding_type: &FindingType, notes: &mut Vec<Degraded>) -> Self {
        let mut missing = |what: &str| notes.push(format!("{what} is missing"));
        let kind = name(document, "/resource/resourceType");
        match (at(document, "/resource"), &kind) {
            (None, _) => missing("resource"),
            (Some(_), None) => missing("resource.resourceType"),
            _ => {}
        }
        let is = |wanted: &str| kind.as_deref() == Some(wanted);
        let instance = name(document, "/resource/instanceDetails/instanceId")
            .filter(|_| is("Instance"))
            .map(|id| InstanceDetails {
                id,
                profile_arn: name(document, "/resource/instanceDetails/iamInstanceProfile/arn"),
            });
        let access_key = access_key(document);
        let buckets: Vec<Bucket> = at(document, "/resource/s3BucketDetails")
            .and_then(Value::as_array)
            .filter(|_| is("S3Bucket"))
            .into_iter()
            .flatten()
            .filter_map(|bucket| name(bucket, "/name").map(|name| Bucket { name }))
            .collect();
        let function =
            name(document, "/resource/lambdaDetails/functionName").filter(|_| is("Lambda"));
        let sequence = name(document, "/service/detection/sequence/uid");
        if is("Instance") && instance.is_none() {
            missing("resource.instanceDetails.instanceId");
        }
        if is("AccessKey") && access_key.is_none() {
            missing("resource.accessKeyDetails");
        }
        if is("S3Bucket") && buckets.is_empty() {
            missing("resource.s3BucketDetails");
        }
        if is("Lambda") && function.is_none() {
            missing("resource.lambdaDetails.functionName");
        }
        let is_sequence = is("AttackSequence") || finding_type.0.starts_with("AttackSequence:");
        if is_sequence && sequence.is_none() {
            missing("service.detection.sequence");
        }
        Self { kind, instance, access_key, buckets, function, sequence }
    }
}

fn access_key(document: &Value) -> Option<AccessKey> {
    let part = |key: &str| name(document, &format!("/resource/accessKeyDetails/{key}"));
    let key = AccessKey {
        id: part("accessKeyId"),
        principal_id: part("principalId"),
        user_name: part("userName"),
        user_type: part("userType"),
    };
    let empty = AccessKey { id: None, principal_id: None, user_name: None, user_type: None };
    (key != empty).then_some(key)
}
