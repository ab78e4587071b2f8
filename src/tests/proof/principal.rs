//! Somebody with credentials before the door: the root user of an account, who may do all, a user, a
//! session.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_sts::config::SharedCredentialsProvider;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};

use crate::door::Door;
use crate::end_to_end::account::{REGION, wait};

/// What an AssumeRole call says besides the role.
#[derive(Clone, Copy, Default)]
pub struct Saying<'a> {
    pub external_id: Option<&'a str>,
    pub source_identity: Option<&'a str>,
}

/// A principal and its clients.
pub struct Principal {
    config: SdkConfig,
}

impl Principal {
    /// The root user: the door takes the account's number for its access key.
    pub fn root(account: &str) -> Self {
        Self::with(Credentials::new(account, "test", None, None, "root"))
    }

    /// An access key of a user.
    pub fn user(key: &aws_sdk_iam::types::AccessKey) -> Self {
        let (id, secret) = (key.access_key_id(), key.secret_access_key());
        Self::with(Credentials::new(id, secret, None, None, "user"))
    }

    /// A session.
    pub fn session(given: &aws_sdk_sts::types::Credentials) -> Self {
        let (id, secret) = (given.access_key_id(), given.secret_access_key());
        let token = Some(given.session_token().to_owned());
        Self::with(Credentials::new(id, secret, token, None, "session"))
    }

    fn with(credentials: Credentials) -> Self {
        let config = wait(
            aws_config::defaults(BehaviorVersion::latest())
                .region(Region::new(REGION))
                .endpoint_url(Door::shared().url())
                .credentials_provider(SharedCredentialsProvider::new(credentials))
                .load(),
        );
        Self { config }
    }

    pub fn ec2(&self) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.config)
    }

    pub fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config)
    }

    pub fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.config)
    }

    pub fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.config)
    }

    pub fn scaling(&self) -> aws_sdk_autoscaling::Client {
        aws_sdk_autoscaling::Client::new(&self.config)
    }

    pub fn balancing(&self) -> aws_sdk_elasticloadbalancingv2::Client {
        aws_sdk_elasticloadbalancingv2::Client::new(&self.config)
    }

    pub fn classic_balancing(&self) -> aws_sdk_elasticloadbalancing::Client {
        aws_sdk_elasticloadbalancing::Client::new(&self.config)
    }

    /// A session of a role, or the code of the refusal.
    pub fn assume(&self, role: &str, saying: &Saying<'_>) -> Result<GivenSession, String> {
        let call = self.sts().assume_role().role_arn(role).role_session_name("of-the-test");
        let call = call.set_external_id(saying.external_id.map(str::to_owned));
        let call = call.set_source_identity(saying.source_identity.map(str::to_owned));
        wait(call.send()).map(|answer| answer.credentials.unwrap()).map_err(code)
    }

    /// What comes of the calls that thieves begin with, in EC2, S3 and IAM: each done, or the code of its
    /// refusal.
    pub fn tries(&self, user: &str) -> [String; 3] {
        let done =
            |result: Result<(), String>| result.map_or_else(|code| code, |()| DONE.to_owned());
        [
            done(wait(self.ec2().describe_instances().send()).map(drop).map_err(code)),
            done(wait(self.s3().list_buckets().send()).map(drop).map_err(code)),
            done(
                wait(self.iam().list_access_keys().user_name(user).send()).map(drop).map_err(code),
            ),
        ]
    }
}

/// The credentials of a session.
pub type GivenSession = aws_sdk_sts::types::Credentials;

/// Of a call that was carried out.
pub const DONE: &str = "done";

/// The wire code of a refusal.
pub fn code<E, R>(error: SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::fmt::Debug,
    R: std::fmt::Debug,
{
    match error.code() {
        Some(code) => code.to_owned(),
        None => format!("{error:?}"),
    }
}
