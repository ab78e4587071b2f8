//! The newtypes that name things: parsed once at the edge, trusted afterwards.
//!
//! Finding data is hostile, so every identifier that ends up in an AWS call, a path or a policy has
//! a type here whose only constructor checks its form. Nothing in this module knows what the ids
//! are used for.

use std::fmt;
use std::str::FromStr;
#[cfg(test)]
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::clock::Clock;

/// An identifier that does not have the form that its kind demands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{given:?} is not {article} {kind}: expected {expected}")]
pub struct IdError {
    /// What was given, cut to [`SHOWN_MAX`] characters so that a hostile value stays short.
    pub given: String,
    /// The kind of id, in words.
    pub kind: &'static str,
    /// `a` or `an`.
    pub article: &'static str,
    /// The form, in words.
    pub expected: &'static str,
}

/// Characters of a refused id that an error repeats: enough to recognise it, too few to flood a log.
pub const SHOWN_MAX: usize = 64;

fn hex_after(text: &str, prefix: &str) -> bool {
    // EC2 ids are 8 hex digits (before 2016) or 17.
    text.strip_prefix(prefix).is_some_and(|rest| {
        matches!(rest.len(), 8 | 17)
            && rest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

fn all(text: &str, range: std::ops::RangeInclusive<usize>, allowed: fn(u8) -> bool) -> bool {
    range.contains(&text.len()) && text.bytes().all(allowed)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $article:literal, $kind:literal, $expected:literal, $check:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as AWS and people write it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError {
                        given: text.chars().take(SHOWN_MAX).collect(),
                        kind: $kind,
                        article: $article,
                        expected: $expected,
                    })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// An AWS account: 12 digits.
    AccountId, "an", "AWS account id", "12 digits", |t| all(t, 12..=12, |b| b.is_ascii_digit());
    /// An AWS Region, such as `eu-west-1`.
    Region, "an", "AWS Region", "a name such as eu-west-1", |t| {
        all(t, 6..=32, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && t.split('-').count() >= 3
            && t.split('-').all(|part| !part.is_empty())
            && t.ends_with(|c: char| c.is_ascii_digit())
    };
    /// A GuardDuty finding id: 32 hex digits in practice, any short token in replays.
    FindingId, "a", "finding id", "1-128 letters, digits, dots, dashes or underscores", |t| {
        all(t, 1..=128, |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    /// An EC2 instance.
    InstanceId, "an", "EC2 instance id", "i- and 8 or 17 hex digits", |t| hex_after(t, "i-");
    /// An elastic network interface.
    InterfaceId, "a", "network interface id", "eni- and 8 or 17 hex digits", |t| hex_after(t, "eni-");
    /// A VPC.
    VpcId, "a", "VPC id", "vpc- and 8 or 17 hex digits", |t| hex_after(t, "vpc-");
    /// A security group.
    GroupId, "a", "security group id", "sg- and 8 or 17 hex digits", |t| hex_after(t, "sg-");
    /// An Elastic IP address that belongs to the account, whether it leads anywhere or not.
    AllocationId, "an", "Elastic IP allocation id", "eipalloc- and 8 or 17 hex digits", |t| {
        hex_after(t, "eipalloc-")
    };
    /// What an Elastic IP address leads to.
    AssociationId, "an", "Elastic IP association id", "eipassoc- and 8 or 17 hex digits", |t| {
        hex_after(t, "eipassoc-")
    };
    /// An EBS volume.
    VolumeId, "a", "volume id", "vol- and 8 or 17 hex digits", |t| hex_after(t, "vol-");
    /// An EBS snapshot.
    SnapshotId, "a", "snapshot id", "snap- and 8 or 17 hex digits", |t| hex_after(t, "snap-");
    /// An IAM role's name, without its path (IAM API: `[\w+=,.@-]+`, 1-64).
    RoleName, "an", "IAM role name", "1-64 of letters, digits and _+=,.@-", |t| all(t, 1..=64, iam_name);
    /// An IAM user's name, without its path (IAM API: `[\w+=,.@-]+`, 1-64).
    UserName, "an", "IAM user name", "1-64 of letters, digits and _+=,.@-", |t| all(t, 1..=64, iam_name);
    /// An access key id: `AKIA…` is long-term, `ASIA…` belongs to a session.
    AccessKeyId, "an", "access key id", "AKIA or ASIA and 16 capitals or digits", |t| {
        (t.starts_with("AKIA") || t.starts_with("ASIA"))
            && all(t, 20..=20, |b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    /// The id of an SSH public key, a signing certificate or a service-specific credential of an IAM
    /// user (IAM API: `\w+`, 20-128).
    CredentialId, "a", "credential id", "16-128 letters, digits and _", |t| {
        all(t, 16..=128, |b| b.is_ascii_alphanumeric() || b == b'_')
    };
    /// An Auto Scaling group. A policy names it, so that characters which mean more there are none of it
    /// (Auto Scaling API, `AutoScalingGroupName`: 1-255).
    ScalingGroupName, "an", "Auto Scaling group name", "1-255 printable ASCII characters other than * ? $ \" \\", |t| {
        all(t, 1..=255, |b| {
            (b.is_ascii_graphic() || b == b' ') && !matches!(b, b'*' | b'?' | b'$' | b'"' | b'\\')
        })
    };
    /// A target group of a load balancer. A policy names it, so that no character in it means more there
    /// (Elastic Load Balancing API, `TargetGroupArn`).
    TargetGroupArn, "a", "target group ARN", "arn:aws:elasticloadbalancing:region:account:targetgroup/name/id", |t| {
        let resource = t.splitn(6, ':').nth(5).and_then(|last| last.strip_prefix("targetgroup/"));
        t.starts_with("arn:") && resource.is_some_and(|rest| {
            all(rest, 1..=128, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/'))
        })
    };
    /// A Classic Load Balancer (Elastic Load Balancing API, `LoadBalancerName`).
    BalancerName, "a", "load balancer name", "1-32 letters, digits or dashes", |t| {
        all(t, 1..=32, |b| b.is_ascii_alphanumeric() || b == b'-')
    };
    /// A Lambda function, without its account and version (Lambda API, `FunctionName`: 64 of
    /// `[a-zA-Z0-9-_]` where only the name is given).
    FunctionName, "a", "Lambda function name", "1-64 letters, digits, - and _", |t| {
        all(t, 1..=64, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    /// What connects an event source with a Lambda function (Lambda API, `UUID`).
    EventSourceId, "an", "event source mapping id", "a UUID", |t| {
        all(t, 36..=36, |b| b.is_ascii_hexdigit() || b == b'-')
            && t.split('-').map(str::len).eq([8, 4, 4, 4, 12])
    };
    /// An S3 bucket (S3 User Guide, "General purpose bucket naming rules").
    BucketName, "an", "S3 bucket name", "3-63 lower-case letters, digits, dots or dashes", |t| {
        let outer = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        all(t, 3..=63, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
            && outer(t.as_bytes().first()) && outer(t.as_bytes().last()) && !t.contains("..")
    };
    /// A DB instance (RDS API, `DBInstanceIdentifier`; RDS keeps it in lower case).
    DatabaseId, "a", "DB instance identifier", "1-63 lower-case letters, digits and single dashes, a letter first and no dash last", rds_name;
    /// A DB cluster (RDS API, `DBClusterIdentifier`; RDS keeps it in lower case).
    DatabaseClusterId, "a", "DB cluster identifier", "1-63 lower-case letters, digits and single dashes, a letter first and no dash last", rds_name;
    /// An ECS cluster (ECS API, `clusterName`: 1-255).
    ClusterName, "an", "ECS cluster name", "1-255 letters, digits, - and _", ecs_name;
    /// An ECS service (ECS API, `serviceName`: 1-255).
    ServiceName, "an", "ECS service name", "1-255 letters, digits, - and _", ecs_name;
    /// The last part of an ECS task's ARN (32 hex digits, or a UUID; ECS fixes no form).
    TaskId, "an", "ECS task id", "8-36 hex digits and dashes", |t| {
        all(t, 8..=36, |b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'-')
    };
    /// An Amazon Resource Name.
    Arn, "an", "ARN", "arn:partition:service:region:account:resource", |t| {
        t.len() <= 2048 && t.starts_with("arn:") && t.splitn(6, ':').count() == 6
            && t.bytes().all(|b| (0x21..0x7f).contains(&b))
    };
    /// One incident. It is also the SourceIdentity of every AWS session (STS: 2-64 of `[\w+=,.@-]`).
    CaseId, "a", "case id", "case- and lower-case letters, digits or dashes", |t| own(t, "case-");
    /// One execution of a runbook in a case.
    RunId, "a", "run id", "run- and lower-case letters, digits or dashes", |t| own(t, "run-");
    /// One question put to a person.
    ApprovalId, "an", "approval id", "apr- and lower-case letters, digits or dashes", |t| own(t, "apr-");
    /// An API token's public name; the secret is never an id.
    TokenId, "a", "token id", "tok- and lower-case letters, digits or dashes", |t| own(t, "tok-");
    /// A runbook's name: its file name without `.rhai`.
    RunbookName, "a", "runbook name", "1-64 lower-case letters, digits and dashes", |t| {
        all(t, 1..=64, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') && !t.starts_with('-')
    };
    /// A SHA-256, 64 lower-case hex digits.
    Digest, "a", "SHA-256", "64 lower-case hex digits", |t| {
        all(t, 64..=64, |b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
}

fn iam_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b)
}

fn ecs_name(text: &str) -> bool {
    all(text, 1..=255, |b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn rds_name(text: &str) -> bool {
    all(text, 1..=63, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
}

fn own(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        all(rest, 4..=48, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    })
}

impl TargetGroupArn {
    /// The group's name, by which people know it.
    #[must_use]
    pub fn name(&self) -> &str {
        let resource = self.0.rsplit(':').next().unwrap_or_default();
        resource.split('/').nth(1).unwrap_or(resource)
    }
}

impl AccessKeyId {
    /// Whether the key belongs to a session (`ASIA…`), not to a user for good.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.0.starts_with("ASIA")
    }
}

impl Digest {
    /// The SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self::from_bytes(sha2::Sha256::digest(bytes).into())
    }

    /// The digest whose 32 bytes these are.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        const DIGITS: [char; 16] =
            ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        let mut text = String::with_capacity(64);
        for byte in bytes {
            text.push(DIGITS[usize::from(byte >> 4)]);
            text.push(DIGITS[usize::from(byte & 15)]);
        }
        Self(text)
    }

    /// 64 zeros: the `prev` of a timeline's first entry.
    #[must_use]
    pub fn zero() -> Self {
        Self("0".repeat(64))
    }
}

/// Where a Region's resources live: one account in one Region.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The account that owns the resource.
    pub account: AccountId,
    /// The Region that holds it; IAM ignores it.
    pub region: Region,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

/// Makes the ids of our own things. The one home of randomness in ids.
pub struct Ids {
    /// The number of the last id, where ids are counted and not random.
    #[cfg(test)]
    counted: Option<Mutex<u64>>,
}

impl Ids {
    /// Time-ordered ids (UUID version 7) for a real deployment.
    #[must_use]
    pub fn random() -> Self {
        Self {
            #[cfg(test)]
            counted: None,
        }
    }

    /// `case-0001`, `run-0002`, …: the same ids in every run, for tests and golden timelines.
    #[cfg(test)]
    #[must_use]
    pub fn counted() -> Self {
        Self { counted: Some(Mutex::new(0)) }
    }

    /// A new case: its day and eight letters, short enough to say over the phone.
    pub fn case(&self, clock: &dyn Clock) -> CaseId {
        let long = self.fresh("case-", clock);
        // 40 random bits a day: a collision among 10,000 cases of one day is a 1 in 20,000 chance,
        // and the store's primary key refuses it.
        let short = match long.len() {
            37 => format!("case-{}-{}", clock.now().strftime("%Y%m%d"), &long[27..37]),
            _ => long,
        };
        CaseId(short)
    }

    /// A new run.
    pub fn run(&self, clock: &dyn Clock) -> RunId {
        RunId(self.fresh("run-", clock))
    }

    /// A new approval.
    pub fn approval(&self, clock: &dyn Clock) -> ApprovalId {
        ApprovalId(self.fresh("apr-", clock))
    }

    /// A new API token's public name.
    pub fn token(&self, clock: &dyn Clock) -> TokenId {
        TokenId(self.fresh("tok-", clock))
    }

    fn fresh(&self, prefix: &str, clock: &dyn Clock) -> String {
        #[cfg(test)]
        if let Some(counted) = &self.counted {
            let mut last = counted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *last += 1;
            return format!("{prefix}{last:04}");
        }
        let millis = u64::try_from(clock.now().as_millisecond()).unwrap_or(0);
        let mut random = [0_u8; 10];
        getrandom::fill(&mut random).expect("the operating system gives random bytes");
        format!(
            "{prefix}{}",
            uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().simple()
        )
    }
}
