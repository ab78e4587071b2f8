//! How large AWS's buckets are, and which calls share one.
//!
//! EC2 publishes its sizes; the other services say that they have buckets, and not how large. Where
//! nothing is published the figure is ours and small: a call that waits a little too long is late, a
//! throttled one is late and has cost a token of everybody in the account.

use std::fmt;

use crate::id::{AccountId, Place, Region};

/// A bucket: `burst` calls at once, and `per_second` more each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Tokens in a full bucket.
    pub burst: u32,
    /// Tokens that come each second.
    pub per_second: u32,
}

impl Size {
    const fn new(burst: u32, per_second: u32) -> Self {
        Self { burst, per_second }
    }

    /// What we take of it: one second's tokens less. AWS adds its tokens once a second, at a moment
    /// that nobody tells us, and ours come one by one: with a second in reserve we never ask for one
    /// that AWS has not added yet.
    #[must_use]
    pub fn with_reserve(self) -> Self {
        Self { burst: self.burst.saturating_sub(self.per_second).max(1), ..self }
    }
}

/// EC2, calls that change nothing (EC2 Developer Guide, "Request throttling for the Amazon EC2 API",
/// table of bucket sizes).
const EC2_READ: Size = Size::new(100, 20);

/// EC2, the same table: reads without a filter and without pages have a smaller bucket.
const EC2_READ_UNFILTERED: Size = Size::new(50, 10);

/// EC2, the same table: calls that change something, and the resource-intensive ones, to which
/// Authorize- and RevokeSecurityGroupIngress belong, have buckets of one size.
const EC2_CHANGE: Size = Size::new(50, 5);

/// EC2, the same table: snapshots, interfaces and snapshots' attributes.
const EC2_WIDE: Size = Size::new(100, 5);

/// EC2, the same table.
const EC2_CREATE_TAGS: Size = Size::new(100, 10);

/// STS: 600 requests a second for an account and Region by default, where they are made with AWS
/// credentials (IAM User Guide, "IAM and AWS STS quotas"). A burst above it is not promised.
const STS: Size = Size::new(1200, 600);

/// IAM has token buckets for each API and publishes no size (AWS Security Blog, "How to monitor and
/// query IAM resources at scale", part 2). Ours.
const IAM_READ: Size = Size::new(20, 10);

/// IAM, as above. Ours: half of the reads.
const IAM_CHANGE: Size = Size::new(10, 5);

/// GuardDuty publishes none (GuardDuty User Guide, quotas). Ours: a wave of findings asks once for
/// each, and a confirmation must not wait long.
const GUARDDUTY: Size = Size::new(20, 10);

/// Auto Scaling publishes none. Ours: as for IAM, with two reads for each instance.
const AUTO_SCALING_READ: Size = Size::new(20, 10);

/// Auto Scaling, as above.
const AUTO_SCALING_CHANGE: Size = Size::new(10, 5);

/// Elastic Load Balancing publishes none. Ours: as for Auto Scaling, with a read for each target group.
const LOAD_BALANCING_READ: Size = Size::new(20, 10);

/// CloudTrail, LookupEvents: "two per second, per account, per Region" (CloudTrail API Reference).
const EVENT_HISTORY: Size = Size::new(2, 2);
/// Lambda: 15 requests a second for all calls together that neither invoke nor get a function's code or its
/// policy (Lambda quotas, "Lambda API requests"). A burst above it is not promised; ours is a
/// second's worth, and what is kept in reserve.
const LAMBDA: Size = Size::new(30, 15);

/// Everything else. Ours, as small as EC2's smallest refill.
const UNKNOWN: Size = Size::new(10, 5);

/// The bucket of an operation, `service:Operation`.
#[must_use]
pub fn size(operation: &str) -> Size {
    let (service, api) = operation.split_once(':').unwrap_or(("", operation));
    let reads = ["Describe", "Get", "List", "Search"].iter().any(|verb| api.starts_with(verb));
    match (service, api) {
        // We ask for a snapshot by its id, which is neither a filter nor a page.
        ("ec2", "DescribeSnapshots" | "DescribeLockedSnapshots") => EC2_READ_UNFILTERED,
        (
            "ec2",
            "CreateSnapshot"
            | "CreateSnapshots"
            | "ModifyNetworkInterfaceAttribute"
            | "ModifySnapshotAttribute"
            | "AssociateIamInstanceProfile"
            | "DisassociateIamInstanceProfile",
        ) => EC2_WIDE,
        ("ec2", "CreateTags") => EC2_CREATE_TAGS,
        ("ec2", _) if reads => EC2_READ,
        ("ec2", _) => EC2_CHANGE,
        ("sts", _) => STS,
        ("iam", _) if reads => IAM_READ,
        ("iam", _) => IAM_CHANGE,
        ("autoscaling", _) if reads => AUTO_SCALING_READ,
        ("autoscaling", _) => AUTO_SCALING_CHANGE,
        ("elasticloadbalancing", _) if reads => LOAD_BALANCING_READ,
        ("guardduty", _) => GUARDDUTY,
        ("cloudtrail", "LookupEvents") => EVENT_HISTORY,
        ("lambda", _) => LAMBDA,
        _ => UNKNOWN,
    }
}

/// Which bucket a call takes from: that of its API, in the account and Region it goes to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    account: Option<AccountId>,
    region: Option<Region>,
    operation: String,
}

impl Key {
    /// The bucket of `operation` called in `at`. IAM has one endpoint for all Regions, so that its
    /// bucket is the account's. AssumeRole is charged to the account that calls, which is always the
    /// hub's, whichever account it opens.
    #[must_use]
    pub fn new(operation: &str, at: &Place) -> Self {
        let (account, region) = match operation.split(':').next().unwrap_or_default() {
            "sts" => (None, None),
            "iam" => (Some(at.account.clone()), None),
            _ => (Some(at.account.clone()), Some(at.region.clone())),
        };
        // What has a bucket together is called by one name.
        let operation = match operation {
            "lambda:GetPolicy" => operation,
            lambda if lambda.starts_with("lambda:") => "lambda:all other calls",
            operation => operation,
        };
        Self { account, region, operation: operation.to_owned() }
    }

    /// How large the bucket is.
    #[must_use]
    pub fn size(&self) -> Size {
        size(&self.operation)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.operation)?;
        self.account.iter().try_for_each(|account| write!(f, " in {account}"))?;
        self.region.iter().try_for_each(|region| write!(f, "/{region}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_are_those_that_aws_publishes() {
        for (operation, burst, per_second) in [
            ("ec2:DescribeNetworkInterfaces", 100, 20),
            ("ec2:DescribeSecurityGroups", 100, 20),
            ("ec2:DescribeInstances", 100, 20),
            ("ec2:DescribeInstanceAttribute", 100, 20),
            ("ec2:DescribeSnapshots", 50, 10),
            ("ec2:GetEbsDefaultKmsKeyId", 100, 20),
            ("ec2:CreateSecurityGroup", 50, 5),
            ("ec2:AuthorizeSecurityGroupIngress", 50, 5),
            ("ec2:RevokeSecurityGroupIngress", 50, 5),
            ("ec2:CreateSnapshots", 100, 5),
            ("ec2:ModifyNetworkInterfaceAttribute", 100, 5),
            ("ec2:ModifySnapshotAttribute", 100, 5),
            ("ec2:AssociateAddress", 50, 5),
            ("ec2:DisassociateAddress", 50, 5),
            ("ec2:ModifyInstanceAttribute", 50, 5),
            ("ec2:CopySnapshot", 50, 5),
            ("ec2:DeleteTags", 50, 5),
            ("ec2:CreateTags", 100, 10),
            ("sts:AssumeRole", 1200, 600),
            ("lambda:PutFunctionConcurrency", 30, 15),
        ] {
            assert_eq!(size(operation), Size { burst, per_second }, "{operation}");
        }
    }

    #[test]
    fn what_nobody_publishes_is_small_and_never_nothing() {
        for operation in ["iam:PutRolePolicy", "guardduty:GetFindings", "s3:PutBucketTagging", "x"]
        {
            let size = size(operation);
            assert!(size.burst <= 20 && size.per_second <= 10, "{operation}: {size:?}");
            assert!(size.with_reserve().burst > 0 && size.per_second > 0, "{operation}: {size:?}");
        }
    }

    #[test]
    fn a_bucket_belongs_to_what_aws_counts() {
        let at = |account: &str, region: &str| Place {
            account: account.parse().unwrap(),
            region: region.parse().unwrap(),
        };
        let home = at("111122223333", "eu-west-1");
        let table = [
            ("ec2:DescribeTags", at("111122223333", "eu-west-1"), true),
            ("ec2:DescribeTags", at("111122223333", "us-east-1"), false),
            ("ec2:DescribeTags", at("999988887777", "eu-west-1"), false),
            ("iam:GetRole", at("111122223333", "us-east-1"), true),
            ("iam:GetRole", at("999988887777", "eu-west-1"), false),
            ("sts:AssumeRole", at("999988887777", "us-east-1"), true),
        ];
        for (operation, there, same) in table {
            let keys = (Key::new(operation, &home), Key::new(operation, &there));
            assert_eq!(keys.0 == keys.1, same, "{operation} in {there}");
        }
        assert_ne!(Key::new("ec2:DescribeTags", &home), Key::new("ec2:CreateTags", &home));
        let [put, list, policy] = ["PutFunctionConcurrency", "ListTags", "GetPolicy"]
            .map(|api| Key::new(&format!("lambda:{api}"), &home));
        assert_eq!(put, list);
        assert_ne!(put, policy);
    }
}
