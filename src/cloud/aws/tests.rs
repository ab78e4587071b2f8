//! Tests of the adapter: the error table, sessions, and the contract suite over the wire on moto.

mod classes;
mod function;
mod on_moto;
mod sessions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{Region as SdkRegion, SdkConfig};
use aws_credential_types::Credentials;

use super::{AccountAccess, Aws, AwsSettings, loader};
use crate::clock::SystemClock;
use crate::id::{AccountId, Place};
use crate::tests::moto::Moto;

const REGION: &str = "eu-west-1";

/// How long a test waits for one answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// The account that moto takes unknown credentials for: the hub's.
const HUB: &str = "123456789012";

/// An account that no other test of this binary uses.
fn fresh_account() -> AccountId {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("7{:011}", COUNT.fetch_add(1, Ordering::Relaxed)).parse().unwrap()
}

fn place(account: &AccountId) -> Place {
    Place { account: account.clone(), region: REGION.parse().unwrap() }
}

/// The hub's configuration: what the environment gives in production.
async fn hub(endpoint: &str) -> SdkConfig {
    loader(&REGION.parse().unwrap())
        .endpoint_url(endpoint)
        // A build beside the tests can make moto, one process, slower than AWS ever is.
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(PATIENCE).build())
        .credentials_provider(Credentials::for_tests())
        .load()
        .await
}

/// The adapter with a role in each of `accounts`; `given` is the ExternalId it uses.
async fn aws(moto: &Moto, accounts: &[&AccountId], given: &str) -> Aws {
    let accounts: BTreeMap<AccountId, AccountAccess> = accounts
        .iter()
        .map(|account| {
            let role_arn = Some(format!("arn:aws:iam::{account}:role/tourniquet-responder"));
            ((*account).clone(), AccountAccess { role_arn, external_id: Some(given.to_owned()) })
        })
        .collect();
    let settings = AwsSettings { region: REGION.parse().unwrap(), accounts };
    Aws::with_hub(hub(&moto.url()).await, settings, Arc::new(SystemClock::new())).unwrap()
}

/// A configuration with an account's own credentials, for making things there.
async fn inside(moto: &Moto, account: &AccountId, external_id: &str) -> SdkConfig {
    let hub = hub(&moto.url()).await;
    let role = aws_sdk_sts::Client::new(&hub)
        .assume_role()
        .role_arn(format!("arn:aws:iam::{account}:role/tourniquet-responder"))
        .role_session_name("fixture")
        .external_id(external_id)
        .send()
        .await
        .unwrap();
    let given = role.credentials().unwrap();
    let credentials = Credentials::new(
        given.access_key_id(),
        given.secret_access_key(),
        Some(given.session_token().to_owned()),
        None,
        "fixture",
    );
    hub.to_builder()
        .region(SdkRegion::new(REGION))
        .credentials_provider(aws_sdk_sts::config::SharedCredentialsProvider::new(credentials))
        .build()
}
