//! Documents of our own, invented after GuardDuty's field model: for tests, the demo and playbooks.
//!
//! Workload accounts are 111122223333 (eu-west-1) and 444455556666 (eu-central-1); addresses are
//! from the documentation ranges. All are about one story, so that cases join as they would.

#[cfg(test)]
mod of_tests;

#[cfg(test)]
pub use of_tests::*;

/// i-0a1b2c3d4e5f60718, with two interfaces, talks to a mining pool: `ACTOR`, severity 8.0.
pub const CRYPTO_MINING_INSTANCE: &str = include_str!("fixtures/crypto-mining-instance.json");

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
