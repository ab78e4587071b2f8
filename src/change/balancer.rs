//! Where load balancers send requests: an instance, or an address of it, that is registered with a target
//! group, and an instance behind a Classic Load Balancer. What else a load balancer is, is none of this.

use std::collections::BTreeSet;
use std::fmt;
use std::mem::swap;

use serde::{Deserialize, Serialize};

use super::{Permission, Taggable};
use crate::id::{BalancerName, InstanceId, Place, TargetGroupArn};

/// Whether a load balancer sends requests somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// It does, as far as it finds the target healthy.
    Registered,
    /// It does not. What it had begun before may take a while to end.
    Deregistered,
}

/// What is registered with a target group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// An instance's id, or an IP address.
    pub id: String,
    /// The port; `None`: the group's own.
    pub port: Option<u16>,
    /// The Availability Zone, or `all`, where one was given with an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        self.port.iter().try_for_each(|port| write!(f, " port {port}"))
    }
}

/// A change of what a load balancer sends requests to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "attribute", rename_all = "snake_case")]
pub enum BalancerChange {
    /// A target of a target group (`elasticloadbalancing:DeregisterTargets`,
    /// `elasticloadbalancing:RegisterTargets`).
    Target {
        /// The target group.
        group: TargetGroupArn,
        /// The target: the instance, or an address of its.
        target: Target,
        /// The instance: what a person knows it by.
        instance: InstanceId,
        /// As it was looked up.
        before: Registration,
        /// Afterwards.
        after: Registration,
    },
    /// An instance behind a Classic Load Balancer
    /// (`elasticloadbalancing:DeregisterInstancesFromLoadBalancer`,
    /// `elasticloadbalancing:RegisterInstancesWithLoadBalancer`).
    Classic {
        /// The load balancer.
        balancer: BalancerName,
        /// The instance.
        instance: InstanceId,
        /// As it was looked up.
        before: Registration,
        /// Afterwards.
        after: Registration,
    },
}

impl BalancerChange {
    pub(super) fn operation(&self) -> &'static str {
        use Registration::{Deregistered, Registered};
        match self {
            Self::Target { after: Deregistered, .. } => "elasticloadbalancing:DeregisterTargets",
            Self::Target { after: Registered, .. } => "elasticloadbalancing:RegisterTargets",
            Self::Classic { after: Deregistered, .. } => {
                "elasticloadbalancing:DeregisterInstancesFromLoadBalancer"
            }
            Self::Classic { after: Registered, .. } => {
                "elasticloadbalancing:RegisterInstancesWithLoadBalancer"
            }
        }
    }

    pub(super) fn resource(&self) -> String {
        match self {
            Self::Target { group, target, instance, .. } => {
                let port = target.port.map(|port| format!(":{port}")).unwrap_or_default();
                format!("instance/{instance}/target/{}/{}{port}", group.name(), target.id)
            }
            Self::Classic { balancer, instance, .. } => {
                format!("instance/{instance}/load-balancer/{balancer}")
            }
        }
    }

    pub(super) fn subject(&self) -> Taggable {
        let (Self::Target { instance, .. } | Self::Classic { instance, .. }) = self;
        Taggable::Instance(instance.clone())
    }

    /// Reads take no resource; what changes something names what it changes (service authorization reference,
    /// Elastic Load Balancing and Elastic Load Balancing V2).
    pub(super) fn permissions(&self, at: &Place) -> BTreeSet<Permission> {
        let Place { account, region } = at;
        let resource = match self {
            Self::Target { group, .. } => group.to_string(),
            Self::Classic { balancer, .. } => {
                format!("arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/{balancer}")
            }
        };
        [Permission::new(self.operation(), resource)].into()
    }

    pub(super) fn words(&self) -> String {
        let becomes = match self.after() {
            Registration::Registered => "gets requests",
            Registration::Deregistered => "gets no more requests",
        };
        self.told(becomes)
    }

    /// What is so again once it was taken back.
    #[must_use]
    pub fn given_back(&self) -> String {
        match self.before() {
            Registration::Registered => self.told("gets requests again"),
            Registration::Deregistered => self.told("gets no requests, as before"),
        }
    }

    fn told(&self, becomes: &str) -> String {
        match self {
            Self::Target { group, target, instance, .. } => {
                let of = match target.port {
                    Some(port) => format!(" on port {port}"),
                    None => String::new(),
                };
                let address = match target.id == instance.as_str() {
                    true => String::new(),
                    false => format!(" at {}", target.id),
                };
                format!("{instance}{address}: it {becomes} of target group {}{of}", group.name())
            }
            Self::Classic { balancer, instance, .. } => {
                format!("{instance}: it {becomes} of Classic Load Balancer {balancer}")
            }
        }
    }

    fn before(&self) -> Registration {
        let (Self::Target { before, .. } | Self::Classic { before, .. }) = self;
        *before
    }

    fn after(&self) -> Registration {
        let (Self::Target { after, .. } | Self::Classic { after, .. }) = self;
        *after
    }

    pub(super) fn swap(&mut self) {
        let (Self::Target { before, after, .. } | Self::Classic { before, after, .. }) = self;
        swap(before, after);
    }
}
