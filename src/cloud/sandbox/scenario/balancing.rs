//! Auto Scaling groups and load balancers, as a scenario names them.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::id::{BalancerName, InstanceId, Region, ScalingGroupName};

/// An Auto Scaling group, all of whose instances are in service.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScalingGroupSpec {
    /// Its name.
    pub name: ScalingGroupName,
    /// Its Region.
    pub region: Option<Region>,
    /// The least size.
    pub minimum: u32,
    /// The greatest; as many as there are instances when left out.
    pub maximum: Option<u32>,
    /// Its instances: the size that it is to have is as many.
    pub instances: Vec<InstanceId>,
    /// The target groups with which it registers them.
    #[serde(default)]
    pub target_groups: Vec<String>,
}

/// A target group of a load balancer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetGroupSpec {
    /// Its name.
    pub name: String,
    /// Its Region.
    pub region: Option<Region>,
    /// Its port.
    pub port: u16,
    /// The instances that are registered with it.
    #[serde(default)]
    pub instances: Vec<InstanceId>,
    /// The instances whose first address is registered with it.
    #[serde(default)]
    pub addresses_of: Vec<InstanceId>,
}

/// A Classic Load Balancer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassicBalancerSpec {
    /// Its name.
    pub name: BalancerName,
    /// Its Region.
    pub region: Option<Region>,
    /// The instances behind it.
    pub instances: BTreeSet<InstanceId>,
}
