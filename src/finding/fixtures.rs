//! Documents of our own, invented after GuardDuty's field model: for tests, the demo and playbooks.
//!
//! Workload accounts are 111122223333 (eu-west-1) and 444455556666 (eu-central-1); addresses are
//! from the documentation ranges. All are about one story, so that cases join as they would.

/// i-0a1b2c3d4e5f60718, with two interfaces, talks to a mining pool: `ACTOR`, severity 8.0.
pub const CRYPTO_MINING_INSTANCE: &str = include_str!("fixtures/crypto-mining-instance.json");

/// The same finding six hours later: count 6, another remote address.
pub const CRYPTO_MINING_INSTANCE_UPDATED: &str =
    include_str!("fixtures/crypto-mining-instance-updated.json");

/// The same finding, archived by a person the day after.
pub const CRYPTO_MINING_INSTANCE_ARCHIVED: &str =
    include_str!("fixtures/crypto-mining-instance-archived.json");

/// The role batch-worker's credentials, of i-0b2c3d4e5f6071829, used outside of AWS; seen on the administrator's bus, so that the envelope's account is another.
pub const INSTANCE_CREDENTIAL_EXFILTRATION: &str =
    include_str!("fixtures/instance-credential-exfiltration.json");

/// AKIAZ7Q2EXAMPLE00001 of the user deploy-bot, used from a listed address.
pub const LEAKED_USER_KEY: &str = include_str!("fixtures/leaked-user-key.json");

/// An attack sequence over i-0a1b2c3d4e5f60718, severity 9.2.
pub const ATTACK_SEQUENCE_INSTANCE_GROUP: &str =
    include_str!("fixtures/attack-sequence-instance-group.json");

/// What CreateSampleFindings makes.
pub const SAMPLE_SSH_BRUTE_FORCE: &str = include_str!("fixtures/sample-ssh-brute-force.json");

/// One finding as the AWS CLI prints it: a victim (`TARGET`), severity 2.0.
pub const API_PORT_PROBE: &str = include_str!("fixtures/api-port-probe.json");

/// A whole answer of GetFindings: a bucket's finding and a sample.
pub const API_GET_FINDINGS: &str = include_str!("fixtures/api-get-findings.json");

/// A bucket's finding without a wrapper, in lower camel case.
pub const RAW_S3_ANOMALOUS_BEHAVIOR: &str = include_str!("fixtures/raw-s3-anomalous-behavior.json");

/// A runtime finding on i-0a1b2c3d4e5f60718: no action, no resource role.
pub const RUNTIME_NEW_BINARY: &str = include_str!("fixtures/runtime-new-binary.json");

/// Passed on by another product: no source, severity or region, times without a zone, numbers as text.
pub const DEGRADED_REEXPORTED: &str = include_str!("fixtures/degraded-reexported.json");

/// Placeholders of a template where identifiers belong.
pub const DEGRADED_TEMPLATE: &str = include_str!("fixtures/degraded-template.json");

/// An account id that was masked.
pub const DEGRADED_MASKED_ACCOUNT: &str = include_str!("fixtures/degraded-masked-account.json");

/// A numeric account and a severity as text.
pub const MALFORMED_TYPES: &str = include_str!("fixtures/malformed-types.json");

/// Only the resource of a finding.
pub const MALFORMED_FRAGMENT: &str = include_str!("fixtures/malformed-fragment.json");

/// JSON that ends in the middle.
pub const MALFORMED_CUT_OFF: &str = include_str!("fixtures/malformed-cut-off.json");

/// Two accounts under one key.
pub const MALFORMED_DUPLICATE_KEY: &str = include_str!("fixtures/malformed-duplicate-key.json");

/// An event of GuardDuty that is no finding.
pub const NOT_A_FINDING_RUNTIME_UNHEALTHY: &str =
    include_str!("fixtures/not-a-finding-runtime-unhealthy.json");

/// A finding inside of an SNS message.
pub const UNSUPPORTED_SNS_NOTIFICATION: &str =
    include_str!("fixtures/unsupported-sns-notification.json");

/// Every document with its file name, without `.json`.
pub const ALL: &[(&str, &str)] = &[
    ("crypto-mining-instance", CRYPTO_MINING_INSTANCE),
    (
        "crypto-mining-instance-updated",
        CRYPTO_MINING_INSTANCE_UPDATED,
    ),
    (
        "crypto-mining-instance-archived",
        CRYPTO_MINING_INSTANCE_ARCHIVED,
    ),
    (
        "instance-credential-exfiltration",
        INSTANCE_CREDENTIAL_EXFILTRATION,
    ),
    ("leaked-user-key", LEAKED_USER_KEY),
    (
        "attack-sequence-instance-group",
        ATTACK_SEQUENCE_INSTANCE_GROUP,
    ),
    ("sample-ssh-brute-force", SAMPLE_SSH_BRUTE_FORCE),
    ("api-port-probe", API_PORT_PROBE),
    ("api-get-findings", API_GET_FINDINGS),
    ("raw-s3-anomalous-behavior", RAW_S3_ANOMALOUS_BEHAVIOR),
    ("runtime-new-binary", RUNTIME_NEW_BINARY),
    ("degraded-reexported", DEGRADED_REEXPORTED),
    ("degraded-template", DEGRADED_TEMPLATE),
    ("degraded-masked-account", DEGRADED_MASKED_ACCOUNT),
    ("malformed-types", MALFORMED_TYPES),
    ("malformed-fragment", MALFORMED_FRAGMENT),
    ("malformed-cut-off", MALFORMED_CUT_OFF),
    ("malformed-duplicate-key", MALFORMED_DUPLICATE_KEY),
    (
        "not-a-finding-runtime-unhealthy",
        NOT_A_FINDING_RUNTIME_UNHEALTHY,
    ),
    ("unsupported-sns-notification", UNSUPPORTED_SNS_NOTIFICATION),
];
