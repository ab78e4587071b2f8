//! Credentials of a session in an account: assumed once, kept until shortly before they expire.
//!
//! The STS session carries who acts and why: SourceIdentity is the case, RoleSessionName the run and
//! step, the policy the step's permissions. Credentials are therefore shared only between calls that
//! agree on all of them. Nothing here knows which calls are made with them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_sts::config::{IdentityCache, SharedCredentialsProvider};
use jiff::Timestamp;
use tokio::sync::{Mutex as AsyncMutex, OnceCell};

use super::AccountAccess;
use super::access::Access;
use super::convert::parsed;
use super::errors::read;
use crate::change::Permission;
use crate::clock::Clock;
use crate::cloud::{CloudError, ErrorClass, Result, Scope};
use crate::id::AccountId;

const ASSUME: &str = "sts:AssumeRole";

/// The shortest session STS gives: stolen credentials of a step are worth 15 minutes at most.
const SESSION_SECONDS: i32 = 900;

/// Credentials are replaced this long before they expire, so that none expires during a call.
const EXPIRY_MARGIN: Duration = Duration::from_secs(60);

/// STS: RoleSessionName has 2 to 64 characters.
const SESSION_NAME_MAX: usize = 64;

/// Gives out accounts' credentials, with the clients that carry them.
pub(super) struct Assumer {
    hub: SdkConfig,
    hub_access: Arc<Access>,
    sts: aws_sdk_sts::Client,
    accounts: BTreeMap<AccountId, AccountAccess>,
    clock: Arc<dyn Clock>,
    hub_account: OnceCell<AccountId>,
    held: Mutex<HashMap<Key, Slot>>,
}

/// Everything that two calls must have in common to share credentials.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    account: AccountId,
    source_identity: String,
    session_name: String,
    policy: String,
}

/// The lock is held while a role is assumed, so that calls in parallel assume it once.
type Slot = Arc<AsyncMutex<Option<Held>>>;

struct Held {
    access: Arc<Access>,
    expires: Timestamp,
}

impl Assumer {
    pub(super) fn new(
        hub: SdkConfig,
        accounts: BTreeMap<AccountId, AccountAccess>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let sts = aws_sdk_sts::Client::new(&hub);
        let hub_access = Arc::new(Access::new(hub.clone()));
        Self {
            hub,
            hub_access,
            sts,
            accounts,
            clock,
            hub_account: OnceCell::new(),
            held: Mutex::default(),
        }
    }

    /// Now, for signatures.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The credentials with which `scope` calls `account`.
    pub(super) async fn access(&self, account: &AccountId, scope: &Scope) -> Result<Arc<Access>> {
        let access = self.accounts.get(account).cloned().unwrap_or_default();
        let Some(role_arn) = access.role_arn.as_deref() else {
            return self.hub_access(account).await;
        };
        let key = Key {
            account: account.clone(),
            source_identity: scope.case.as_str().to_owned(),
            session_name: session_name(scope),
            policy: policy(&scope.permissions, account)?,
        };
        let slot = self.slot(&key);
        let mut held = slot.lock().await;
        if let Some(held) = held.as_ref().filter(|held| self.lasts(held)) {
            return Ok(held.access.clone());
        }
        let fresh = self.assume(role_arn, access.external_id.as_deref(), &key).await?;
        let access = fresh.access.clone();
        *held = Some(fresh);
        Ok(access)
    }

    /// Without a role only the hub's own account can be meant, and that is checked, not believed.
    async fn hub_access(&self, account: &AccountId) -> Result<Arc<Access>> {
        const OPERATION: &str = "sts:GetCallerIdentity";
        let hub = self
            .hub_account
            .get_or_try_init(|| async {
                let answer =
                    self.sts.get_caller_identity().send().await.map_err(|e| read(OPERATION, e))?;
                parsed::<AccountId>(OPERATION, answer.account())
            })
            .await?;
        if hub == account {
            return Ok(self.hub_access.clone());
        }
        Err(CloudError::new(
            ErrorClass::Denied,
            ASSUME,
            "NoRoleConfigured",
            format!(
                "no role_arn is configured for account {account}, and our own credentials belong to account {hub}"
            ),
        ))
    }

    async fn assume(&self, role_arn: &str, external_id: Option<&str>, key: &Key) -> Result<Held> {
        // Assuming a role changes nothing, so it is classed as a read: it may be sent again.
        let answer = self
            .sts
            .assume_role()
            .role_arn(role_arn)
            .role_session_name(&key.session_name)
            .source_identity(&key.source_identity)
            .set_external_id(external_id.map(str::to_owned))
            .duration_seconds(SESSION_SECONDS)
            .policy(&key.policy)
            .send()
            .await
            .map_err(|e| read(ASSUME, e))?;
        let Some(given) = answer.credentials() else {
            return Err(CloudError::new(
                ErrorClass::Transient,
                ASSUME,
                "UnreadableAnswer",
                "the answer holds no credentials",
            ));
        };
        let expires = Timestamp::from_second(given.expiration().secs()).unwrap_or(Timestamp::MIN);
        let credentials = Credentials::new(
            given.access_key_id(),
            given.secret_access_key(),
            Some(given.session_token().to_owned()),
            Some(expires.into()),
            "tourniquet",
        );
        let config = self
            .hub
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            // The SDK's shared cache would keep every session's credentials for good.
            .identity_cache(IdentityCache::no_cache())
            .build();
        Ok(Held { access: Arc::new(Access::new(config)), expires })
    }

    fn slot(&self, key: &Key) -> Slot {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // A slot that nobody uses and whose credentials are spent is forgotten here, so that the map
        // stays as small as the number of steps in the last quarter of an hour.
        held.retain(|other, slot| {
            other == key
                || slot.try_lock().map_or(true, |held| held.as_ref().is_some_and(|h| self.lasts(h)))
        });
        held.entry(key.clone()).or_default().clone()
    }

    fn lasts(&self, held: &Held) -> bool {
        self.clock.now().checked_add(EXPIRY_MARGIN).is_ok_and(|then| then < held.expires)
    }
}

/// `<run>-<step>`, or `<case>-<step>` outside a run, in the characters that STS allows
/// (`[\w+=,.@-]{2,64}`). `2[17]/3` becomes `2.17..3`.
pub(super) fn session_name(scope: &Scope) -> String {
    let who = scope.run.as_ref().map_or(scope.case.as_str(), |run| run.as_str());
    format!("{who}-{}", scope.step)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "_+=,.@-".contains(c) { c } else { '.' })
        .take(SESSION_NAME_MAX)
        .collect()
}

/// The session policy as STS takes it. Where it is too long there is no session: without a policy
/// it would have all that the role may do.
pub(super) fn policy(permissions: &BTreeSet<Permission>, account: &AccountId) -> Result<String> {
    Permission::session_policy(permissions, account)
        .map_err(|why| CloudError::new(ErrorClass::Invalid, ASSUME, "SessionPolicyTooLong", why))
}
