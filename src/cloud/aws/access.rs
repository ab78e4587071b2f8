//! An account's credentials and the clients that carry them.
//!
//! A client takes milliseconds to build in a debug build and its calls a fraction of that, so each is
//! built once for a Region. They go when the credentials go. No call is made here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_config::{Region as SdkRegion, SdkConfig};

use crate::id::Region;

/// One account, with one set of credentials.
pub(super) struct Access {
    config: SdkConfig,
    clients: Mutex<HashMap<Region, Arc<Clients>>>,
}

impl Access {
    pub(super) fn new(config: SdkConfig) -> Self {
        Self { config, clients: Mutex::default() }
    }

    /// The clients for `region`.
    pub(super) fn in_region(&self, region: &Region) -> Arc<Clients> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let made = clients.entry(region.clone()).or_insert_with(|| {
            let there = SdkRegion::new(region.as_str().to_owned());
            Arc::new(Clients::new(self.config.to_builder().region(there).build()))
        });
        made.clone()
    }
}

/// One client for each service, built when it is first asked for.
pub(super) struct Clients {
    config: SdkConfig,
    autoscaling: OnceLock<aws_sdk_autoscaling::Client>,
    balancing: OnceLock<aws_sdk_elasticloadbalancingv2::Client>,
    classic_balancing: OnceLock<aws_sdk_elasticloadbalancing::Client>,
    cloudtrail: OnceLock<aws_sdk_cloudtrail::Client>,
    ec2: OnceLock<aws_sdk_ec2::Client>,
    ecs: OnceLock<aws_sdk_ecs::Client>,
    guardduty: OnceLock<aws_sdk_guardduty::Client>,
    iam: OnceLock<aws_sdk_iam::Client>,
    rds: OnceLock<aws_sdk_rds::Client>,
    lambda: OnceLock<aws_sdk_lambda::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
}

impl Clients {
    fn new(config: SdkConfig) -> Self {
        Self {
            config,
            autoscaling: OnceLock::new(),
            balancing: OnceLock::new(),
            classic_balancing: OnceLock::new(),
            cloudtrail: OnceLock::new(),
            ec2: OnceLock::new(),
            ecs: OnceLock::new(),
            guardduty: OnceLock::new(),
            iam: OnceLock::new(),
            rds: OnceLock::new(),
            lambda: OnceLock::new(),
            s3: OnceLock::new(),
        }
    }

    /// What the clients are made of, for what is signed by hand.
    pub(super) fn config(&self) -> &SdkConfig {
        &self.config
    }

    pub(super) fn autoscaling(&self) -> &aws_sdk_autoscaling::Client {
        self.autoscaling.get_or_init(|| aws_sdk_autoscaling::Client::new(&self.config))
    }

    pub(super) fn balancing(&self) -> &aws_sdk_elasticloadbalancingv2::Client {
        self.balancing.get_or_init(|| aws_sdk_elasticloadbalancingv2::Client::new(&self.config))
    }

    pub(super) fn classic_balancing(&self) -> &aws_sdk_elasticloadbalancing::Client {
        let made = || aws_sdk_elasticloadbalancing::Client::new(&self.config);
        self.classic_balancing.get_or_init(made)
    }

    pub(super) fn cloudtrail(&self) -> &aws_sdk_cloudtrail::Client {
        self.cloudtrail.get_or_init(|| aws_sdk_cloudtrail::Client::new(&self.config))
    }

    pub(super) fn ec2(&self) -> &aws_sdk_ec2::Client {
        self.ec2.get_or_init(|| aws_sdk_ec2::Client::new(&self.config))
    }

    pub(super) fn ecs(&self) -> &aws_sdk_ecs::Client {
        self.ecs.get_or_init(|| aws_sdk_ecs::Client::new(&self.config))
    }

    pub(super) fn guardduty(&self) -> &aws_sdk_guardduty::Client {
        self.guardduty.get_or_init(|| aws_sdk_guardduty::Client::new(&self.config))
    }

    pub(super) fn iam(&self) -> &aws_sdk_iam::Client {
        self.iam.get_or_init(|| aws_sdk_iam::Client::new(&self.config))
    }

    pub(super) fn rds(&self) -> &aws_sdk_rds::Client {
        self.rds.get_or_init(|| aws_sdk_rds::Client::new(&self.config))
    }
    pub(super) fn lambda(&self) -> &aws_sdk_lambda::Client {
        self.lambda.get_or_init(|| aws_sdk_lambda::Client::new(&self.config))
    }

    pub(super) fn s3(&self) -> &aws_sdk_s3::Client {
        self.s3.get_or_init(|| aws_sdk_s3::Client::new(&self.config))
    }
}
