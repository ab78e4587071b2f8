//! AWS through the SDK: the only place that names an SDK type.
//!
//! The hub's own credentials come from the default chain. The first call of a session to an account
//! assumes that account's role (`assume`); every read and change then maps an SDK type to one of
//! `cloud`'s words and every failure to a class (`errors`). Retries are off in every client: the
//! executor owns them, and a create that the SDK sends twice is two snapshots.
//!
//! ```text
//! Aws ── open(scope) ──► AwsSession ── account ──► assume ──► access: its credentials and clients
//!                             │                                          │
//!                             └──► ec2_read, …, iam, s3, function, guardduty ◄──────────┘
//! ```
//!
//! What may not be here: decisions about what to do, waiting, and retrying.

mod access;
mod assume;
mod balancer;
mod convert;
mod ec2_apply;
mod ec2_carriers;
mod ec2_guard;
mod ec2_profile;
mod ec2_read;
mod ecs;
mod errors;
mod function;
mod guardduty;
mod iam;
mod iam_credential;
mod presign;
mod rds;
mod s3;
mod scaling;
mod session;
mod snapshot_lock;
#[cfg(test)]
mod tests;
mod trail;
mod trust;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region as SdkRegion, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use self::assume::Assumer;
use self::session::AwsSession;
use super::{Cloud, CloudError, ErrorClass, Scope, Session};
use crate::clock::Clock;
use crate::id::{AccountId, Arn, Region};

/// Time to open a connection. AWS endpoints answer a SYN within 300 ms from any Region; ten times
/// that is an outage.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Time for one attempt, connection included. The slowest call, CreateSnapshots, answers in about
/// two seconds; a step must not hold its lease on a dead connection.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// How the responder gets into an account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountAccess {
    /// The ARN of the responder role there. `None`: the hub's own credentials, which is accepted
    /// only when the hub is in that account.
    pub role_arn: Option<String>,
    /// The ExternalId that the role's trust policy demands.
    pub external_id: Option<String>,
}

/// What the adapter needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsSettings {
    /// The Region of STS calls.
    pub region: Region,
    /// Every account that a session may call, the forensics account among them.
    pub accounts: BTreeMap<AccountId, AccountAccess>,
}

/// AWS, reached with the hub's credentials.
pub struct Aws {
    assumer: Arc<Assumer>,
}

impl Aws {
    /// Reads the environment (credentials, endpoint overrides) and checks `settings`. No call is
    /// made: credentials are fetched at the first call of a session.
    ///
    /// # Errors
    /// When a role's ARN is malformed or belongs to another account than the one it is listed for.
    pub async fn connect(settings: AwsSettings, clock: Arc<dyn Clock>) -> Result<Self, CloudError> {
        let hub = loader(&settings.region).load().await;
        Self::with_hub(hub, settings, clock)
    }

    /// The same over a configuration that is already there: tests bring their own endpoint.
    fn with_hub(
        hub: SdkConfig,
        settings: AwsSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CloudError> {
        for (account, access) in &settings.accounts {
            if let Some(role_arn) = &access.role_arn {
                check_role(account, role_arn)?;
            }
        }
        Ok(Self { assumer: Arc::new(Assumer::new(hub, settings.accounts, clock)) })
    }
}

impl Cloud for Aws {
    fn open(&self, scope: Scope) -> Arc<dyn Session> {
        Arc::new(AwsSession::new(self.assumer.clone(), scope))
    }

    fn name(&self) -> &'static str {
        "aws"
    }

    /// EC2's Describe calls are eventually consistent (EC2 API Reference, "Eventual consistency");
    /// tags are usually visible within two seconds, and ten times that costs a lost call no more than
    /// its repetition is late.
    fn visible_within(&self) -> Duration {
        Duration::from_secs(20)
    }

    /// About four seconds were measured (offensai.com, "eventual-consistency-resistant IAM containment");
    /// the IAM User Guide allows for minutes.
    fn spreads_within(&self) -> [Duration; 2] {
        [Duration::from_secs(5), Duration::from_secs(60)]
    }
}

/// The configuration that all clients share: one connection pool, no retries, short timeouts.
fn loader(region: &Region) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    // Pinned, not `latest()`: a newer version may turn retries or timeouts back on.
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(SdkRegion::new(region.as_str().to_owned()))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        // Without this every client would open its own pool and load the root certificates anew.
        .http_client(Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https())
}

/// A role listed under the wrong account would make changes there under another account's name.
fn check_role(account: &AccountId, role_arn: &str) -> Result<(), CloudError> {
    let refuse = |why: String| {
        Err(CloudError::new(ErrorClass::Invalid, "sts:AssumeRole", "RoleArnInvalid", why))
    };
    let Ok(arn) = role_arn.parse::<Arn>() else {
        return refuse(format!("the role of account {account} is no ARN"));
    };
    let parts: Vec<&str> = arn.as_str().splitn(6, ':').collect();
    match parts.as_slice() {
        [_, _, "iam", "", owner, resource]
            if *owner == account.as_str() && resource.starts_with("role/") =>
        {
            Ok(())
        }
        _ => refuse(format!("{role_arn} is not a role of account {account}")),
    }
}
